"""Where a textbook expects networks to learn, and where the data are against it."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, floor, log10

from stages.analysis.accuracy import Point, learned_well

FAR = 5
"""A textbook expects no learning so many times below and above the scales that are usual, rounded
outwards to powers of ten."""


@dataclass(frozen=True)
class Region:
    """A range of sigma, what learned in it and what did not."""

    expected: bool  # whether a textbook expects learning there
    learned: list[Point]
    failed: list[Point]


@dataclass(frozen=True)
class Textbook:
    """It expects learning between these sigmas, and none outside."""

    low: float
    high: float

    @classmethod
    def around(cls, usual: Sequence[float]) -> "Textbook":
        """What a textbook says of a network whose layers have these usual sigmas."""
        low, high = floor(log10(min(usual) / FAR)), ceil(log10(max(usual) * FAR))
        return cls(float(f"1e{low}"), float(f"1e{high}"))

    def regions(self, points: Sequence[Point], best_accuracy: float) -> list[Region]:
        """The points too small to learn, those that should learn, and those too large."""
        parts = (
            (False, [point for point in points if point.sigma <= self.low]),
            (True, [point for point in points if self.low < point.sigma < self.high]),
            (False, [point for point in points if point.sigma >= self.high]),
        )
        return [
            Region(
                expected,
                [point for point in part if learned_well(point, best_accuracy)],
                [point for point in part if not learned_well(point, best_accuracy)],
            )
            for expected, part in parts
        ]

    def rescued(self, points: Sequence[Point], best_accuracy: float) -> list[Point]:
        """The outermost points of the sweep, where it expects no learning and they learned."""
        regions = self.regions(points, best_accuracy)
        learned = [point for region in regions if not region.expected for point in region.learned]
        return [point for point in dict.fromkeys((points[0], points[-1])) if point in learned]
