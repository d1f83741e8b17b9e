"""What the submission loop knows of training processes, wherever they are."""

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass

from stages.core.trial import Provenance, Trial


@dataclass(frozen=True)
class Pool:
    """Processes that train groups of trials."""

    submit: Callable[[Sequence[Trial], Sequence[dict[str, bytes]]], Future[list[dict[str, bytes]]]]
    """`worker.train` in one of the processes."""
    workers: int  # groups that are trained at the same time
    provenance: Provenance  # of what they train
    ended_epochs: Callable[[], int]  # epochs of single networks that ended since the last call
