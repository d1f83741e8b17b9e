"""The picture of first-layer weights, from snapshots and features.csv made up here."""

from collections.abc import Sequence

import numpy as np
import pytest
from matplotlib.figure import Figure
from numpy.typing import NDArray

from stages.analysis.first_layer import AFTER, BEFORE
from stages.analysis.snapshots import Features, Snapshots
from stages.figures.features import features
from stages.figures.style import house_style
from tests.models import record, results_of
from tests.readable import assert_readable

Units = NDArray[np.int8]


def drawn(
    sigmas: Sequence[float], best: float, units: tuple[int, ...] = (16, 28, 28)
) -> tuple[Figure, Units]:
    """The figure, and the images that were to be drawn (sigmas, 3 epochs, units, rows, columns)."""
    n = len(sigmas)
    images = np.random.default_rng(0).integers(-127, 128, (n, 3, *units)).astype(np.int8)
    empty = np.zeros(0)
    snapshots = Snapshots(
        np.array(sigmas),
        *(empty.astype(np.int32), empty.astype(np.float32), empty.astype(np.float32)),
        *(empty.astype(np.uint8), empty.astype(np.uint8)),
        Features(np.arange(3, dtype=np.int32), images, np.ones((n, 3), dtype=np.float32)),
    )
    table = {
        "sigma": np.array(sigmas),
        "autocorrelation": np.full(n, 0.6),
        "standard_error": np.full(n, 0.01),
    }
    results = results_of([record(s, [0.5, 0.9 if s == best else 0.8]) for s in sigmas])
    with house_style():
        figure = features(snapshots, {BEFORE: table, AFTER: table}, results)
        assert_readable(figure)
    return figure, images


def panels(figure: Figure) -> list[NDArray[np.float64]]:
    """What is shown, before training and then after it, in root mean squares."""
    return [np.asarray(axes.images[0].get_array()) for axes in figure.axes if axes.images]


@pytest.mark.parametrize(
    ("best", "shown"), [(4, [0, 2, 4, 6, 8]), (0, [0, 2, 4, 6, 8]), (1, [0, 1, 4, 6, 8])]
)
def test_the_ends_the_best_and_two_between_are_shown(best: int, shown: list[int]) -> None:
    sigmas = np.geomspace(1e-4, 1, 9).round(8).tolist()
    figure, _ = drawn(sigmas, sigmas[best])
    titles = [axes.get_title() for axes in figure.axes[:5]]
    assert titles == [f"σ = {sigmas[place]:.3g}" for place in shown]


@pytest.mark.parametrize("units", [(16, 28, 28), (6, 5, 5), (1, 3, 4), (7, 1, 40), (16, 100, 2)])
def test_every_unit_is_seen_before_and_after_training(units: tuple[int, ...]) -> None:
    figure, images = drawn([0.01, 0.1, 1.0], 0.1, units)
    chosen = [images[place, epoch] for epoch in (0, -1) for place in range(3)]
    for panel, expected in zip(panels(figure), chosen, strict=True):
        inside = panel[np.isfinite(panel)]
        assert inside.size == expected.size
        size = np.sqrt(np.mean(expected.astype(float) ** 2))
        np.testing.assert_allclose(np.sort(inside), np.sort(expected.ravel() / size), atol=1e-6)
        first = expected[0] / size
        np.testing.assert_allclose(panel[: units[1], : units[2]], first, atol=1e-6)


@pytest.mark.parametrize("units", [(16, 28, 20), (16, 20, 28), (16, 28, 28)])
def test_units_that_fill_a_square_leave_no_place_empty(units: tuple[int, ...]) -> None:
    figure, _ = drawn([0.1], 0.1, units)
    for panel in panels(figure):
        assert panel.shape == (4 * (units[1] + 1) - 1, 4 * (units[2] + 1) - 1)
