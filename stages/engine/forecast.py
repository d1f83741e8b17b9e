"""What a sweep takes, roughly, before it begins: time, memory, and room on the disk."""

import shutil
import sys
import time
from collections.abc import Sequence
from itertools import pairwise
from math import ceil
from pathlib import Path

import torch

from stages.core.dataset import Dataset
from stages.core.trial import Trial
from stages.engine.device import available_cores
from stages.engine.memory import free_bytes, network_bytes, parameters_bytes, training_bytes
from stages.engine.plan import LARGEST_GROUP
from stages.process.pace import counted, gigabytes, in_words

LONG_SECONDS = 600
LARGE_BYTES = 10e9

_TIMES_THE_FLOOR = 2.0
"""Training time over that of its matrix products at full rate; 1.6 to 2.3 were measured."""

_SECONDS_A_STEP = 60e-6
"""What a step of one network takes besides, in a group of four: calls that are not arithmetic."""


def say_what_it_takes(
    trials: int, missing: Sequence[Trial], dataset: Dataset, processes: int, folder: Path
) -> None:
    """Print a line on each of time, memory and disk if it is much, and warn of what is too small.

    `trials` are all of the sweep, of which `missing` are trained; `processes` train on the CPU
    here, 0 elsewhere. `folder` receives all that is kept.
    """
    if not missing:
        return
    seconds = _seconds(missing, dataset, processes) if processes else 0.0
    if seconds > LONG_SECONDS:
        print(f"roughly {in_words(seconds)} of training")
    if processes:
        _say_memory(missing, processes)
    _say_disk(trials, missing, folder, seconds)


def _say_memory(missing: Sequence[Trial], processes: int) -> None:
    """On the memory of groups that are trained at the same time."""
    groups = min(processes, len(missing))
    networks = min(LARGEST_GROUP["cpu"] * groups, len(missing))
    needed, free = training_bytes(missing[0], networks), free_bytes()
    if needed > min(LARGE_BYTES, free):
        print(
            f"roughly {gigabytes(needed)} GB of memory: {counted(networks, 'network')} at the same "
            f"time, in {counted(groups, 'process')}; {gigabytes(free)} GB are free"
        )
    if needed > free:
        print(
            "this does not fit into memory; fewer runtime.workers or a smaller network need less, "
            "Ctrl-C ends it",
            file=sys.stderr,
        )


def _say_disk(trials: int, missing: Sequence[Trial], folder: Path, seconds: float) -> None:
    """On the disk, which a training of many `seconds` should not find full at its end."""
    cached = len(missing) * network_bytes(missing[0])
    models = trials * parameters_bytes(missing[0]) * 2
    needed, free = cached + 2 * models, shutil.disk_usage(folder).free
    if seconds > LONG_SECONDS or needed > min(LARGE_BYTES, free):
        sizes = map(gigabytes, (needed, cached, models, models))
        print(
            "roughly {} GB of disk: trial cache {}, data/models {}, DVC's cache {};".format(*sizes),
            f"{gigabytes(free)} GB are free",
        )
    if needed > free:
        print("this does not fit on the disk; Ctrl-C ends it", file=sys.stderr)


def _seconds(trials: Sequence[Trial], dataset: Dataset, processes: int) -> float:
    """Training time of all, on so many processes."""
    sizes, images = trials[0].sizes, len(dataset.train_images)
    first, weights = sizes[0] * sizes[1], sum(a * b for a, b in pairwise(sizes))
    # forward, gradients of weights, gradients of inputs except those of the first layer
    operations = 2 * images * (3 * weights - first)
    epochs = sum(trial.epochs for trial in trials)
    steps = ceil(images / trials[0].batch_size)
    epoch = _TIMES_THE_FLOOR * operations / _operations_a_second() + steps * _SECONDS_A_STEP
    return epochs * epoch / min(processes, available_cores())


def _operations_a_second() -> float:
    """Rate of a large matrix product on one core, the best of three."""
    torch.set_num_threads(1)
    matrix, size = torch.ones(1024, 1024), 1024
    seconds = []
    for _ in range(3):
        start = time.perf_counter()
        matrix @ matrix
        seconds.append(time.perf_counter() - start)
    return 2 * size**3 / min(seconds)
