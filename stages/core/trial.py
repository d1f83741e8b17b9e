"""A trial: one network trained once. What determines it, its key, and the trials of a sweep."""

import hashlib
import json
import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from stages.core.dataset import CLASSES, IMAGE_SHAPE

if TYPE_CHECKING:
    from stages.core.params import Params  # loads pydantic, which plot does without

_SIGMA_DIGITS = 8
"""Significant digits of a sigma. A sweep of 25 points and one of 13 compute their common sigmas by
different roundings; cut to 8 digits they are the same number, and the same trial."""


NORMAL = "normal"
"""The initialiser of the sweep: N(0, sigma²) on all parameters."""


@dataclass(frozen=True)
class Trial:
    """Everything about a training run that a user chooses."""

    sizes: tuple[int, ...]  # units of each layer, inputs and outputs included
    initializer: str  # NORMAL, or a scheme of stages.core.initializers
    sigma: float | None  # of NORMAL; None for a scheme, which has its own
    optimizer: str
    learning_rate: float
    batch_size: int
    epochs: int
    seed: int
    replicate: int
    activation: str = "relu"
    adam_epsilon: float = 1e-8
    extra_steps: int = 0  # of one more epoch, after which training stops

    @property
    def name(self) -> str:
        """A folder name, unique within a sweep."""
        return f"{self.start.replace(' ', '-')}-replicate-{self.replicate}"

    @property
    def start(self) -> str:
        """How its parameters start, for people."""
        return self.initializer if self.sigma is None else f"sigma {self.sigma:.{_SIGMA_DIGITS}g}"


@dataclass(frozen=True)
class Provenance:
    """Everything else that determines a result's bits."""

    torch: str  # version
    device: str  # "cpu" or "cuda"
    device_model: str
    code: str  # fingerprint of the source that computes a trial
    data: str  # digest of the images and labels
    kernels: str  # digest of what a rehearsal trains: what else decides how numbers are rounded


def sweep_trials(params: "Params") -> list[Trial]:
    """The trials that `params` asks for: in each replicate all sigmas, rising, then the schemes."""
    starts: list[tuple[str, float | None]] = [(NORMAL, sigma) for sigma in sweep_sigmas(params)]
    starts += [(scheme, None) for scheme in params.sweep.initializers]
    return [
        Trial(
            sizes=(math.prod(IMAGE_SHAPE), *params.model.hidden, CLASSES),
            initializer=initializer,
            sigma=sigma,
            optimizer=params.train.optimizer,
            learning_rate=params.train.lr,
            batch_size=params.train.batch_size,
            epochs=params.train.epochs,
            seed=params.sweep.seed,
            replicate=replicate,
        )
        for replicate in range(params.sweep.replicates)
        for initializer, sigma in starts
    ]


def sweep_sigmas(params: "Params") -> list[float]:
    """Log-spaced from sigma_min to sigma_max; a sweep of one point is sigma_min alone."""
    low, high = math.log10(params.sweep.sigma_min), math.log10(params.sweep.sigma_max)
    intervals = max(params.sweep.num_points - 1, 1)
    exponents = [low + (high - low) * i / intervals for i in range(params.sweep.num_points)]
    return [canonical_sigma(10**exponent) for exponent in exponents]


def canonical_sigma(sigma: float) -> float:
    """Cut a computed sigma to the digits in which every way of computing it agrees."""
    return float(f"{sigma:.{_SIGMA_DIGITS}g}")


def trial_key(trial: Trial, provenance: Provenance) -> str:
    """SHA-256 (hex) of all that determines a trial's course, its length excepted.

    Trials that differ in `epochs` alone share a key: the shorter is the beginning of the longer.
    """
    course = asdict(trial)
    del course["epochs"]
    canonical = json.dumps({"trial": course, "provenance": asdict(provenance)}, sort_keys=True)
    return hashlib.sha256(canonical.encode()).hexdigest()
