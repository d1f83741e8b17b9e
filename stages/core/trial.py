"""A trial: one network trained once. What determines it, its key, and the trials of a sweep."""

import hashlib
import json
import math
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Final

from stages.core.facts import Facts
from stages.core.networks import PERCEPTRON, Module, Network, Perceptron
from stages.core.starts import NORMAL, SIGMA_DIGITS, Start, bias_deviation

if TYPE_CHECKING:
    from stages.core.params import Params  # loads pydantic, which plot does without

USUAL_EPSILON: Final = 1e-8
"""Adam's, as the paper and PyTorch have it."""


@dataclass(frozen=True)
class Trial:
    """Everything about a training run that a user chooses."""

    network: Network
    data: str  # digest of the data set
    start: Start
    optimizer: str
    learning_rate: float
    adam_epsilon: float
    batch_size: int
    epochs: int  # whole ones
    extra_steps: int  # of one more epoch, then training stops
    seed: int
    replicate: int

    @property
    def name(self) -> str:
        """A folder name, unique within a sweep."""
        return f"{self.start.label.replace(' ', '-')}-replicate-{self.replicate}"

    @property
    def records(self) -> int:
        """How many epochs are recorded, an unfinished one among them."""
        return self.epochs + (self.extra_steps > 0)

    @property
    def length(self) -> str:
        """How long it is trained, as a name of a file."""
        return f"{self.epochs}" + (f"+{self.extra_steps}" if self.extra_steps else "")

    def after(self, epochs: int) -> "Trial":
        """The same trial, trained for so many epochs."""
        return replace(self, epochs=epochs, extra_steps=0)


@dataclass(frozen=True)
class Provenance:
    """Everything else that determines a result's bits."""

    torch: str  # version
    device: str  # "cpu" or "cuda"
    device_model: str
    code: str  # fingerprint of the source that computes a trial of this kind of network
    kernels: str  # digest of what a rehearsal trains: what else decides how numbers are rounded


def sweep_trials(params: "Params", facts: Facts) -> list[Trial]:
    """The trials of one sweep: in each replicate all sigmas, rising, then the schemes."""
    data = facts.data[params.data.name]
    scale, biases = params.sweep.scale, bias_deviation(params.sweep.biases)
    starts = [Start(NORMAL, sigma, scale, biases) for sigma in sweep_sigmas(params)]
    starts += map(Start, params.sweep.initializers)
    network: Network
    if params.model.network == PERCEPTRON:
        sizes = (math.prod(data.image_shape), *params.model.units, data.classes)
        network = Perceptron(sizes, params.model.activation)
    else:
        network = replace(
            facts.modules[params.model.network, params.data.name],
            activation=params.model.activation,
        )
    epochs, extra_steps = params.train.epochs, 0
    if params.train.steps is not None:
        steps_an_epoch = math.ceil(data.train_images / params.train.batch_size)
        epochs, extra_steps = divmod(params.train.steps, steps_an_epoch)
    return [
        Trial(
            network=network,
            data=data.digest,
            start=start,
            optimizer=params.train.optimizer,
            learning_rate=params.train.lr,
            adam_epsilon=params.train.adam_epsilon,
            batch_size=params.train.batch_size,
            epochs=epochs,
            extra_steps=extra_steps,
            seed=params.sweep.seed,
            replicate=replicate,
        )
        for replicate in range(params.sweep.replicates)
        for start in starts
    ]


def sweep_sigmas(params: "Params") -> list[float]:
    """Those listed; else log-spaced from sigma_min to sigma_max, for one point sigma_min alone."""
    if params.sweep.sigmas is not None:
        return [canonical_sigma(sigma) for sigma in params.sweep.sigmas]
    low, high = math.log10(params.sweep.sigma_min), math.log10(params.sweep.sigma_max)
    intervals = max(params.sweep.num_points - 1, 1)
    exponents = [low + (high - low) * i / intervals for i in range(params.sweep.num_points)]
    return [canonical_sigma(10**exponent) for exponent in exponents]


def canonical_sigma(sigma: float) -> float:
    """Cut a computed sigma to the digits in which every way of computing it agrees."""
    return float(f"{sigma:.{SIGMA_DIGITS}g}")


def trial_key(trial: Trial, provenance: Provenance) -> str:
    """SHA-256 (hex) of all that determines a trial's course, its length excepted.

    Trials that differ in their length alone share a key: the shorter is the beginning of the
    longer. What an optimiser or a start does not read is no part of it.
    """
    course = asdict(trial)
    del course["epochs"], course["extra_steps"]
    if trial.optimizer != "adam":
        del course["adam_epsilon"]
    if isinstance(trial.network, Module) and trial.start.initializer == NORMAL:
        del course["network"]["activation"]  # only its gain is read, by named initialisers
    canonical = json.dumps({"trial": course, "provenance": asdict(provenance)}, sort_keys=True)
    return hashlib.sha256(canonical.encode()).hexdigest()
