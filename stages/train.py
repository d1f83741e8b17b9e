"""The train door: data/raw and params.yaml in, a folder for each trial in data/models out.

Finished trials come from the trial cache, only the others are trained.
"""

if __name__ == "__main__":
    if not __package__:
        raise SystemExit("in the project's folder, run: python -m stages.train")
    from stages.process.door import enter

    enter(
        "stages.train",
        on_interrupt="interrupted; finished trials are kept, the next run goes on",
        takes_folder=True,
    )

import json
import shutil
import time
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from stages.core.cache import TrialCache
from stages.core.dataset import RAW, read_dataset
from stages.core.params import PARAMS_FILE, read_params
from stages.core.records import INITIAL, RECORD, WEIGHTS
from stages.core.trial import Trial, sweep_trials
from stages.engine.forkserver import warm_up
from stages.process.door import InputError, importing
from stages.process.files import write_atomically
from stages.process.pace import counted, following
from stages.process.scratch import scratch_folder
from stages.process.sums import sha256, write_sums

MODELS, EFFORT = Path("data/models"), Path("metrics/effort.json")


def main(folder: Path) -> None:
    """Bring every trial of the sweep into the trial cache, then lay out data/models from it.

    `folder` holds params.yaml, and receives what is made.
    """
    params = read_params(folder / PARAMS_FILE)
    if params.runtime.executor == "local":
        warm_up()
    with importing():  # these import torch, while the server does too
        from stages.engine.executors import open_pool
        from stages.engine.forecast import say_what_it_takes
        from stages.engine.sweep import train_trials

    trials = sweep_trials(params)
    began = time.monotonic()
    dataset = read_dataset(RAW / params.data.name)
    with open_pool(params.runtime, dataset) as pool:
        cache = TrialCache.of_checkout(pool.provenance)
        asked = following(trials, "looking into the trial cache", len(trials))
        missing = [trial for trial in asked if cache.find(trial) is None]
        say_what_is_trained(trials, missing, pool.workers)
        say_where_training_begins(missing, cache)
        on_cores = params.runtime.executor == "local" and pool.provenance.device == "cpu"
        say_what_it_takes(len(trials), missing, dataset, on_cores * pool.workers, folder)
        if missing:
            train_trials(missing, cache, pool)
    entries = ((trial.name, cache.find(trial)) for trial in trials)
    write_models(following(entries, f"writing {MODELS}", len(trials)), folder / MODELS)
    write_effort(
        folder / EFFORT, len(missing), len(trials) - len(missing), time.monotonic() - began
    )


def say_what_is_trained(trials: list[Trial], missing: list[Trial], processes: int) -> None:
    """Print how many trials are reused and trained, and how."""
    line = f"{len(trials)} trials: {len(trials) - len(missing)} reused, {len(missing)} to train"
    if missing:
        epochs, processes = missing[0].epochs, min(processes, len(missing))
        line += f": {counted(epochs, 'epoch')} each, on {counted(processes, 'process')}"
    print(line, flush=True)


def say_where_training_begins(missing: list[Trial], cache: TrialCache) -> None:
    """Print what of shorter or longer training the missing trials can and cannot use."""
    starts = {trial: cache.intact_start(trial) for trial in missing}
    for start, count in sorted(Counter(starts.values()).items()):
        if start:
            print(f"{count} of them go on from epoch {start}, where earlier training ended")
    longer = [trial for trial, start in starts.items() if not start and cache.lengths(trial)]
    if longer:
        print(f"{len(longer)} of them were trained longer, but only their ends are kept")


def write_models(entries: Iterable[tuple[str, dict[str, bytes] | None]], models: Path) -> None:
    """Replace `models` by a folder for each trial, with its weights and its record, and their sums.

    Raises InputError if an entry is None: the cache lost it since it was trained.
    """
    with scratch_folder(models.parent, f".{models.name}") as scratch:
        fresh = scratch / models.name
        fresh.mkdir()
        sums = {}
        for name, files in entries:
            if files is None:
                raise InputError(f"{name} vanished from the trial cache; run again")
            (fresh / name).mkdir()
            for file in (INITIAL, WEIGHTS, RECORD):
                (fresh / name / file).write_bytes(files[file])
                sums[f"{name}/{file}"] = sha256(files[file])
        write_sums(fresh, sums)
        shutil.rmtree(models, ignore_errors=True)
        fresh.rename(models)


def write_effort(path: Path, trained: int, reused: int, seconds: float) -> None:
    """Write how many trials this run trained, in how many seconds, and how many it reused."""
    effort = {
        "trials_trained": trained,
        "trials_reused": reused,
        "train_seconds": round(seconds, 1) if trained else 0.0,
    }
    write_atomically(path, json.dumps(effort, indent=2) + "\n")
