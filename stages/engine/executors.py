"""Which training processes a run gets: those of this machine, or of a Dask cluster."""

from collections.abc import Collection, Iterable, Mapping
from contextlib import AbstractContextManager

from stages.core.dataset import Dataset
from stages.core.params import Runtime
from stages.engine.local import local_pool
from stages.engine.pool import Pool
from stages.process.door import InputError


def open_pool(
    runtime: Runtime,
    datasets: Mapping[str, Dataset],
    optimizers: Collection[str],
    modules: Iterable[str] = (),
) -> AbstractContextManager[Pool]:
    """The pool that `runtime` asks for, for trials of these data, optimisers and modules.

    It raises InputError, when it is entered or used, if there is no such device or scheduler, or
    if its processes are lost. Leaving it by an exception does not wait for them.
    """
    if runtime.executor == "local":
        return local_pool(runtime, datasets, optimizers)
    try:
        from stages.engine.cluster import dask_pool
    except ModuleNotFoundError as error:
        raise InputError(
            f"runtime.executor = dask needs a package that is not installed: {error.name}"
        ) from None
    return dask_pool(runtime, datasets, optimizers, modules)
