"""Which trials are trained side by side."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from math import ceil

from stages.core.trial import Trial


def plan_groups(trials: Iterable[Trial], workers: int, largest: int) -> list[list[Trial]]:
    """Split trials into groups of at most `largest` that keep all workers busy to the end.

    Trials of a group differ in sigma only: they share their batches. Group sizes differ by at most
    one, and where possible the number of groups is a multiple of the number of workers.
    """
    alike: dict[Trial, list[Trial]] = defaultdict(list)
    for trial in trials:
        alike[replace(trial, sigma=0.0)].append(trial)
    total = sum(map(len, alike.values()))
    rounds = ceil(total / (workers * largest))
    groups = []
    for members in alike.values():
        share = ceil(len(members) / total * rounds * workers)
        count = max(share, ceil(len(members) / largest))
        groups += [members[i::count] for i in range(min(count, len(members)))]
    return sorted(groups, key=len, reverse=True)
