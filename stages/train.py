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
from collections.abc import Collection, Mapping
from pathlib import Path

from stages.core.cache import TrialCache
from stages.core.dataset import Dataset
from stages.core.facts import FACTS, DataFacts, Facts
from stages.core.networks import PERCEPTRON
from stages.core.params import PARAMS_FILE, Params, read_params
from stages.core.raw import read
from stages.core.records import HANDED_ON, RECORD
from stages.core.trial import Trial, sweep_trials
from stages.engine.executors import open_pool
from stages.engine.forecast import say_what_it_takes
from stages.engine.forkserver import warm_up
from stages.engine.pool import Pool
from stages.engine.sweep import train_trials
from stages.process.door import InputError
from stages.process.files import write_atomically
from stages.process.pace import counted, following
from stages.process.scratch import ScratchFolder
from stages.process.sums import sha256, write_sums

MODELS, EFFORT = Path("data/models"), Path("metrics/effort.json")

Sweeps = Mapping[str, Params]
"""The parameters of each variant, by its name."""


def main(folder: Path) -> None:
    """Bring every trial of the sweeps into the trial cache, then lay out data/models from it.

    `folder` holds params.yaml, and receives what is made.
    """
    params = read_params(folder / PARAMS_FILE)
    if params.runtime.executor == "local":
        warm_up()
    sweeps = params.sweeps()
    began = time.monotonic()
    sets = dict.fromkeys(sweep.data for sweep in sweeps.values())
    datasets = {data.name: read(data) for data in sets}
    modules = {sweep.model.network for sweep in sweeps.values()} - {PERCEPTRON}
    optimizers = {sweep.train.optimizer for sweep in sweeps.values()}
    with open_pool(params.runtime, datasets, optimizers, modules) as pool:
        facts = learn_facts(sweeps, datasets, pool)
        trials = {name: sweep_trials(sweep, facts) for name, sweep in sweeps.items()}
        wanted = {
            trial: sweeps[name].sweep.keep_weights
            for name in sorted(trials, key=lambda name: sweeps[name].sweep.keep_weights)
            for trial in trials[name]
        }
        cache = TrialCache.of_checkout(pool.machine.provenance_of)
        asked = following(wanted.items(), "looking into the trial cache", len(wanted))
        missing = {trial: whole for trial, whole in asked if cache.find(trial, whole) is None}
        say_what_is_trained(wanted, missing, pool.workers)
        say_where_training_begins(missing, cache)
        say_what_it_takes(list(wanted), list(missing), facts, pool, folder)
        if missing:
            train_trials(missing, cache, pool)
    write_models(trials, wanted, facts, cache, folder / MODELS)
    write_effort(
        folder / EFFORT, len(missing), len(wanted) - len(missing), time.monotonic() - began
    )


def learn_facts(sweeps: Sweeps, datasets: Mapping[str, Dataset], pool: Pool) -> Facts:
    """What the trials depend on beside their parameters."""
    asked = {(sweep.model.network, sweep.data.name) for sweep in sweeps.values()}
    return Facts(
        {name: DataFacts.of(name, dataset) for name, dataset in datasets.items()},
        {
            (network, data): pool.describe(network, data)
            for network, data in sorted(asked)
            if network != PERCEPTRON
        },
    )


def say_what_is_trained(
    wanted: Collection[Trial], missing: Collection[Trial], processes: int
) -> None:
    """Print how many trials are reused and trained, and how."""
    line = f"{len(wanted)} trials: {len(wanted) - len(missing)} reused, {len(missing)} to train"
    if missing:
        lengths = {length(trial) for trial in missing}
        each = f"{lengths.pop()} each, " if len(lengths) == 1 else ""
        line += f": {each}on {counted(min(processes, len(missing)), 'process')}"
    print(line, flush=True)


def length(trial: Trial) -> str:
    """How long a trial is trained, for people."""
    parts = ((trial.epochs, "epoch"), (trial.extra_steps, "step"))
    return " and ".join(counted(count, name) for count, name in parts if count)


def say_where_training_begins(missing: Collection[Trial], cache: TrialCache) -> None:
    """Print what of shorter or longer training the missing trials can and cannot use."""
    starts = {trial: cache.start(trial) for trial in missing}
    for start, count in sorted(Counter(starts.values()).items()):
        if start:
            print(f"{count} of them go on from epoch {start}, where earlier training ended")
    longer = [trial for trial, start in starts.items() if not start and cache.lengths(trial)]
    if longer:
        print(f"{len(longer)} of them were trained longer, but only their ends are kept")


def write_models(
    trials: Mapping[str, list[Trial]],
    wanted: Mapping[Trial, bool],
    facts: Facts,
    cache: TrialCache,
    models: Path,
) -> None:
    """Replace `models` by a folder for each trial, with its record and weights, and their sums.

    Trials of a named variant lie in a folder of its name. Raises InputError if the cache lost a
    trial since it was trained.
    """
    folders = {
        f"{variant}/{trial.name}".lstrip("/"): trial
        for variant, of_variant in trials.items()
        for trial in of_variant
    }
    with ScratchFolder(models.parent, f".{models.name}") as scratch:
        fresh = scratch / models.name
        fresh.mkdir()
        (fresh / FACTS).write_bytes(content := facts.to_json().encode())
        sums = {FACTS: sha256(content)}
        for name, trial in following(folders.items(), f"writing {MODELS}", len(folders)):
            files = cache.find(trial, wanted[trial])
            if files is None:
                raise InputError(f"{name} vanished from the trial cache; run again")
            (fresh / name).mkdir(parents=True)
            for file in HANDED_ON if wanted[trial] else (RECORD,):
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
