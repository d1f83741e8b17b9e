"""The answers of a sweep, for the usual and the unusual cases."""

from collections.abc import Sequence

import pytest

from stages.analysis.accuracy import Point, accuracy_points, has_learned, summarize
from stages.analysis.holdout import Holdout
from stages.core.records import Record
from tests.models import MNIST, record

HOLDOUT = Holdout(MNIST.test_images, MNIST.chance)


def points_of(records: Sequence[Record], final_epochs: int) -> list[Point]:
    return accuracy_points(records, final_epochs, HOLDOUT)


def summary_of(accuracy: dict[float, float]) -> dict[str, float | int]:
    records = [record(sigma, [value]) for sigma, value in accuracy.items()]
    return summarize(points_of(records, 3), records, 3)


def test_final_accuracy_is_the_mean_of_the_last_epochs() -> None:
    [point] = points_of([record(0.1, [0.2, 0.6, 0.7, 0.8], gap=-0.1)], 3)
    assert point.test_accuracy == pytest.approx(0.7)
    assert point.train_accuracy == pytest.approx(0.6)
    assert point.first_epoch_test_accuracy == 0.2
    assert point.standard_error is None


def test_fewer_epochs_than_final_ones_are_all_averaged() -> None:
    [point] = points_of([record(0.1, [0.2, 0.6])], 3)
    assert point.test_accuracy == pytest.approx(0.4)


def test_replicates_are_averaged_with_their_standard_error() -> None:
    records = [record(0.1, [a], r) for r, a in enumerate([0.90, 0.92, 0.97])]
    [point] = points_of(records, 1)
    assert point.test_accuracy == pytest.approx(0.93)
    # Deviations -0.03, -0.01, 0.04: variance 0.0026 / 2, over 3 replicates.
    assert point.standard_error == pytest.approx((0.0026 / 2 / 3) ** 0.5)
    assert point.n == 3


def test_window_is_the_unbroken_range_around_the_best() -> None:
    summary = summary_of({0.001: 0.975, 0.01: 0.9, 0.1: 0.972, 1.0: 0.98, 10.0: 0.8})
    assert (summary["best_sigma"], summary["best_accuracy"]) == (1.0, 0.98)
    assert (summary["window_low_log10"], summary["window_high_log10"]) == (-1, 0)
    assert summary["window_decades"] == 1.0
    assert summary["accuracy_at_sigma_min"] == 0.975
    assert summary["accuracy_at_sigma_max"] == 0.8


def test_one_sigma_is_its_own_window() -> None:
    summary = summary_of({0.1: 0.9})
    assert summary["window_low_log10"] == summary["window_high_log10"] == -1
    assert summary["best_sigma"] == 0.1
    assert summary["window_decades"] == 0


def test_best_at_an_end_keeps_the_window_inside_the_sweep() -> None:
    summary = summary_of({0.1: 0.98, 1.0: 0.975, 10.0: 0.5})
    assert (summary["window_low_log10"], summary["window_high_log10"]) == (-1, 0)


def test_chance_and_divergence_are_counted_by_trial() -> None:
    records = [
        record(0.1, [0.1135]),
        record(0.1, [0.122], 1),
        record(1.0, [0.13]),
        record(10.0, [0.0980], diverged=True),
    ]
    summary = summarize(points_of(records, 1), records, 1)
    assert summary["trials"] == 4
    assert summary["trials_at_chance"] == 3
    assert summary["trials_diverged"] == 1


@pytest.mark.parametrize(
    ("untrained", "final", "learns"),
    [
        (0.14, 0.14, False),
        (0.14, 0.156, False),
        (0.14, 0.157, True),
        (0.10, 0.123, False),
        (0.10, 0.1231, True),
        (0.98, 0.0980, False),
    ],
)
def test_a_network_has_learned_if_it_beats_both_chance_and_its_own_start(
    untrained: float, final: float, learns: bool
) -> None:
    # At most 30 % of 10,000 images are right once: three standard errors are 1.64 points.
    records = [record(0.1, [final], untrained=untrained)]
    [point] = points_of(records, 1)
    assert point.untrained_test_accuracy == untrained
    assert has_learned(point) == learns
    assert summarize([point], records, 1)["trials_at_chance"] == (not learns)


def test_sigmas_have_as_many_digits_as_tell_them_apart() -> None:
    usual = points_of([record(10**-1.5, [0.9]), record(1.0, [0.9])], 1)
    assert [point.label for point in usual] == ["0.0316", "1"]
    close = points_of([record(s, [0.9]) for s in (0.05, 0.0500001, 0.051)], 1)
    assert [point.label for point in close] == ["0.05", "0.0500001", "0.051"]
