"""Training processes, wherever they are, behind the interface of `concurrent.futures`."""

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager
from dataclasses import dataclass

from stages.core.dataset import Dataset
from stages.core.door import InputError
from stages.core.params import Runtime
from stages.core.trial import Provenance, Trial


@dataclass(frozen=True)
class Pool:
    """Processes that train groups of trials."""

    submit: Callable[[Sequence[Trial], Sequence[dict[str, bytes]]], Future[list[dict[str, bytes]]]]
    """`worker.train` in one of the processes."""
    workers: int  # groups that are trained at the same time
    provenance: Provenance  # of what they train
    ended_epochs: Callable[[], int]  # epochs of single networks that ended since the last call


def open_pool(runtime: Runtime, dataset: Dataset) -> AbstractContextManager[Pool]:
    """The pool that `runtime` asks for.

    It raises InputError, when it is entered or used, if there is no such device or scheduler, or
    if its processes are lost. Leaving it by an exception does not wait for them.
    """
    if runtime.executor == "local":
        from stages.engine.local import local_pool

        return local_pool(runtime, dataset)
    try:
        from stages.engine.cluster import dask_pool
    except ModuleNotFoundError as error:
        raise InputError(
            f"runtime.executor = dask needs a package that is not installed: {error.name}"
        ) from None
    return dask_pool(runtime, dataset)
