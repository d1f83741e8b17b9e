"""Edges of learning over sigma and learning rate, where it is known where they lie."""

import math
import re
from collections.abc import Callable, Sequence

import numpy as np
import pytest

from stages.analysis.captions import map_caption
from stages.analysis.deviation import Deviation
from stages.analysis.edges import Edges, edges, last_fall
from stages.analysis.findings import Results
from stages.analysis.grid import find_grid
from stages.analysis.inside import Inside
from stages.analysis.predictions import predictions
from tests.maps import RATES, SIGMAS, falling, inside, over_rates, row_of

STEP = math.log10(SIGMAS[1] / SIGMAS[0])


def edges_of(results: Sequence[Results]) -> Edges:
    grid = find_grid(results)
    assert grid is not None
    [found] = edges(grid)
    assert found is not None
    return found


def rows(
    accuracy: Callable[[float], float], measured: Callable[[float], Inside], optimizer: str = "adam"
) -> list[Results]:
    """Of two learning rates, between which nothing differs."""
    return [
        row_of(SIGMAS, accuracy, measured, f"{lr}", train={"optimizer": optimizer, "lr": lr})
        for lr in (0.001, 0.01)
    ]


def test_an_edge_of_adam_is_found_to_the_resolution_of_the_grid() -> None:
    results = rows(
        lambda sigma: falling(sigma, 0.1, slope=1),
        lambda sigma: inside(weight_rms=sigma, displacement=0.1),
    )
    found = edges_of(results)
    assert found.foretold == pytest.approx([0.1, 0.1], rel=1e-6)
    assert np.abs(np.log10(found.measured / 0.1)).max() < STEP
    assert found.step == pytest.approx(STEP)
    assert found.curve(found.foretold)[1].tolist() == [0.001, 0.01]


def test_adams_edge_is_where_the_start_of_any_scale_outweighs_what_training_adds() -> None:
    # σ/√fan-in of weights that move by 0.003: σ = 0.09
    results = rows(
        lambda sigma: falling(sigma, 0.1),
        lambda sigma: inside(weight_rms=sigma / 30, displacement=0.003),
    )
    assert edges_of(results).foretold == pytest.approx([0.09, 0.09], rel=1e-6)


@pytest.mark.parametrize(("optimizer", "bound"), [("sgd", 2), ("momentum", 3.8)])
def test_an_edge_of_gradient_descent_is_found_to_the_resolution_of_rates(
    optimizer: str, bound: float
) -> None:
    found = edges_of(over_rates(optimizer, lambda sigma: 0.1, RATES[optimizer]))
    assert found.foretold == pytest.approx(np.full(len(SIGMAS), bound / 20))
    assert np.abs(np.log10(found.measured / 0.1)).max() < found.step
    assert found.step == pytest.approx(0.5, abs=0.03)
    assert found.curve(found.measured)[0].tolist() == SIGMAS


@pytest.mark.parametrize(
    ("accuracy", "displacement"),
    [
        pytest.param(lambda _: 0.95, lambda _: 100.0, id="beyond the grid"),
        pytest.param(lambda _: 0.1, lambda _: 0.0, id="nothing moves and nothing learns"),
        pytest.param(lambda _: 0.1, lambda _: math.nan, id="overflow"),
        pytest.param(
            lambda s: 0.95 if s < 20 else 0.1,
            lambda s: 0.1 if s < 0.09 else math.nan,
            id="overflow beyond the edge",
        ),
    ],
)
def test_what_the_grid_does_not_show_stays_unknown(
    accuracy: Callable[[float], float], displacement: Callable[[float], float]
) -> None:
    results = rows(
        accuracy, lambda sigma: inside(weight_rms=sigma, displacement=displacement(sigma))
    )
    found = edges_of(results)
    assert np.isnan(found.foretold).all()
    assert np.isnan(found.measured).all()
    assert "at none of 2 learning rates does the grid show both" in found.told


def test_rates_at_which_little_is_learned_have_no_edge() -> None:
    learning, lazy = (
        row_of(
            SIGMAS,
            lambda sigma, top=top: falling(sigma, 0.1) - 0.95 + top,  # type: ignore[misc]
            lambda sigma: inside(weight_rms=sigma, displacement=0.1),
            f"{top}",
            train={"lr": lr},
        )
        for top, lr in ((0.95, 0.001), (0.4, 1.0))
    )
    assert np.isnan(edges_of([learning, lazy]).measured).tolist() == [False, True]


@pytest.mark.parametrize(
    ("heights", "place"),
    [
        ([1, 1, 0, 0], 10**1.5),
        ([1, 0, 1, 0], 10**2.5),
        ([1, 1, 0.25, 0], 10 ** (1 + 2 / 3)),
        ([1, 1, -math.inf, 0], 10),
        ([1, math.nan, 0, 0], math.nan),
        ([1, 1, 1, 1], math.nan),
        ([0, 0, 0, 0], math.nan),
    ],
)
def test_the_last_fall_lies_on_a_line_over_log_places(heights: list[float], place: float) -> None:
    found = last_fall(np.array([1.0, 10, 100, 1000]), np.array(heights, np.float64), 0.5)
    assert found == pytest.approx(place, nan_ok=True)


def test_deviations_are_of_pairs_that_are_known() -> None:
    found = Deviation.of([1, 10, math.nan, 0, 100], [1, 1, 1, 1, math.inf])
    assert found
    assert (found.median, found.largest, found.compared) == (0.5, 1, 2)
    assert found.told == "3.2 times that, off by 0.50 decades in the median and 1.00 at most"
    alone = Deviation.of([1], [10])
    assert alone
    assert alone.told == "0.1 times that, off by 1.00 decades"
    assert Deviation.of([math.nan], [1]) is None


def test_each_optimiser_has_its_sentence_in_the_caption() -> None:
    adam = over_rates("adam", lambda lr: 85 * lr, RATES["adam"])
    sgd = over_rates("sgd", lambda sigma: 0.1, RATES["sgd"])
    momentum = over_rates("momentum", lambda sigma: 0.1, RATES["momentum"])
    grid = find_grid([*adam, *sgd, *momentum])
    assert grid
    assert not grid.shares_axis
    of_adam, of_sgd, of_momentum = predictions(grid)
    assert map_caption(grid)[-3:] == [of_adam, of_sgd, of_momentum]
    # A tenth of a decade beyond the edge accuracy has fallen by a point.
    assert re.search(r"Adam \(1 point below .* times that, off by 0\.\d\d decades", of_adam)
    assert "(8 of 9 learning rates; σ are 0.25 decades apart)" in of_adam
    assert "2 / sharpness before training, where full-batch descent on a quadratic" in of_sgd
    assert "(21 of 21 σ; rates are 0.50 decades apart)" in of_sgd
    assert "3.8 / sharpness" in of_momentum


def test_nothing_is_foretold_of_networks_that_were_not_looked_into() -> None:
    results = over_rates("adam", lambda lr: 85 * lr, RATES["adam"])
    bare = [Results(of.points, of.summary, of.courses, of.setting) for of in results]
    grid = find_grid(bare)
    assert grid
    assert predictions(grid) == []


def test_nothing_is_foretold_of_gradient_descent_whose_sharpness_is_unknown() -> None:
    deep = rows(lambda sigma: falling(sigma, 0.1), lambda _: inside(), optimizer="sgd")
    grid = find_grid(deep)
    assert grid
    assert edges(grid) == [None]
    assert predictions(grid) == []
