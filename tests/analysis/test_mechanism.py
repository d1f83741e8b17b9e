"""What training did to weights, and to baselines, against numbers worked out by hand."""

import math

import numpy as np
import pytest
from scipy.stats import ks_2samp

from stages.analysis.mechanism import ks_distance, layer_changes, scaled_distribution
from tests.models import baseline, record, results_of


def test_ks_distance_of_shifted_steps() -> None:
    values = np.arange(100, dtype=np.float32).reshape(10, 10)
    assert ks_distance(values, values) == 0
    assert ks_distance(values, values + 25) == pytest.approx(0.25)
    assert ks_distance(values, values + 1000) == 1
    assert math.isnan(ks_distance(values, np.full_like(values, np.inf)))


def test_ks_distance_is_that_of_scipy_to_the_bit() -> None:
    rng = np.random.default_rng(0)
    for shapes in [((3, 5), (7, 2)), ((100, 30), (100, 30)), ((1, 1), (4, 4))]:
        one, other = (rng.normal(size=shape).astype(np.float32) for shape in shapes)
        for there in (other, np.round(other), -np.abs(other)):  # the second with ties
            of_scipy = ks_2samp(one.ravel(), there.ravel(), method="asymp").statistic
            assert ks_distance(one, there) == of_scipy


def test_ks_distance_of_two_scales_of_a_normal() -> None:
    noise = np.random.default_rng(0).normal(size=(400, 400)).astype(np.float32)
    x = math.sqrt(2 * math.log(2) / (1 - 1 / 4))  # where the densities of N(0, 1), N(0, 4) meet
    expected = 0.5 * (math.erf(x / math.sqrt(2)) - math.erf(x / 2 / math.sqrt(2)))
    assert ks_distance(noise, 2 * noise) == pytest.approx(expected, abs=0.005)
    [change] = layer_changes([noise], [2 * noise])
    assert change.std_after == pytest.approx(2 * change.std_before)


def test_scaled_distributions_count_every_weight_of_every_layer() -> None:
    before = [np.full((3, 4), 0.5, np.float32), np.full((2, 3), -0.5, np.float32)]
    after = [matrix * 1e9 for matrix in before]
    rows = list(scaled_distribution(before, after, [0.5, 0.5]))
    assert [row["layer"] for row in rows] == [0] * 4 + [1] * 2 + [2] * 2
    for layer, weights in ((0, 18), (1, 12), (2, 6)):
        mine = [row for row in rows if row["layer"] == layer]
        assert sum(row["before"] for row in mine) == sum(row["after"] for row in mine) == weights
    [bin_of_one] = [row for row in rows if row["layer"] == 1 and row["before"]]
    assert bin_of_one["bin_center"] == pytest.approx(1, abs=0.2)
    unlike = list(scaled_distribution(before, before, [0.5, 0.05]))  # layers of two scales
    assert unlike[-1]["bin_center"] == pytest.approx(-10, rel=0.2)
    assert rows[5] == {
        "layer": 1,
        "bin_center": pytest.approx(1e9, rel=0.2),
        "before": 0,
        "after": 12,
    }


def test_a_baseline_is_compared_by_paired_differences() -> None:
    noise = [0.0, 0.02, -0.02, 0.01]
    sigmas = [record(0.1, [0.9 + n], replicate) for replicate, n in enumerate(noise)]
    other = baseline("orthogonal", *(0.91 + n + 0.001 * r for r, n in enumerate(noise)))
    found = results_of(sigmas, named=[other]).compared["orthogonal"]
    # The first replicate chooses; the others are 1.1, 1.2 and 1.3 points apart.
    assert found.difference == pytest.approx(-0.012)
    assert found.error == pytest.approx(0.001 / math.sqrt(3))
    assert found.beyond_noise
