"""Depth scales measured in wide random networks, beside those of theory; what few layers tell."""

import math

import numpy as np
import pytest

from stages.analysis.depth import DepthTheory, measured_rates
from stages.analysis.grid import find_grid
from stages.analysis.predictions import predictions
from stages.analysis.trainability import Scales, scales
from stages.core.activations import ACTIVATIONS
from stages.core.records import LayerRecord
from tests.maps import inside, row_of

WIDTH, LAYERS, IMAGES = 300, 40, 8


def layer(activation_rms: float = 1, gradient_norm: float = 1, cosine: float = 0.5) -> LayerRecord:
    return LayerRecord(activation_rms, gradient_norm, 0, 0, cosine, 1, 1, 1, math.nan)


def random_network(activation: str, sigma_w2: float, sigma_b2: float) -> list[LayerRecord]:
    """What is measured of hidden layers of one width, before training."""
    rng = np.random.default_rng(0)
    function, slope = ACTIVATIONS[activation].function, ACTIVATIONS[activation].slope
    h = rng.standard_normal((IMAGES, WIDTH))
    read, slopes, weights = [], [], []
    for _ in range(LAYERS):
        read.append(h)
        weights.append(rng.standard_normal((WIDTH, WIDTH)) * math.sqrt(sigma_w2 / WIDTH))
        z = h @ weights[-1].T + math.sqrt(sigma_b2) * rng.standard_normal(WIDTH)
        slopes.append(slope(z))
        h = function(z)
    delta = rng.standard_normal(h.shape) * slopes[-1]
    found = []
    for place in reversed(range(LAYERS)):
        out = read[place + 1] if place + 1 < LAYERS else h
        unit = out / np.linalg.norm(out, axis=1, keepdims=True)
        cosine = (unit @ unit.T)[np.triu_indices(IMAGES, 1)].mean()
        gradient = np.linalg.norm(delta.T @ read[place])
        found.append(layer(math.sqrt((out**2).mean()), float(gradient), float(cosine)))
        if place:
            delta = (delta @ weights[place]) * slopes[place - 1]
    return found[::-1]


@pytest.mark.parametrize(
    ("activation", "sigma_w2", "sigma_b2"),
    [
        ("tanh", 1.0, 0.05),
        ("tanh", 1.3, 0.05),
        ("tanh", 3.0, 0.05),
        ("relu", 1.5, 0),
        ("relu", 3, 0),
    ],
)
def test_measured_rates_are_those_of_theory(
    activation: str, sigma_w2: float, sigma_b2: float
) -> None:
    theory = DepthTheory(activation, sigma_b2, WIDTH)
    rates = measured_rates(random_network(activation, sigma_w2, sigma_b2))
    of_gradients = 1 / abs(rates.gradient_growth)
    assert of_gradients == pytest.approx(theory.scale_of_gradients(sigma_w2), rel=0.2)
    assert (rates.gradient_growth > 0) == (sigma_w2 > 1.9)
    if theory.ordered(sigma_w2):
        assert 1 / rates.cosine_decay == pytest.approx(theory.scale(sigma_w2), rel=0.2)
    if not theory.settles(sigma_w2):
        assert 1 / abs(rates.signal_growth) == pytest.approx(theory.scale(sigma_w2), rel=0.2)


def test_the_growth_of_gradients_is_that_of_delta_whatever_signals_do() -> None:
    # Signals grow by e, gradients by weights stay: delta shrinks by e forward, so grows backward.
    rates = measured_rates([layer(math.exp(n)) for n in range(8)])
    assert rates.signal_growth == pytest.approx(2)
    assert rates.gradient_growth == pytest.approx(2)


def test_cosines_count_where_they_are_near_1_and_above_rounding() -> None:
    def decay(cosines: list[float]) -> float:
        return measured_rates([layer(cosine=cosine) for cosine in cosines]).cosine_decay

    settling = [0.3, 0.5, *(1 - 0.08 * math.exp(-n) for n in range(6)), *[1 - 1e-7] * 5]
    assert decay(settling) == pytest.approx(1)
    assert math.isnan(decay([0.3] * 12))
    assert math.isnan(decay(settling[:6]))
    assert math.isnan(decay([math.nan] * 12))


def test_gradients_and_cosines_have_scales_of_their_own_in_chaos_alone() -> None:
    theory = DepthTheory("tanh", 0.05, WIDTH)
    assert theory.scale_of_gradients(1.3) == pytest.approx(theory.scale(1.3))
    assert theory.scale_of_gradients(3.0) < theory.scale(3.0)
    assert (theory.ordered(1.3), theory.ordered(3.0)) == (True, False)
    assert not DepthTheory("relu", 0, WIDTH).ordered(1.5)


def test_measured_scales_are_told_beside_theory_once_for_equal_starts() -> None:
    sigmas = [1.0, 1.1, 1.5]
    theory = DepthTheory("relu", 0, 128)

    def measured(sigma: float) -> object:
        growth = 10 / theory.scale(sigma**2)
        return inside(signal_growth=growth, gradient_growth=growth / 10)

    results = [
        row_of(
            sigmas,
            lambda sigma, depth=depth: 0.9 if depth < 6 * theory.scale(sigma**2) else 0.1,  # type: ignore[misc]
            measured,  # type: ignore[arg-type]
            f"{steps}-{depth}",
            train={"steps": steps},
            model={"activation": "relu", "depth": depth, "hidden": [128]},
            sweep={"scale": "fan_in", "biases": "zero"},
        )
        for steps in (300, 2000)
        for depth in (5, 60)
    ]
    grid = find_grid(results)
    assert grid
    assert [panel.title for panel in grid.panels] == ["300 steps", "2000 steps"]
    trained, off = predictions(grid)
    assert (
        "so many reach 50 %: 300 steps: 3 of 3 and 0 of 3; 2000 steps: 3 of 3 and 0 of 3."
        in trained
    )
    assert off.count("ReLU, σ_b = 0: ") == 1
    assert "ξ of signals is off by 1.00 decades (median of 3 σ; 1.00 at most)" in off
    assert "1/|log χ₁| of gradients is off by 0.00 decades (median of 3 σ; 0.00 at most)" in off
    found = scales(grid.panels[0], theory)
    assert found
    assert found.depth == 60
    assert found.of_gradients == pytest.approx(found.foretold_of_gradients)


def test_scales_are_compared_where_networks_are_deep_enough_to_tell() -> None:
    measured, foretold = np.array([1.0, 90.0, math.nan]), np.array([10.0, 11.0, 5.0])
    told = Scales(measured, "signals", measured, foretold, measured[2:], foretold[2:], 60).told
    assert told == (
        "ξ of signals is off by 1.00 decades (at 1 σ); 1/|log χ₁| of gradients cannot be measured"
    )
