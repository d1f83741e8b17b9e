"""Trained networks made up: data/models as train leaves it, in milliseconds and without torch."""

import json
import math
import shutil
from collections.abc import Callable, Mapping, Sequence
from contextlib import chdir
from dataclasses import asdict, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save

from stages import aggregate
from stages.analysis.accuracy import accuracy_points, summarize
from stages.analysis.baselines import Baseline, baselines
from stages.analysis.findings import Results
from stages.analysis.seeds import Seeds
from stages.analysis.setting import Setting
from stages.analysis.tables import standard_error
from stages.core.dataset import Dataset
from stages.core.facts import FACTS, DataFacts, Facts
from stages.core.networks import Module
from stages.core.params import Params, read_params
from stages.core.records import (
    INITIAL,
    RECORD,
    SNAPSHOTS,
    WEIGHTS,
    EpochRecord,
    LayerRecord,
    ProbeRecord,
    Record,
    snapshot_tensors,
)
from stages.core.starts import NORMAL, Start
from stages.core.trial import Provenance, Trial, sweep_trials
from stages.process.sums import sha256, write_sums
from tests.conftest import shipped_params, write_data

PROVENANCE = Provenance("2.14.1", "cpu", "a processor", "c0de", "5eed")
MNIST = DataFacts("mnist", "da7a", (28, 28), 10, 60_000, 10_000, 0.1307, 0.3081, 0.1135)
FACTS_OF_MNIST = Facts({"mnist": MNIST}, {})

Course = Callable[[str, Trial], Sequence[float]]
"""The test accuracy of a trial of a variant after each epoch."""


def params_of(**changes: Mapping[str, Any]) -> Params:
    """The shipped parameters, changed."""
    shipped = shipped_params()
    changed = {section: {**shipped.get(section, {}), **of} for section, of in changes.items()}
    return Params.model_validate({**shipped, **changed})


@cache
def shipped_trial(epochs: int) -> Trial:
    """The first of the shipped sweep, if it took so many epochs."""
    return sweep_trials(params_of(train={"epochs": epochs}), FACTS_OF_MNIST)[0]


def small_data(classes: int = 10, images: int = 300, chance: float | None = None) -> Dataset:
    """Noise of 3 x 4 pixels; where `chance` is set, the share of the commonest class of tests."""
    rng = np.random.default_rng(0)

    def split(n: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        labels = (np.arange(n) % classes).astype(np.uint8)
        if chance is not None:
            labels %= classes - 1
            labels[: round(chance * n)] = classes - 1
        return rng.integers(0, 256, (n, 12), dtype=np.uint8), labels

    return Dataset(*split(images), *split(images), image_shape=(3, 4))


def module_of(first: tuple[int, ...] = (5, 1, 2, 2)) -> Module:
    """A module for the images of `small_data`, by the shape of its first weight."""
    return Module(
        path="networks/small.py:Small",
        source="50",
        parameters=(("conv.weight", first), ("norm.weight", (5,)), ("out.weight", (10, 20))),
        buffers=(("norm.running_mean", "F32", (5,)), ("norm.num_batches_tracked", "I64", ())),
        layers=("conv.weight", "out.weight"),
        activation="relu",
        image_shape=(3, 4),
        classes=10,
        operations=1,
    )


def write_models(
    folder: Path,
    course: Course,
    data: Mapping[str, Dataset] | None = None,
    modules: Mapping[tuple[str, str], Module] | None = None,
    diverged: Callable[[str, Trial], bool] = lambda *_: False,
    origin: Callable[[Trial], Provenance] = lambda _: PROVENANCE,
) -> Path:
    """Write data/raw and data/models of the params.yaml in `folder`; returns `folder`.

    Weights are normal of their sigma, and twice as large after training; signals grow with sigma.
    """
    shutil.rmtree(folder / "data", ignore_errors=True)
    datasets = data or {"mnist": small_data()}
    for name, dataset in datasets.items():
        write_data(folder, dataset, name)
    facts = Facts({n: DataFacts.of(n, of) for n, of in datasets.items()}, modules or {})
    files: dict[str, bytes] = {FACTS: facts.to_json().encode()}
    for variant, params in read_params(folder / "params.yaml").sweeps().items():
        for trial in sweep_trials(params, facts):
            ends = course(variant, trial), diverged(variant, trial)
            record = record_of(trial, *ends, provenance=origin(trial))
            within = f"{variant}/{trial.name}".lstrip("/")
            files[f"{within}/{RECORD}"] = record_file(record)
            if params.sweep.keep_weights:
                weights = weights_of(trial)
                files[f"{within}/{INITIAL}"] = save(weights)
                files[f"{within}/{WEIGHTS}"] = save(doubled(weights))
                files[f"{within}/{SNAPSHOTS}"] = save(snapshots_of(trial))
    models = folder / "data" / "models"
    for name, content in files.items():
        (models / name).parent.mkdir(parents=True, exist_ok=True)
        (models / name).write_bytes(content)
    write_sums(models, {name: sha256(content) for name, content in files.items()})
    return folder


def record_of(
    trial: Trial,
    accuracies: Sequence[float],
    diverged: bool = False,
    untrained: float = 0.1,
    gap: float = 0.01,
    provenance: Provenance = PROVENANCE,
) -> Record:
    """A trial by its test accuracy after each epoch; training accuracy is higher by `gap`."""
    loss, sigma = math.nan if diverged else 0.1, trial.start.sigma or 0.1
    history = [
        EpochRecord(epoch, loss, accuracy + gap, loss, accuracy)
        for epoch, accuracy in enumerate(accuracies, 1)
    ]
    layers = len(trial.network.layers)
    probes = [
        ProbeRecord(
            epoch,
            loss=2.3,
            sharpness=math.nan if trial.optimizer == "adam" or epoch else 100 * sigma,
            layers=[
                LayerRecord(
                    activation_rms=layer * sigma,
                    gradient_norm=sigma**2 / layer,
                    dead_units=0.1,
                    movement=epoch / sigma,
                    cosine=1 - 0.5**layer,
                    weight_rms=max(sigma, 0.1) if epoch else sigma,
                    displacement=0.1 * epoch,
                    row_spread=0.9,
                    damped=0.2 if trial.optimizer == "adam" else math.nan,
                )
                for layer in range(1, layers + 1)
            ],
        )
        for epoch in range(len(accuracies) + 1)
    ]
    return Record(trial, diverged, history, provenance, probes, untrained)


def setting_of(variant: str = "", **changes: Mapping[str, Any]) -> Setting:
    """The shipped sweep on MNIST, changed."""
    return Setting.of(variant, params_of(**changes), FACTS_OF_MNIST)


def record(
    sigma: float,
    accuracies: Sequence[float],
    replicate: int = 0,
    diverged: bool = False,
    gap: float = 0.01,
    initializer: str = NORMAL,
    untrained: float = 0.1,
    provenance: Provenance = PROVENANCE,
) -> Record:
    """A trial of the shipped network by its test accuracy after each epoch."""
    start = Start(initializer, sigma if initializer == NORMAL else None)
    trial = replace(shipped_trial(len(accuracies)), start=start, replicate=replicate)
    return record_of(trial, accuracies, diverged, untrained, gap, provenance)


def baseline(name: str, *accuracies: float, untrained: float = 0.1, diverged: int = 0) -> Baseline:
    """A named initialiser beside the sweep, by the accuracy of each replicate."""
    records = [
        record(math.nan, [a], replicate, diverged > replicate, 0.01, name, untrained)
        for replicate, a in enumerate(accuracies)
    ]
    [found] = baselines(records, setting_of().holdout, 1, {name: (0.1,)})
    return found


def results_of(
    records: Sequence[Record],
    variant: str = "",
    named: Sequence[Baseline] = (),
    seeds: Seeds | None = None,
    **changes: Any,
) -> Results:
    """What the metrics tell of `records`, whose last epoch is their end."""
    train = {"epochs": len(records[0].history), **changes.pop("train", {})}
    setting = setting_of(variant, train=train, **changes)
    points = accuracy_points(records, 1, setting.holdout)
    courses = {
        point.sigma: np.mean(
            [[e.test_accuracy for e in r.history] for r in records if r.sigma == point.sigma],
            axis=0,
        ).tolist()
        for point in points
    }
    return Results(points, summarize(points, records, 1), courses, setting, named, seeds)


def with_accuracies(results: Results, accuracies: NDArray[np.float64]) -> Results:
    """`results` with other accuracies (K, n) of its sigmas, then of its named initialisers."""
    n = accuracies.shape[1]
    changes: list[dict[str, Any]] = [
        {
            "test_accuracy": float(of.mean()),
            "standard_error": float(standard_error(of)) if n > 1 else None,
            "n": n,
            "accuracies": tuple(of.tolist()),
        }
        for of in accuracies
    ]
    points = [replace(p, **new) for p, new in zip(results.points, changes, strict=False)]
    named = [
        replace(b, **new) for b, new in zip(results.named, changes[len(points) :], strict=True)
    ]
    best = max(points, key=lambda point: point.test_accuracy)
    summary = {**results.summary, "best_sigma": best.sigma, "best_accuracy": best.test_accuracy}
    return replace(results, points=points, named=named, summary=summary)


def record_file(record: Record) -> bytes:
    """The content of its trial.json."""
    return json.dumps(_without_nan(asdict(record))).encode()


def weights_of(trial: Trial) -> dict[str, NDArray[Any]]:
    """All tensors of its network before training; of a scheme they have the deviation 1/√fan-in."""
    rng = np.random.default_rng(trial.replicate)

    def drawn(shape: tuple[int, ...]) -> NDArray[np.float32]:
        sigma = trial.start.sigma or 1 / math.sqrt(math.prod(shape[1:]))
        return (sigma * rng.standard_normal(shape)).astype(np.float32)

    return {
        name: drawn(shape) if kind == "F32" else np.zeros(shape, np.int64)
        for name, (kind, shape) in trial.network.tensors.items()
    }


def snapshots_of(trial: Trial) -> dict[str, NDArray[Any]]:
    """Numbers of the right shapes."""
    rng = np.random.default_rng(trial.replicate)
    return {
        name: (100 * rng.random(shape)).astype(np.int32 if kind == "I32" else np.float32)
        for name, (kind, shape) in snapshot_tensors(trial).items()
    }


def doubled(tensors: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Parameters, that is; what counts stays."""
    return {n: 2 * t if t.dtype == np.float32 else t for n, t in tensors.items()}


def _without_nan(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_nan(held) for name, held in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(held) for held in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def aggregated(folder: Path, course: Course, **made: Any) -> Path:
    """Write made-up models of the params.yaml in `folder` and their metrics; returns `folder`."""
    write_models(folder, course, **made)
    with chdir(folder):
        aggregate.main(Path())
    return folder
