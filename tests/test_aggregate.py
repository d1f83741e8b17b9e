"""The aggregate door, held against the files that the train door made."""

import csv
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from stages.aggregate import read_finished
from stages.analysis.first_layer import AFTER, BEFORE, morans_i
from stages.analysis.metrics import read_metrics
from stages.analysis.snapshots import Snapshots
from stages.core.dataset import Dataset
from stages.core.records import INITIAL, SNAPSHOTS, WEIGHTS
from stages.process.door import InputError
from stages.process.sums import SUMS, read_sums, sha256, write_sums
from tests import models as made_up
from tests.conftest import fail_stage, run_stage, write_data, write_params
from tests.test_train import train


def rows(workspace: Path, name: str) -> list[dict[str, str]]:
    with (workspace / "metrics" / name).open() as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, small_dataset: Dataset) -> Path:
    """A workspace whose sweep is trained and aggregated; treat it as read-only."""
    workspace = write_data(tmp_path_factory.mktemp("finished"), small_dataset)
    train(workspace, sweep={"num_points": 3, "replicates": 2})
    run_stage(workspace, "aggregate")
    return workspace


def test_metrics_follow_from_the_trials(finished: Path) -> None:
    models = finished / "data" / "models"
    accuracy = rows(finished, "accuracy.csv")
    assert [float(row["sigma"]) for row in accuracy] == pytest.approx([0.001, 10**-1.5, 1.0])
    for row in accuracy:
        finals = [
            np.mean([epoch["test_accuracy"] for epoch in record["history"]])
            for record in (json.loads(p.read_bytes()) for p in models.glob("*/trial.json"))
            if record["trial"]["start"]["sigma"] == float(row["sigma"])
        ]
        assert len(finals) == int(row["n"]) == 2
        assert float(row["test_accuracy"]) == pytest.approx(np.mean(finals))
        assert float(row["standard_error"]) == pytest.approx(abs(finals[0] - finals[1]) / 2)
    best = max(accuracy, key=lambda row: float(row["test_accuracy"]))
    summary = json.loads((finished / "metrics" / "summary.json").read_text())
    assert summary["best_sigma"] == float(best["sigma"])
    assert summary["trials"] == 6
    history = rows(finished, "history.csv")
    assert len(history) == 3 * 2 * 2
    assert {row["epoch"] for row in history} == {"1", "2"}


def test_histograms_count_every_parameter_over_its_own_range(finished: Path) -> None:
    histograms = rows(finished, "histograms.csv")
    for sigma in {row["sigma"] for row in histograms}:
        bins = [row for row in histograms if row["sigma"] == sigma]
        assert len(bins) == 80
        assert sum(int(row["count"]) for row in bins) == 2 * 109_386
        weights = [
            tensor
            for folder in (finished / "data" / "models").glob(
                f"sigma-{float(sigma):.8g}-replicate-*"
            )
            for tensor in load_file(folder / "weights.safetensors").values()
        ]
        width = float(bins[1]["bin_center"]) - float(bins[0]["bin_center"])
        assert float(bins[0]["bin_center"]) - width / 2 == pytest.approx(
            min(w.min() for w in weights), rel=1e-4
        )
        assert float(bins[-1]["bin_center"]) + width / 2 == pytest.approx(
            max(w.max() for w in weights), rel=1e-4
        )


def snapshots_of(folder: Path) -> list[Snapshots | None]:
    return [metrics.snapshots() for metrics in read_metrics(folder / "metrics")]


def test_snapshots_of_the_first_network_of_each_sigma_come_into_one_file(
    finished: Path, small_dataset: Dataset
) -> None:
    [snapshots] = snapshots_of(finished)
    assert snapshots
    assert snapshots.features
    assert snapshots.sigmas.tolist() == [0.001, 0.031622777, 1.0]
    assert snapshots.features.epochs.tolist() == [0, 1, 2]
    for place, sigma in enumerate(snapshots.sigmas):
        folder = finished / "data" / "models" / f"sigma-{sigma:.8g}-replicate-0"
        initial, weights, kept = (load_file(folder / n) for n in (INITIAL, WEIGHTS, SNAPSHOTS))
        for name in ("histograms", "deviations", "answers"):
            np.testing.assert_array_equal(getattr(snapshots, name)[place], kept[name])
        course = [initial["fc1.weight"][:16], kept["features"][0], weights["fc1.weight"][:16]]
        told = snapshots.features.weights[place].reshape(3, 16, 784)
        for one, units, scale in zip(told, course, snapshots.features.scales[place], strict=True):
            assert scale == np.abs(units).max()
            assert np.abs(one - units).max() <= scale / 254 * 1.0001
    assert snapshots.labels.tolist() == list(range(10))
    for digit, label in zip(snapshots.digits, snapshots.labels, strict=True):
        first = np.flatnonzero(small_dataset.test_labels == label)[0]
        np.testing.assert_array_equal(digit.ravel(), small_dataset.test_images[first])


def test_smoothness_is_measured_over_all_units_of_every_network(finished: Path) -> None:
    features = rows(finished, "features.csv")
    assert len(features) == 3 * 2 * 2
    files = {BEFORE: INITIAL, AFTER: WEIGHTS}
    for row in features:
        network = f"sigma-{float(row['sigma']):.8g}-replicate-{row['replicate']}"
        path = finished / "data" / "models" / network / files[row["moment"]]
        of_units = morans_i(load_file(path)["fc1.weight"].reshape(128, 28, 28))
        assert float(row["autocorrelation"]) == pytest.approx(of_units.mean(), rel=1e-5)
        error = of_units.std(ddof=1) / np.sqrt(128)
        assert float(row["standard_error"]) == pytest.approx(error, rel=1e-5)


def test_what_was_not_kept_or_is_no_image_is_missing_and_nothing_else(tmp_path: Path) -> None:
    module = made_up.module_of((5, 3, 2, 2))
    variants = {
        "whole": {"model": {"hidden": [4]}},
        "records": {"sweep": {"keep_weights": False}},
        "channels": {"model": {"network": module.path}},
    }
    write_params(tmp_path, train={"epochs": 5}, sweep={"num_points": 2}, variants=variants)
    modules = {(module.path, "mnist"): module}
    made_up.aggregated(tmp_path, lambda _, trial: [0.5] * trial.records, modules=modules)
    whole, records, channels = snapshots_of(tmp_path)
    assert whole
    assert whole.features
    assert whole.features.epochs.tolist() == [0, 1, 2, 4, 5]
    assert whole.features.images.shape == (2, 5, 4, 3, 4)  # fewer than 16 units
    assert records is None
    assert channels
    assert channels.histograms.shape == (2, 6, 2, 66)
    assert channels.features is None
    assert {row["variant"] for row in rows(tmp_path, "features.csv")} == {"whole"}


def test_points_of_another_sweep_are_not_counted(finished: Path, tmp_path: Path) -> None:
    workspace = tmp_path / "workspace"
    shutil.copytree(finished, workspace)
    write_params(workspace, sweep={"num_points": 2})
    run_stage(workspace, "aggregate")
    assert [float(row["sigma"]) for row in rows(workspace, "accuracy.csv")] == [0.001, 1.0]


def test_overflow_becomes_valid_json_and_an_empty_cell(workspace: Path) -> None:
    beyond = {"sigma_min": 1e6, "sigma_max": 1e6, "num_points": 1}
    train(workspace, sweep=beyond, train={"lr": 1e38})
    run_stage(workspace, "aggregate")
    text = (workspace / "metrics" / "summary.json").read_text()
    summary = json.loads(text, parse_constant=lambda constant: pytest.fail(constant))
    assert summary["trials_diverged"] == 1
    assert rows(workspace, "history.csv")[-1]["test_loss"] == ""
    [snapshots] = snapshots_of(workspace)
    assert snapshots
    assert snapshots.features
    assert np.isfinite(snapshots.features.scales).tolist() == [[True, False, False]]
    assert snapshots.features.images[0].any(axis=(1, 2, 3)).tolist() == [True, False, False]
    assert [row["autocorrelation"] != "" for row in rows(workspace, "features.csv")] == [
        True,
        False,
    ]


def test_missing_models_are_one_line(workspace: Path) -> None:
    write_params(workspace)
    errors = fail_stage(workspace, "aggregate")
    assert "data/models/facts.json" in errors
    assert "`dvc repro`" in errors


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def junk(path: Path) -> None:
    path.write_bytes(b"[" * 100_000)


def folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def junk_with_sums(path: Path) -> None:
    """Even where the sums say that it is right."""
    junk(path)
    models = path.parents[1]
    sums = {**read_sums(models), f"{path.parent.name}/{path.name}": sha256(path.read_bytes())}
    write_sums(models, sums)


def no_sums(path: Path) -> None:
    (path.parents[1] / SUMS).unlink()


def junk_sums(path: Path) -> None:
    (path.parents[1] / SUMS).write_bytes(b"\xff")


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory, finished: Path) -> Path:
    """A workspace whose params.yaml asks for two of the networks in data/models."""
    workspace = shutil.copytree(finished, tmp_path_factory.mktemp("models") / "workspace")
    write_params(workspace, sweep={"num_points": 2})
    return workspace


@pytest.mark.parametrize("name", ["trial.json", INITIAL, WEIGHTS, SNAPSHOTS])
@pytest.mark.parametrize(
    "damage", [cut, junk, Path.unlink, folder, junk_with_sums, no_sums, junk_sums]
)
def test_what_is_not_as_train_wrote_it_is_refused_in_one_line(
    models: Path, tmp_path: Path, name: str, damage: Callable[[Path], None]
) -> None:
    shutil.copytree(models / "data" / "models", tmp_path / "data" / "models")
    shutil.copy(models / "params.yaml", tmp_path)
    [finished] = read_finished(tmp_path)
    assert len(finished.records) == 2
    damage(tmp_path / "data" / "models" / finished.records[1].trial.name / name)
    with pytest.raises(InputError, match=r"data/models.*dvc repro") as refusal:
        read_finished(tmp_path)
    assert "\n" not in str(refusal.value)


def test_data_that_nothing_was_trained_on_are_not_looked_into(
    finished: Path, small_dataset: Dataset, tmp_path: Path
) -> None:
    shutil.copytree(finished, tmp_path, dirs_exist_ok=True)
    shutil.rmtree(tmp_path / "data" / "raw")
    write_data(tmp_path, replace(small_dataset, test_labels=small_dataset.test_labels[::-1].copy()))
    refused = fail_stage(tmp_path, "aggregate")
    assert "data/raw/mnist holds other images than data/models was trained on" in refused


def test_altered_weights_end_aggregate_in_one_line(models: Path) -> None:
    write_params(models, sweep={"num_points": 2}, train={"lr": 0.1})
    assert "trial.json is of another trial; `dvc repro` mends it" in fail_stage(models, "aggregate")
    write_params(models, sweep={"num_points": 2})
    weights = models / "data" / "models" / "sigma-1-replicate-0" / "weights.safetensors"
    cut(weights)
    errors = fail_stage(models, "aggregate")
    assert "data/models/sigma-1-replicate-0/weights.safetensors" in errors
    assert "`dvc repro` mends it" in errors
