"""Which differences between two points the data cannot tell from noise."""

from math import hypot, sqrt

from stages.analysis.accuracy import Point

TEST_IMAGES = 10_000

STUDENT = (4.30, 2.78, 2.45, 2.31, 2.23, 2.18, 2.14, 2.12, 2.10)
"""Student's t for 95 % at 2 (n - 1) degrees of freedom, n = 2 to 10: so many standard errors the
difference of two means of n replicates exceeds by chance once in 20 times."""


def binomial_error(accuracy: float) -> float:
    """Standard error of one network's accuracy, from the finite number of test images."""
    return sqrt(accuracy * (1 - accuracy) / TEST_IMAGES)


def error(point: Point) -> float:
    """Standard error over replicates, which the seeds are in; of a lone network the binomial."""
    if point.standard_error is None:
        return binomial_error(point.test_accuracy)
    return point.standard_error


def factor(n: int) -> float:
    """How many standard errors of the difference of two points of `n` networks are noise."""
    return 2.0 if n == 1 else STUDENT[min(n, 10) - 2]


def noise(one: Point, other: Point) -> float:
    """How far the difference of the final accuracies may be off."""
    return factor(min(one.n, other.n)) * hypot(error(one), error(other))


def is_noise(one: Point, other: Point) -> bool:
    """Whether the final accuracies differ by no more than their uncertainty explains."""
    return abs(one.test_accuracy - other.test_accuracy) <= noise(one, other)


def verdict(one: Point, other: Point) -> str:
    """What can be said of a difference; for lone networks the noise of seeds is unknown."""
    if is_noise(one, other):
        return "within noise"
    return "beyond noise" if min(one.n, other.n) > 1 else "more than the test images explain"
