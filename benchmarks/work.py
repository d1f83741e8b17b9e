"""The work that every way is given, and on how much of it each is measured.

It is fixed here and not read from params.yaml, so that the results of two days can be compared.
"""

import math
from dataclasses import dataclass
from typing import Final, NamedTuple

from stages.core.networks import Perceptron
from stages.core.starts import NORMAL, Start
from stages.core.trial import Trial, canonical_sigma


class Outcome(NamedTuple):
    """What a way makes of its trials.

    `seconds` is the wall time from the images in memory to the last result, evaluation after each
    epoch included; `overhead` is the part of it that is neither training nor evaluation.
    """

    accuracies: list[float]  # of each trial, on the test images, after the last epoch
    seconds: float
    overhead: float


@dataclass(frozen=True)
class Work:
    """A sweep of log-spaced sigmas, each trained once for so many epochs."""

    networks: int
    epochs: int
    sigma_min: float
    sigma_max: float
    sizes: tuple[int, ...] = (784, 128, 64, 10)
    batch_size: int = 64

    def trials(self, networks: int) -> list[Trial]:
        """So many trials over the range of sigma; a single one lies in its middle."""
        low, high = math.log10(self.sigma_min), math.log10(self.sigma_max)
        places = [i / (networks - 1) for i in range(networks)] if networks > 1 else [0.5]
        return [self._trial(10 ** (low + (high - low) * place)) for place in places]

    def _trial(self, sigma: float) -> Trial:
        return Trial(
            network=Perceptron(self.sizes, "relu"),
            data="",
            start=Start(NORMAL, canonical_sigma(sigma)),
            optimizer="adam",
            learning_rate=1e-3,
            adam_epsilon=1e-8,
            batch_size=self.batch_size,
            epochs=self.epochs,
            extra_steps=0,
            seed=0,
            replicate=0,
        )


LABELS: Final = {
    "notebook": "notebook (DataLoader, transforms)",
    "tensors": "PyTorch loop on tensors, fused Adam",
    "torch_func": "torch.func (vmap), fused Adam",
    "jax_scan": "JAX (jit, scan, vmap)",
    "ours": "ours",
}
"""The ways, by the name of their module, in the order of table and turns."""

LOOPS: Final = {"notebook", "tensors"}
"""Ways that train one network after the other: their time for a network is constant."""


@dataclass(frozen=True)
class Plan:
    """What a run of the benchmark measures."""

    work: Work
    rounds: int
    tolerance: float  # in test accuracy, between a way and ours
    table: dict[str, int]  # networks that a way is measured on for the table
    picture: dict[str, tuple[int, ...]]  # and besides, in every other round, for the picture


SMALL: Final = Plan(
    work=Work(networks=5, epochs=1, sigma_min=1e-3, sigma_max=0.1),
    rounds=3,
    tolerance=0.03,
    table={"notebook": 1, "tensors": 5, "torch_func": 5, "jax_scan": 5, "ours": 5},
    picture={"torch_func": (1, 25), "jax_scan": (1, 25), "ours": (1, 25, 100)},
)
FULL: Final = Plan(
    work=Work(networks=25, epochs=10, sigma_min=1e-4, sigma_max=10.0),
    rounds=3,
    tolerance=0.015,
    table={"notebook": 1, "tensors": 5, "torch_func": 25, "jax_scan": 25, "ours": 25},
    picture={"torch_func": (1, 5), "jax_scan": (1, 5), "ours": (1, 5, 100)},
)
"""Tolerances are three standard deviations of the difference of two trials that differ in noise and
order of batches, measured: accuracy varies by up to 0.0065 after one epoch, 0.003 after ten."""

LEARNS: Final = (1e-3, 0.1)
"""Range of sigma in which accuracies are compared; outside, roundings alone decide some trials."""
