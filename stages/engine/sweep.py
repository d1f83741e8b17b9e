"""The submission loop: groups of trials go to an executor, finished ones into the trial cache.

A trial is claimed by its lock just before its group starts, so that two sweeps at once divide their
common trials between them. Each finished group is stored before its worker gets another.
"""

import os
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field

from filelock import BaseFileLock, Timeout

from stages.core.cache import TrialCache
from stages.core.dataset import Dataset
from stages.core.door import InputError
from stages.core.params import Runtime
from stages.core.trial import Provenance, Trial, trial_key
from stages.engine import worker
from stages.engine.local import local_executor
from stages.engine.plan import plan_groups
from stages.engine.progress import Progress

LARGEST_GROUP = 5
"""Measured: more networks at once share no more overhead, and their state outgrows the cache."""
_POLL_SECONDS = 0.2


def train_trials(
    trials: list[Trial],
    dataset: Dataset,
    provenance: Provenance,
    cache: TrialCache,
    runtime: Runtime,
) -> None:
    """Bring `trials` into the cache, trained here or by another run at the same time.

    Raises InputError if a training process dies, OSError if the cache cannot be written.
    """
    workers = _available_cores() if runtime.workers == "auto" else runtime.workers
    groups = plan_groups(trials, workers, LARGEST_GROUP)
    workers = min(workers, len(groups))
    try:
        with (
            Progress(trials) as progress,
            local_executor(workers, dataset, provenance) as (executor, ended_epochs),
        ):
            sweep = _Sweep(cache, provenance, progress, executor, ended_epochs)
            sweep.run(groups, workers)
    except BrokenProcessPool:
        raise InputError(
            "a training process was killed, perhaps for want of memory (fewer runtime.workers "
            "need less); finished trials are kept, the next run goes on"
        ) from None


def _available_cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@dataclass
class _Claim:
    """Trials that this run may train, with their locks."""

    trials: list[Trial] = field(default_factory=list)
    locks: list[BaseFileLock] = field(default_factory=list)

    def release(self) -> None:
        for lock in self.locks:
            lock.release()


@dataclass
class _Sweep:
    cache: TrialCache
    provenance: Provenance
    progress: Progress
    executor: Executor
    ended_epochs: Callable[[], int]
    running: dict[Future[list[dict[str, bytes]]], _Claim] = field(default_factory=dict)
    busy: list[Trial] = field(default_factory=list)  # locked by another run

    def run(self, groups: list[list[Trial]], workers: int) -> None:
        """Train what no other run trains, `workers` groups at a time, and wait for the rest."""
        waiting = deque(groups)
        try:
            while waiting or self.running or self.busy:
                while waiting and len(self.running) < workers:
                    self._submit(waiting.popleft())
                if self.running:
                    self._collect()
                elif self.busy:
                    self.progress.waiting_for(self.busy)
                    time.sleep(_POLL_SECONDS)
                    waiting.extend(plan_groups(self.busy, workers, LARGEST_GROUP))
                    self.busy = []
        finally:
            for claim in self.running.values():
                claim.release()

    def _submit(self, group: list[Trial]) -> None:
        claim, found = _Claim(), []
        for trial in group:
            key = trial_key(trial, self.provenance)
            lock = self.cache.lock(key)
            try:
                lock.acquire(blocking=False)
            except Timeout:
                self.busy.append(trial)
                continue
            if self.cache.find(key, trial.epochs):
                lock.release()
                found.append(trial)
            else:
                claim.trials.append(trial)
                claim.locks.append(lock)
        if found:
            self.progress.trials_found(found)
        if claim.trials:
            self.running[self.executor.submit(worker.train, claim.trials)] = claim

    def _collect(self) -> None:
        done, _ = wait(self.running, _POLL_SECONDS, FIRST_COMPLETED)
        self.progress.epochs_ended(self.ended_epochs())
        for future in done:
            claim, results = self.running[future], future.result()
            for trial, files in zip(claim.trials, results, strict=True):
                self.cache.store(trial_key(trial, self.provenance), trial.epochs, files)
            self.running.pop(future).release()
            self.progress.trials_trained(claim.trials)
