"""The train door: data/raw and params.yaml in, a folder for each trial in data/models out.

Finished trials come from the trial cache, only the others are trained.
"""

import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path

from stages.core.cache import TrialCache
from stages.core.dataset import read_dataset
from stages.core.door import InputError, clear_exit
from stages.core.params import read_params
from stages.core.records import RECORD, WEIGHTS
from stages.core.trial import sweep_trials, trial_key
from stages.engine.forkserver import warm_up

RAW, MODELS = Path("data/raw"), Path("data/models")


def main() -> None:
    """Bring every trial of the sweep into the trial cache, then lay out data/models from it."""
    params = read_params()
    warm_up()
    from stages.engine.device import resolve_device  # these import torch, while the server does too
    from stages.engine.provenance import provenance_of
    from stages.engine.sweep import train_trials

    dataset = read_dataset(RAW)
    provenance = provenance_of(dataset, resolve_device(params.runtime.device))
    cache = TrialCache.of_checkout()
    trials = sweep_trials(params)
    missing = [t for t in trials if cache.find(trial_key(t, provenance), t.epochs) is None]
    print(f"{len(trials)} trials: {len(trials) - len(missing)} reused, {len(missing)} to train")
    if missing:
        train_trials(missing, dataset, provenance, cache, params.runtime)
    write_models((t.name, cache.find(trial_key(t, provenance), t.epochs)) for t in trials)


def write_models(entries: Iterable[tuple[str, dict[str, bytes] | None]]) -> None:
    """Replace data/models by a folder for each trial, with its weights and its record.

    Raises InputError if an entry is None: the cache lost it since it was trained.
    """
    with tempfile.TemporaryDirectory(dir=MODELS.parent, prefix=".models-") as scratch:
        fresh = Path(scratch) / MODELS.name
        for name, files in entries:
            if files is None:
                raise InputError(f"{name} vanished from the trial cache; run again")
            (fresh / name).mkdir(parents=True)
            for file in (WEIGHTS, RECORD):
                (fresh / name / file).write_bytes(files[file])
        shutil.rmtree(MODELS, ignore_errors=True)
        fresh.rename(MODELS)


if __name__ == "__main__":
    with clear_exit("train", "interrupted; finished trials are kept, the next run goes on"):
        main()
