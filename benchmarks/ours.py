"""Our trainer, through the same engine as the train stage, into a trial cache of its own."""

import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path

from benchmarks.work import Outcome
from stages.core.cache import TrialCache
from stages.core.dataset import Dataset
from stages.core.params import Runtime
from stages.core.records import RECORD, Record, parse_record
from stages.core.trial import Provenance, Trial
from stages.engine.cores import available_cores
from stages.engine.executors import open_pool
from stages.engine.forkserver import context, warm_up
from stages.engine.pool import Files, Pool
from stages.engine.sweep import train_trials


def train(trials: Sequence[Trial], dataset: Dataset) -> Outcome:
    """Train groups of trials, in a process for each core.

    Overhead is the time before the first group is handed to a process and after the last came back:
    processes start and receive the images; results are stored.
    """
    _wait_for_imports()
    runtime = Runtime(device="cpu", workers=available_cores())
    trials = [replace(trial, data=dataset.digest) for trial in trials]
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        with open_pool(runtime, {"mnist": dataset}, {trials[0].optimizer}) as pool:
            cache, moments = TrialCache(Path(folder), pool.machine.provenance_of), list[float]()
            train_trials(dict.fromkeys(trials, True), cache, _timed(pool, moments))
        seconds = time.perf_counter() - start
        records = [_record(cache, trial) for trial in trials]
    accuracies = [record.history[-1].test_accuracy for record in records]
    return Outcome(accuracies, seconds, seconds - (max(moments) - min(moments)))


def _timed(pool: Pool, moments: list[float]) -> Pool:
    """The pool, which notes when groups are handed over and when they come back."""

    def submit(
        trials: Sequence[Trial], starts: Sequence[Files], provenance: Provenance, whole: bool
    ) -> Future[list[Files]]:
        moments.append(time.perf_counter())
        future = pool.submit(trials, starts, provenance, whole)
        future.add_done_callback(lambda _: moments.append(time.perf_counter()))
        return future

    return replace(pool, submit=submit)


def _wait_for_imports() -> None:
    """Return when the server of training processes has imported torch; imports count for no way."""
    warm_up()
    process = context.Process(target=time.sleep, args=(0,))
    process.start()
    process.join()


def _record(cache: TrialCache, trial: Trial) -> Record:
    files = cache.find(trial)
    assert files is not None
    return parse_record(files[RECORD])
