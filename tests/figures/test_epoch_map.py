"""The map of one sweep: what its cells and marks say."""

import numpy as np
import pytest
from matplotlib.axes import Axes

from stages.analysis.captions import how_early
from stages.analysis.findings import Results
from stages.figures.epoch_map import epoch_map
from stages.figures.style import house_style
from tests.models import record, results_of
from tests.readable import assert_readable

COURSES = {0.001: [0.1, 0.2, 0.6], 0.01: [0.7, 0.9, 0.95], 0.1: [0.1, 0.1, 0.1]}


def drawn(results: Results) -> Axes:
    with house_style():
        figure = epoch_map(results)
        assert_readable(figure)
    return figure.axes[0]


def test_each_cell_is_the_accuracy_of_a_sigma_after_an_epoch() -> None:
    axes = drawn(results_of([record(sigma, course) for sigma, course in COURSES.items()]))
    [mesh] = axes.collections
    cells = 1 - np.asarray(mesh.get_array()).T
    assert cells.tolist() == [pytest.approx([0.1, *course]) for course in COURSES.values()]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["0", "1", "2", "3"]


def test_marks_stand_where_a_sigma_has_first_learned() -> None:
    results = results_of([record(sigma, course) for sigma, course in COURSES.items()])
    half, near = drawn(results).get_lines()
    assert np.column_stack(half.get_data()).tolist() == [[0.001, 3], [0.01, 1]]
    assert np.column_stack(near.get_data()).tolist() == [[0.01, 3]]
    assert how_early(results) == [
        "Up to σ = 0.01 accuracy gets half way from chance to the best (53.2 %), "
        "after epoch 1 to epoch 3.",
        "At 1 of 3 σ accuracy gets within 1 point of the best (94.0 %), after epoch 3.",
    ]


def test_where_nothing_was_learned_it_says_so_and_marks_what_diverged() -> None:
    results = results_of([record(sigma, [0.1, 0.1], diverged=sigma > 1) for sigma in (1.0, 2.0)])
    axes = drawn(results)
    [crosses] = axes.get_lines()
    assert np.column_stack(crosses.get_data()).tolist() == [[2.0, 2]]
    assert how_early(results)[0].startswith("No network learned")


@pytest.mark.parametrize("epochs", [1, 300])
def test_long_and_short_trainings_are_readable(epochs: int) -> None:
    axes = drawn(results_of([record(sigma, [1.0] * epochs) for sigma in (0.05, 0.050001)]))
    assert len(axes.get_yticks()) <= 14


def test_an_unfinished_epoch_goes_by_its_last_step() -> None:
    records = [record(sigma, [0.5, 0.8]) for sigma in (0.01, 0.1)]
    axes = drawn(results_of(records, train={"steps": 1500}))
    assert [label.get_text() for label in axes.get_yticklabels()] == ["0", "1", "step 1500"]
