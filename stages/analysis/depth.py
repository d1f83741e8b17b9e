"""Depth scales of wide networks before training: foretold by mean-field theory, and measured.

Foretold are ξ, the layers in which what sets inputs apart changes by a factor of e, and
1/|log χ_1|, those in which squared gradients do. Measured is the rate, by layer, of what the theory
speaks of: a line through the logarithms of the hidden layers.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from stages.analysis.meanfield import (
    chi_1,
    critical_sigma_w2,
    depth_scale,
    fixed_point_q,
)
from stages.analysis.setting import Setting
from stages.core.records import LayerRecord

Array = NDArray[np.float64]

_depth_scale, _chi_1 = cache(depth_scale), cache(chi_1)
"""All rows of a map share their sigmas."""

SCALES: Final = 6
"""Depth scales through which networks can be trained, as found by Schoenholz et al. 2017."""

FEWEST: Final = 5
"""Layers through which a line is laid."""

NEAR: Final = 0.1
"""Cosines that are so close to 1 come closer exponentially, where they do."""

ROUNDING: Final = 1e-4
"""Cosines that differ from 1 by less do so by the rounding of 32-bit numbers too."""


@dataclass(frozen=True)
class DepthTheory:
    """What is known of deep perceptrons of one activation and width before they are trained."""

    activation: str
    sigma_b2: float | None  # variance of biases; None: that of the weights
    width: int

    def scale(self, sigma_w2: float) -> float:
        """ξ in layers."""
        return _depth_scale(*self._at(sigma_w2))

    def scale_of_gradients(self, sigma_w2: float) -> float:
        """1/|log χ_1| in layers; not ξ where cosines settle at less than 1, in chaos."""
        rate = abs(math.log(_chi_1(*self._at(sigma_w2))))
        return 1 / rate if rate else math.inf

    def settles(self, sigma_w2: float) -> bool:
        """Whether the variance of signals has a fixed point, so that ξ is that of cosines."""
        return 0 < fixed_point_q(*self._at(sigma_w2)) < math.inf

    def ordered(self, sigma_w2: float) -> bool:
        """Whether all images become alike: cosines settle at 1."""
        return self.settles(sigma_w2) and _chi_1(*self._at(sigma_w2)) < 1

    @property
    def critical(self) -> float | None:
        """The sigma_w² where χ_1 = 1; unknown where biases change with it."""
        return None if self.sigma_b2 is None else critical_sigma_w2(self.activation, self.sigma_b2)

    def _at(self, sigma_w2: float) -> tuple[str, float, float]:
        biases = sigma_w2 / self.width if self.sigma_b2 is None else self.sigma_b2
        return self.activation, sigma_w2, biases


def depth_theory(setting: Setting) -> DepthTheory | None:
    """Of the networks of `setting` at any depth; None where the theory does not speak of them."""
    if not (setting.sizes and setting.fan_in_scale):
        return None
    biases = setting.deviation_of_biases
    variance = None if biases is None else biases**2
    return DepthTheory(setting.activation, variance, setting.sizes[1])


@dataclass(frozen=True)
class Rates:
    """By how much logarithms change a layer; NaN where too few layers tell."""

    signal_growth: float  # of squared signals, forward
    gradient_growth: float  # of an image's squared gradient by pre-activations, backward
    cosine_decay: float  # of 1 - cosine, forward, where that is small; shrinking: > 0


def measured_rates(layers: Sequence[LayerRecord]) -> Rates:
    """Those of a network's hidden `layers`, all of one width.

    The gradient of weights is, image by image, delta times the signal that the layer reads; so
    squared signals are divided out, and what is left is delta², which grows by χ_1 a layer.

    Only towards 1 is a decay of cosines measured. About where they settle in chaos those of one
    network scatter by 1/√width or so, more than is left to settle where they do so exponentially;
    equal images stay equal, whatever the weights.
    """
    squares = np.array([layer.activation_rms for layer in layers]) ** 2
    gradients = np.array([layer.gradient_norm for layer in layers]) ** 2
    distances = 1 - np.array([layer.cosine for layer in layers])
    with np.errstate(divide="ignore", invalid="ignore"):
        deltas = gradients[1:] / squares[:-1]
        near = np.where((distances > ROUNDING) & (distances < NEAR), distances, np.nan)
        return Rates(_slope(np.log(squares)), -_slope(np.log(deltas)), -_slope(np.log(near)))


def _slope(values: Array) -> float:
    """Of a line through all `values` of layers that are finite."""
    known = np.flatnonzero(np.isfinite(values))
    return float(np.polyfit(known, values[known], 1)[0]) if len(known) >= FEWEST else math.nan
