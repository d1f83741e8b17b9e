"""Our trainer, through the same engine as the train stage, into a trial cache of its own."""

import heapq
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from benchmarks.work import Outcome
from stages.core.cache import TrialCache
from stages.core.dataset import Dataset
from stages.core.params import Runtime
from stages.core.records import RECORD, Record, parse_record
from stages.core.trial import Trial
from stages.engine.cores import available_cores
from stages.engine.executors import open_pool
from stages.engine.forkserver import context, warm_up
from stages.engine.plan import largest_group, plan_groups
from stages.engine.sweep import train_trials


def train(trials: Sequence[Trial], dataset: Dataset) -> Outcome:
    """Train groups of trials, in a process for each core.

    Overhead is the time in which not even the busiest process trains: processes start, receive
    and normalise the images; results are stored.
    """
    _wait_for_imports()
    runtime = Runtime(device="cpu", workers=available_cores())
    trials = [replace(trial, data=dataset.digest) for trial in trials]
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        with open_pool(runtime, {"mnist": dataset}, {trials[0].optimizer}) as pool:
            cache = TrialCache(Path(folder), pool.machine.provenance_of)
            train_trials(dict.fromkeys(trials, True), cache, pool)
        seconds = time.perf_counter() - start
        records = {trial: _record(cache, trial) for trial in trials}
    accuracies = [record.history[-1].test_accuracy for record in records.values()]
    return Outcome(accuracies, seconds, seconds - _busiest(records))


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


def _busiest(records: Mapping[Trial, Record]) -> float:
    """Seconds for which the busiest process trained; each takes a group when it is idle."""
    busy = [0.0] * available_cores()
    groups = plan_groups(
        dict.fromkeys(records, 0), len(busy), lambda network: largest_group(network, "cpu")
    )
    for group in groups:
        seconds = sum(records[trial].train_seconds for trial in group.trials)
        heapq.heapreplace(busy, busy[0] + seconds)
    return max(busy)
