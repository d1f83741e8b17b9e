"""Train groups on all cores of this machine: each in one process, with one thread."""

import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.sharedctypes import Synchronized

import torch
from tqdm import tqdm

from stages.core.dataset import Dataset
from stages.engine.device import available_cores
from stages.engine.forkserver import context
from stages.process.door import InputError
from stages.process.obedience import obey_parent
from studies.depth.networks import Group, Score, train_group

_dataset: Dataset
_layers_done: "Synchronized[int]"


def train_groups(groups: Sequence[Group], dataset: Dataset) -> Iterator[tuple[Group, list[Score]]]:
    """Yield each group with its scores once it is trained, and say how far all have come."""
    layers_done = context.Value("q", 0)
    arguments = (dataset, layers_done)
    executor = ProcessPoolExecutor(available_cores(), context, _start_worker, arguments)
    deepest_first = sorted(groups, key=lambda group: group.depth, reverse=True)
    try:
        running = {executor.submit(_train, group): group for group in deepest_first}
        with _Progress(groups) as progress:
            while running:
                finished, _ = wait(running, timeout=1, return_when=FIRST_COMPLETED)
                progress.layers_done(layers_done.value)
                for future in finished:
                    group = running.pop(future)
                    yield group, future.result()
                    progress.trained(group)
    except BrokenProcessPool:
        raise InputError(
            "a training process was killed, perhaps for want of memory; "
            "finished depths are kept, the next run goes on"
        ) from None
    finally:
        executor.shutdown(wait=False, cancel_futures=True)


class _Progress:
    """A live bar on a terminal, a line a group elsewhere; work is counted in layers times steps."""

    def __init__(self, groups: Sequence[Group]) -> None:
        self._groups = len(groups)
        self._trained = 0
        self._start = time.monotonic()
        self._total = sum(group.depth * group.steps for group in groups)
        self._bar = tqdm(
            total=self._total,
            disable=not sys.stderr.isatty(),
            bar_format="{desc} |{bar:24}| {percentage:.0f} %, {remaining} left",
        )
        self._layers = 0

    def __enter__(self) -> "_Progress":
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.close()

    def layers_done(self, layers: int) -> None:
        self._bar.update(layers - self._layers)
        self._layers = layers

    def trained(self, group: Group) -> None:
        self._trained += 1
        done = f"{self._trained}/{self._groups} trained"
        self._bar.set_description_str(done)
        if self._bar.disable:
            elapsed = time.monotonic() - self._start
            left = elapsed / self._layers * (self._total - self._layers)
            last = f"{group.activation}, depth {group.depth}"
            print(f"{done}, {elapsed:.0f} s, {left:.0f} s left: {last}", flush=True)


def _start_worker(dataset: Dataset, layers_done: "Synchronized[int]") -> None:
    global _dataset, _layers_done
    _dataset, _layers_done = dataset, layers_done
    obey_parent()
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)  # vanishing gradients become denormal numbers, which are slow


def _train(group: Group) -> list[Score]:
    def count_layers() -> None:
        with _layers_done.get_lock():
            _layers_done.value += group.depth

    return train_group(group, _dataset, count_layers)
