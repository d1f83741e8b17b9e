"""The files of metrics/: how they are written, and what they hold, read back."""

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stages.analysis.accuracy import Point, sigma_labels
from stages.analysis.baselines import Baseline
from stages.core.starts import NORMAL
from stages.process.door import InputError
from stages.process.files import write_atomically

METRICS = Path("metrics")

Table = Mapping[str, NDArray[np.float64]]
"""Columns of a CSV file, by name."""


@dataclass(frozen=True)
class Curve:
    """A quantity against sigma, averaged over replicates."""

    sigma: NDArray[np.float64]  # rising
    mean: NDArray[np.float64]
    error: NDArray[np.float64]  # standard error of the mean; 0 for a single replicate


def read_summary() -> dict[str, float]:
    """The scalars of summary.json."""
    with readable(METRICS / "summary.json") as path:
        return dict(json.loads(path.read_text()))


def read_probes() -> Table:
    """What was measured in each layer at each moment of training, from probes.csv."""
    measured = ("activation_rms", "gradient_norm", "dead_units", "movement")
    return read_table("probes.csv", "sigma", "epoch", "layer", *measured)


def read_points(metrics: Path = METRICS) -> list[Point]:
    """The sigmas of accuracy.csv."""
    with readable(metrics / "accuracy.csv") as path:
        rows = [row for row in read_rows(path) if row["initializer"] == NORMAL]
        labels = sigma_labels(float(row["sigma"]) for row in rows)
        return [
            Point(
                sigma=float(row["sigma"]),
                label=labels[float(row["sigma"])],
                untrained_test_accuracy=float(row["untrained_test_accuracy"]),
                test_accuracy=float(row["test_accuracy"]),
                train_accuracy=float(row["train_accuracy"]),
                first_epoch_test_accuracy=float(row["first_epoch_test_accuracy"]),
                standard_error=float(row["standard_error"]) if row["standard_error"] else None,
                n=int(row["n"]),
                diverged=int(row["diverged"]),
                accuracies=tuple(map(float, row["accuracies"].split())),
            )
            for row in rows
        ]


def read_courses() -> dict[float, list[float]]:
    """The test accuracy after each epoch by sigma, a mean over replicates, from history.csv."""
    accuracy: dict[float, dict[int, list[float]]] = {}
    with readable(METRICS / "history.csv") as path:
        for row in read_rows(path):
            of_sigma = accuracy.setdefault(float(row["sigma"]), {})
            of_sigma.setdefault(int(row["epoch"]), []).append(float(row["test_accuracy"]))
    return {
        sigma: [float(np.mean(epochs[epoch])) for epoch in sorted(epochs)]
        for sigma, epochs in accuracy.items()
    }


def read_baselines() -> list[Baseline]:
    """The rows of baselines.csv, which may have none."""
    with readable(METRICS / "baselines.csv") as path, path.open(newline="") as file:
        return [
            Baseline(
                initializer=row["initializer"],
                test_accuracy=float(row["test_accuracy"]),
                train_accuracy=float(row["train_accuracy"]),
                first_epoch_test_accuracy=float(row["first_epoch_test_accuracy"]),
                untrained_test_accuracy=float(row["untrained_test_accuracy"]),
                n=int(row["n"]),
                diverged=int(row["diverged"]),
                best_sigma=float(row["best_sigma"]),
                difference=float(row["difference"]),
                difference_error=float(row["difference_error"]),
                layer_sigmas=tuple(map(float, row["layer_sigmas"].split())),
            )
            for row in csv.DictReader(file)
        ]


def read_table(name: str, *columns: str) -> Table:
    """The named columns of numbers of a file of metrics/; an empty field is NaN."""
    with readable(METRICS / name) as path:
        rows = read_rows(path)
        return {column: _numbers(row[column] for row in rows) for column in columns}


def layer_curve(table: Table, column: str, **where: float) -> Curve:
    """`column` against sigma, of the rows whose columns have the values `where`."""
    mine = np.isfinite(table["sigma"])
    for name, value in where.items():
        mine &= table[name] == value
    sigmas, values = table["sigma"][mine], table[column][mine]
    of_sigma = [values[sigmas == sigma] for sigma in np.unique(sigmas)]
    return Curve(
        np.unique(sigmas),
        np.array([group.mean() for group in of_sigma]),
        np.array([_standard_error(group) for group in of_sigma]),
    )


def _standard_error(values: NDArray[np.float64]) -> float:
    return float(values.std(ddof=1) / np.sqrt(len(values))) if len(values) > 1 else 0.0


def _numbers(texts: Iterable[str]) -> NDArray[np.float64]:
    return np.array([float(text) if text else np.nan for text in texts])


def read_rows(path: Path) -> list[dict[str, str]]:
    """The rows of a CSV file that has at least one."""
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    if not rows:
        raise ValueError("no rows")
    return rows


@contextmanager
def readable(path: Path) -> Iterator[Path]:
    """Say in one line what is wrong with `path`, and what mends it, if reading it fails inside."""
    try:
        yield path
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; `dvc repro` makes it") from None
    except KeyError as error:
        raise InputError(f"{path}: no column {error}; `dvc repro -f aggregate` mends it") from None
    except (TypeError, ValueError) as error:
        raise InputError(f"{path}: {error}; `dvc repro -f aggregate` mends it") from None


def write_json(path: Path, content: Any) -> None:
    """Write strict JSON, which has no NaN."""
    write_atomically(path, json.dumps(content, indent=2, allow_nan=False) + "\n")


def write_csv(path: Path, rows: Iterable[dict[str, Any]], columns: Sequence[str] = ()) -> None:
    """Write `rows` under their keys; what is unknown (None, NaN) stays empty."""
    rows = [{k: "" if v is None or v != v else v for k, v in row.items()} for row in rows]
    text = io.StringIO()
    writer = csv.DictWriter(text, columns or list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_atomically(path, text.getvalue())
