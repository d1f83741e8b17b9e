"""Sentences about what was measured inside networks: usual and unusual numbers."""

from math import nan

import numpy as np
import pytest

from stages.analysis.accuracy import has_learned
from stages.analysis.evidence import (
    first_layer_images,
    movement,
    named_initialisers,
    theory,
    vanishing_and_exploding,
)
from stages.analysis.findings import Results
from stages.analysis.first_layer import AFTER, BEFORE
from stages.analysis.tables import Table
from tests.models import baseline, record, results_of

NAMED = [baseline("orthogonal", 0.1, 0.1, diverged=2)]
LEARNED, BEST, CHANCE = 0.9, 0.97, 0.1135


def sweep(*accuracies: float) -> Results:
    """Sigmas of 0.01, 0.1, ... with these accuracies."""
    return results_of([record(10.0**i, [a]) for i, a in enumerate(accuracies, -2)])


def probes(column: str, values: list[float], epoch: int = 0) -> Table:
    """The first layer of the networks of `sweep`."""
    n = len(values)
    return {
        "sigma": np.array([10.0**i for i in range(-2, n - 2)]),
        "layer": np.ones(n),
        "epoch": np.full(n, float(epoch)),
        column: np.array(values),
    }


def gradients(accuracies: list[float], norms: list[float]) -> str:
    return " ".join(vanishing_and_exploding(sweep(*accuracies), probes("gradient_norm", norms)))


def test_less_than_a_decade_is_neither_vanishing_nor_exploding() -> None:
    told = gradients([LEARNED, BEST, LEARNED], [0.2, 1.0, 5.0])
    assert "0.7 decades below" in told
    assert "0.7 decades above" in told
    assert "vanish" not in told
    assert "explode" not in told


def test_a_network_a_little_above_its_start_learned_little() -> None:
    told = gradients([0.15, BEST, LEARNED], [0.01, 1.0, 100.0])
    assert "ended at 15.00 %: gradients vanish, and it learned little" in told
    assert "ended at 90.00 %: gradients explode, and yet it learned" in told


@pytest.mark.parametrize("norm_of_best", [1.0, 0.0])
def test_gradients_that_are_zero_or_overflow_are_told(norm_of_best: float) -> None:
    told = gradients([CHANCE, BEST, CHANCE], [0.0, norm_of_best, nan])
    assert "weights starts at 0; training ended at 11.35 %: gradients vanish" in told
    assert "weights overflows; training ended at 11.35 %: gradients explode" in told
    assert "nan" not in told


def moved(relative: list[float], absolute: list[float]) -> Table:
    return {**probes("movement", relative, 3), **probes("displacement", absolute, 3)}


def test_movement_is_told_beside_the_first_norm_and_as_it_is() -> None:
    [told] = movement(sweep(LEARNED, BEST).points, moved([850.0, 0.0724], [0.0851, 0.724]))
    assert told == (
        "**Movement.** Training moved the first layer's weights by 850 times their initial norm "
        "(a root mean square of 0.085) at σ = 0.01 and by 0.0724 times their initial norm "
        "(a root mean square of 0.72) at σ = 0.1."
    )


def test_movement_that_overflowed_is_no_number() -> None:
    [told] = movement(sweep(LEARNED, BEST).points, moved([850.0, nan], [8.5, nan]))
    assert "by 850 times their initial norm (a root mean square of 8.5) at σ = 0.01" in told
    assert told.endswith("and further than numbers reach at σ = 0.1.")


def test_weights_that_training_left_alone_moved_not_at_all() -> None:
    [told] = movement(sweep(CHANCE).points, moved([0.0], [0.0]))
    assert told.endswith("Training moved the first layer's weights not at all at σ = 0.01.")


def test_equal_gradients_are_neither_above_nor_below() -> None:
    told = gradients([LEARNED, BEST], [1.001, 1.0])
    assert "starts at 1, level with the 1 at σ = 0.1" in told
    assert "0.0 decades" not in told


def test_where_no_network_learned_nothing_is_compared_with_a_best() -> None:
    records = [record(10.0**i, [0.14], untrained=0.14) for i in (0, 1)]
    untrained = results_of(records, named=NAMED)
    told = gradients_of_one_and_ten(untrained)
    assert told.endswith("starts at 1 at σ = 1 and starts at 1e+02 at σ = 10; no network learned.")
    [told] = named_initialisers(untrained)
    assert told.endswith(
        "orthogonal ends at 10.00 ± 0.00 %, which is no learning, 2 of 2 diverged."
    )
    assert "best" not in told


@pytest.mark.parametrize("second", [0.14, 0.125], ids=["alike", "one of two learned"])
def test_where_only_the_best_did_not_learn_no_sentence_says_that_none_did(second: float) -> None:
    courses = [(1, 0.135, 0.104), (10, 0.14, 0.14)]
    records = [record(sigma, [end], 0, untrained=start) for sigma, end, start in courses]
    records += [
        record(1, [0.135], 1, untrained=0.104),
        record(10, [0.14], 1, untrained=second),
    ]
    results = results_of(records, named=NAMED)
    assert results.best.sigma == 10
    told = [gradients_of_one_and_ten(results), *named_initialisers(results)]
    for sentence in told:
        assert "the best, σ = 10, did not learn, so that nothing is compared with it." in sentence
        assert "no network learned" not in sentence


def test_replicates_that_learn_only_on_average_are_no_network_that_learned() -> None:
    records = [record(1, [0.14], 0, untrained=0.14), record(1, [0.121], 1, untrained=0.05)]
    results = results_of([*records, record(10, [0.1], 0), record(10, [0.1], 1)])
    assert has_learned(results.best)
    assert gradients_of_one_and_ten(results).endswith("no network learned.")


def gradients_of_one_and_ten(results: Results) -> str:
    table = {**probes("gradient_norm", [1.0, 100.0]), "sigma": np.array([1.0, 10.0])}
    [told] = vanishing_and_exploding(results, table)
    return told


@pytest.mark.parametrize(
    ("errors", "said"),
    [
        ([0.001, 0.02], "outputs by 0.001, 0.020 decades;"),
        ([0.001, None], "outputs by 0.001 decades, with 1 other layer not to be compared;"),
        ([None, None], "outputs cannot be compared, as all overflowed or are zero;"),
        ([0.001] * 12 + [0.5], "outputs by 0.001 to 0.500 decades in 13 layers;"),
    ],
)
def test_theory_is_told_for_any_number_of_layers(errors: list[float | None], said: str) -> None:
    of_layers = {
        f"{quantity}, layer {layer}": {"mean_abs_log10_error": error}
        for quantity in ("activation_rms", "gradient_norm")
        for layer, error in enumerate(errors, 1)
    }
    [told] = theory(of_layers)
    assert said in told
    assert "unknown" not in told


def smoothness(*values: float, error: float = 0.01, replicates: int = 1) -> Table:
    """The rows of features.csv of one moment for the networks of `sweep`."""
    sigmas = [10.0**i for i in range(-2, len(values) - 2)]
    return {
        "sigma": np.array(sigmas * replicates),
        "autocorrelation": np.array([v + 0.02 * r for r in range(replicates) for v in values]),
        "standard_error": np.full(len(values) * replicates, error),
    }


def images(before: Table, after: Table) -> str:
    [told] = first_layer_images(sweep(LEARNED, BEST, LEARNED), {BEFORE: before, AFTER: after})
    return told


def test_smooth_patterns_grow_noise_remains_and_between_nothing_is_judged() -> None:
    told = images(smoothness(-1e-4, 0, 0), smoothness(0.7, 0.3, 0.05))
    assert ": 0.000 and 0.700 ± 0.010 at σ = 0.01, smooth patterns grow; " in told
    assert "; 0.000 and 0.300 ± 0.010 at σ = 0.1; " in told
    assert told.endswith("; 0.000 and 0.050 ± 0.010 at σ = 1, noise remains.")


def test_what_was_smooth_before_and_is_noise_now_did_not_remain_noise() -> None:
    assert "remains" not in images(smoothness(0.6, 0.6, 0.6), smoothness(0.0, 0.0, 0.0))


def test_smooth_before_training_is_no_growth_and_overflow_no_number() -> None:
    told = images(smoothness(0.6, 0, 0), smoothness(0.7, nan, 0.3, error=nan))
    assert "0.600 and 0.700 at σ = 0.01; unknown at σ = 0.1, where weights overflowed" in told
    assert "nan" not in told


def test_the_error_of_smoothness_is_that_over_replicates_where_there_are_some() -> None:
    told = images(smoothness(0, 0, 0, replicates=2), smoothness(0.7, 0.3, 0.2, replicates=2))
    assert "0.010 and 0.210 ± 0.010 at σ = 1" in told


def test_without_images_nothing_is_said_and_without_learning_nothing_of_a_best() -> None:
    nothing = smoothness()
    assert first_layer_images(sweep(BEST), {BEFORE: nothing, AFTER: nothing}) == []
    table = smoothness(0.0, 0.0, 0.0)
    [told] = first_layer_images(sweep(CHANCE, CHANCE, CHANCE), {BEFORE: table, AFTER: table})
    assert "σ = 0.1 " not in told
