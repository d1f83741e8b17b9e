"""How deep a network can be trained, as mean-field theory foretells it: 6 depth scales."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stages.analysis.depth import SCALES, DepthTheory, depth_theory
from stages.analysis.deviation import Deviation
from stages.analysis.grid import Grid, Panel

Array = NDArray[np.float64]

TRAINED = 0.5
"""Test accuracy from which a network counts as trained."""


def theories(grid: Grid) -> list[DepthTheory | None]:
    """That of each panel; none unless rows differ in depth."""
    if grid.parameter != "model.depth":
        return [None] * len(grid.panels)
    return [depth_theory(panel.rows[0].setting) for panel in grid.panels]


def foretold(panel: Panel, theory: DepthTheory) -> str:
    """How many of the networks that theory calls trainable are, and how many of the others."""
    counts = {True: [0, 0], False: [0, 0]}  # shallower than 6 ξ: trained, all
    for depth, row in zip(panel.numbers, panel.rows, strict=True):
        for point in row.points:
            of_side = counts[depth < SCALES * theory.scale(point.sigma**2)]
            of_side[0] += sum(accuracy >= TRAINED for accuracy in point.accuracies)
            of_side[1] += point.n
    told = [
        f"{trained} of the {networks} networks {where}"
        for (trained, networks), where in (
            (counts[True], f"shallower than {SCALES} ξ"),
            (counts[False], "that are deeper"),
        )
        if networks
    ]
    return f"{panel.title}: {' and '.join(told)} reach {100 * TRAINED:g} %."


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
        return (
            f"{name} is off by {deviation.median:.2f} decades (median of {deviation.compared} σ; "
            f"{deviation.largest:.2f} at most)"
        )


def scales(panel: Panel, theory: DepthTheory) -> Scales | None:
    """Of the deepest variant of a panel; None where nothing was measured inside its networks."""
    deepest = panel.rows[-1]
    sigmas = [point.sigma for point in deepest.points]
    if not deepest.inside:
        return None
    known = [deepest.inside[sigma] for sigma in sigmas]
    settles = [theory.settles(sigma**2) for sigma in sigmas]
    rates = [
        of.cosine_decay if of_cosine else of.signal_growth
        for of, of_cosine in zip(known, settles, strict=True)
    ]
    return Scales(
        sigmas=np.array(sigmas),
        of_what="cosines of images" if any(settles) else "signals",
        measured=_layers(rates),
        foretold=np.array([theory.scale(sigma**2) for sigma in sigmas]),
        of_gradients=_layers([of.gradient_growth for of in known]),
        foretold_of_gradients=np.array([theory.scale_of_gradients(s**2) for s in sigmas]),
        depth=panel.numbers[-1],
    )


def _layers(rates: list[float]) -> Array:
    """In how many of them a quantity changes by a factor of e."""
    return np.array([1 / abs(rate) if rate else math.inf for rate in rates])
