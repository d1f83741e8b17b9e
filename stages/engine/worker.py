"""What a training process holds and does, on this machine or another.

The data sets come to a process once, when it starts; after that a task is a few trials, and its
answer the files of each. Nothing else crosses between processes, and no file system is shared.
"""

import gc
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import scipy.sparse.linalg  # noqa: F401, so that its BLAS is there when set_up limits it
import torch
from threadpoolctl import threadpool_limits

from stages.core.dataset import Dataset
from stages.core.networks import Module
from stages.core.records import RECORD
from stages.core.trial import Provenance, Trial
from stages.engine.batched.trainer import train_group
from stages.engine.memory import enough_memory
from stages.engine.modules import describe as modules
from stages.engine.modules.trainer import train_module
from stages.engine.plan import epoch_work
from stages.engine.provenance import survey
from stages.engine.results import TrialResult

__all__ = ["describe", "set_up", "survey", "train", "train_alike"]


@dataclass(frozen=True)
class _Worker:
    datasets: Mapping[str, Dataset]  # by name
    modules: Path  # the folder that FILE.py:CLASS is relative to
    work_ended: Callable[[int], None]

    def data_of(self, trial: Trial) -> Dataset:
        return next(d for d in self.datasets.values() if d.digest == trial.data)


_worker: _Worker


def set_up(
    datasets: Mapping[str, Dataset], modules: Path, work_ended: Callable[[int], None]
) -> None:
    """Make this process ready to train; `work_ended` is told how much work networks have done.

    For good it has one BLAS thread: of several threads that train here, as on a Dask worker, the
    first to measure a sharpness would else give the others back as many as there are cores.
    """
    global _worker
    threadpool_limits(1, user_api="blas")
    _worker = _Worker(datasets, modules, work_ended)


def describe(path: str, data: str) -> Module:
    """The module FILE.py:CLASS, for the images of a data set."""
    return modules.describe(path, _worker.datasets[data], _worker.modules)


def train(
    trials: Sequence[Trial],
    starts: Sequence[dict[str, bytes]],
    provenance: Provenance,
    whole: bool,
) -> list[dict[str, bytes]]:
    """Train a group; the files of each trial, in order, or unless `whole` its record alone.

    `starts` are the files of shorter trainings of them, all of one length, or empty. Raises
    InputError if there is not enough memory, or if a module is none any more.
    """
    device = torch.device(provenance.device)
    with enough_memory(trials[0], len(trials), provenance.device):
        begun = [TrialResult.from_files(*pair) for pair in zip(trials, starts, strict=False)]
        files = [result.to_files(provenance) for result in _trained(trials, begun, device)]
    gc.collect()  # tensors that a module of the user has tied in a cycle
    return files if whole else [{RECORD: of_trial[RECORD]} for of_trial in files]


def _trained(
    trials: Sequence[Trial], begun: Sequence[TrialResult], device: torch.device
) -> list[TrialResult]:
    dataset, work = _worker.data_of(trials[0]), len(trials) * epoch_work(trials[0])

    def on_epoch() -> None:
        _worker.work_ended(work)

    return train_alike(trials, dataset, device, begun, on_epoch, _worker.modules)


def train_alike(
    trials: Sequence[Trial],
    dataset: Dataset,
    device: torch.device,
    starts: Sequence[TrialResult] = (),
    on_epoch: Callable[[], None] = lambda: None,
    folder: Path = Path(),
) -> list[TrialResult]:
    """Train trials that differ in their start only by the trainer of their kind of network.

    A module is trained alone; its FILE is relative to `folder`.
    """
    if isinstance(trials[0].network, Module):
        [trial], start = trials, starts[0] if starts else None
        return [train_module(trial, dataset, device, start, on_epoch, folder)]
    return train_group(trials, dataset, device, starts, on_epoch)
