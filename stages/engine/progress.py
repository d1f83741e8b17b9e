"""How far a sweep has come: a live bar on a terminal, a line a group elsewhere."""

import sys
import time
from collections.abc import Sequence

from tqdm import tqdm

from stages.core.trial import Trial


class Progress:
    """Counts the epochs and trials that are done; a context manager."""

    def __init__(self, trials: Sequence[Trial]) -> None:
        self._trials = len(trials)
        self._trials_done = 0
        self._epochs = sum(trial.epochs for trial in trials)
        self._epochs_done = 0
        self._start = time.monotonic()
        self._said_waiting = False
        self._bar = tqdm(
            total=self._epochs,
            disable=not sys.stderr.isatty(),
            bar_format="{desc} |{bar:24}| {n_fmt}/{total_fmt} epochs, {remaining} left",
        )
        self._describe()

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.close()

    def epochs_ended(self, count: int) -> None:
        """So many epochs of single networks ended."""
        self._epochs_done += count
        self._bar.update(count)

    def trials_trained(self, trials: Sequence[Trial]) -> None:
        """A group is finished and stored."""
        self._trials_done += len(trials)
        self._describe()
        if self._bar.disable:
            elapsed = time.monotonic() - self._start
            left = elapsed / self._epochs_done * (self._epochs - self._epochs_done)
            starts = ", ".join(_short(trial) for trial in trials)
            done = f"{self._trials_done}/{self._trials} trained"
            print(f"{done}, {elapsed:.0f} s, {left:.0f} s left: {starts}", flush=True)

    def trials_found(self, trials: Sequence[Trial]) -> None:
        """Another run finished these meanwhile."""
        self._trials_done += len(trials)
        self._describe()
        self.epochs_ended(sum(trial.epochs for trial in trials))
        self._say(f"{len(trials)} finished by another run")

    def waiting_for(self, trials: Sequence[Trial]) -> None:
        """Nothing is left but what another run is training."""
        if not self._said_waiting:
            self._say(f"waiting for {len(trials)} that another run is training")
            self._said_waiting = True

    def _say(self, line: str) -> None:
        self._bar.write(line, file=sys.stdout)

    def _describe(self) -> None:
        self._bar.set_description_str(f"{self._trials_done}/{self._trials} trained")


def _short(trial: Trial) -> str:
    return trial.initializer if trial.sigma is None else f"{trial.sigma:.3g}"
