"""Training processes on this machine."""

import multiprocessing
import multiprocessing.connection
import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import contextmanager
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

    Leaving it by an exception ends the processes at once.
    """
    ended = context.SimpleQueue()
    with ProcessPoolExecutor(
        workers, context, _start_worker, (dataset, provenance, ended)
    ) as executor:
        try:
            yield executor, lambda: _drain(ended)
        except BaseException:
            executor.shutdown(wait=False, cancel_futures=True)
            for process in multiprocessing.active_children():
                process.terminate()
            raise


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
