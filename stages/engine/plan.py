"""Which trials are trained side by side, and what each costs."""

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from math import ceil

from stages.core.networks import CUDA_NETWORKS, Module, Network, count
from stages.core.starts import NORMAL, Start
from stages.core.trial import Trial
from stages.engine.cores import cache_share

_MOST = 16
"""More share no more overhead worth mentioning, and are lost together where a run is killed."""

_BYTES = 16
"""Of a parameter, its gradient, and Adam's two moments of it."""

_WORTH_A_CALL = 90_000
"""Multiplications a layer and image, of all networks of a group, against which the calls of
a training step weigh little: they take as long for one network as for many."""

_STEPS_AN_EPOCH = 1000
"""MNIST has 938 in batches of 64; an epoch of other data is weighed alike."""


def largest_group(network: Network, device: str) -> int:
    """How many networks like this are trained side by side at most.

    On a CPU as many as fit into a process's share of the cache, but enough to be worth the calls of
    a step. Measured on Zen 4 (32 MB, 2 processes), in microseconds a step and network for groups of
    1, 2, 4, 8, 14: hidden layers of 128 and 64 units 543, 485, 480, 499, 516; of 512 and 256 units
    2616, 2638, 2836, 2841; of 16 units 146, 99, 75, 62, 55. On a Xeon with AVX-512 the first kind
    takes 570, 404, 297, 312, 268.
    """
    if isinstance(network, Module):
        return 1
    if device == "cuda":
        return CUDA_NETWORKS
    fitting = cache_share() // (_BYTES * count(network.shapes))
    worth = ceil(_WORTH_A_CALL * len(network.layers) / network.operations)
    return min(max(fitting, worth), _MOST)


@dataclass(frozen=True)
class Group:
    """Trials that differ in their start only and go on after the same epoch (0: from scratch)."""

    trials: list[Trial]
    start: int

    @property
    def work(self) -> int:
        """What its training takes, in the unit of `epoch_work`."""
        first = self.trials[0]
        return len(self.trials) * (first.records - self.start) * epoch_work(first)


def epoch_work(trial: Trial) -> int:
    """What an epoch of a trial takes, roughly, relative to others: steps times operations."""
    return trial.network.operations * (_STEPS_AN_EPOCH if trial.epochs else trial.extra_steps)


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
