"""Groups: every trial once, alike but for sigma, of even size."""

from dataclasses import replace

import pytest

from stages.core.trial import Trial
from stages.engine.plan import plan_groups


@pytest.mark.parametrize("points", [1, 2, 3, 12, 13, 25, 100])
@pytest.mark.parametrize("replicates", [1, 2, 5])
@pytest.mark.parametrize("workers", [1, 2, 3, 16])
def test_every_trial_is_in_one_group_of_its_kind(
    trial: Trial, points: int, replicates: int, workers: int
) -> None:
    trials = [
        replace(trial, sigma=float(s), replicate=r)
        for r in range(replicates)
        for s in range(points)
    ]
    groups = plan_groups(trials, workers, 5)
    assert sorted((t for g in groups for t in g), key=trials.index) == trials
    assert all(len({t.replicate for t in group}) == 1 for group in groups)
    assert max(map(len, groups)) <= 5


@pytest.mark.parametrize(
    ("points", "workers", "longest"), [(25, 2, 13), (25, 1, 25), (12, 2, 6), (3, 2, 2), (25, 4, 7)]
)
def test_no_worker_has_much_more_than_its_share(
    trial: Trial, points: int, workers: int, longest: int
) -> None:
    groups = plan_groups([replace(trial, sigma=float(s)) for s in range(points)], workers, 5)
    load = [0] * workers
    for group in groups:
        load[load.index(min(load))] += len(group)
    assert max(load) == longest
