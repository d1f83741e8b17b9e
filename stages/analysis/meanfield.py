"""Mean-field theory of deep, wide random networks (Poole et al. 2016, Schoenholz et al. 2017).

Weights are drawn from N(0, sigma_w² / fan_in), biases from N(0, sigma_b²). In a wide layer the
pre-activations of one input are then N(0, q), and those of two inputs have a correlation c; both
numbers follow a map from layer to layer:

    q ← sigma_w² E[φ(√q z)²] + sigma_b²                        z ~ N(0, 1)
    c ← (sigma_w² E[φ(u) φ(v)] + sigma_b²) / q                 u, v ~ N(0, q) of correlation c

The first usually converges to a fixed point q* within a few layers. With q = q*, the second has the
slope

    χ(c) = sigma_w² E[φ'(u) φ'(v)]

(by d E[f(u) g(v)] / d cov(u, v) = E[f'(u) g'(v)], the covariance being q* c). Since
c = 1 is always a fixed point, χ_1 = χ(1) decides the phase. For χ_1 < 1 (order) it is stable: all
inputs become alike. For χ_1 > 1 (chaos) it is not, and a stable c* < 1 makes all pairs of inputs
equally unlike. Near a stable c* the distance |c - c*| shrinks by χ(c*) a layer, as exp(-l / ξ) with

    ξ = -1 / log χ(c*)

Some ξ layers down, no trace of the inputs is left to learn from; at χ_1 = 1, ξ diverges. Where q
shrinks to 0 or grows without bound (ReLU without biases), it changes by χ_1 a layer in the end, and
ξ = 1 / |log χ_1| is the number of layers in which signals change by a factor of e.
"""

import math
from collections.abc import Callable
from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from stages.analysis.expectations import expectations

_TOLERANCE: Final = 1e-13
_Q: Final = np.geomspace(1e-30, 1e30, 601)
"""Among these, and between its neighbours, a fixed point is searched for."""

_STEP: Final = 1.25
"""Factor from one sigma_w² to the next in search of the critical one."""


@cache
def fixed_point_q(activation: str, sigma_w2: float, sigma_b2: float) -> float:
    """The variance q* of pre-activations deep in a network; 0 or infinity where none holds them.

    It is the one that is reached from sigma_w2 + sigma_b2, the variance of the first layer for
    inputs of mean square 1: E[φ²] grows with q, so that the map passes no fixed point by.
    """

    def growth(q: float) -> float:
        square = float(expectations(activation, q, q, 1.0).products)
        return (sigma_w2 * square + sigma_b2) / q - 1

    start = sigma_w2 + sigma_b2
    grows = growth(start) > 0
    beyond = start < _Q if grows else start > _Q
    turned = (sigma_w2 * _squares(activation) + sigma_b2 > _Q) != grows
    ends = _Q[beyond & turned]
    if not ends.size:
        return math.inf if grows else 0.0
    return _root(growth, start, ends[0]) if grows else _root(growth, ends[-1], start)


@cache
def _squares(activation: str) -> NDArray[np.float64]:
    """E[φ²] at `_Q`."""
    return expectations(activation, _Q, _Q, 1.0).products


def chi_1(activation: str, sigma_w2: float, sigma_b2: float) -> float:
    """The slope χ_1 of the correlation map at c = 1; also the growth of gradients² a layer."""
    return _slope(activation, 1.0, fixed_point_q(activation, sigma_w2, sigma_b2), sigma_w2)


def critical_sigma_w2(activation: str, sigma_b2: float) -> float:
    """The smallest sigma_w² between order and chaos, where χ_1 = 1.

    Of GELU and SiLU with little bias it is the one from which q grows without bound; χ_1 jumps.
    """

    def excess(sigma_w2: float) -> float:
        return chi_1(activation, sigma_w2, sigma_b2) - 1

    sigma_w2 = 0.1
    while excess(sigma_w2 * _STEP) < 0:
        sigma_w2 *= _STEP
    return _root(excess, sigma_w2, sigma_w2 * _STEP)


def correlation_map(activation: str, c: float, q: float, sigma_w2: float, sigma_b2: float) -> float:
    """The correlation of two inputs one layer on; `q` is q*."""
    return float(sigma_w2 * expectations(activation, q, q, c).products + sigma_b2) / q


def fixed_point_c(activation: str, sigma_w2: float, sigma_b2: float) -> float:
    """The stable fixed point c* of the correlation map; needs a finite q* > 0.

    The map is a power series in c without negative coefficients (Mehler), hence convex, and
    not negative at 0: Newton's method, started there, rises to its lowest fixed point.
    """
    q = fixed_point_q(activation, sigma_w2, sigma_b2)
    if _slope(activation, 1.0, q, sigma_w2) <= 1 + _TOLERANCE:
        return 1.0
    c, step = 0.0, 1.0
    while step > _TOLERANCE and c < 1:
        gap = correlation_map(activation, c, q, sigma_w2, sigma_b2) - c
        step = gap / (1 - _slope(activation, c, q, sigma_w2))
        c = min(c + step, 1.0)
    return c


def depth_scale(activation: str, sigma_w2: float, sigma_b2: float) -> float:
    """ξ in layers; infinite at criticality."""
    q = fixed_point_q(activation, sigma_w2, sigma_b2)
    settles = 0 < q < math.inf
    c = fixed_point_c(activation, sigma_w2, sigma_b2) if settles else 1.0
    rate = abs(math.log(_slope(activation, c, q, sigma_w2)))
    return 1 / rate if rate > _TOLERANCE else math.inf


def _slope(activation: str, c: float, q: float, sigma_w2: float) -> float:
    """χ(c) = sigma_w² E[φ'(u) φ'(v)]."""
    return sigma_w2 * float(expectations(activation, q, q, c).slopes)


def _root(function: Callable[[float], float], low: float, high: float) -> float:
    """Where the function changes its sign."""
    from scipy.optimize import brentq  # plot draws most pictures without it

    return float(brentq(function, low, high, xtol=_TOLERANCE, rtol=_TOLERANCE))
