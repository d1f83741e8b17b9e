"""Training processes of a Dask cluster.

The code and the data set are sent to each worker once, also to those that join later; no file
system is shared. What a worker lost is trained again by another.
"""

import asyncio
import logging
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from uuid import uuid4

import dask
from distributed import Client, KilledWorker, Security, get_worker, rpc
from distributed.comm.core import CommClosedError

from stages.core.dataset import Dataset
from stages.core.params import Runtime
from stages.core.trial import Provenance, Trial
from stages.engine import worker as training
from stages.engine.device import resolve_device
from stages.engine.pool import Pool, in_a_line
from stages.engine.provenance import FINGERPRINT, provenance_of
from stages.process.door import InputError

_CONNECT_SECONDS = 5
_LOST = (KilledWorker, CancelledError, CommClosedError)

for _name in ("distributed", "distributed.client"):
    logging.getLogger(_name).setLevel(logging.CRITICAL)  # what is lost, we say


@contextmanager
def dask_pool(runtime: Runtime, dataset: Dataset) -> Iterator[Pool]:
    """The workers that are connected to the scheduler at runtime.scheduler, a group a thread."""
    failure = partial(_failure, runtime.scheduler)
    with _connect(runtime.scheduler) as client, tempfile.TemporaryDirectory() as scratch:
        package = _package(Path(scratch))
        try:
            pool = _set_up(client, package, runtime.device, dataset, failure)
        except InputError:
            raise
        except Exception as error:  # whatever workers raise that lack something
            raise failure(error) from None
        try:
            yield pool
        except _LOST as error:
            raise failure(error) from None


def _set_up(
    client: Client,
    package: Path,
    device: str,
    dataset: Dataset,
    failure: Callable[[Exception], InputError],
) -> Pool:
    """Bring the code and the data set to the workers."""
    client.upload_file(str(package))
    provenance = _common_provenance(client, device, dataset.digest)
    watch = _Watch(client, failure)
    # A task, not scattered data: where the last copy is lost, Dask makes it again.
    with dask.config.set({"distributed.admin.large-graph-warning-threshold": "1GB"}):
        setting = client.submit(_Setting, dataset, provenance, watch.topic, pure=False)
    executor = client.get_executor(pure=False)
    return Pool(
        lambda trials, starts: executor.submit(_train, trials, starts, setting),
        sum(client.nthreads().values()),
        provenance,
        failure,
        watch.ended_epochs,
    )


@dataclass(frozen=True)
class _Setting:
    """What a worker must have to train; it comes to each worker once, and stays there."""

    dataset: Dataset
    provenance: Provenance
    topic: str


def _train(
    trials: Sequence[Trial], starts: Sequence[dict[str, bytes]], setting: _Setting
) -> list[dict[str, bytes]]:
    """Run by a Dask worker."""
    report = get_worker().log_event
    training.set_up(setting.dataset, setting.provenance, partial(report, setting.topic))
    return training.train(trials, starts)


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


def _package(folder: Path) -> Path:
    """This package as a zip file that Python imports from."""
    package = Path(__file__).parents[1]
    source = folder / "source"
    shutil.copytree(package, source / package.name, ignore=shutil.ignore_patterns("__pycache__"))
    return Path(shutil.make_archive(str(folder / f"stages-{FINGERPRINT[:12]}"), "zip", source))


def _common_provenance(client: Client, device: str, data: str) -> Provenance:
    """The provenance of what the workers train, which must be the same for all.

    Raises InputError if two workers, or a worker and this process, would compute different bits.
    """
    provenances: set[Provenance] = set(client.run(_provenance_here, device, data).values())
    if len(provenances) > 1:
        differences = " and ".join(sorted(str(p) for p in provenances))
        raise InputError(f"the Dask workers differ, and so would their results: {differences}")
    [provenance] = provenances
    if provenance.code != FINGERPRINT:
        raise InputError("the Dask workers have loaded other training code; restart them")
    return provenance


def _provenance_here(device: str, data: str) -> Provenance:
    return provenance_of(data, resolve_device(device))


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
    """Adds up the epochs that Dask's thread reports, and says when no worker is left."""

    def __init__(self, client: Client, failure: Callable[[Exception], InputError]) -> None:
        self.topic = f"ended epochs {uuid4()}"
        self._client = client
        self._failure = failure
        self._total = 0
        self._said = False
        client.subscribe_topic(self.topic, self._add)

    def _add(self, event: tuple[float, int]) -> None:
        self._total += event[1]

    def ended_epochs(self) -> int:
        """What was added since the last call; raises InputError if the scheduler is gone."""
        try:
            alone = not self._client.nthreads()
        except OSError as error:
            raise self._failure(error) from None
        if alone and not self._said:
            print("no Dask worker is left; waiting for one to join", file=sys.stderr)
        self._said = alone
        total, self._total = self._total, 0
        return total
