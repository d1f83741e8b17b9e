"""The sentences above the panels, for usual numbers, zeros and overflows."""

from math import nan

import numpy as np
import pytest

from stages.analysis.captions import changed, outgrown, silent_units, spread, widened
from stages.analysis.tables import Table
from tests.models import setting_of


def table(column: str, values: list[list[float]], epoch: float = 0) -> Table:
    """`values` by layer, then by sigma: 0.01, 0.1, 1; a named initialiser's row is beside them."""
    layers, sigmas = len(values), len(values[0])
    columns: dict[str, list[float]] = {
        "sigma": [10.0**i for _ in range(layers) for i in range(-2, sigmas - 2)],
        "layer": [layer for layer in range(1, layers + 1) for _ in range(sigmas)],
        "epoch": [epoch] * layers * sigmas,
        column: [value for of_layer in values for value in of_layer],
    }
    beside = {"sigma": nan, "layer": 1, "epoch": epoch, column: 1e9}
    return {name: np.array([*held, beside[name]], np.float64) for name, held in columns.items()}


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ([[1e-3, 1.0, 1e4]], "They span 7.0 decades over σ and layers."),
        ([[1e-3], [1e-1]], "They span 2.0 decades over layers."),
        ([[0.0, 1.0, nan]], "They span 0.0 decades over σ and layers; 1 of 3 zero; 1 of 3 ov"),
        ([[nan, nan]], "2 of 2 overflowed."),
    ],
)
def test_spread_counts_what_no_axis_shows(values: list[list[float]], said: str) -> None:
    assert spread(table("gradient_norm", values), "gradient_norm", 0).startswith(said)


def test_a_layer_that_does_not_run_itself_has_not_overflowed() -> None:
    probes = {
        **table("gradient_norm", [[1.0, 2.0, nan]]),
        **table("activation_rms", [[1.0, nan, nan]]),
    }
    told = "They span 0.0 decades over σ and layers; 1 of 3 overflowed; 1 of 3 not measured."
    assert spread(probes, "activation_rms", 0) == told


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ([[0.0, 0.25], [0.5, 0.5]], "0 for every image: at most 25 % (layer 1, σ = 0.1)."),
        ([[0.0, 0.0], [1.0, 1.0]], "No unit is 0 for every image."),
        ([[nan, nan], [nan, nan]], "All overflowed."),
        ([[0.0, nan], [0.0, 0.0]], "No unit is 0 for every image. 1 of 2 overflowed."),
    ],
)
def test_silent_units_are_those_of_hidden_layers(values: list[list[float]], said: str) -> None:
    assert silent_units(table("dead_units", values), setting_of(), 0) == said


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ([[9.0, 2.0, 0.1], [1.5, 0.5, 0.1]], "Up to σ = 0.1 some layer by more than"),
        ([[0.1, 2.0, 0.1]], "At 1 of 3 σ some layer by more than"),
        ([[2.0, 2.0]], "At every σ some layer by more than"),
        ([[0.1, 0.2]], "No layer by more than"),
        ([[2.0]], "At σ = 0.01 some layer by more than"),
        ([[nan, nan]], "All overflowed."),
    ],
)
def test_movement_is_placed(values: list[list[float]], said: str) -> None:
    assert outgrown(table("movement", values), 0).startswith(said)


def test_the_most_and_the_least_changed_are_named() -> None:
    told = changed(table("distance", [[0.5, 0.1], [nan, 0.02]]), setting_of())
    assert told == "0.02 (layer 2, σ = 0.1) to 0.5 (layer 1, σ = 0.01)."
    assert changed(table("distance", [[0.0, 0.0]]), setting_of()) == "0 throughout."
    assert changed(table("distance", [[nan]]), setting_of()) == "All overflowed."


def test_the_spread_of_weights_is_told_at_both_ends() -> None:
    distributions = {
        "sigma": np.array([0.1, 0.1, 1.0, 1.0]),
        "layer": np.zeros(4),
        "bin_center": np.array([1.0, 1e200, -1.0, 1.0]),
        "before": np.array([4.0, 0.0, 1.0, 1.0]),
        "after": np.array([0.0, 4.0, 0.0, 0.0]),
    }
    assert "1e+200 at σ = 0.1, overflowed at σ = 1." in widened(distributions)
