"""Groups: every trial once, alike but for its start, of even size, the dearest first."""

from dataclasses import replace

import pytest

from stages.core.networks import Perceptron
from stages.core.starts import NORMAL, Start
from stages.core.trial import Trial
from stages.engine.plan import largest_group, plan_groups


@pytest.mark.parametrize("points", [1, 2, 3, 12, 13, 25, 100])
@pytest.mark.parametrize("replicates", [1, 2, 5])
@pytest.mark.parametrize("workers", [1, 2, 3, 16])
def test_every_trial_is_in_one_group_of_its_kind(
    trial: Trial, points: int, replicates: int, workers: int
) -> None:
    trials = [
        replace(trial, start=Start(NORMAL, float(s)), replicate=r)
        for r in range(replicates)
        for s in range(points)
    ]
    groups = plan_groups(dict.fromkeys(trials, 0), workers, lambda _: 5)
    assert sorted((t for g in groups for t in g.trials), key=trials.index) == trials
    assert all(len({t.replicate for t in group.trials}) == 1 for group in groups)
    assert max(len(group.trials) for group in groups) <= 5


def test_trials_of_a_group_begin_after_the_same_epoch(trial: Trial) -> None:
    starts = {replace(trial, start=Start(NORMAL, float(s))): 10 * (s % 2) for s in range(8)}
    groups = plan_groups(starts, 2, lambda _: 5)
    assert {t: g.start for g in groups for t in g.trials} == starts


@pytest.mark.parametrize(
    ("points", "workers", "longest"), [(25, 2, 13), (25, 1, 25), (12, 2, 6), (3, 2, 2), (25, 4, 7)]
)
def test_no_worker_has_much_more_than_its_share(
    trial: Trial, points: int, workers: int, longest: int
) -> None:
    groups = plan_groups(
        {replace(trial, start=Start(NORMAL, float(s))): 0 for s in range(points)},
        workers,
        lambda _: 5,
    )
    load = [0] * workers
    for group in groups:
        load[load.index(min(load))] += len(group.trials)
    assert max(load) == longest


def test_different_networks_are_trained_side_by_side_the_dearest_first(trial: Trial) -> None:
    deep = Perceptron((784, *[128] * 30, 10), "tanh")
    starts = {
        replace(trial, network=network, start=Start(NORMAL, float(s))): 0
        for network in (trial.network, deep)
        for s in range(20)
    }
    groups = plan_groups(starts, 2, lambda network: 5 if network is deep else 10)
    assert all(len({t.network for t in group.trials}) == 1 for group in groups)
    assert [group.trials[0].network for group in groups] == [deep] * 6 + [trial.network] * 2


def test_the_larger_the_networks_the_smaller_their_groups() -> None:
    sizes = [(784, 8, 10), (784, 128, 64, 10), (784, 2048, 2048, 10)]
    small, usual, large = (largest_group(Perceptron(some, "relu"), "cpu") for some in sizes)
    assert 16 >= small >= usual >= large >= 1
    assert small > large
    assert usual >= 4
