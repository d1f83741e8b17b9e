"""The plot door: metrics/ in, plots/ out."""

import csv
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from stages.analysis.accuracy import Point
from stages.core.door import InputError, clear_exit
from stages.figures.accuracy_vs_sigma import accuracy_vs_sigma
from stages.figures.style import house_style, save
from stages.figures.weight_histograms import Histogram, weight_histograms

METRICS, PLOTS = Path("metrics"), Path("plots")


def main() -> None:
    """Write accuracy_vs_sigma.png and weight_histograms.png."""
    with readable(METRICS / "summary.json") as path:
        summary: dict[str, float] = json.loads(path.read_text())
    points = read_points()
    histograms = read_histograms()
    PLOTS.mkdir(exist_ok=True)
    with house_style():
        save(accuracy_vs_sigma(points, summary), PLOTS / "accuracy_vs_sigma.png")
        save(weight_histograms(histograms), PLOTS / "weight_histograms.png")


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


def read_histograms() -> list[Histogram]:
    """The rows of histograms.csv, gathered by sigma."""
    bins: dict[float, list[tuple[float, float]]] = {}
    with readable(METRICS / "histograms.csv") as path:
        for row in read_rows(path):
            bin_of_sigma = float(row["bin_center"]), float(row["count"])
            bins.setdefault(float(row["sigma"]), []).append(bin_of_sigma)
    return [Histogram(sigma, *np.array(bins[sigma]).T) for sigma in sorted(bins)]


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


if __name__ == "__main__":
    with clear_exit("plot"):
        main()
