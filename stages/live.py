"""A few networks trained in this process, for notebooks: without DVC, trial cache or outputs.

The pipeline's own engine trains them, so numbers are those that `dvc repro` would get.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from stages.core import strict_yaml
from stages.core.dataset import RAW, Dataset
from stages.core.facts import DataFacts, Facts
from stages.core.networks import PERCEPTRON
from stages.core.params import PARAMS_FILE, Overrides, Params, overridden
from stages.core.raw import bring, read
from stages.core.trial import sweep_trials
from stages.core.validation import validated
from stages.engine.device import resolve_device
from stages.engine.modules.describe import describe
from stages.engine.plan import largest_group, plan_groups
from stages.engine.results import TrialResult
from stages.engine.worker import train_alike


def train(overrides: Overrides, on_epoch: Callable[[], None] = lambda: None) -> list[TrialResult]:
    """Train the sweep of params.yaml with what `overrides` changes of it, as a variant does.

    For example `train({"train": {"epochs": 2}, "sweep": {"sigmas": [1e-4, 0.05]}})`. Results come
    in each replicate by rising sigma, then the named initialisers. To be called in the folder of
    the project, whose data/raw it fills where the data are not there yet. `on_epoch` is called
    after each epoch of networks that train side by side.

    Raises InputError on a value that makes no sense, SourceError if no source has the data.
    """
    content: Any = strict_yaml.read(PARAMS_FILE)
    params = validated(Params, overridden(content, overrides), f"{PARAMS_FILE} and overrides")
    if not (RAW / params.data.name).exists():
        bring(params.data)
    dataset, device = read(params.data), resolve_device(params.runtime.device)
    trials = sweep_trials(params, _facts(params, dataset))
    groups = plan_groups(
        dict.fromkeys(trials, 0), 1, lambda network: largest_group(network, device.type)
    )
    results = {
        result.trial: result
        for group in groups
        for result in train_alike(group.trials, dataset, device, on_epoch=on_epoch)
    }
    return [results[trial] for trial in trials]


def _facts(params: Params, dataset: Dataset) -> Facts:
    network, data = params.model.network, params.data.name
    modules = {} if network == PERCEPTRON else {(network, data): describe(network, dataset, Path())}
    return Facts({data: DataFacts.of(data, dataset)}, modules)
