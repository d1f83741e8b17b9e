"""Modules of a user: our trainer of any module beside the notebook way, on the same cores.

The notebook has one network on the threads of all cores, ours a network on each core, all at once.
Both learn from a fifth of the images, by turns, each in fresh processes; times are scaled up.
"""

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from benchmarks.isolate import in_fresh_process
from benchmarks.report import Spread
from benchmarks.work import SMALL
from stages.core.dataset import Dataset, read_dataset
from stages.core.starts import Start
from stages.core.trial import Trial

_ROOT: Final = Path(__file__).parents[1]
_PART: Final = 5

NETWORKS: Final = {
    "perceptron with batch normalisation": "networks/normalised.py:BatchNormed",
    "LeNet": "networks/lenet.py:LeNet",
}


@dataclass(frozen=True)
class ModuleRow:
    """Seconds for an epoch of one network, training and evaluation, both ways."""

    network: str
    notebook: Spread
    ours: Spread

    @property
    def ratio(self) -> float:
        """How many times as long the notebook takes."""
        return self.notebook.median / self.ours.median

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return {**asdict(self), "ratio": self.ratio}


def measure_modules(raw: Path, rounds: int, cores: int) -> list[ModuleRow]:
    """Go round the networks and ways; a line for each turn."""
    seconds: dict[str, tuple[list[float], list[float]]] = {n: ([], []) for n in NETWORKS}
    for number in range(rounds):
        for name, path in NETWORKS.items():
            notebook, ours = seconds[name]
            notebook.append(in_fresh_process("benchmarks.modules.notebook", path, raw))
            ours.append(_on_all_cores(path, raw, cores))
            print(
                f"round {number + 1} of {rounds}, {name}: notebook {notebook[-1]:.2f} s, "
                f"ours {ours[-1]:.2f} s",
                flush=True,
            )
    return [ModuleRow(name, *map(Spread.of, both)) for name, both in seconds.items()]


def module_table(rows: Sequence[ModuleRow]) -> str:
    """A line for each network."""
    lines = ["a module of the user, s per epoch and network: medians (smallest–largest)"]
    for row in rows:
        ways = ", ".join(
            f"{way} {spread.median:.2f} ({spread.smallest:.2f}–{spread.largest:.2f})"
            for way, spread in (("notebook", row.notebook), ("ours", row.ours))
        )
        lines.append(f"  {row.network}: {ways}: {row.ratio:.1f} times as long")
    return "\n".join(lines)


def _on_all_cores(path: str, raw: Path, cores: int) -> float:
    """Seconds for a network, where each core trains one."""
    with ThreadPoolExecutor(cores) as pool:
        runs = [
            pool.submit(in_fresh_process, "benchmarks.modules.ours", path, raw)
            for _ in range(cores)
        ]
        seconds: list[float] = [run.result() for run in runs]
    return max(seconds) / cores


def notebook(path: str, raw: Path) -> float:
    """Seconds of the notebook way; called in a process of its own."""
    from benchmarks.notebook import learn  # torch, which the main process does without

    trial, dataset = _work(path, raw)
    file, _, name = path.rpartition(".py:")
    network = getattr(import_module(file.replace("/", ".")), name)
    start = time.perf_counter()
    learn(network(), trial, dataset)
    return (time.perf_counter() - start) * _PART


def ours(path: str, raw: Path) -> float:
    """Seconds of our way; called in a process of its own for each core."""
    import torch

    from stages.engine.modules.trainer import train_module

    trial, dataset = _work(path, raw)
    start = time.perf_counter()
    train_module(trial, dataset, torch.device("cpu"), folder=_ROOT)
    return (time.perf_counter() - start) * _PART


def _work(path: str, raw: Path) -> tuple[Trial, Dataset]:
    """An epoch of a network on a part of the images."""
    from stages.engine.modules.describe import describe

    whole = read_dataset(raw)
    train, test = (len(labels) // _PART for labels in (whole.train_labels, whole.test_labels))
    dataset = Dataset(
        whole.train_images[:train],
        whole.train_labels[:train],
        whole.test_images[:test],
        whole.test_labels[:test],
        whole.image_shape,
    )
    [trial] = SMALL.work.trials(1)
    network, start = describe(path, dataset, _ROOT), Start("pytorch_default")
    return replace(trial, network=network, data=dataset.digest, start=start), dataset
