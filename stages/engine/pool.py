"""What the submission loop knows of training processes, wherever they are."""

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from traceback import format_exception_only
from typing import Protocol

from stages.core.networks import Module
from stages.core.trial import Provenance, Trial
from stages.engine.machine import Machine
from stages.process.door import InputError

Files = dict[str, bytes]
"""Those of a finished trial, by name."""


class Submit(Protocol):
    """`worker.train` in one of the processes."""

    def __call__(
        self, trials: Sequence[Trial], starts: Sequence[Files], provenance: Provenance, whole: bool
    ) -> Future[list[Files]]:
        """The files of each trial, in their order; see there."""


def in_a_line(error: Exception) -> str:
    """The last line of a traceback: the exception's class, and what it says first."""
    return "".join(format_exception_only(error)).splitlines()[0]


@dataclass(frozen=True)
class Pool:
    """Processes that train groups of trials."""

    submit: Submit
    describe: Callable[[str, str], Module]  # a module, given FILE.py:CLASS and the name of its data
    workers: int  # groups that are trained at the same time
    machine: Machine  # what they compute on
    failure: Callable[[Exception], InputError]  # what to say of that with which a group ended
    here: bool  # on the cores of this machine
    ended_work: Callable[[], int]  # `plan.epoch_work` of what ended since the last call
