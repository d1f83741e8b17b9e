"""Expectations of every activation against dense quadrature, at the extremes against limits."""

from functools import cache
from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import expit

from stages.analysis.expectations import expansion, expectations
from stages.core.activations import ACTIVATIONS, Activation

Array = NDArray[np.float64]

VARIANCES = [(1e-12, 2e-12), (1e-12, 1e12), (1e-3, 0.1), (1, 1), (1, 3), (40, 100), (1e12, 4e12)]
CORRELATIONS = [-0.9, -0.3, 0.0, 0.5, 0.99, 1.0]
RTOL = 1e-5


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_a_sum_of_steps_and_gates_is_the_activation(name: str) -> None:
    x = np.geomspace(1e-6, 1e6, 5000)
    x = np.concatenate([-x[::-1], x])
    function = ACTIVATIONS[name].function
    rise = np.abs(function(x) - function(np.zeros(1)))
    off = np.abs(expansion(name)(x) - function(x))
    assert (off <= 3e-5 * np.maximum(rise, rise[::-1])).all()


@pytest.mark.parametrize("variances", VARIANCES)
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_expectations_agree_with_dense_quadrature(
    name: str, variances: tuple[float, float]
) -> None:
    assert_quadrature_agrees(ACTIVATIONS[name], variances, RTOL)


@pytest.mark.parametrize(("name", "rtol"), [("softplus", 5e-3), ("mish", 2e-4)])
def test_an_activation_that_is_added_brings_no_more_than_function_and_slope(
    name: str, rtol: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Softplus has a constant and gates, Mish a line, steps and gates: all that a sum may have.
    def mish_slope(z: Array) -> Array:
        gate = np.tanh(np.logaddexp(0, z))
        slope: Array = gate + z * (1 - gate**2) * expit(z)
        return slope

    function, slope = {
        "softplus": (lambda z: np.logaddexp(0, z), expit),
        "mish": (lambda z: z * np.tanh(np.logaddexp(0, z)), mish_slope),
    }[name]
    added = Activation(name, name, function, slope, 1.0, None, None)
    monkeypatch.setitem(ACTIVATIONS, name, added)
    for variances in VARIANCES:
        assert_quadrature_agrees(added, variances, rtol)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_expectations_stay_finite_in_the_range_of_floats(name: str) -> None:
    q = np.array([0.0, 1e-150, 1e-12, 1.0, 1e12, 1e150])
    rho = np.array([-1.0, 0.0, 1.0])[:, None, None]
    for values in expectations(name, q[:, None], q, rho):
        assert values.shape == (3, 6, 6)
        assert np.isfinite(values).all()


def test_relu_is_the_arc_cosine_kernel() -> None:
    angle = np.linspace(0, np.pi, 50)
    products, slopes = expectations("relu", 2.0, 8.0, np.cos(angle))
    kernel = 4 * (np.sin(angle) + (np.pi - angle) * np.cos(angle)) / (2 * np.pi)
    np.testing.assert_allclose(products, kernel, atol=1e-14)
    np.testing.assert_allclose(slopes, (np.pi - angle) / (2 * np.pi), atol=1e-7)


def assert_quadrature_agrees(
    activation: Activation, variances: tuple[float, float], rtol: float
) -> None:
    """Errors are relative to sqrt(E[f(u)²] E[f(v)²]), as expectations of pairs may be 0."""
    functions = {"products": activation.function, "slopes": activation.slope}
    alone = [expectations(activation.name, q, q, 1.0) for q in variances]
    for correlation in CORRELATIONS:
        computed = expectations(activation.name, *variances, correlation)
        for kind, function in functions.items():
            size = np.sqrt(np.prod([getattr(own, kind) for own in alone]))
            u, v = (np.sqrt(q) * nodes()[0] for q in variances)
            expected = function(u) @ density(correlation) @ function(v)
            assert getattr(computed, kind) == pytest.approx(expected, abs=rtol * size), correlation


@cache
def nodes() -> tuple[Array, Array]:
    """Nodes of standard normal numbers, dense at 0 where huge variances have all bends; weights.

    Gauss-Legendre on pieces that end at 0, 1e-8, 2e-8, ... 0.1, 0.2, 0.3, ... 9.
    """
    edges = np.concatenate([[0], np.geomspace(1e-8, 0.1, 24), np.arange(0.2, 9, 0.1)])
    x, weight = np.polynomial.legendre.leggauss(8)
    z = np.concatenate([(a + b) / 2 + (b - a) / 2 * x for a, b in pairwise(edges)])
    w = np.concatenate([(b - a) / 2 * weight for a, b in pairwise(edges)])
    return np.concatenate([-z[::-1], z]), np.concatenate([w[::-1], w])


@cache
def density(correlation: float) -> Array:
    """The joint density of two standard normal numbers at `nodes`, times their weights."""
    z, w = nodes()
    if correlation == 1:
        return np.diag(w * np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi))
    rest = 1 - correlation**2
    square = (z[:, None] ** 2 - 2 * correlation * z[:, None] * z + z**2) / rest
    joint: Array = np.outer(w, w) * np.exp(-square / 2) / (2 * np.pi * np.sqrt(rest))
    return joint
