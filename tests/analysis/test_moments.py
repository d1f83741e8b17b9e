"""The sentence of each moment, and the links to look at first, from made-up courses."""

from collections.abc import Mapping, Sequence
from math import inf, nan
from typing import Any

import numpy as np
import pytest

from stages.analysis.findings import Results
from stages.analysis.moments import sentences, tour
from stages.analysis.tables import Table
from tests.models import record, results_of, with_accuracies

SIGMAS = (1e-4, 0.05, 10.0)
SGD: dict[str, Any] = {"optimizer": "sgd", "lr": 0.01}


def sweep(
    finals: Sequence[float], variant: str = "", untrained: float = 0.1, **train: Any
) -> Results:
    """Networks of SIGMAS that reach half of these accuracies after one epoch, all after two."""
    records = [
        record(sigma, [final / 2, final], untrained=untrained)
        for sigma, final in zip(SIGMAS, finals, strict=False)
    ]
    return results_of(records, variant, train=train)


def told(
    results: Results,
    gradients: Mapping[float, Sequence[float]],
    moved: float = 0.25,
    damped: float = nan,
) -> list[list[str]]:
    """The sentences, where the first layer's gradients at moments 0, 1 and 2 are these by sigma.

    An epoch moves weights by `moved` times their initial norm, at 0.05 by 0.05 in all.
    """
    rows = [
        (
            *(point.sigma, epoch, layer, norm if layer == 1 else 1.0, moved * epoch),
            *((0.05 if point.sigma == 0.05 else moved * point.sigma) * epoch, damped),
        )
        for point in results.points
        for epoch, norm in enumerate(gradients.get(point.sigma, (0.1, 0.1, 0.1)))
        for layer in (1, 2)
    ]
    columns = np.array(rows).T
    names = ("sigma", "epoch", "layer", "gradient_norm", "movement", "displacement", "damped")
    table: Table = dict(zip(names, columns, strict=True))
    return sentences(results, table)


VANISHED, EXPLODED = {1e-4: (1e-6, 1e-6, 1e-6)}, {10.0: (1e3, 1e2, 1e2)}


def test_of_small_gradients_it_is_told_how_far_weights_moved_beside_the_best() -> None:
    adam, *_ = told(sweep([0.96, 0.97, 0.5]), VANISHED, moved=500, damped=0.981)
    sgd, *_ = told(sweep([0.1, 0.97, 0.1], **SGD), VANISHED, moved=1e-3)
    start = "Gradients of the first layer start 5.0 decades smaller than at the best σ (0.05)"
    guess = "untrained, it guesses and gets 10.00 % right"
    assert adam[0] == (
        f"{start}; epsilon at least halves Adam's first step in 98.1 % of these weights; {guess}."
    )
    assert sgd[0] == f"{start}; SGD's first step is as much smaller; {guess}."
    started = start.replace("start", "started") + " and still are 5.0 decades smaller"
    assert adam[2] == (
        f"{started}; Adam has moved these weights by 1,000 times their initial norm, a distance "
        "level with that at the best σ; after epoch 2 it gets 96.00 % right, the best σ 97.00 %."
    )
    assert sgd[2] == (
        f"{started}; SGD has moved these weights by 0.002 times their initial norm, a distance "
        "5.7 decades smaller than that at the best σ; after epoch 2 it gets 10.00 % right, no "
        "better than guessing."
    )


def test_of_large_gradients_too_whatever_an_optimiser_is_said_to_do() -> None:
    *_, adam = told(sweep([0.96, 0.97, 0.5]), EXPLODED, damped=0.0)
    *_, sgd = told(sweep([0.1, 0.97, 0.1], **SGD), EXPLODED, moved=4e6)
    assert "4.0 decades larger than at the best σ (0.05); epsilon at least halves" in adam[0]
    assert "in 0 % of these weights" in adam[0]
    assert "a distance 1.7 decades larger than that at the best σ" in adam[1]
    assert "SGD's first step is as much larger" in sgd[0]
    assert "SGD has moved these weights by 8,000,000 times their initial norm, a dist" in sgd[2]


@pytest.mark.parametrize(
    ("norms", "clause"),
    [
        ((1e-6, 0.1, 0.1), "started 5.0 decades smaller than at the best σ (0.05); "),
        ((1e3, 1e3, 1e-4), "larger than at the best σ (0.05) and now are 3.0 decades smaller; "),
        ((1e3, 1e2, 0.0), "larger than at the best σ (0.05) and now are 0; "),
        ((0.102, 1.0, 1.0), "started level with those at the best σ (0.05); "),
        ((0.2, 1.0, 1.0), "started 0.3 decades larger than at the best σ (0.05); SGD has moved"),
        ((0.0, 0.0, 0.1), "started far smaller than at the best σ (0.05); SGD has moved"),
        ((1e3, nan, nan), "Numbers have overflowed: the network has diverged; "),
        ((inf, 0.1, 0.1), "started far larger than at the best σ (0.05); SGD has moved"),
    ],
)
def test_the_present_gradient_is_told_where_it_is_far_off(
    norms: Sequence[float], clause: str
) -> None:
    *_, last = told(sweep([0.5, 0.97, 0.6], **SGD), {10.0: norms})
    assert clause in last[2]


def test_the_best_sigma_is_compared_with_none() -> None:
    _, best, _ = told(sweep([0.5, 0.97, 0.6]), {})
    assert best[1] == (
        "At σ = 0.05, the best of the sweep, gradients of the first layer started at 0.1; Adam has "
        "moved these weights by 0.25 times their initial norm; after epoch 1 it gets 48.50 % right."
    )


def test_nothing_is_compared_where_none_learned() -> None:
    for of_sigma in told(sweep([0.1, 0.1, 0.1]), VANISHED | EXPLODED):
        for sentence in of_sigma:
            assert "best" not in sentence
            assert "decades" not in sentence
        assert of_sigma[2].endswith("10.00 % right, no better than guessing.")


def test_differences_are_judged_at_the_end_and_where_seed_noise_is_known() -> None:
    lone = sweep([0.969, 0.97, 0.5])
    lower, _, large = told(lone, {})
    assert lower[1].endswith("after epoch 1 it gets 48.45 % right, the best σ 48.50 %.")
    assert large[2].endswith("after epoch 2 it gets 50.00 % right, the best σ 97.00 %.")
    noise = 0.0005 * np.array([[1, -1, 0, 1, -1], [0, 1, -1, -1, 0], [1, 0, 0, -1, 1]])
    replicated = with_accuracies(lone, np.array([[0.9698], [0.97], [0.5]]) + noise)
    lower, _, large = told(replicated, {})
    assert lower[2].endswith("level with the best σ (± 0.02 points, within noise).")
    assert large[2].endswith("points below the best σ, beyond noise.")


def test_the_tour_begins_where_one_start_has_two_fates() -> None:
    adam = sweep([0.96, 0.97, 0.95], "Adam")
    sgd = sweep([0.1, 0.95, 0.09], "SGD", **SGD)
    first, *others = tour([adam, sgd])
    assert first.text == (
        "The same start, two fates: σ = 0.0001 ends at 10.00 % with SGD, at 96.00 % with Adam"
    )
    assert (first.of, first.point) == (sgd, sgd.points[0])
    assert first.beside == (adam, adam.points[0])
    assert [stop.text for stop in others] == [
        "Adam: the smallest σ beside the best",
        "Adam: the largest σ beside the best",
        "Adam: the best σ",
    ]


def test_variants_that_start_otherwise_have_the_same_sigma_and_not_the_same_start() -> None:
    records = [record(sigma, [0.1]) for sigma in SIGMAS]
    relu = results_of(records, "relu")
    tanh = results_of(
        [record(sigma, [0.9]) for sigma in SIGMAS], "tanh", model={"activation": "tanh"}
    )
    text = tour([relu, tanh])[0].text
    assert text.startswith("The same σ, two fates: σ = 0.0001 ends at 10.00 % with relu")


def test_the_tour_of_one_sweep_goes_to_its_ends_and_its_best() -> None:
    sweeps = sweep([0.96, 0.97, 0.95])
    smallest, largest, best = tour([sweeps])
    assert [smallest.text, largest.text, best.text] == [
        "The smallest σ beside the best",
        "The largest σ beside the best",
        "The best σ",
    ]
    assert [stop.point.sigma for stop in (smallest, largest, best)] == [1e-4, 10.0, 0.05]
    assert smallest.beside == largest.beside == (sweeps, sweeps.best)
    alone = results_of([record(0.05, [0.9])])
    assert [stop.text for stop in tour([alone])] == ["The best σ"]


def test_fates_that_differ_little_are_no_stop() -> None:
    texts = [stop.text for stop in tour([sweep([0.9, 0.9, 0.9], name) for name in ("a", "b")])]
    assert not any("fates" in text for text in texts)
