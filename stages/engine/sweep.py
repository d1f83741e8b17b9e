"""The submission loop: groups of trials go to a pool, finished ones into the trial cache.

A trial is claimed by its lock just before its group starts, so that two sweeps at once divide their
common trials between them. Each finished group is stored before its worker gets another.
"""

import time
from collections import deque
from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass, field, replace

from filelock import BaseFileLock, Timeout

from stages.core.cache import TrialCache
from stages.core.trial import Trial
from stages.engine.plan import LARGEST_GROUP, Group, plan_groups
from stages.engine.pool import Pool
from stages.engine.progress import Progress
from stages.process.door import InputError
from stages.process.scratch import discard

_POLL_SECONDS = 0.2


def train_trials(trials: Sequence[Trial], cache: TrialCache, pool: Pool) -> None:
    """Bring `trials` into the cache, trained by the pool or by another run at the same time.

    Raises what the pool raises, InputError if a training process fails or answers with something
    else than was asked for, OSError if the cache cannot be written.
    """
    with Progress(trials) as progress:
        _Sweep(cache, pool, progress).run(trials)


@dataclass
class _Claim:
    """Trials that this run may train, with their locks."""

    trials: list[Trial] = field(default_factory=list)
    locks: list[BaseFileLock] = field(default_factory=list)

    def release(self) -> None:
        for lock in self.locks:
            discard(lock)


@dataclass
class _Sweep:
    cache: TrialCache
    pool: Pool
    progress: Progress
    running: dict[Future[list[dict[str, bytes]]], _Claim] = field(default_factory=dict)
    busy: list[Trial] = field(default_factory=list)  # locked by another run

    def run(self, trials: Sequence[Trial]) -> None:
        """Train what no other run trains, as many groups at a time as the pool can."""
        waiting = deque(self._plan(trials))
        try:
            while waiting or self.running or self.busy:
                while waiting and len(self.running) < self.pool.workers:
                    self._submit(waiting.popleft())
                if self.running:
                    self._collect()
                elif self.busy:
                    self.progress.waiting_for(self.busy)
                    time.sleep(_POLL_SECONDS)
                    waiting.extend(self._plan(self.busy))
                    self.busy = []
        finally:
            for claim in self.running.values():
                claim.release()

    def _plan(self, trials: Sequence[Trial]) -> list[Group]:
        largest = LARGEST_GROUP[self.pool.provenance.device]
        starts = {trial: self.cache.start(trial) for trial in trials}
        return plan_groups(starts, self.pool.workers, largest)

    def _submit(self, group: Group) -> None:
        claim, found = _Claim(), []
        for trial in group.trials:
            lock = self.cache.lock(trial)
            try:
                lock.acquire(blocking=False)
            except Timeout:
                self.busy.append(trial)
                continue
            if self.cache.find(trial):
                discard(lock)
                found.append(trial)
            else:
                claim.trials.append(trial)
                claim.locks.append(lock)
        if found:
            self.progress.trials_found(found)
        if claim.trials:
            starts = self._starts(claim.trials, group.start)
            self.running[self.pool.submit(claim.trials, starts)] = claim

    def _starts(self, trials: Sequence[Trial], epochs: int) -> list[dict[str, bytes]]:
        """The files from which training goes on; none if it begins, or if one is damaged."""
        if epochs == 0:
            return []
        starts = [self.cache.find(replace(trial, epochs=epochs)) for trial in trials]
        intact = [files for files in starts if files is not None]
        if len(intact) < len(trials):
            return []
        self.progress.epochs_spared(epochs * len(trials))
        return intact

    def _collect(self) -> None:
        done, _ = wait(self.running, _POLL_SECONDS, FIRST_COMPLETED)
        abreast = sum(len(claim.trials) for claim in self.running.values())
        self.progress.epochs_ended(self.pool.ended_epochs(), abreast)
        for future in done:
            claim, results = self.running[future], self._answer(future)
            if not isinstance(results, list) or len(results) != len(claim.trials):
                raise InputError("a training process did not answer with a result for each trial")
            for trial, files in zip(claim.trials, results, strict=True):
                self.cache.store(trial, files)
            self.running.pop(future).release()
            self.progress.trials_trained(claim.trials)

    def _answer(self, future: Future[list[dict[str, bytes]]]) -> list[dict[str, bytes]]:
        try:
            return future.result()
        except InputError:
            raise
        except Exception as error:
            raise self.pool.failure(error) from None
