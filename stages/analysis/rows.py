"""The rows of the CSV files in metrics/, made from the trials in data/models."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from stages.analysis.accuracy import Point
from stages.analysis.baselines import Baseline
from stages.analysis.histograms import parameter_histogram
from stages.analysis.mechanism import layer_changes, scaled_distribution, weight_std
from stages.core.records import INITIAL, WEIGHTS, Record, read_parameters, read_weight_matrices
from stages.core.starts import NORMAL


def provenance_rows(records: Iterable[Record]) -> list[dict[str, Any]]:
    """Each provenance in the sweep, normally one, with the number of its trials."""
    trials = Counter(record.provenance for record in records)
    return [{"trials": count, **asdict(provenance)} for provenance, count in trials.items()]


def accuracy_rows(points: Iterable[Point], named: Iterable[Baseline]) -> Iterable[dict[str, Any]]:
    """A row for each sigma, then one for each named initialiser, whose layers differ in theirs.

    Accuracies of the replicates stand in one field, with spaces between.
    """
    for point in points:
        accuracies = " ".join(map(str, point.accuracies))
        ends = dict.fromkeys(("layer_sigma_low", "layer_sigma_high"), point.sigma)
        row = {**asdict(point), "accuracies": accuracies, "initializer": NORMAL, **ends}
        del row["label"]  # follows from all sigmas
        yield row
    for baseline in named:
        yield {
            "untrained_test_accuracy": baseline.untrained_test_accuracy,
            "test_accuracy": baseline.test_accuracy,
            "train_accuracy": baseline.train_accuracy,
            "first_epoch_test_accuracy": baseline.first_epoch_test_accuracy,
            "n": baseline.n,
            "diverged": baseline.diverged,
            "initializer": baseline.initializer,
            "layer_sigma_low": min(baseline.layer_sigmas),
            "layer_sigma_high": max(baseline.layer_sigmas),
        }


def baseline_row(baseline: Baseline) -> dict[str, Any]:
    """Sigmas of the layers, from the first to the last, with spaces between."""
    return {**asdict(baseline), "layer_sigmas": " ".join(map(str, baseline.layer_sigmas))}


def layer_sigmas(folder: Path) -> tuple[float, ...]:
    """The standard deviation of the initial weights of each layer of the trial in `folder`."""
    return tuple(map(weight_std, read_weight_matrices(folder / INITIAL)))


def history_rows(records: Iterable[Record]) -> Iterable[dict[str, Any]]:
    """A row for each epoch of each trial."""
    for record in records:
        for epoch in record.history:
            yield {"sigma": record.sigma, "replicate": record.replicate, **asdict(epoch)}


def histogram_rows(
    folders: list[Path], records: list[Record], bins: int
) -> Iterable[dict[str, Any]]:
    """A row for each bin of each sigma, over the parameters of all its replicates."""
    of_sigma: dict[float, list[Path]] = {}
    for folder, record in zip(folders, records, strict=True):
        if record.initializer == NORMAL:
            of_sigma.setdefault(record.sigma, []).append(folder)
    for sigma, replicates in of_sigma.items():
        parameters = np.concatenate([read_parameters(folder) for folder in replicates])
        for centre, count in zip(*parameter_histogram(parameters, bins), strict=True):
            yield {"sigma": sigma, "bin_center": f"{centre:.8g}", "count": count}


def layer_rows(folders: list[Path], records: list[Record]) -> Iterable[dict[str, Any]]:
    """A row for each weight matrix of each network."""
    for folder, record in zip(folders, records, strict=True):
        before, after = (read_weight_matrices(folder / name) for name in (INITIAL, WEIGHTS))
        for change in layer_changes(before, after):
            yield {
                "initializer": record.initializer,
                "sigma": record.sigma,
                "replicate": record.replicate,
                **asdict(change),
            }


def distribution_rows(folders: list[Path], records: list[Record]) -> Iterable[dict[str, Any]]:
    """The weights of the first replicate of each sigma before and after training."""
    for folder, record in zip(folders, records, strict=True):
        if record.initializer == NORMAL and record.replicate == 0:
            before, after = (read_weight_matrices(folder / name) for name in (INITIAL, WEIGHTS))
            for row in scaled_distribution(before, after, record.sigma):
                yield {"sigma": record.sigma, **row, "bin_center": f"{row['bin_center']:.6g}"}
