"""Which differences between two points the data cannot tell from noise."""

from collections.abc import Sequence
from math import hypot, sqrt
from statistics import stdev
from typing import TYPE_CHECKING

from stages.analysis.holdout import Holdout

if TYPE_CHECKING:
    from stages.analysis.accuracy import Point  # which judges by the errors here

PAIRED_STUDENT = (12.7, 4.30, 3.18, 2.78, 2.57, 2.45, 2.36, 2.31, 2.26)
"""Student's t for 95 % at n - 1 degrees of freedom, n = 2 to 10: so many standard errors the mean
of n paired differences exceeds by chance once in 20 times."""


def error(point: "Point") -> float:
    """Standard error over replicates, which the seeds are in; of a lone network the binomial."""
    if point.standard_error is None:
        return point.holdout.error(point.test_accuracy)
    return point.standard_error


def paired_factor(n: int) -> float:
    """How many standard errors of the mean of `n` paired differences are noise."""
    return 2.0 if n == 1 else PAIRED_STUDENT[min(n, 10) - 2]


def difference_error(one: Sequence[float], other: Sequence[float], holdout: Holdout) -> float:
    """Standard error of the mean difference of two accuracies by replicate, which are paired:
    equal replicates share seed and batches. Of a lone pair it is that of the test images; of
    several at least one image, since accuracies are no finer."""
    if len(one) == 1:
        return hypot(holdout.error(one[0]), holdout.error(other[0]))
    spread = stdev(a - b for a, b in zip(one, other, strict=True)) / sqrt(len(one))
    return max(spread, 1 / holdout.images)


def noise(one: "Point", other: "Point") -> float:
    """How far the difference of the final accuracies may be off."""
    return paired_factor(min(one.n, other.n)) * _error_of_difference(one, other)


def is_noise(one: "Point", other: "Point") -> bool:
    """Whether the final accuracies differ by no more than their uncertainty explains."""
    return abs(one.test_accuracy - other.test_accuracy) <= noise(one, other)


def verdict(one: "Point", other: "Point") -> str:
    """What can be said of the difference of two final accuracies."""
    difference = one.test_accuracy - other.test_accuracy
    return judge(difference, _error_of_difference(one, other), min(one.n, other.n))


def judge(difference: float, standard_error: float, n: int) -> str:
    """What can be said of a mean of `n` differences; for lone networks seed noise is unknown."""
    if abs(difference) <= paired_factor(n) * standard_error:
        return "within noise"
    return "beyond noise" if n > 1 else "more than the test images explain"


def _error_of_difference(one: "Point", other: "Point") -> float:
    """Standard error; variants of unlike numbers of replicates have no pairs."""
    if one.n != other.n:
        return hypot(error(one), error(other))
    return difference_error(one.accuracies, other.accuracies, one.holdout)
