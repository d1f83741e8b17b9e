"""The judge of differences: what it calls more than noise, in simulated sweeps by the thousand."""

import math

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import stdtr

from stages.analysis.holdout import Holdout
from stages.analysis.noise import LEVEL, ahead, compared, factor, holm
from stages.analysis.tables import standard_error

SIMULATED, SIGMAS, FINEST = 2000, 25, 1e-4
ALLOWED = LEVEL + 3 * math.sqrt(LEVEL * (1 - LEVEL) / SIMULATED)
"""Share of simulated sweeps with a false difference that a rate of LEVEL hardly ever exceeds."""

Array = NDArray[np.float64]


def sweeps(
    deviation: float | Array,
    shape: tuple[int, int, int],
    shared: float = 0.5,
    means: float | Array = 0.97,
    seed: int = 0,
) -> Array:
    """Accuracies of simulated sweeps (SIMULATED, K, n), of networks that share part of the noise of
    a replicate; means and deviations (K,). The test images make them multiples of a third of 1e-4.
    """
    rng, (count, k, n) = np.random.default_rng(seed), shape
    common, own = rng.standard_normal((count, 1, n)), rng.standard_normal((count, k, n))
    noise = math.sqrt(shared) * common + math.sqrt(1 - shared) * own
    accuracies = np.atleast_1d(means)[:, None] + np.atleast_1d(deviation)[:, None] * noise
    return np.asarray(np.round(accuracies / (FINEST / 3)) * FINEST / 3)


def claims(accuracies: Array, named: int) -> NDArray[np.bool_]:
    """Which networks a report calls different from the best sigma; `named` ones are last."""
    sigmas = accuracies.shape[1] - named
    both = np.arange(accuracies.shape[1]) >= sigmas
    found = compared(ahead(accuracies[:, :sigmas]), accuracies[..., 1:], FINEST, both)
    return np.asarray(found.probabilities <= LEVEL)


@pytest.mark.parametrize("unlike", [False, True], ids=["alike", "unlike deviations"])
@pytest.mark.parametrize("shared", [0.0, 0.5])
@pytest.mark.parametrize("named", [3, 10])
@pytest.mark.parametrize("n", [3, 5, 10, 20])
def test_of_sweeps_without_differences_at_most_one_in_twenty_is_said_to_have_one(
    n: int, named: int, shared: float, unlike: bool
) -> None:
    k = SIGMAS + named
    deviation = 0.0015 * (np.geomspace(0.5, 5, k) if unlike else np.ones(k))
    assert claims(sweeps(deviation, (SIMULATED, k, n), shared), named).any(axis=1).mean() <= ALLOWED


@pytest.mark.parametrize("n", [5, 10, 20])
def test_a_plateau_beside_sigmas_that_fail_has_no_differences_in_itself(n: int) -> None:
    means = np.array([0.97] * 12 + [0.95, 0.9, 0.8, 0.1] + [0.97] * 3)
    found = claims(sweeps(0.0015, (SIMULATED, 19, n), means=means), named=3)
    assert found[:, means == 0.97].any(axis=1).mean() <= ALLOWED
    assert n < 10 or found[:, means < 0.97].all()


@pytest.mark.parametrize(
    ("deviation", "shared", "share"), [(0.001, 0.0, 0.85), (0.001, 0.5, 0.95), (0.0015, 0.5, 0.8)]
)
def test_three_tenths_of_a_point_are_found_with_ten_replicates(
    deviation: float, shared: float, share: float
) -> None:
    lower, k = [0, SIGMAS], SIGMAS + 3  # a sigma and a named initialiser
    means = np.full(k, 0.97)
    means[lower] -= 0.003
    found = claims(sweeps(deviation, (SIMULATED, k, 10), shared, means), named=3)
    assert found[:, lower].mean(axis=0).min() > share


def test_the_best_owes_nothing_to_luck() -> None:
    accuracies = sweeps(0.0015, (SIMULATED, SIGMAS, 5))
    found = compared(ahead(accuracies), accuracies[..., 1:], FINEST)
    assert abs(found.differences.mean()) < 1e-5
    means = accuracies.mean(axis=-1)
    assert (means.max(axis=-1, keepdims=True) - means).mean() > 5e-4  # what it would owe


def test_leaving_one_out_would_call_noise_a_difference() -> None:
    """Why each replicate is compared with the best before it, not with the best of all others."""
    accuracies = sweeps(0.0015, (SIMULATED, SIGMAS, 20))
    best = (accuracies.sum(axis=-1, keepdims=True) - accuracies).argmax(axis=1)
    left_out = np.take_along_axis(accuracies, best[:, None], axis=1) - accuracies
    ratios = left_out.mean(axis=-1) / np.maximum(standard_error(left_out), FINEST)
    assert (holm(stdtr(19, -ratios)) <= LEVEL).any(axis=1).mean() > 2 * LEVEL


@pytest.mark.parametrize("share", [0.05, 0.2])
@pytest.mark.parametrize("n", [5, 19])
def test_equal_networks_of_which_some_draws_fall_far_have_no_differences(
    n: int, share: float
) -> None:
    rng, accuracies = np.random.default_rng(1), sweeps(0.0015, (SIMULATED, SIGMAS + 3, n))
    accuracies -= np.where(rng.random(accuracies.shape) < share, 0.5, 0)
    assert claims(accuracies, named=3).any(axis=1).mean() <= ALLOWED
    alone = compared(accuracies[:, 0], accuracies[:, 1:], FINEST)  # the best of other networks
    assert (alone.probabilities <= LEVEL).any(axis=1).mean() <= ALLOWED


def test_a_network_that_never_reaches_another_differs_from_it_however_far_some_draws_fall() -> None:
    rng, accuracies = np.random.default_rng(1), sweeps(0.0015, (SIMULATED, SIGMAS, 19))
    accuracies[:, 5] -= np.where(rng.random((SIMULATED, 19)) < 0.2, 0.4, 0.14)
    found = compared(accuracies[:, 0], accuracies, FINEST)
    assert (found.probabilities[:, 5] <= LEVEL).mean() > 0.9


def test_where_noise_is_unknown_nothing_is_called_a_difference() -> None:
    known = np.array([[0.97, 0.971, 0.969], [math.nan] * 3, [0.5, 0.501, 0.499]])
    found = list(compared(known[0], known, FINEST))
    assert [comparison.known for comparison in found] == [True, False, True]
    assert [comparison.beyond_noise for comparison in found] == [False, False, True]
    assert not any(comparison.known for comparison in compared(known[1], known, FINEST))


def test_replicates_that_agree_by_chance_leave_a_doubt() -> None:
    [found] = compared(np.array([0.97, 0.96]), np.array([[0.9695, 0.9595]]), FINEST)
    assert found.error == FINEST
    assert found.within_noise
    [lone] = compared(np.array([0.97]), np.array([[0.1]]), FINEST)
    assert not lone.known
    assert not lone.beyond_noise


def test_holms_correction_is_that_of_his_paper() -> None:
    # Sorted 0.005, 0.01, 0.03, 0.04 times 4, 3, 2, 1, and never falling.
    corrected = holm(np.array([0.01, 0.04, 0.03, 0.005]))
    assert corrected == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm(np.array([0.01, math.nan, 0.8])) == pytest.approx([0.02, 1, 0.8])


def test_students_t_is_that_of_the_tables_at_any_n() -> None:
    expected = {1: 12.706, 4: 2.776, 9: 2.262, 29: 2.045, 10_000: 1.960}
    assert {n: factor(n, 1) for n in expected} == pytest.approx(expected, abs=1e-3)
    assert factor(9, 28) > factor(19, 28) > factor(19, 1)


@pytest.mark.parametrize("before", [0.1, 0.14])
@pytest.mark.parametrize("both_right", [0.0, 0.5, 1.0], ids=["none", "by chance", "most"])
def test_networks_that_only_guess_are_hardly_ever_said_to_have_learned(
    before: float, both_right: float
) -> None:
    """`both_right`: how much of an accuracy is of images that were right before."""
    images, rng = 10_000, np.random.default_rng(0)
    again = before * both_right
    shares = [again, before - again, before - again, 1 - 2 * before + again]
    counts = rng.multinomial(images, shares, size=(SIMULATED, 28))
    first, second = (counts[..., [0, 1]].sum(-1) / images, counts[..., [0, 2]].sum(-1) / images)
    holdout = Holdout(images, chance=0.05)
    gains = np.vectorize(holdout.better)(second, first)
    assert gains.any(axis=1).mean() <= ALLOWED
    assert holdout.better(before + 0.03, before)
