"""Training processes on this machine."""

import multiprocessing
import multiprocessing.connection
import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing.process import BaseProcess
from multiprocessing.queues import SimpleQueue

from stages.core.dataset import Dataset
from stages.core.trial import Provenance
from stages.engine import worker
from stages.engine.forkserver import context


@contextmanager
def local_executor(
    workers: int, dataset: Dataset, provenance: Provenance
) -> Iterator[tuple[Executor, Callable[[], int]]]:
    """An executor for `worker.train`, and a function that counts epochs ended since its last call.

    The function raises BrokenProcessPool if a process died. Leaving by an exception does not wait
    for the processes; they end with their parent.
    """
    ended = context.SimpleQueue()
    executor = ProcessPoolExecutor(workers, context, _start_worker, (dataset, provenance, ended))
    seen: set[BaseProcess] = set()

    def ended_epochs() -> int:
        # The pool notices a death by itself, except in the middle of handing over a result.
        seen.update(multiprocessing.active_children())
        if any(process.exitcode is not None for process in seen):
            raise BrokenProcessPool
        return _drain(ended)

    try:
        yield executor, ended_epochs
    except BaseException:
        executor.shutdown(wait=False, cancel_futures=True)
        raise
    executor.shutdown()


def _drain(counts: "SimpleQueue[int]") -> int:
    total = 0
    while not counts.empty():
        total += counts.get()
    return total


def _start_worker(dataset: Dataset, provenance: Provenance, ended: "SimpleQueue[int]") -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    threading.Thread(target=_follow_parent, daemon=True).start()
    worker.set_up(dataset, provenance, ended.put)


def _follow_parent() -> None:
    """End this process when its parent is gone, even by kill -9."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    multiprocessing.connection.wait([parent.sentinel])
    os._exit(1)
