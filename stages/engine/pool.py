"""What the submission loop knows of training processes, wherever they are."""

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from traceback import format_exception_only

from stages.core.trial import Provenance, Trial
from stages.process.door import InputError


def in_a_line(error: Exception) -> str:
    """The last line of a traceback: the exception's class, and what it says first."""
    return "".join(format_exception_only(error)).splitlines()[0]


@dataclass(frozen=True)
class Pool:
    """Processes that train groups of trials."""

    submit: Callable[[Sequence[Trial], Sequence[dict[str, bytes]]], Future[list[dict[str, bytes]]]]
    """`worker.train` in one of the processes."""
    workers: int  # groups that are trained at the same time
    provenance: Provenance  # of what they train
    failure: Callable[[Exception], InputError]  # what to say of that with which a group ended
    ended_epochs: Callable[[], int]  # epochs of single networks that ended since the last call
