"""How deep a network can be trained, as mean-field theory foretells it: 6 depth scales."""

from collections.abc import Callable
from dataclasses import dataclass
from math import inf

import numpy as np
from studies.depth.theory import (
    RELU_CRITICAL_SIGMA_W2,
    critical_sigma_w2,
    depth_scale,
    relu_depth_scale,
)

from stages.analysis.grid import Grid, Panel
from stages.analysis.setting import Setting

SCALES = 6
"""Depth scales through which networks can be trained, as found by Schoenholz et al. 2017."""

TRAINED = 0.5
"""Test accuracy from which a network counts as trained."""


@dataclass(frozen=True)
class DepthTheory:
    """What is known of a deep perceptron before anything is trained."""

    critical: float  # sigma_w², where χ_1 = 1; NaN where there is none
    depth_scale: Callable[[float], float]  # ξ in layers, as a function of sigma_w²


def depth_theory(setting: Setting) -> DepthTheory | None:
    """Of the networks of `setting` at any depth; None where the theory does not speak of them."""
    biases = setting.params["sweep"]["biases"]
    if not (setting.sizes and setting.fan_in_scale) or biases == "sigma":
        return None
    sigma_b2 = 0.0 if biases == "zero" else float(biases) ** 2
    if setting.activation == "tanh" and sigma_b2:
        return DepthTheory(
            critical_sigma_w2(sigma_b2), lambda sigma_w2: depth_scale(sigma_w2, sigma_b2)
        )
    if setting.activation == "relu" and not sigma_b2:
        return DepthTheory(RELU_CRITICAL_SIGMA_W2, relu_depth_scale)
    return None


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
            scale = theory.depth_scale(point.sigma**2)
            of_side = counts[scale == inf or depth < SCALES * scale]
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


def depth_curve(theory: DepthTheory, sigma_w2s: np.ndarray) -> list[float]:
    """6 ξ for each sigma_w²."""
    return [SCALES * theory.depth_scale(float(sigma_w2)) for sigma_w2 in sigma_w2s]
