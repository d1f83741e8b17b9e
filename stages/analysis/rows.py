"""The rows of the CSV files in metrics/, made from the trials in data/models."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from stages.analysis.accuracy import Point, accuracy_points, summarize
from stages.analysis.baselines import Baseline, baselines
from stages.analysis.first_layer import AFTER, BEFORE, read_first_layer, smoothness, unit_shape
from stages.analysis.histograms import parameter_histogram
from stages.analysis.inside import DIGITS, dead_units, inside
from stages.analysis.mechanism import Matrix, layer_changes, scaled_distribution, weight_std
from stages.analysis.setting import Setting
from stages.core.records import INITIAL, WEIGHTS, Record, read_parameters, read_weight_matrices
from stages.core.starts import NORMAL

Rows = Iterator[dict[str, Any]]

BASELINE_COLUMNS = [field.name for field in fields(Baseline)]


@dataclass(frozen=True)
class Finished:
    """The trained networks of a variant: the record and the folder of each."""

    setting: Setting
    records: list[Record]
    folders: list[Path]
    image_shape: tuple[int, int]  # of its data: rows, columns

    @property
    def final_epochs(self) -> int:
        """Over so many last records accuracies are averaged."""
        return int(self.setting.params["report"]["final_epochs"])

    @cached_property
    def sweep(self) -> list[Record]:
        """The networks of a sigma."""
        return [record for record in self.records if record.initializer == NORMAL]

    @cached_property
    def points(self) -> list[Point]:
        """A point for each sigma."""
        return accuracy_points(self.sweep, self.final_epochs, self.setting.holdout)

    @cached_property
    def summary(self) -> dict[str, float | int]:
        """The scalars of summary.json."""
        return summarize(self.points, self.sweep, self.final_epochs)

    @cached_property
    def named(self) -> list[Baseline]:
        """The named initialisers beside the sweep."""
        firsts = {r.initializer: f for r, f in self._replicates(0) if r.initializer != NORMAL}
        layers = {name: self._layer_sigmas(folder) for name, folder in firsts.items()}
        return baselines(self.records, self.setting.holdout, self.final_epochs, layers)

    @property
    def with_weights(self) -> list[tuple[Record, Path]]:
        """The networks whose weights are kept."""
        if not self.setting.keeps_weights:
            return []
        return list(zip(self.records, self.folders, strict=True))

    @property
    def firsts(self) -> list[tuple[Record, Path]]:
        """Of those the first of each sigma, by rising sigma."""
        return [
            (record, folder)
            for record, folder in self.with_weights
            if record.initializer == NORMAL and record.replicate == 0
        ]

    def _replicates(self, number: int) -> Iterator[tuple[Record, Path]]:
        pairs = zip(self.records, self.folders, strict=True)
        return ((record, folder) for record, folder in pairs if record.replicate == number)

    def _layer_sigmas(self, folder: Path) -> tuple[float, ...]:
        """The σ of the initial weights of each layer of a trial; none where they are not kept."""
        network = self.records[0].trial.network
        if not self.setting.keeps_weights:
            return ()
        weights = read_weight_matrices(folder / INITIAL, network)
        return tuple(
            self.setting.sigma_of(layer, weight_std(of_layer))
            for layer, of_layer in zip(self.setting.layers, weights, strict=True)
        )


def rows_of_all(finished: Iterable[Finished], rows: Callable[[Finished], Rows]) -> Rows:
    """The rows of every variant, each with its name first."""
    for variant in finished:
        for row in rows(variant):
            yield {"variant": variant.setting.variant, **row}


def provenance_rows(finished: Iterable[Finished]) -> list[dict[str, Any]]:
    """Each provenance, normally one for each data set, with the number of its trials."""
    records = {record.trial: record for variant in finished for record in variant.records}
    trials = Counter((record.provenance, trial.data) for trial, record in records.items())
    return [
        {"trials": count, **asdict(provenance), "data": data}
        for (provenance, data), count in trials.items()
    ]


def accuracy_rows(finished: Finished) -> Rows:
    """A row for each sigma, then one for each named initialiser, whose layers differ in theirs.

    Accuracies of the replicates stand in one field, with spaces between.
    """
    chance = {"chance": finished.setting.data.chance}
    for point in finished.points:
        accuracies = " ".join(map(str, point.accuracies))
        ends = dict.fromkeys(("layer_sigma_low", "layer_sigma_high"), point.sigma)
        row = {**asdict(point), "accuracies": accuracies, "initializer": NORMAL, **ends, **chance}
        del row["label"], row["holdout"]  # follow from all sigmas, and from facts.json
        yield row
    for baseline in finished.named:
        yield {
            "untrained_test_accuracy": baseline.untrained_test_accuracy,
            "test_accuracy": baseline.test_accuracy,
            "train_accuracy": baseline.train_accuracy,
            "first_epoch_test_accuracy": baseline.first_epoch_test_accuracy,
            "n": baseline.n,
            "diverged": baseline.diverged,
            "initializer": baseline.initializer,
            "layer_sigma_low": min(baseline.layer_sigmas, default=None),
            "layer_sigma_high": max(baseline.layer_sigmas, default=None),
            **chance,
        }


def baseline_rows(finished: Finished) -> Rows:
    """Accuracies of the replicates, and sigmas of the layers from the first to the last, each in
    one field with spaces between."""
    for baseline in finished.named:
        lists = {name: getattr(baseline, name) for name in ("accuracies", "layer_sigmas")}
        yield {**asdict(baseline), **{k: " ".join(map(str, held)) for k, held in lists.items()}}


def history_rows(finished: Finished) -> Rows:
    """A row for each epoch of each trial."""
    for record in finished.sweep:
        for epoch in record.history:
            yield {"sigma": record.sigma, "replicate": record.replicate, **asdict(epoch)}


def probe_rows(finished: Finished) -> Rows:
    """A row for each layer of each network at each moment; layers count from 1."""
    for record in finished.records:
        for probe in record.probes:
            for number, layer in enumerate(probe.layers, start=1):
                yield {
                    "initializer": record.initializer,
                    "sigma": record.sigma,
                    "replicate": record.replicate,
                    "epoch": probe.epoch,
                    "loss": probe.loss,
                    "sharpness": probe.sharpness,
                    "layer": number,
                    **asdict(layer),
                }


def evidence_rows(finished: Finished) -> Rows:
    """A row for each start: what was measured inside its networks, for git to keep."""
    starts: dict[tuple[str, float | None], list[Record]] = {}
    for record in finished.records:
        start = record.trial.start
        starts.setdefault((start.initializer, start.sigma), []).append(record)
    for (initializer, sigma), replicates in starts.items():
        measured = asdict(inside(replicates, finished.setting))
        rounded = {name: float(f"{value:.{DIGITS}g}") for name, value in measured.items()}
        dead = " ".join(f"{dead_units(record):.{DIGITS}g}" for record in replicates)
        yield {"initializer": initializer, "sigma": sigma, **rounded, "dead_units": dead}


def histogram_rows(finished: Finished) -> Rows:
    """A row for each bin of each sigma, over the parameters of all its replicates."""
    of_sigma: dict[float, list[Path]] = {}
    for record, folder in finished.with_weights:
        if record.initializer == NORMAL:
            of_sigma.setdefault(record.sigma, []).append(folder)
    network, bins = finished.records[0].trial.network, bins_of(finished.setting)
    for sigma, replicates in of_sigma.items():
        parameters = np.concatenate([read_parameters(folder, network) for folder in replicates])
        for centre, count in zip(*parameter_histogram(parameters, bins), strict=True):
            yield {"sigma": sigma, "bin_center": f"{centre:.8g}", "count": count}


def bins_of(setting: Setting) -> int:
    """The bins of each histogram."""
    return int(setting.params["report"]["histogram_bins"])


def layer_rows(finished: Finished) -> Rows:
    """A row for each weight matrix of each network."""
    for record, folder in finished.with_weights:
        before, after = _weights(record, folder)
        for change in layer_changes(before, after):
            yield {
                "initializer": record.initializer,
                "sigma": record.sigma,
                "replicate": record.replicate,
                **asdict(change),
            }


def distribution_rows(finished: Finished) -> Rows:
    """The weights of the first replicate of each sigma before and after training."""
    setting = finished.setting
    for record, folder in finished.firsts:
        drawn = [setting.deviation_of(layer, record.sigma) for layer in setting.layers]
        before, after = _weights(record, folder)
        for row in scaled_distribution(before, after, drawn):
            yield {"sigma": record.sigma, **row, "bin_center": f"{row['bin_center']:.6g}"}


def feature_rows(finished: Finished) -> Rows:
    """How smooth first-layer weights are as images, where they are, before and after training."""
    network = finished.records[0].trial.network
    shape = unit_shape(network, finished.image_shape)
    if shape is None:
        return
    for record, folder in finished.with_weights:
        if record.initializer == NORMAL:
            for moment, file in ((BEFORE, INITIAL), (AFTER, WEIGHTS)):
                weights = read_first_layer(folder / file, network)
                measured = smoothness(weights.reshape(-1, *shape))
                yield {
                    "sigma": record.sigma,
                    "replicate": record.replicate,
                    "moment": moment,
                    **{name: float(f"{value:.6g}") for name, value in asdict(measured).items()},
                }


def _weights(record: Record, folder: Path) -> tuple[list[Matrix], list[Matrix]]:
    """The weight matrices of a network before and after training."""
    before, after = (
        read_weight_matrices(folder / name, record.trial.network) for name in (INITIAL, WEIGHTS)
    )
    return before, after
