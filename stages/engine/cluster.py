"""Training processes of a Dask cluster.

The code and the data set are sent to each worker once, also to those that join later; no file
system is shared. What a worker lost is trained again by another. Each is asked before it trains
what it computes on, for results must not depend on who computed them.
"""

import asyncio
import logging
import shutil
import sys
import tempfile
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import CancelledError, Future
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import dask
from distributed import Client, KilledWorker, Security, get_worker, rpc
from distributed.comm.core import CommClosedError
from distributed.diagnostics.plugin import SchedulerUploadFile, UploadFile

from stages.core.dataset import Dataset
from stages.core.networks import Module
from stages.core.params import Runtime
from stages.core.trial import Provenance, Trial
from stages.engine import worker as training
from stages.engine.machine import Machine
from stages.engine.modules.loading import read_source
from stages.engine.pool import Files, Pool, in_a_line
from stages.engine.provenance import FINGERPRINTS, survey
from stages.engine.tasks import task
from stages.process.door import InputError
from stages.process.files import write_atomically

_CONNECT_SECONDS = 5
_PLUGIN = "the code of stages"
_LOST = (KilledWorker, CancelledError, CommClosedError)

for _name in ("distributed", "distributed.client"):
    logging.getLogger(_name).setLevel(logging.CRITICAL)  # what is lost, we say


@contextmanager
def dask_pool(
    runtime: Runtime,
    datasets: Mapping[str, Dataset],
    optimizers: Collection[str],
    modules: Iterable[str],
) -> Iterator[Pool]:
    """The workers that are connected to the scheduler at runtime.scheduler, a group a thread."""
    sources = dict(_sources(modules))
    failure = partial(_failure, runtime.scheduler)
    with _connect(runtime.scheduler) as client:
        try:
            watch = _Watch(client, failure)
            asked = watch.topic, runtime.device, tuple(optimizers)
            _bring_code(client)
            machine = _alike(client.run(_survey, *asked).values())
            pool = _set_up(client, watch, _Setting(asked, machine, datasets, sources))
        except InputError:
            raise
        except Exception as error:  # whatever workers raise that lack something
            raise failure(error) from None
        try:
            yield pool
        except _LOST as error:
            raise failure(error) from None


@dataclass(frozen=True)
class _Setting:
    """What a worker must have to train; it comes to each worker once, and stays there."""

    asked: tuple[str, str, tuple[str, ...]]  # the arguments of `_survey`
    machine: Machine  # what must be its answer
    datasets: Mapping[str, Dataset]
    sources: Mapping[str, str]  # of modules, by the paths of their files


def _set_up(client: Client, watch: "_Watch", setting: _Setting) -> Pool:
    """Bring the data sets to the workers."""
    # A task, not scattered data: where the last copy is lost, Dask makes it again.
    with dask.config.set({"distributed.admin.large-graph-warning-threshold": "1GB"}):
        brought = client.submit(copy, setting, pure=False)
    executor = client.get_executor(pure=False)

    def submit(
        trials: Sequence[Trial], starts: Sequence[Files], provenance: Provenance, whole: bool
    ) -> Future[list[Files]]:
        future: Future[list[Files]] = executor.submit(
            _task, brought, "train", trials, starts, provenance, whole
        )
        return future

    def describe(path: str, data: str) -> Module:
        module: Module = client.submit(_task, brought, "describe", path, data, pure=False).result()
        return module

    threads = sum(client.nthreads().values())
    return Pool(submit, describe, threads, setting.machine, watch.failure, False, watch.ended_work)


def _task(setting: _Setting, name: str, *arguments: Any) -> Any:
    """Run by a Dask worker; raises InputError if it joined late and computes other bits."""
    _alike([setting.machine, _survey(*setting.asked)])
    worker = get_worker()
    modules = Path(worker.local_directory) / "modules"
    for path, text in setting.sources.items():
        write_atomically(modules / path, text)
    topic, *_ = setting.asked
    training.set_up(setting.datasets, modules, partial(worker.log_event, topic))
    return task(name, *arguments)


def _connect(scheduler: str | None) -> Client:
    named = f"runtime.scheduler = {scheduler}"
    try:
        asyncio.run(asyncio.wait_for(_greet(str(scheduler)), _CONNECT_SECONDS))
        client = Client(scheduler, timeout=_CONNECT_SECONDS, set_as_default=False)
    except OSError:
        raise InputError(
            f"{named}: no Dask scheduler answers there within {_CONNECT_SECONDS} s"
        ) from None
    except InputError as error:
        raise InputError(f"{named}: {error}") from None
    except Exception as error:  # whatever the bytes of another program are taken for
        raise InputError(
            f"{named}: what answers there is no Dask scheduler ({type(error).__name__})"
        ) from None
    if not client.nthreads():
        client.close()
        raise InputError(f"{named}: no worker is connected to it")
    return client


async def _greet(scheduler: str) -> None:
    """Ask who is there, and hang up; Client would wait for the answer for ever.

    Raises InputError if certificates are lacking or it is a worker, else what the answer leads to.
    """
    security = Security().get_connection_args("client")  # from Dask's configuration
    if scheduler.startswith(("tls:", "wss:")) and security["ssl_context"] is None:
        name = "DASK_DISTRIBUTED__COMM__TLS__"
        variables = f"{name}CA_FILE, {name}CLIENT__CERT and {name}CLIENT__KEY"
        raise InputError(f"needs certificates; set {variables}")
    async with rpc(scheduler, timeout=_CONNECT_SECONDS, connection_args=security) as remote:
        identity = await remote.identity()
    if identity["type"] != "Scheduler":
        raise InputError(f"there is a {identity['type']}, not a Dask scheduler")


def _sources(modules: Iterable[str]) -> Iterator[tuple[str, str]]:
    """The code of each FILE.py:CLASS whose file lies here, by paths relative to here."""
    for module in modules:
        for file, text in read_source(module, Path()).texts.values():
            if not file.is_absolute():
                yield str(file), text


def _bring_code(client: Client) -> None:
    """Have the scheduler and each worker import this package; raises what one raises that cannot.

    The file is another in each sweep, since one at the same time may read its own. The scheduler
    keeps the last for workers that join, which load at once whatever it keeps.
    """
    package = Path(__file__).parents[1]
    with tempfile.TemporaryDirectory() as scratch:
        source = Path(scratch, "source")
        without = shutil.ignore_patterns("__pycache__")
        shutil.copytree(package, source / package.name, ignore=without)
        file = shutil.make_archive(f"{scratch}/{package.name}-{uuid4()}", "zip", source)
        client.register_plugin(SchedulerUploadFile(file), name=file)
        client.unregister_scheduler_plugin(name=file)
        client.register_plugin(UploadFile(file), name=_PLUGIN)


@lru_cache(maxsize=8)
def _survey(sweep: str, device: str, optimizers: tuple[str, ...]) -> Machine:
    """What this worker trains on; found anew for each sweep, but once, since it takes seconds."""
    return survey(device, optimizers)


def _alike(machines: Iterable[Machine]) -> Machine:
    """What all compute on, as fast as the slowest; raises InputError if bits would differ."""
    machines = [*machines]
    if any(machine.code != FINGERPRINTS for machine in machines):
        raise InputError("the Dask workers have loaded other training code; restart them")
    slowest = min(machine.operations_a_second for machine in machines)
    alike = [replace(machine, operations_a_second=slowest) for machine in machines]
    different = [machine for machine in alike if machine != alike[0]]
    if different:
        differences = " and ".join(sorted(map(str, (alike[0], *different))))
        raise InputError(f"the Dask workers differ, and so would their results: {differences}")
    return alike[0]


def _failure(scheduler: str | None, error: Exception) -> InputError:
    """The line on what was raised by a worker, or by the connection to it."""
    if isinstance(error, (*_LOST, OSError)):
        fault = f"the cluster was lost ({type(error).__name__})"
    else:
        fault = f"a worker failed: {in_a_line(error)}"
    return InputError(
        f"runtime.scheduler = {scheduler}: {fault}; finished trials are kept, the next run goes on"
    )


class _Watch:
    """Adds up the work that Dask's thread reports, and says when no worker is left."""

    def __init__(self, client: Client, failure: Callable[[Exception], InputError]) -> None:
        self.topic = f"ended work {uuid4()}"
        self.failure = failure
        self._client = client
        self._total = 0
        self._said = False
        client.subscribe_topic(self.topic, self._add)

    def _add(self, event: tuple[float, int]) -> None:
        self._total += event[1]

    def ended_work(self) -> int:
        """What was added since the last call; raises InputError if the scheduler is gone."""
        try:
            alone = not self._client.nthreads()
        except OSError as error:
            raise self.failure(error) from None
        if alone and not self._said:
            print("no Dask worker is left; waiting for one to join", file=sys.stderr)
        self._said = alone
        total, self._total = self._total, 0
        return total
