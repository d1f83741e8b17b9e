"""How deep a network can be trained, as mean-field theory foretells it: 6 depth scales."""

from dataclasses import dataclass
from functools import cache

from stages.analysis.grid import Grid, Panel
from stages.analysis.meanfield import critical_sigma_w2, depth_scale
from stages.analysis.setting import Setting

_depth_scale = cache(depth_scale)
"""All rows of a map share their sigmas."""

SCALES = 6
"""Depth scales through which networks can be trained, as found by Schoenholz et al. 2017."""

TRAINED = 0.5
"""Test accuracy from which a network counts as trained."""


@dataclass(frozen=True)
class DepthTheory:
    """What is known of deep perceptrons of one activation and width before they are trained."""

    activation: str
    sigma_b2: float | None  # variance of biases; None: that of the weights
    width: int

    def depth(self, sigma_w2: float) -> float:
        """Up to so many layers networks can be trained: SCALES times ξ."""
        biases = sigma_w2 / self.width if self.sigma_b2 is None else self.sigma_b2
        return SCALES * _depth_scale(self.activation, sigma_w2, biases)

    @property
    def critical(self) -> float | None:
        """The sigma_w² where χ_1 = 1; unknown where biases change with it."""
        return None if self.sigma_b2 is None else critical_sigma_w2(self.activation, self.sigma_b2)


def depth_theory(setting: Setting) -> DepthTheory | None:
    """Of the networks of `setting` at any depth; None where the theory does not speak of them."""
    if not (setting.sizes and setting.fan_in_scale):
        return None
    biases = setting.deviation_of_biases
    variance = None if biases is None else biases**2
    return DepthTheory(setting.activation, variance, setting.sizes[1])


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
            of_side = counts[depth < theory.depth(point.sigma**2)]
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
