"""How far a sweep has come: a live bar on a terminal, elsewhere a line now and then."""

import sys
import time
from collections.abc import Collection, Sequence

from tqdm import tqdm

from stages.core.trial import Trial
from stages.engine.plan import epoch_work
from stages.process.pace import Reminder, in_words

_FIRST_LINE_SECONDS = 10

_LONG_ROUND_SECONDS = 10
"""From here on the start of processes, a second or two, is a small part of the first round."""


class Progress:
    """Counts the trials and the work that are done; a context manager."""

    def __init__(self, trials: Collection[Trial]) -> None:
        self._trials = len(trials)
        self._trials_done = 0
        self._work_left = _work_of(trials)
        self._pace = _Pace()
        self._start = time.monotonic()
        self._reminder = Reminder(_FIRST_LINE_SECONDS)
        self._said_time_left = False
        self._said_waiting = False
        self._bar = tqdm(
            total=self._work_left,
            disable=not sys.stderr.isatty(),
            bar_format="{desc} |{bar:16}| {percentage:.0f} %{postfix}",
        )
        self._describe()

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar.disable and self._trials_done == self._trials:
            self._print_line()
        self._bar.close()

    def work_ended(self, work: int, abreast: int) -> None:
        """So much ended; `abreast` is an epoch of each network that was in training."""
        self._pace.ended(work, abreast)
        self.work_spared(work)
        self._bar.set_postfix_str(self._time_left())
        if self._bar.disable:
            first = not self._said_time_left and self._time_left() != ""
            self._said_time_left |= first
            if self._reminder.is_due(self._elapsed()) or first:
                self._print_line()
                self._reminder.said(self._elapsed())

    def work_spared(self, work: int) -> None:
        """So much needs no training here: an earlier or another run has done it."""
        self._work_left -= work
        self._bar.update(work)

    def trials_trained(self, trials: Sequence[Trial]) -> None:
        """A group is finished and stored."""
        self._trials_done += len(trials)
        self._describe()

    def trials_found(self, trials: Sequence[Trial]) -> None:
        """Another run finished these meanwhile."""
        self.trials_trained(trials)
        self.work_spared(_work_of(trials))
        self._say(f"{len(trials)} finished by another run")

    def waiting_for(self, trials: Sequence[Trial]) -> None:
        """Nothing is left but what another run is training."""
        if not self._said_waiting:
            self._say(f"waiting for {len(trials)} that another run is training")
            self._said_waiting = True

    def _say(self, line: str) -> None:
        self._bar.write(line, file=sys.stdout)

    def _print_line(self) -> None:
        parts = [self._done(), in_words(self._elapsed()), self._time_left()]
        print(*filter(None, parts), sep=", ", flush=True)

    def _describe(self) -> None:
        self._bar.set_description_str(self._done())

    def _done(self) -> str:
        return f"{self._trials_done}/{self._trials} trained"

    def _elapsed(self) -> float:
        return time.monotonic() - self._start

    def _time_left(self) -> str:
        """Empty where it is not known, and where nothing is left."""
        seconds = self._pace.seconds_for(self._work_left)
        return f"about {in_words(seconds)} left" if seconds and self._work_left else ""


def _work_of(trials: Collection[Trial]) -> int:
    return sum(trial.records * epoch_work(trial) for trial in trials)


class _Pace:
    """How fast work ends, measured over whole rounds: in one, each network in training ends an
    epoch.

    Within a round processes report one after the other, which says nothing of their pace.
    """

    def __init__(self) -> None:
        self._start = self._measured_at = time.monotonic()
        self._ended = self._measured = 0
        self._first_round: tuple[float, int] | None = None
        self._seconds_a_unit: float | None = None

    def ended(self, work: int, abreast: int) -> None:
        self._ended += work
        if work == 0 or self._ended - self._measured < abreast:
            return
        now = self._measured_at = time.monotonic()
        self._measured = self._ended
        if self._first_round:
            since, already = self._first_round
            self._seconds_a_unit = (now - since) / (self._ended - already)
        else:
            self._first_round = now, self._ended
            if now - self._start > _LONG_ROUND_SECONDS:
                self._seconds_a_unit = (now - self._start) / self._ended

    def seconds_for(self, work: int) -> float | None:
        """How long so much more takes; None before that is known, at least one second."""
        if self._seconds_a_unit is None:
            return None
        since_measured = time.monotonic() - self._measured_at
        unmeasured = self._ended - self._measured
        return max(1.0, self._seconds_a_unit * (work + unmeasured) - since_measured)
