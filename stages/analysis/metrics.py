"""The files of metrics/ read back: what they tell of each variant."""

import csv
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file

from stages.analysis.accuracy import Point, sigma_labels
from stages.analysis.baselines import Baseline
from stages.analysis.findings import Results
from stages.analysis.first_layer import AFTER, BEFORE
from stages.analysis.histograms import Histogram
from stages.analysis.inside import COLUMNS, Inside
from stages.analysis.seeds import read_seeds
from stages.analysis.setting import Setting, settings_from_json
from stages.analysis.snapshots import Snapshots
from stages.analysis.tables import Table, of_variant, readable
from stages.core.records import SNAPSHOTS, parse_json
from stages.core.starts import NORMAL

Row = Mapping[str, str]


@dataclass(frozen=True)
class _Files:
    """A folder of metrics, each of whose tables is read once."""

    folder: Path
    tables: dict[str, dict[str, list[Row]]] = field(default_factory=dict)

    def rows(self, name: str, variant: str, *columns: str) -> list[Row]:
        """The rows of a variant in the CSV file `name`, which has to have these columns."""
        if name not in self.tables:
            with (self.folder / name).open(newline="") as file:
                reader = csv.DictReader(file)
                for column in ("variant", *columns):
                    if column not in (reader.fieldnames or ()):
                        raise KeyError(column)
                of_variant: dict[str, list[Row]] = {}
                for row in reader:
                    of_variant.setdefault(row["variant"], []).append(row)
            self.tables[name] = of_variant
        return self.tables[name].get(variant, [])


@dataclass(frozen=True)
class Metrics:
    """What a folder of metrics tells of one variant."""

    setting: Setting
    files: _Files

    def results(self) -> Results:
        """Its accuracies."""
        return Results(
            points=self.points(),
            summary=self.summary(),
            courses=self._courses(),
            setting=self.setting,
            named=self.baselines(),
            seeds=read_seeds(),
            inside=self.inside(),
        )

    def baselines(self) -> list[Baseline]:
        """The rows of baselines.csv, which may have none."""
        with readable(self.files.folder / "baselines.csv"):
            return [
                Baseline(
                    initializer=row["initializer"],
                    test_accuracy=float(row["test_accuracy"]),
                    train_accuracy=float(row["train_accuracy"]),
                    first_epoch_test_accuracy=float(row["first_epoch_test_accuracy"]),
                    untrained_test_accuracy=float(row["untrained_test_accuracy"]),
                    standard_error=_known(row["standard_error"]),
                    n=int(row["n"]),
                    diverged=int(row["diverged"]),
                    accuracies=tuple(map(float, row["accuracies"].split())),
                    layer_sigmas=tuple(map(float, row["layer_sigmas"].split())),
                )
                for row in self.files.rows("baselines.csv", self.setting.variant, "initializer")
            ]

    def inside(self) -> dict[float, Inside]:
        """What was measured inside the networks of each sigma, from evidence.csv."""
        with readable(self.files.folder / "evidence.csv"):
            rows = self.files.rows("evidence.csv", self.setting.variant, "sigma", *COLUMNS)
            return {
                float(row["sigma"]): Inside(*_numbers(row[column] for column in COLUMNS).tolist())
                for row in rows
                if row["sigma"]
            }

    def probes(self) -> Table:
        """What was measured in each layer at each moment of training, from probes.csv."""
        of_signals = ("activation_rms", "gradient_norm", "dead_units")
        of_steps = ("movement", "displacement", "damped")
        return self.table("probes.csv", "sigma", "epoch", "layer", *of_signals, *of_steps)

    def table(self, name: str, *columns: str) -> Table:
        """The named columns of numbers of a CSV file, maybe of no rows; an empty field is NaN."""
        with readable(self.files.folder / name):
            rows = self.files.rows(name, self.setting.variant, *columns)
            return {column: _numbers(row[column] for row in rows) for column in columns}

    def histograms(self) -> list[Histogram]:
        """The rows of histograms.csv, gathered by sigma; none where weights were not kept."""
        table = self.table("histograms.csv", "sigma", "bin_center", "count")
        return [
            Histogram(float(sigma), *(table[name][table["sigma"] == sigma] for name in columns))
            for columns in [("bin_center", "count")]
            for sigma in np.unique(table["sigma"])
        ]

    def features(self) -> dict[str, Table]:
        """How smooth first-layer weights are as images, BEFORE and AFTER training.

        No rows where weights were not kept, or where the first layer sees no image.
        """
        columns = ("sigma", "replicate", "autocorrelation", "standard_error")
        with readable(self.files.folder / "features.csv"):
            rows = self.files.rows("features.csv", self.setting.variant, "moment", *columns)
            of_moment = {m: [row for row in rows if row["moment"] == m] for m in (BEFORE, AFTER)}
            return {
                moment: {column: _numbers(row[column] for row in found) for column in columns}
                for moment, found in of_moment.items()
            }

    def snapshots(self) -> Snapshots | None:
        """What was kept of its networks while they trained; None where weights were not kept."""
        if not self.setting.keeps_weights:
            return None
        with readable(self.files.folder / SNAPSHOTS) as path:
            try:
                return Snapshots.from_tensors(load_file(path), self.setting.variant)
            except SafetensorError as error:
                raise ValueError(f"holds no tensors ({type(error).__name__})") from None

    def theory_errors(self) -> dict[str, Any]:
        """How far theory is off, from theory.json; nothing of a module."""
        with readable(self.files.folder / "theory.json") as path:
            return dict(of_variant(parse_json(path.read_bytes()), self.setting.variant))

    def summary(self) -> dict[str, float]:
        """Its scalars, from summary.json."""
        with readable(self.files.folder / "summary.json") as path:
            return dict(of_variant(parse_json(path.read_bytes()), self.setting.variant))

    def points(self) -> list[Point]:
        """Each sigma, from accuracy.csv."""
        with readable(self.files.folder / "accuracy.csv"):
            found = self.files.rows("accuracy.csv", self.setting.variant, "initializer")
            rows = [row for row in found if row["initializer"] == NORMAL]
            if not rows:
                raise ValueError("no rows")
            labels = sigma_labels(float(row["sigma"]) for row in rows)
            return [_point(row, labels, self.setting) for row in rows]

    def _courses(self) -> dict[float, list[float]]:
        """The test accuracy after each epoch by sigma, a mean over replicates."""
        accuracy: dict[float, dict[int, list[float]]] = {}
        with readable(self.files.folder / "history.csv"):
            for row in self.files.rows("history.csv", self.setting.variant, "epoch"):
                of_sigma = accuracy.setdefault(float(row["sigma"]), {})
                of_sigma.setdefault(int(row["epoch"]), []).append(float(row["test_accuracy"]))
        return {
            sigma: [float(np.mean(epochs[epoch])) for epoch in sorted(epochs)]
            for sigma, epochs in accuracy.items()
        }


def read_metrics(folder: Path) -> list[Metrics]:
    """What `folder` tells of each variant, in the order of params.yaml.

    Raises InputError where facts.json is missing or damaged; other files are read when asked for.
    """
    files = _Files(folder)
    with readable(folder / "facts.json") as path:
        settings = settings_from_json(parse_json(path.read_bytes()))
        if not settings:
            raise ValueError("no variants")
        return [Metrics(setting, files) for setting in settings]


def _point(row: Row, labels: Mapping[float, str], setting: Setting) -> Point:
    return Point(
        sigma=float(row["sigma"]),
        label=labels[float(row["sigma"])],
        untrained_test_accuracy=float(row["untrained_test_accuracy"]),
        test_accuracy=float(row["test_accuracy"]),
        train_accuracy=float(row["train_accuracy"]),
        first_epoch_test_accuracy=float(row["first_epoch_test_accuracy"]),
        standard_error=_known(row["standard_error"]),
        n=int(row["n"]),
        diverged=int(row["diverged"]),
        accuracies=tuple(map(float, row["accuracies"].split())),
        holdout=setting.holdout,
    )


def _known(text: str) -> float | None:
    return float(text) if text else None


def _numbers(texts: Iterable[str]) -> NDArray[np.float64]:
    return np.array([float(text) if text else np.nan for text in texts])
