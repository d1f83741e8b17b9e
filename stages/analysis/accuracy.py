"""Accuracy against sigma: replicates averaged, and the answers that a person looks for first."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile
from math import sqrt

import numpy as np

from stages.core.dataset import CHANCE_ACCURACY
from stages.core.records import Record

WINDOW_DISTANCE = 0.01
"""A sigma belongs to the window if its accuracy is at most this far below the best."""

SMALL_SIGMA, LARGE_SIGMA = 1e-3, 1.0
"""Up to the one and from the other on a textbook expects no learning: far off the 0.05 to 0.18 of
Glorot and of He."""

CHANCE_CEILING = CHANCE_ACCURACY + 3 * sqrt(CHANCE_ACCURACY * (1 - CHANCE_ACCURACY) / 10_000)
"""12.3 %: above this a trial is better than chance. Three standard errors of a share of the 10,000
test images."""


@dataclass(frozen=True)
class Point:
    """One sigma, averaged over its replicates; accuracies are shares of 1."""

    sigma: float
    test_accuracy: float  # mean over the final epochs, as all but the first-epoch accuracy
    train_accuracy: float
    first_epoch_test_accuracy: float
    standard_error: float | None  # of test_accuracy over replicates; None for a single one
    n: int  # replicates
    diverged: int  # replicates in which a loss or a parameter overflowed


def final_test_accuracy(record: Record, final_epochs: int) -> float:
    """Mean test accuracy of the last `final_epochs` epochs, or of all if there are fewer."""
    return float(np.mean([epoch.test_accuracy for epoch in record.history[-final_epochs:]]))


def accuracy_points(records: Sequence[Record], final_epochs: int) -> list[Point]:
    """A point for each sigma, by rising sigma."""
    by_sigma: dict[float, list[Record]] = {}
    for record in sorted(records, key=lambda record: record.sigma):
        by_sigma.setdefault(record.sigma, []).append(record)
    return [_point(sigma, replicates, final_epochs) for sigma, replicates in by_sigma.items()]


def summarize(
    points: Sequence[Point], records: Sequence[Record], final_epochs: int
) -> dict[str, float | int]:
    """The scalars of `dvc exp show`. The window is the unbroken range of points around the best."""
    accuracy = [point.test_accuracy for point in points]
    best = int(np.argmax(accuracy))

    def reach(indices: Sequence[int]) -> float:
        """The last sigma on the way along `indices` before accuracy leaves the window."""
        near = takewhile(lambda i: accuracy[i] >= accuracy[best] - WINDOW_DISTANCE, indices)
        return points[list(near)[-1]].sigma

    low, high = reach(range(best, -1, -1)), reach(range(best, len(points)))
    final = [final_test_accuracy(record, final_epochs) for record in records]
    return {
        "best_sigma": points[best].sigma,
        "best_accuracy": accuracy[best],
        "accuracy_at_sigma_min": accuracy[0],
        "accuracy_at_sigma_max": accuracy[-1],
        "window_low": low,
        "window_high": high,
        "window_decades": round(float(np.log10(high / low)), 4),
        "trials": len(records),
        "trials_diverged": sum(record.diverged for record in records),
        "trials_at_chance": sum(accuracy <= CHANCE_CEILING for accuracy in final),
    }


def _point(sigma: float, replicates: list[Record], final_epochs: int) -> Point:
    test = [final_test_accuracy(record, final_epochs) for record in replicates]
    train = [e.train_accuracy for r in replicates for e in r.history[-final_epochs:]]
    n = len(replicates)
    return Point(
        sigma=sigma,
        test_accuracy=float(np.mean(test)),
        train_accuracy=float(np.mean(train)),
        first_epoch_test_accuracy=float(np.mean([r.history[0].test_accuracy for r in replicates])),
        standard_error=float(np.std(test, ddof=1) / sqrt(n)) if n > 1 else None,
        n=n,
        diverged=sum(record.diverged for record in replicates),
    )
