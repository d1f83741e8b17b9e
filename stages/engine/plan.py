"""Which trials are trained side by side, and what each costs."""

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from math import ceil

from stages.core.networks import Module, Network
from stages.core.starts import NORMAL, Start
from stages.core.trial import Trial

CPU_NETWORKS = 4
"""Measured: fewer networks share too little overhead; the state of more, 1.6 MB each, outgrows
a cache that the processes share, which costs 5 % where other programs use it too, else nothing."""

CUDA_NETWORKS = 32
"""CUDA libraries choose kernels by the number of matrices, so there it is always this one."""


def largest_group(network: Network, device: str) -> int:
    """How many networks like this are trained side by side at most."""
    if isinstance(network, Module):
        return 1
    return CUDA_NETWORKS if device == "cuda" else CPU_NETWORKS


@dataclass(frozen=True)
class Group:
    """Trials that differ in their start only and go on after the same epoch (0: from scratch)."""

    trials: list[Trial]
    start: int

    @property
    def work(self) -> float:
        """What its training takes, in the unit of `epoch_work`."""
        first = self.trials[0]
        return len(self.trials) * (first.records - self.start) * epoch_work(first)


def epoch_work(trial: Trial) -> float:
    """What an epoch of a trial takes, relative to others on the same data set."""
    return trial.network.operations * (1 if trial.epochs else trial.extra_steps * 1e-3)


def plan_groups(
    starts: Mapping[Trial, int], workers: int, largest: Callable[[Network], int]
) -> list[Group]:
    """Split trials into groups that keep all workers busy to the end, the dearest first.

    `starts` says after which epoch the training of each trial begins, `largest` how many networks
    may be in a group. Sizes of groups of like trials differ by at most one, and where possible the
    number of groups is a multiple of the number of workers.
    """
    alike: dict[tuple[int, Trial], list[Trial]] = defaultdict(list)
    for trial, start in starts.items():
        alike[start, replace(trial, start=Start(NORMAL))].append(trial)
    least = {key: ceil(len(of) / largest(of[0].network)) for key, of in alike.items()}
    rounds = ceil(sum(least.values()) / workers)
    work = {key: Group(of, key[0]).work for key, of in alike.items()}
    groups = []
    for key, members in alike.items():
        share = ceil(work[key] / sum(work.values()) * rounds * workers)
        count = min(len(members), max(share, least[key]))
        groups += [Group(members[i::count], key[0]) for i in range(count)]
    return sorted(groups, key=lambda group: group.work, reverse=True)
