"""What a training process holds and does, on this machine or another.

The data set comes to a process once, when it starts; after that a task is a few trials, and its
answer the files of each. Nothing else crosses between processes, and no file system is shared.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from stages.core.dataset import Dataset
from stages.core.trial import Provenance, Trial
from stages.engine.batched.trainer import train_group
from stages.engine.memory import enough_memory
from stages.engine.results import TrialResult


@dataclass(frozen=True)
class _Worker:
    dataset: Dataset
    provenance: Provenance
    epochs_ended: Callable[[int], None]


_worker: _Worker


def set_up(dataset: Dataset, provenance: Provenance, epochs_ended: Callable[[int], None]) -> None:
    """Make this process ready to train; `epochs_ended` is told how many networks ended an epoch."""
    global _worker
    _worker = _Worker(dataset, provenance, epochs_ended)


def train(trials: Sequence[Trial], starts: Sequence[dict[str, bytes]]) -> list[dict[str, bytes]]:
    """Train a group; the files of each trial, in order.

    `starts` are the files of shorter trainings of them, all of one length, or empty. Raises
    InputError if there is not enough memory.
    """
    device = torch.device(_worker.provenance.device)
    with enough_memory(trials[0], len(trials), device):
        results = train_group(
            trials,
            _worker.dataset,
            device,
            [TrialResult.from_files(*pair) for pair in zip(trials, starts, strict=False)],
            on_epoch=lambda: _worker.epochs_ended(len(trials)),
        )
        return [result.to_files(_worker.provenance) for result in results]
