"""Mean-field theory of wide random networks (Schoenholz et al. 2017, Poole et al. 2016).

Weights are drawn from N(0, sigma_w² / fan_in), biases from N(0, sigma_b²). In a wide layer the
pre-activations of one input are then N(0, q), and those of two inputs have a correlation c; both
numbers follow a map from layer to layer:

    q ← sigma_w² E[φ(√q z)²] + sigma_b²                        z ~ N(0, 1)
    c ← (sigma_w² E[φ(u) φ(v)] + sigma_b²) / q                 u, v ~ N(0, q) of correlation c

The first converges to a fixed point q* within a few layers. With q = q*, the second has the slope

    χ(c) = sigma_w² E[φ'(u) φ'(v)]

(by d E[f(u) g(v)] / d cov(u, v) = E[f'(u) g'(v)], the covariance being q* c). Since
c = 1 is always a fixed point, χ_1 = χ(1) decides the phase. For χ_1 < 1 (order) it is stable: all
inputs become alike. For χ_1 > 1 (chaos) it is not, and a stable c* < 1 makes all pairs of inputs
equally unlike. Near a stable c* the distance |c - c*| shrinks by χ(c*) a layer, as exp(-l / ξ) with

    ξ = -1 / log χ(c*)

Some ξ layers down, no trace of the inputs is left to learn from; at χ_1 = 1, ξ diverges.
Expectations are Gauss-Hermite sums. All functions but the last are for φ = tanh.
"""

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

RELU_CRITICAL_SIGMA_W2: Final = 2.0
"""ReLU has φ'² = 1 on half of all z, so that χ_1 = sigma_w² / 2 whatever q is."""

_NODES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(100)
_WEIGHTS /= _WEIGHTS.sum()
_TOLERANCE = 1e-13


def fixed_point_q(sigma_w2: float, sigma_b2: float) -> float:
    """The variance q* of pre-activations deep in a tanh network; needs sigma_b2 > 0."""
    q = sigma_w2 + sigma_b2
    while True:
        previous, q = q, sigma_w2 * _mean(np.tanh(math.sqrt(q) * _NODES) ** 2) + sigma_b2
        if abs(q - previous) <= _TOLERANCE * q:
            return q


def chi_1(sigma_w2: float, sigma_b2: float) -> float:
    """The slope χ_1 of the correlation map at c = 1; also the growth of gradients² a layer."""
    return _slope(1.0, fixed_point_q(sigma_w2, sigma_b2), sigma_w2)


def critical_sigma_w2(sigma_b2: float) -> float:
    """The sigma_w² between order and chaos, where χ_1 = 1, by bisection."""
    low, high = 1.0, 2.0
    while chi_1(high, sigma_b2) < 1:
        high *= 2
    while high - low > 1e-10 * high:
        middle = (low + high) / 2
        low, high = (middle, high) if chi_1(middle, sigma_b2) < 1 else (low, middle)
    return (low + high) / 2


def correlation_map(c: float, q: float, sigma_w2: float, sigma_b2: float) -> float:
    """The correlation of two inputs one layer on; `q` is q*."""
    u, v = _pair(c, q)
    return (sigma_w2 * _mean_pair(np.tanh(u) * np.tanh(v)) + sigma_b2) / q


def fixed_point_c(sigma_w2: float, sigma_b2: float) -> float:
    """The stable fixed point c* of the correlation map.

    The map is a power series in c without negative coefficients (Mehler), hence convex, and
    positive at 0: Newton's method, started there, rises to its lowest fixed point.
    """
    q = fixed_point_q(sigma_w2, sigma_b2)
    if _slope(1.0, q, sigma_w2) <= 1:
        return 1.0
    c, step = 0.0, 1.0
    while step > _TOLERANCE and c < 1:
        step = (correlation_map(c, q, sigma_w2, sigma_b2) - c) / (1 - _slope(c, q, sigma_w2))
        c = min(c + step, 1.0)
    return c


def depth_scale(sigma_w2: float, sigma_b2: float) -> float:
    """ξ = -1 / log χ(c*) of a tanh network, in layers; infinite at criticality."""
    q = fixed_point_q(sigma_w2, sigma_b2)
    slope = _slope(fixed_point_c(sigma_w2, sigma_b2), q, sigma_w2)
    return -1 / math.log(slope) if slope < 1 else math.inf


def relu_depth_scale(sigma_w2: float) -> float:
    """ξ = 1 / |log χ_1| of a ReLU network without biases, in layers; infinite at sigma_w² = 2.

    There is no q* but 0: q and the gradients² are multiplied by χ_1 = sigma_w² / 2 in each layer.
    """
    rate = abs(math.log(sigma_w2 / RELU_CRITICAL_SIGMA_W2))
    return 1 / rate if rate else math.inf


def _slope(c: float, q: float, sigma_w2: float) -> float:
    """χ(c) = sigma_w² E[φ'(u) φ'(v)]."""
    u, v = _pair(c, q)
    return sigma_w2 * _mean_pair(np.cosh(u) ** -2 * np.cosh(v) ** -2)


def _pair(c: float, q: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Nodes u (n, 1) and v (n, n) of two normal numbers of variance q and correlation c."""
    first, second = _NODES[:, None], _NODES[None, :]
    return math.sqrt(q) * first, math.sqrt(q) * (c * first + math.sqrt(1 - c * c) * second)


def _mean(values: NDArray[np.float64]) -> float:
    """Expectation over z of the `values` (n,) at the nodes."""
    return float(_WEIGHTS @ values)


def _mean_pair(values: NDArray[np.float64]) -> float:
    """Expectation of the `values` (n, n) at the nodes of `_pair`."""
    return float(_WEIGHTS @ values @ _WEIGHTS)
