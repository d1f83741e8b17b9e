"""Training processes on this machine."""

import multiprocessing
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing.process import BaseProcess
from multiprocessing.queues import SimpleQueue

from stages.core.dataset import Dataset
from stages.core.params import Runtime
from stages.core.trial import Provenance
from stages.engine import worker
from stages.engine.device import available_cores, resolve_device
from stages.engine.forkserver import context
from stages.engine.memory import free_bytes
from stages.engine.pool import Pool, in_a_line
from stages.engine.provenance import provenance_of
from stages.process.door import InputError
from stages.process.obedience import obey_parent
from stages.process.pace import gigabytes


@contextmanager
def local_pool(runtime: Runtime, dataset: Dataset) -> Iterator[Pool]:
    """A process for each core, or as many as runtime.workers says; on CUDA one for the device."""
    device = resolve_device(runtime.device)
    provenance = provenance_of(dataset.digest, device)
    workers = runtime.workers
    if workers == "auto":
        workers = 1 if device.type == "cuda" else available_cores()
    elif workers > available_cores():
        _say_too_many(workers, dataset)
    ended: SimpleQueue[int] = context.SimpleQueue()
    executor = ProcessPoolExecutor(workers, context, _start_worker, (dataset, provenance, ended))
    seen: set[BaseProcess] = set()

    def ended_epochs() -> int:
        # The executor notices a death by itself, except in the middle of handing over a result.
        seen.update(multiprocessing.active_children())
        if any(process.exitcode is not None for process in seen):
            raise BrokenProcessPool
        return _drain(ended)

    try:
        yield Pool(
            lambda trials, starts: executor.submit(worker.train, trials, starts),
            workers,
            provenance,
            _failure,
            ended_epochs,
        )
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


def _say_too_many(workers: int, dataset: Dataset) -> None:
    """Each process has the images twice: as bytes, and as floats."""
    pixels = dataset.train_images.size + dataset.test_images.size
    needed, free = workers * 5 * pixels, free_bytes()
    print(
        f"runtime.workers = {workers} on {available_cores()} cores is slower than one a core; "
        f"images take {gigabytes(needed)} GB of memory, {gigabytes(free)} GB are free",
        file=sys.stderr,
    )


def _drain(counts: "SimpleQueue[int]") -> int:
    total = 0
    while not counts.empty():
        total += counts.get()
    return total


def _start_worker(dataset: Dataset, provenance: Provenance, ended: "SimpleQueue[int]") -> None:
    obey_parent()
    worker.set_up(dataset, provenance, ended.put)
