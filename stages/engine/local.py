"""Training processes on this machine."""

import multiprocessing
import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing.process import BaseProcess
from multiprocessing.queues import SimpleQueue
from pathlib import Path

from stages.core.dataset import Dataset
from stages.core.networks import Module
from stages.core.params import Runtime
from stages.core.trial import Provenance, Trial
from stages.engine.cores import available_cores
from stages.engine.forkserver import context
from stages.engine.memory import free_bytes
from stages.engine.pool import Files, Pool, in_a_line
from stages.engine.tasks import task
from stages.process.door import InputError
from stages.process.obedience import obey_parent
from stages.process.pace import gigabytes


@contextmanager
def local_pool(
    runtime: Runtime, datasets: Mapping[str, Dataset], optimizers: Collection[str]
) -> Iterator[Pool]:
    """A process for each core, or as many as runtime.workers says; on CUDA one for the device."""
    workers = available_cores() if runtime.workers == "auto" else runtime.workers
    if workers > available_cores():
        _say_too_many(workers, datasets)
    ended: SimpleQueue[int] = context.SimpleQueue()
    executor = ProcessPoolExecutor(workers, context, _start_process, (datasets, Path.cwd(), ended))
    seen: set[BaseProcess] = set()

    def ended_work() -> int:
        # The executor notices a death by itself, except in the middle of handing over a result.
        seen.update(multiprocessing.active_children())
        if any(process.exitcode is not None for process in seen):
            raise BrokenProcessPool
        return _drain(ended)

    def submit(
        trials: Sequence[Trial], starts: Sequence[Files], provenance: Provenance, whole: bool
    ) -> Future[list[Files]]:
        return executor.submit(task, "train", trials, starts, provenance, whole)

    def describe(path: str, data: str) -> Module:
        module: Module = executor.submit(task, "describe", path, data).result()
        return module

    try:
        machine = executor.submit(task, "survey", runtime.device, optimizers).result()
        abreast = 1 if machine.device == "cuda" and runtime.workers == "auto" else workers
        yield Pool(submit, describe, abreast, machine, _failure, True, ended_work)
    except BrokenProcessPool as error:
        executor.shutdown(wait=False, cancel_futures=True)
        raise _failure(error) from None
    except BaseException:
        executor.shutdown(wait=False, cancel_futures=True)
        raise
    executor.shutdown()


def _failure(error: Exception) -> InputError:
    if isinstance(error, BrokenProcessPool):
        fault = (
            "a training process was killed, perhaps for want of memory (fewer runtime.workers or a "
            "smaller network need less)"
        )
    else:
        fault = f"a training process failed: {in_a_line(error)}"
    return InputError(f"{fault}; finished trials are kept, the next run goes on")


def _say_too_many(workers: int, datasets: Mapping[str, Dataset]) -> None:
    """Each process that trains modules has the images twice: as bytes, and as floats."""
    pixels = sum(data.train_images.size + data.test_images.size for data in datasets.values())
    needed, free = workers * 5 * pixels, free_bytes()
    print(
        f"runtime.workers = {workers} on {available_cores()} cores is slower than one a core; "
        f"images take {gigabytes(needed)} GB of memory, {gigabytes(free)} GB are free",
        file=sys.stderr,
    )


def _drain(amounts: "SimpleQueue[int]") -> int:
    total = 0
    while not amounts.empty():
        total += amounts.get()
    return total


def _start_process(
    datasets: Mapping[str, Dataset], modules: Path, ended: "SimpleQueue[int]"
) -> None:
    obey_parent()
    task("set_up", datasets, modules, ended.put)
