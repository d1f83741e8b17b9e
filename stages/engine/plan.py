"""Which trials are trained side by side."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import ceil

from stages.core.trial import Trial
from stages.engine.batched.networks import CUDA_NETWORKS

LARGEST_GROUP = {"cpu": 4, "cuda": CUDA_NETWORKS}
"""CPU, measured: fewer networks share too little overhead; the state of more, 1.6 MB each, outgrows
a cache that the processes share, which costs 5 % where other programs use it too, else nothing."""


@dataclass(frozen=True)
class Group:
    """Trials that differ in their start only and go on after the same epoch (0: from scratch)."""

    trials: list[Trial]
    start: int


def plan_groups(starts: Mapping[Trial, int], workers: int, largest: int) -> list[Group]:
    """Split trials into groups of at most `largest` that keep all workers busy to the end.

    `starts` says after which epoch the training of each trial begins. Group sizes differ by at most
    one, and where possible the number of groups is a multiple of the number of workers.
    """
    alike: dict[tuple[int, Trial], list[Trial]] = defaultdict(list)
    for trial, start in starts.items():
        alike[start, replace(trial, sigma=None, initializer="")].append(trial)
    rounds = ceil(len(starts) / (workers * largest))
    groups = []
    for (start, _), members in alike.items():
        share = ceil(len(members) / len(starts) * rounds * workers)
        count = min(len(members), max(share, ceil(len(members) / largest)))
        groups += [Group(members[i::count], start) for i in range(count)]
    return sorted(groups, key=lambda group: len(group.trials), reverse=True)
