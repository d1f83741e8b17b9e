"""What work leaves in memory until Python collects garbage."""

import gc
from collections.abc import Callable

import torch


def tensors_left_by(work: Callable[[], object]) -> int:
    """How many more tensors there are after doing `work` a second time, its result dropped.

    The first time it may keep what serves the next. Nothing is collected but by `work` itself.
    """
    work()
    gc.collect()
    gc.disable()
    try:
        before = _tensors()
        work()
        return _tensors() - before
    finally:
        gc.enable()


def _tensors() -> int:
    return sum(issubclass(type(held), torch.Tensor) for held in gc.get_objects())
