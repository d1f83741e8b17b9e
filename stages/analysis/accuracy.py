"""Accuracy against sigma: replicates averaged, and the answers that a person looks for first."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import takewhile

import numpy as np

from stages.analysis.holdout import Holdout
from stages.analysis.tables import standard_error
from stages.core.records import Record

WINDOW_DISTANCE = 0.01
"""A sigma belongs to the window if its accuracy is at most this far below the best."""

_DIGITS, _ALL_DIGITS = 3, 8
"""Significant digits of a sigma for people: so many, or more where they coincide, up to all."""


@dataclass(frozen=True)
class Point:
    """One sigma, averaged over its replicates; accuracies are shares of 1."""

    sigma: float
    label: str  # sigma for people, unlike that of any other point of the sweep
    untrained_test_accuracy: float  # of the same networks before training
    test_accuracy: float  # mean over the final epochs, as train_accuracy
    train_accuracy: float
    first_epoch_test_accuracy: float
    standard_error: float | None  # of test_accuracy over replicates; None for a single one
    n: int  # replicates
    diverged: int  # replicates in which a loss or a parameter overflowed
    accuracies: tuple[float, ...]  # test_accuracy of each replicate, in their order
    holdout: Holdout  # what they were tested on


def final_test_accuracy(record: Record, final_epochs: int) -> float:
    """Mean test accuracy of the last `final_epochs` epochs, or of all if there are fewer."""
    return float(np.mean([epoch.test_accuracy for epoch in record.history[-final_epochs:]]))


def accuracy_points(records: Sequence[Record], final_epochs: int, holdout: Holdout) -> list[Point]:
    """A point for each sigma, by rising sigma."""
    by_sigma: dict[float, list[Record]] = {}
    for record in sorted(records, key=lambda record: (record.sigma, record.replicate)):
        by_sigma.setdefault(record.sigma, []).append(record)
    labels = sigma_labels(by_sigma)
    return [
        average(sigma, labels[sigma], replicates, final_epochs, holdout)
        for sigma, replicates in by_sigma.items()
    ]


def sigma_labels(sigmas: Iterable[float]) -> dict[float, str]:
    """Each sigma with three significant digits, or with as many as tell all of them apart."""
    different = dict.fromkeys(sigmas)
    for digits in range(_DIGITS, _ALL_DIGITS + 1):
        labels = {sigma: f"{sigma:.{digits}g}" for sigma in different}
        if len(set(labels.values())) == len(different):
            break
    return labels


def average(
    sigma: float, label: str, replicates: Sequence[Record], final_epochs: int, holdout: Holdout
) -> Point:
    """The point of `replicates`, which are in their order; a named initialiser's sigma is NaN."""
    test = [final_test_accuracy(record, final_epochs) for record in replicates]
    train = [e.train_accuracy for r in replicates for e in r.history[-final_epochs:]]
    n = len(replicates)
    return Point(
        sigma=sigma,
        label=label,
        untrained_test_accuracy=float(np.mean([r.untrained_test_accuracy for r in replicates])),
        test_accuracy=float(np.mean(test)),
        train_accuracy=float(np.mean(train)),
        first_epoch_test_accuracy=float(np.mean([r.history[0].test_accuracy for r in replicates])),
        standard_error=float(standard_error(np.array(test))) if n > 1 else None,
        n=n,
        diverged=sum(record.diverged for record in replicates),
        accuracies=tuple(test),
        holdout=holdout,
    )


def learned(final: float, untrained: float, holdout: Holdout) -> bool:
    """Whether a network ended above chance and above its own accuracy before training.

    Both by more than the test images explain: random networks of a large sigma may beat chance.
    """
    return final > holdout.ceiling and holdout.better(final, untrained)


def learned_well(point: Point, best_accuracy: float) -> bool:
    """Whether the networks of `point` learned, and came more than half way to the best."""
    return has_learned(point) and point.test_accuracy > learning_bar(best_accuracy, point.holdout)


def has_learned(point: Point) -> bool:
    """Whether the networks of `point` learned, on average."""
    return learned(point.test_accuracy, point.untrained_test_accuracy, point.holdout)


def learning_bar(best_accuracy: float, holdout: Holdout) -> float:
    """Half way from chance to the best: below, a network learned little."""
    return max((holdout.chance + best_accuracy) / 2, holdout.ceiling)


def best_window(points: Sequence[Point]) -> list[Point]:
    """The unbroken range of points around the best whose accuracy is near it."""
    best = max(points, key=lambda point: point.test_accuracy)

    def near(point: Point) -> bool:
        return point.test_accuracy >= best.test_accuracy - WINDOW_DISTANCE

    place = points.index(best)
    below = list(takewhile(near, reversed(points[:place])))
    return [*reversed(below), *takewhile(near, points[place:])]


def summarize(
    points: Sequence[Point], records: Sequence[Record], final_epochs: int
) -> dict[str, float | int]:
    """The scalars of summary.json; both ends of the window are logarithms to base 10.

    At chance are trials that did not learn: a network that training left as random as it was is no
    better than chance, even where its accuracy is.
    """
    best = max(points, key=lambda point: point.test_accuracy)
    window = best_window(points) if any(map(has_learned, points)) else [best]
    holdout = best.holdout
    low, high = (round(float(np.log10(end.sigma)), 4) for end in (window[0], window[-1]))
    unlearned = [
        not learned(final_test_accuracy(r, final_epochs), r.untrained_test_accuracy, holdout)
        for r in records
    ]
    return {
        "best_sigma": best.sigma,
        "best_accuracy": best.test_accuracy,
        "accuracy_at_sigma_min": points[0].test_accuracy,
        "accuracy_at_sigma_max": points[-1].test_accuracy,
        "window_low_log10": low,
        "window_high_log10": high,
        "window_decades": round(high - low, 4),
        "trials": len(records),
        "trials_diverged": sum(record.diverged for record in records),
        "trials_at_chance": sum(unlearned),
    }
