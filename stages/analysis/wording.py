"""Numbers, sigmas and shares in words."""

from collections.abc import Sequence
from math import log10

from stages.analysis.accuracy import Point
from stages.analysis.noise import error

OPTIMISERS = {"adam": "Adam", "sgd": "SGD", "momentum": "SGD with momentum 0.9"}


def percent(accuracy: float) -> str:
    """An accuracy with the two decimals that 10,000 images give."""
    return f"{100 * accuracy:.2f} %"


def in_points(difference: float) -> str:
    """A difference of accuracies in percentage points."""
    return f"{100 * difference:.2f} points"


def signed(difference: float) -> str:
    """A difference of accuracies in percentage points, with its sign; a zero has none."""
    points = f"{100 * difference:+.2f}"
    return points if float(points) else "0.00"


def sigma(point: Point) -> str:
    """The sigma of `point` in words that fit no other of its sweep."""
    return f"σ = {point.label}"


def decades(low: float, high: float) -> str:
    """The width of a range on a logarithmic scale, from a tenth of a decade on with one decimal."""
    width = log10(high / low)
    return f"{width:.1f} decades" if width >= 0.1 else f"{width:.1g} decades"


def uncertain(point: Point) -> str:
    """The final accuracy of `point` ± its standard error."""
    return f"{100 * point.test_accuracy:.2f} ± {percent(error(point))}"


def span(chosen: Sequence[Point], among: Sequence[Point]) -> str:
    """The sigmas of `chosen`, which are some of `among`; both by rising sigma."""
    first, last = chosen[0], chosen[-1]
    if len(chosen) == 1:
        return sigma(first)
    if list(among[among.index(first) : among.index(last) + 1]) == list(chosen):
        return f"{sigma(first)} to {last.label}"
    return f"{len(chosen)} σ between {first.label} and {last.label}"


def share(trials: float, total: float) -> str:
    """How many of all networks, as the subject of a sentence in the past tense."""
    if total == 1:
        return "The network" if trials else "No network"
    if trials in (0, total):
        return f"Each of the {total:g} networks" if trials else "No network"
    return f"{trials:g} of {total:g} networks"
