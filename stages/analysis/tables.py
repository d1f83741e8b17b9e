"""The files of metrics/ as values: what aggregate wrote, read back."""

import csv
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from stages.analysis.accuracy import Point
from stages.core.door import InputError

METRICS = Path("metrics")


def read_summary() -> dict[str, float]:
    """The scalars of summary.json."""
    with readable(METRICS / "summary.json") as path:
        return dict(json.loads(path.read_text()))


def read_points() -> list[Point]:
    """The rows of accuracy.csv."""
    with readable(METRICS / "accuracy.csv") as path:
        return [
            Point(
                sigma=float(row["sigma"]),
                test_accuracy=float(row["test_accuracy"]),
                train_accuracy=float(row["train_accuracy"]),
                first_epoch_test_accuracy=float(row["first_epoch_test_accuracy"]),
                standard_error=float(row["standard_error"]) if row["standard_error"] else None,
                n=int(row["n"]),
                diverged=int(row["diverged"]),
            )
            for row in read_rows(path)
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
