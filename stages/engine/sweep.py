"""The submission loop: groups of trials go to a pool, finished ones into the trial cache.

A trial is claimed by its lock just before its group starts, so that two sweeps at once divide their
common trials between them. Each finished group is stored before its worker gets another.
"""

import time
from collections import deque
from collections.abc import Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass, field

from filelock import BaseFileLock

from stages.core.cache import TrialCache
from stages.core.trial import Trial
from stages.engine.plan import Group, epoch_work, largest_group, plan_groups
from stages.engine.pool import Pool
from stages.engine.progress import Progress
from stages.process.door import InputError
from stages.process.locks import HeldLocks

_POLL_SECONDS = 0.2


def train_trials(wanted: Mapping[Trial, bool], cache: TrialCache, pool: Pool) -> None:
    """Bring trials into the cache, trained by the pool or by another run at the same time.

    `wanted` says of each whether it is kept whole, or its record alone. Raises what the pool
    raises, InputError if a training process fails or answers with something else than was asked
    for, OSError if the cache cannot be written.
    """
    with Progress(wanted) as progress:
        _Sweep(wanted, cache, pool, progress).run()


@dataclass
class _Claim:
    """Trials that this run may train, with their locks."""

    trials: list[Trial] = field(default_factory=list)
    locks: list[BaseFileLock] = field(default_factory=list)


@dataclass
class _Sweep:
    wanted: Mapping[Trial, bool]
    cache: TrialCache
    pool: Pool
    progress: Progress
    running: dict[Future[list[dict[str, bytes]]], _Claim] = field(default_factory=dict)
    busy: list[Trial] = field(default_factory=list)  # locked by another run
    held: HeldLocks = field(default_factory=HeldLocks)

    def run(self) -> None:
        """Train what no other run trains, as many groups at a time as the pool can."""
        starts = {trial: self.cache.start(trial) for trial in self.wanted}
        waiting = deque(self._plan(starts))
        with self.held:
            while waiting or self.running or self.busy:
                while waiting and len(self.running) < self.pool.workers:
                    self._submit(waiting.popleft())
                if self.running:
                    self._collect()
                elif self.busy:
                    self.progress.waiting_for(self.busy)
                    time.sleep(_POLL_SECONDS)
                    waiting.extend(self._plan({trial: starts[trial] for trial in self.busy}))
                    self.busy = []

    def _plan(self, starts: Mapping[Trial, int]) -> list[Group]:
        device = self.pool.machine.device
        return [
            group
            for whole in (True, False)
            for group in plan_groups(
                {t: start for t, start in starts.items() if self.wanted[t] is whole},
                self.pool.workers,
                lambda network: largest_group(network, device),
            )
        ]

    def _submit(self, group: Group) -> None:
        claim, found = _Claim(), []
        for trial in group.trials:
            lock = self.cache.lock(trial)
            if not self.held.take(lock):
                self.busy.append(trial)
            elif self.cache.find(trial, self.wanted[trial]):
                self.held.give_back(lock)
                found.append(trial)
            else:
                claim.trials.append(trial)
                claim.locks.append(lock)
        if found:
            self.progress.trials_found(found)
        if claim.trials:
            starts = self._starts(claim.trials, group.start)
            provenance = self.pool.machine.provenance_of(claim.trials[0])
            whole = self.wanted[claim.trials[0]]
            self.running[self.pool.submit(claim.trials, starts, provenance, whole)] = claim

    def _starts(self, trials: Sequence[Trial], epochs: int) -> list[dict[str, bytes]]:
        """The files from which training goes on; none if it begins, or if one is damaged."""
        if epochs == 0:
            return []
        starts = [self.cache.find(trial.after(epochs)) for trial in trials]
        intact = [files for files in starts if files is not None]
        if len(intact) < len(trials):
            return []
        self.progress.work_spared(epochs * sum(map(epoch_work, trials)))
        return intact

    def _collect(self) -> None:
        done, _ = wait(self.running, _POLL_SECONDS, FIRST_COMPLETED)
        abreast = sum(
            epoch_work(trial) for claim in self.running.values() for trial in claim.trials
        )
        self.progress.work_ended(self.pool.ended_work(), abreast)
        for future in done:
            claim, results = self.running[future], self._answer(future)
            if not isinstance(results, list) or len(results) != len(claim.trials):
                raise InputError("a training process did not answer with a result for each trial")
            for trial, files in zip(claim.trials, results, strict=True):
                self.cache.store(trial, files)
            for lock in self.running.pop(future).locks:
                self.held.give_back(lock)
            self.progress.trials_trained(claim.trials)

    def _answer(self, future: Future[list[dict[str, bytes]]]) -> list[dict[str, bytes]]:
        try:
            return future.result()
        except InputError:
            raise
        except Exception as error:
            raise self.pool.failure(error) from None
