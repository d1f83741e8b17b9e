"""Fixed points and depth scales of every activation: known values, Monte-Carlo, wide networks."""

import math
from itertools import accumulate, repeat

import numpy as np
import pytest

from stages.analysis.expectations import expectations
from stages.analysis.meanfield import (
    chi_1,
    correlation_map,
    critical_sigma_w2,
    depth_scale,
    fixed_point_c,
    fixed_point_q,
)
from stages.core.activations import ACTIVATIONS

BOUNDED_AT = [("tanh", 1.761), ("tanh", 3.0), ("sigmoid", 20.0), ("gelu", 1.8), ("silu", 1.8)]


@pytest.mark.parametrize(("name", "sigma_w2"), [*BOUNDED_AT, ("relu", 1.5), ("leaky_relu", 1.5)])
def test_fixed_point_and_slope_agree_with_monte_carlo(name: str, sigma_w2: float) -> None:
    # 3e-3: twice the relative standard error of 2 million draws, of φ² and φ'² of all of them
    z = np.random.default_rng(0).standard_normal(2_000_000)
    q = fixed_point_q(name, sigma_w2, 0.05)
    u = math.sqrt(q) * z
    function, slope = ACTIVATIONS[name].function, ACTIVATIONS[name].slope
    assert sigma_w2 * (function(u) ** 2).mean() + 0.05 == pytest.approx(q, rel=3e-3)
    assert chi_1(name, sigma_w2, 0.05) == pytest.approx(sigma_w2 * (slope(u) ** 2).mean(), rel=3e-3)


@pytest.mark.parametrize(("name", "sigma_w2"), [("tanh", 1.3), ("tanh", 3.0), ("silu", 1.7)])
def test_fixed_points_agree_with_a_wide_random_network(name: str, sigma_w2: float) -> None:
    # 10 inputs, and 20 layers when all has settled: one layer's correlation scatters by 0.1
    rng = np.random.default_rng(1)
    width, function = 800, ACTIVATIONS[name].function
    h = rng.standard_normal((width, 10))
    grams = []
    for _ in range(40):
        weights = rng.standard_normal((width, width)) * math.sqrt(sigma_w2 / width)
        h = weights @ function(h) + math.sqrt(0.05) * rng.standard_normal((width, 1))
        grams.append(h.T @ h / width)
    gram = np.mean(grams[20:], axis=0)
    q = np.diagonal(gram).mean()
    assert q == pytest.approx(fixed_point_q(name, sigma_w2, 0.05), rel=0.1)
    correlation = gram[np.triu_indices(10, 1)].mean() / q
    assert correlation == pytest.approx(fixed_point_c(name, sigma_w2, 0.05), abs=0.06)


@pytest.mark.parametrize(
    ("name", "sigma_b2", "critical"),
    [
        ("tanh", 0.01, 1.424),
        ("tanh", 0.05, 1.761),
        ("tanh", 0.1, 1.986),
        ("tanh", 0, 1),
        ("relu", 0, 2),
        ("relu", 0.3, 2),
        ("leaky_relu", 0, 2 / (1 + 0.01**2)),
        ("linear", 0, 1),
        ("gelu", 0.173, 1.983),
        ("silu", 0.555, 1.988),
    ],
)
def test_critical_lines_are_the_known_ones(name: str, sigma_b2: float, critical: float) -> None:
    assert critical_sigma_w2(name, sigma_b2) == pytest.approx(critical, abs=5e-4)


def squares(name: str, q: float) -> tuple[float, float]:
    """E[φ²] and E[φ'²] by the trapezoid rule."""
    z = np.linspace(-12, 12, 4001)
    weight = np.exp(-(z**2) / 2)
    of = ACTIVATIONS[name].function(math.sqrt(q) * z), ACTIVATIONS[name].slope(math.sqrt(q) * z)
    phi, slope = (float(weight @ values**2 / weight.sum()) for values in of)
    return phi, slope


@pytest.mark.parametrize("name", ["gelu", "silu"])
def test_without_biases_the_critical_line_of_gelu_and_silu_is_where_signals_begin_to_grow(
    name: str,
) -> None:
    critical, end = critical_sigma_w2(name, 0), {}
    for side in (-1, 1):
        sigma_w2 = critical * (1 + 0.02 * side)
        q = sigma_w2  # of inputs of mean square 1
        for _ in range(150):
            q = sigma_w2 * squares(name, q)[0]
        end[side] = q, sigma_w2 * squares(name, q)[1]
    (shrunk, below), (grown, above) = end[-1], end[1]
    assert shrunk < 1e-3
    assert grown > 1e3
    assert below == pytest.approx(critical / 4, rel=0.05)
    assert above == pytest.approx(critical / 2, rel=0.05)


def test_sigmoid_is_critical_without_biases_too_since_it_is_a_half_at_0() -> None:
    critical = critical_sigma_w2("sigmoid", 0)
    q = critical / 4
    for _ in range(200):
        q = critical * squares("sigmoid", q)[0]
    assert q == pytest.approx(45.6, rel=1e-3)
    assert critical * squares("sigmoid", q)[1] == pytest.approx(1, abs=1e-3)
    assert math.sqrt(critical) == pytest.approx(10.149, abs=1e-3)


@pytest.mark.parametrize("name", ["tanh", "sigmoid"])
def test_depth_scale_diverges_at_criticality_from_both_sides(name: str) -> None:
    critical = critical_sigma_w2(name, 0.05)
    for side in (-1, 1):
        scales = [depth_scale(name, critical * (1 + side * 10.0**-n), 0.05) for n in (0.5, 1, 2, 4)]
        assert scales == sorted(scales)
        assert scales[-1] > 1000
    assert depth_scale(name, critical, 0.05) > 1e6


@pytest.mark.parametrize(
    ("name", "sigma_w2"), [("tanh", 1.3), ("tanh", 2.5), ("gelu", 1.5), ("sigmoid", 20.0)]
)
def test_depth_scale_is_the_rate_at_which_correlations_settle(name: str, sigma_w2: float) -> None:
    q, end = fixed_point_q(name, sigma_w2, 0.05), fixed_point_c(name, sigma_w2, 0.05)
    scale = depth_scale(name, sigma_w2, 0.05)
    layers = math.ceil(5 * scale)  # e^-5 to e^-10: near, and far above rounding errors
    path = list(
        accumulate(
            repeat(None, 2 * layers),
            lambda c, _: correlation_map(name, c, q, sigma_w2, 0.05),
            initial=0.6,
        )
    )
    rate = math.log((path[layers] - end) / (path[-1] - end)) / layers
    assert 1 / rate == pytest.approx(scale, rel=0.02)


@pytest.mark.parametrize(("name", "loss"), [("relu", 2.0), ("linear", 1.0)])
def test_where_variances_never_settle_depth_scale_is_their_rate(name: str, loss: float) -> None:
    for sigma_w2 in (0.5, 3.0):
        growth = sigma_w2 * float(expectations(name, 1.0, 1.0, 1.0).products)
        assert depth_scale(name, sigma_w2, 0) == pytest.approx(1 / abs(math.log(growth)))
        assert fixed_point_q(name, sigma_w2, 0) in (0, math.inf)
    assert depth_scale(name, loss, 0) == math.inf


def test_variances_that_shrink_or_grow_for_ever_have_no_fixed_point() -> None:
    assert fixed_point_q("tanh", 0.9, 0) == 0
    assert fixed_point_q("gelu", 1.9, 0) == 0
    assert fixed_point_q("gelu", 2.5, 0) == math.inf
    assert depth_scale("gelu", 2.5, 0) == pytest.approx(1 / math.log(2.5 / 2))
    assert depth_scale("tanh", 0.9, 0) == pytest.approx(-1 / math.log(0.9), rel=1e-4)
