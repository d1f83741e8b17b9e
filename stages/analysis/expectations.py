"""E[φ(u) φ(v)] and E[φ'(u) φ'(v)] of Gaussian u and v, for every activation φ.

No quadrature is both quick and right from variances of 1e-12, where φ is a line, to 1e12, where it
is a step. Sums of steps are, since theirs are known: φ is written as

    φ(x) = constant + linear x + Σ_i (step_i + gate_i x) (Φ(x / s_i) - 1/2)

with Φ the normal distribution function. The s_i are widths: a step of width 0 is a sign, and a gate
of width 0 half of |x|. So ReLU is x/2 and one gate of width 0, GELU x/2 and one of width 1. The
logistic function is such a sum too, with infinitely many terms (a scale mixture of normal
distributions; Stefanski 1991, "A normal scale mixture representation of the logistic
distribution"); with it sigmoid and tanh are sums of steps, SiLU one of gates. TERMS well-chosen
widths come within 3e-5 of them, relative to φ(x) - φ(0), for all x.

Of two steps the expectation is that of Williams 1997 ("Computing with infinite networks"),
an angle, and of two gates of width 0 the arc-cosine kernel of Cho & Saul 2009 ("Kernel methods for
deep learning", eq. 6). For gates of any width, Stein's E[u g] = var(u) E[∂g/∂u] + cov E[∂g/∂v]
leads to the formulas below, and ∂ E[f(u) g(v)] / ∂ cov = E[f'(u) g'(v)] (Price 1958) to those of
slopes. A step and a gate have no correlation: one is odd, the other even.
"""

from dataclasses import dataclass
from functools import cache
from math import pi
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stages.core.activations import ACTIVATIONS, Activation

Array = NDArray[np.float64]

TERMS: Final = 4
"""Widths of an activation that is no sum of one. 5 come within 3e-6, for a third more time."""

_EXACT: Final = 1e-12
_X: Final[Array] = np.geomspace(1e-3, 1e3, 300)
"""Where sum and activation are compared; beyond, both are straight lines."""
_FAR: Final = 1e9

_SMALLEST: Final = 1e-150
"""Variances below count as this, but for width 0, and so do determinants: their squares and
inverses are finite."""


@dataclass(frozen=True, eq=False)
class Expansion:
    """An activation as a constant, a line, and T steps and gates of some widths, each (T,)."""

    constant: float
    linear: float
    widths: Array
    steps: Array
    gates: Array

    def __call__(self, x: Array) -> Array:
        """The sum at `x` (n,)."""
        terms = (self.steps + self.gates * x[:, None]) * _step(x, self.widths)
        values: Array = self.constant + self.linear * x + terms.sum(axis=1)
        return values


class Expectations(NamedTuple):
    """What is expected of a pair of Gaussian pre-activations, both of the pair's shape."""

    products: Array  # E[φ(u) φ(v)]
    slopes: Array  # E[φ'(u) φ'(v)]


@cache
def expansion(name: str) -> Expansion:
    """The activation of that name as a sum: exact where one width, 0 or 1, will do."""
    activation = ACTIVATIONS[name]
    for width in (0.0, 1.0):
        fit, misfit = _fit(activation, np.array([width]))
        if np.abs(misfit).max() < _EXACT:
            return fit
    from scipy.optimize import least_squares  # a quarter of a second, which few networks need

    best = least_squares(
        lambda logs: _fit(activation, np.exp(logs))[1],
        np.log(np.geomspace(0.4, 4, TERMS)),
        method="lm",
    )
    return _fit(activation, np.exp(best.x))[0]


def expectations(
    activation: str, variance_u: ArrayLike, variance_v: ArrayLike, correlation: ArrayLike
) -> Expectations:
    """The expectations of pairs; the arguments broadcast against each other.

    Errors stay below 1e-5 of the root of what is expected of u with itself times that of v (tested
    for variances from 1e-12 to 1e12); where the expansion is exact, they are of rounding. Time and
    memory grow with TERMS² elsewhere: hand over some thousand pairs at a time.
    """
    sum_ = expansion(activation)
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        u, v, c = np.broadcast_arrays(*map(np.asarray, (variance_u, variance_v, correlation)))
        lengths = np.sqrt(u) * np.sqrt(v)
        line_u, line_v = _line(sum_, u), _line(sum_, v)
        even = sum_.constant * (sum_.constant + _bend(sum_, u) + _bend(sum_, v))
        slopes = sum_.linear * (sum_.linear + line_u + line_v)
        products = even + lengths * c * slopes
        if sum_.widths.size:
            terms = _pairs_of_terms(sum_, u, v, c)
            products = products + terms.products
            slopes = slopes + terms.slopes
    return Expectations(products, slopes)


def _fit(activation: Activation, widths: Array) -> tuple[Expansion, Array]:
    """The sum with these widths nearest to an activation, and how far off it is at `_X`.

    The line has the mean slope of both ends. Of the rest, odd and even parts are fitted for
    themselves, by least squares of errors relative to |φ(x) - φ(0)|.
    """
    [constant] = activation.function(np.zeros(1))
    linear = activation.slope(np.array([-_FAR, _FAR])).mean()
    above, below = activation.function(_X) - constant, activation.function(-_X) - constant
    odd, even = (above - below) / 2, (above + below) / 2
    weight = 1 / (np.abs(odd) + np.abs(even))
    basis = weight[:, None] * _step(_X, widths)
    steps, of_steps = _least_squares(basis, weight * (odd - linear * _X))
    gates, of_gates = _least_squares(_X[:, None] * basis, weight * even)
    used = (steps != 0) | (gates != 0)
    fit = Expansion(constant, linear, widths[used], steps[used], gates[used])
    return fit, np.concatenate([of_steps, of_gates])


def _least_squares(basis: Array, target: Array) -> tuple[Array, Array]:
    """Coefficients of the columns of `basis` nearest to `target`, and what is missing there."""
    from scipy.linalg import lstsq  # plot draws most pictures without it, and without what follows

    coefficients: Array = lstsq(basis, target)[0].round(12)  # beyond is rounding error
    missing: Array = basis @ coefficients - target
    return coefficients, missing


def _step(x: Array, widths: Array) -> Array:
    """Φ(x / s) - 1/2 (n, T)."""
    from scipy.special import ndtr

    with np.errstate(divide="ignore", invalid="ignore"):
        step: Array = ndtr(x[:, None] / widths) - 0.5
    return step


def _line(sum_: Expansion, variance: Array) -> Array:
    """E[the slope of the steps]; with u and v of one covariance, E[u steps(v)] is that times it."""
    return _over_terms(sum_.steps, _density(sum_, variance))


def _bend(sum_: Expansion, variance: Array) -> Array:
    """E[the gates]."""
    return variance * _over_terms(sum_.gates, _density(sum_, variance))


def _density(sum_: Expansion, variance: Array) -> Array:
    """The density at 0 of N(0, s_i² + q) (T, ...)."""
    widened = np.add.outer(sum_.widths**2, np.maximum(variance, _SMALLEST))
    density: Array = 1 / np.sqrt(2 * pi * widened)
    return density


def _over_terms(weights: Array, values: Array) -> Array:
    """Sum of `values` (T, ...) with `weights` (T,)."""
    summed: Array = np.tensordot(weights, values, 1)
    return summed


def _pairs_of_terms(sum_: Expansion, u: Array, v: Array, c: Array) -> Expectations:
    """The share of steps and gates: sums over pairs of them, (T, T, ...).

    All is in units of the deviations √q, √q' of u and v, where nothing overflows: a = s² / q and
    b = s'² / q' are squared widths, and D = (1 + a) (1 + b) - c² is the determinant of the
    covariance of u and v with the widths added. With c the correlation and
    t = arctan(c / √D),

        steps   E[φ φ]   = t / 2π                         E[φ' φ'] = 1 / (2π √D √(q q'))
        gates   E[φ φ]   = √(q q') (c t + M / √D) / 2π    M = 1 - c² + c² r
                E[φ' φ'] = (t + c / √D (M / D - 1 + 2r)) / 2π

    and r = a / (1 + a) + b / (1 + b). Sums are taken in an order that keeps small widths.
    """
    squares = sum_.widths**2
    a = np.multiply.outer(squares, 1 / np.maximum(u, _SMALLEST))[:, None]
    b = np.multiply.outer(squares, 1 / np.maximum(v, _SMALLEST))[None, :]
    unlike = np.maximum((1 - c) * (1 + c), _SMALLEST)
    determinant = a * b + a + b + unlike
    inverse_root = 1 / np.sqrt(determinant)
    tangent = c * inverse_root
    angle = np.arctan(tangent)
    products, slopes = np.zeros_like(c), np.zeros_like(c)
    if sum_.steps.any():
        products = products + _over_pairs(sum_.steps, angle)
        lengths = np.sqrt(np.maximum(u, _SMALLEST)) * np.sqrt(np.maximum(v, _SMALLEST))
        slopes = slopes + _over_pairs(sum_.steps, inverse_root) / lengths
    if sum_.gates.any():
        ratio = a / (1 + a) + b / (1 + b)
        minor = unlike + c**2 * ratio
        bend = _over_pairs(sum_.gates, c * angle + minor * inverse_root)
        products = products + np.sqrt(u) * np.sqrt(v) * bend
        slope = angle + tangent * (minor / determinant - 1 + 2 * ratio)
        slopes = slopes + _over_pairs(sum_.gates, slope)
    return Expectations(products, slopes)


def _over_pairs(weights: Array, values: Array) -> Array:
    """Sum of `values` (T, T, ...) with the products of `weights` (T,), over 2π."""
    return _over_terms(weights, _over_terms(weights, values)) / (2 * pi)
