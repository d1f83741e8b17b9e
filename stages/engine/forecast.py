"""What a sweep takes, roughly, before it begins: time, memory, and room on the disk."""

import shutil
import sys
from collections.abc import Sequence
from math import ceil
from pathlib import Path

from stages.core.facts import Facts
from stages.core.trial import Trial
from stages.engine.cores import available_cores
from stages.engine.memory import free_bytes, handed_on_bytes, network_bytes, training_bytes
from stages.engine.plan import largest_group
from stages.engine.pool import Pool
from stages.process.pace import counted, gigabytes, in_words

LONG_SECONDS = 600
LARGE_BYTES = 10e9

_TIMES_THE_FLOOR = 2.0
"""Training time over that of its matrix products at full rate; 1.6 to 2.3 were measured."""

_SECONDS_A_STEP = 60e-6
"""What a step of one network takes besides, in a group of four: calls that are not arithmetic."""


def say_what_it_takes(
    wanted: Sequence[Trial], missing: Sequence[Trial], facts: Facts, pool: Pool, folder: Path
) -> None:
    """Print a line on each of time, memory and disk if it is much, and warn of what is too small.

    `wanted` are all trials, of which `missing` are trained by `pool`; `folder` receives all that
    is kept.
    """
    if not missing:
        return
    seconds = 0.0
    if pool.here and pool.machine.device == "cpu":
        seconds = _seconds(missing, facts, pool)
        if seconds > LONG_SECONDS:
            print(f"roughly {in_words(seconds)} of training")
        _say_memory(missing, pool.workers)
    _say_disk(wanted, missing, folder, seconds)


def _say_memory(missing: Sequence[Trial], processes: int) -> None:
    """On the memory of groups that are trained at the same time."""
    groups = min(processes, len(missing))
    dearest = max(missing, key=network_bytes)
    networks = min(largest_group(dearest.network, "cpu") * groups, len(missing))
    needed, free = training_bytes(dearest, networks), free_bytes()
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


def _say_disk(
    wanted: Sequence[Trial], missing: Sequence[Trial], folder: Path, seconds: float
) -> None:
    """On the disk, which a training of many `seconds` should not find full at its end."""
    cached = sum(map(network_bytes, missing))
    models = sum(map(handed_on_bytes, wanted))
    needed, free = cached + 2 * models, shutil.disk_usage(folder).free
    if seconds > LONG_SECONDS or needed > min(LARGE_BYTES, free):
        sizes = map(gigabytes, (needed, cached, models, models))
        print(
            "roughly {} GB of disk: trial cache {}, data/models {}, DVC's cache {};".format(*sizes),
            f"{gigabytes(free)} GB are free",
        )
    if needed > free:
        print("this does not fit on the disk; Ctrl-C ends it", file=sys.stderr)


def _seconds(trials: Sequence[Trial], facts: Facts, pool: Pool) -> float:
    """Training time of all."""
    images = {data.digest: data.train_images for data in facts.data.values()}
    rate = pool.machine.operations_a_second
    seconds = 0.0
    for trial in trials:
        steps = trial.epochs * ceil(images[trial.data] / trial.batch_size) + trial.extra_steps
        # forward, gradients of weights, gradients of inputs: those of the images are not needed,
        # but testing takes about as long
        operations = 2 * trial.batch_size * 3 * trial.network.operations
        seconds += steps * (_TIMES_THE_FLOOR * operations / rate + _SECONDS_A_STEP)
    return seconds / min(pool.workers, available_cores())
