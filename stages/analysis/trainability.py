"""How deep a network can be trained, as mean-field theory foretells it: 6 depth scales."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stages.analysis.depth import SCALES, DepthTheory, depth_theory
from stages.analysis.deviation import Deviation
from stages.analysis.grid import Grid, Panel
from stages.analysis.inside import Inside

Array = NDArray[np.float64]

TRAINED = 0.5
"""Test accuracy from which a network counts as trained."""


def theories(grid: Grid) -> list[DepthTheory | None]:
    """That of each panel; none unless rows differ in depth."""
    if grid.parameter != "model.depth":
        return [None] * len(grid.panels)
    return [depth_theory(panel.rows[0].setting) for panel in grid.panels]


@dataclass(frozen=True)
class Trained:
    """How many networks trained, of how many."""

    reached: int
    networks: int

    def __str__(self) -> str:
        return f"{self.reached} of {self.networks}"


def trained(panel: Panel, theory: DepthTheory) -> tuple[Trained, Trained]:
    """Of networks shallower than SCALES ξ, and of deeper ones."""
    reached: dict[bool, list[bool]] = {True: [], False: []}
    for depth, row in zip(panel.numbers, panel.rows, strict=True):
        for point in row.points:
            shallower = depth < SCALES * theory.scale(point.sigma**2)
            reached[shallower] += [accuracy >= TRAINED for accuracy in point.accuracies]
    shallow, deep = (Trained(sum(of), len(of)) for of in (reached[True], reached[False]))
    return shallow, deep


@dataclass(frozen=True)
class Scales:
    """Depth scales by sigma: measured before training in a panel's deepest networks, and foretold.

    NaN where too few layers tell of them.
    """

    sigmas: Array
    of_what: str  # that ξ was measured of
    measured: Array  # ξ
    foretold: Array
    of_gradients: Array  # 1 / |log χ_1|, measured as the growth of squared gradients
    foretold_of_gradients: Array
    depth: float  # of those networks

    @property
    def told(self) -> str:
        """How far ξ and that of gradients are off, in a clause."""
        pairs = (
            (f"ξ of {self.of_what}", self.measured, self.foretold),
            ("1/|log χ₁| of gradients", self.of_gradients, self.foretold_of_gradients),
        )
        return "; ".join(self._told(*pair) for pair in pairs)

    def _told(self, name: str, measured: Array, foretold: Array) -> str:
        """Of the sigmas at which so many layers hold SCALES foretold scales."""
        deep_enough = SCALES * foretold <= self.depth
        deviation = Deviation.of(measured[deep_enough], foretold[deep_enough])
        if not deviation:
            return f"{name} cannot be measured"
        of_many = f"median of {deviation.compared} σ; {deviation.largest:.2f} at most"
        among = of_many if deviation.compared > 1 else "at 1 σ"
        return f"{name} is off by {deviation.median:.2f} decades ({among})"


def scales(panel: Panel, theory: DepthTheory) -> Scales | None:
    """Of the deepest variant of a panel; None where nothing was measured inside its networks."""
    deepest = panel.rows[-1]
    sigmas = np.array([point.sigma for point in deepest.points])
    variances = (sigmas**2).tolist()
    if not deepest.inside:
        return None
    known = [deepest.inside[sigma] for sigma in sigmas]
    rates = [_rate(of, theory, at) for of, at in zip(known, variances, strict=True)]
    settles = any(map(theory.settles, variances))
    return Scales(
        sigmas=sigmas,
        of_what="cosines of images, where they become alike," if settles else "signals",
        measured=_layers(rates),
        foretold=np.array([*map(theory.scale, variances)]),
        of_gradients=_layers([of.gradient_growth for of in known]),
        foretold_of_gradients=np.array([*map(theory.scale_of_gradients, variances)]),
        depth=panel.numbers[-1],
    )


def _rate(of: Inside, theory: DepthTheory, sigma_w2: float) -> float:
    """What ξ is the inverse of; NaN in chaos."""
    if not theory.settles(sigma_w2):
        return of.signal_growth
    return of.cosine_decay if theory.ordered(sigma_w2) else math.nan


def _layers(rates: Sequence[float]) -> Array:
    """In how many of them a quantity changes by a factor of e."""
    return np.array([1 / abs(rate) if rate else math.inf for rate in rates])
