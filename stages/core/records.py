"""A finished trial as files: safetensors for tensors, strict JSON for the rest.

The pipeline hands on weights, snapshots and record; the optimiser's state stays in the trial cache,
where longer training takes it up. Of a trial whose weights nobody reads, the record alone is kept.
"""

import json
import math
import sys
from collections.abc import Mapping
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, deserialize
from safetensors.numpy import load_file

from stages.core.dataset import SHOWN
from stages.core.networks import Network, moment_shapes, parse_network
from stages.core.sampling import BINS_A_DEVIATION, DEVIATIONS, FEATURES, feature_epochs
from stages.core.starts import Start
from stages.core.trial import Provenance, Trial

INITIAL, WEIGHTS = "initial.safetensors", "weights.safetensors"
RECORD, OPTIMIZER = "trial.json", "optimizer.safetensors"
SNAPSHOTS = "snapshots.safetensors"
HANDED_ON = (INITIAL, WEIGHTS, SNAPSHOTS, RECORD)
FILES = (OPTIMIZER, *HANDED_ON)

Tensors = dict[str, tuple[str, tuple[int, ...]]]
"""Type, as safetensors calls it, and shape of tensors by name."""


@dataclass(frozen=True)
class EpochRecord:
    """Losses are mean cross-entropies in nats, accuracies shares of 1.

    The training pair is accumulated while the epoch trains, the test pair measured after it.
    """

    epoch: int  # counted from 1, the last one perhaps unfinished
    train_loss: float
    train_accuracy: float
    test_loss: float
    test_accuracy: float


@dataclass(frozen=True)
class LayerRecord:
    """One layer at a moment of training, on the probe's batch of images."""

    activation_rms: float  # root mean square over images and units, of activations; logits at last
    gradient_norm: float  # Frobenius norm of the mean loss's gradient by the weight matrix
    dead_units: float  # share of units that are 0 for all images of the batch
    movement: float  # ||W - W_0|| / ||W_0||, Frobenius
    cosine: float  # between what it puts out for two images, a mean over all pairs of those not 0
    weight_rms: float  # root mean square of W
    displacement: float  # root mean square of W - W_0
    row_spread: float  # ||W - mean of its rows|| / ||W||: 0 where all units are equal
    damped: float  # share of W, where it has a gradient, whose steps Adam's epsilon halves or more


@dataclass(frozen=True)
class ProbeRecord:
    """A network at a moment of training: epoch 0 is before it."""

    epoch: int
    loss: float  # mean cross-entropy in nats
    sharpness: float  # largest eigenvalue of the loss's Hessian, by gradient descent; early on
    layers: list[LayerRecord]


@dataclass(frozen=True)
class Record:
    """What `trial.json` says of a finished trial."""

    trial: Trial
    diverged: bool  # whether a loss or a parameter overflowed
    history: list[EpochRecord]
    provenance: Provenance
    probes: list[ProbeRecord]  # before training and after each epoch
    untrained_test_accuracy: float  # of all test images, before training

    @property
    def initializer(self) -> str:
        """NORMAL, or the name of its scheme."""
        return self.trial.start.initializer

    @property
    def sigma(self) -> float:
        """NaN unless the initializer is NORMAL."""
        sigma = self.trial.start.sigma
        return math.nan if sigma is None else sigma

    @property
    def replicate(self) -> int:
        """Its number, from 0."""
        return self.trial.replicate


def parse_record(content: bytes) -> Record:
    """Parse the content of `trial.json`; a number that JSON holds as null becomes NaN.

    Raises ValueError (half a line) where it is not such a record.
    """
    record, trial = parse_json(content), parse_trial(content)
    try:
        return Record(
            trial=trial,
            diverged=bool(record["diverged"]),
            history=[EpochRecord(**_numbers(epoch)) for epoch in record["history"]],
            provenance=parse_provenance(record["provenance"]),
            probes=[_probe(**probe) for probe in record["probes"]],
            untrained_test_accuracy=_number(record["untrained_test_accuracy"]),
        )
    except (AttributeError, KeyError, TypeError) as error:
        raise ValueError(f"is not the record of a trial ({type(error).__name__})") from None


def parse_trial(content: bytes) -> Trial:
    """The trial that the content of a `trial.json` is of; ValueError where it is not such."""
    try:
        fields = parse_json(content)["trial"]
        parts = {"network": parse_network(fields["network"]), "start": Start(**fields["start"])}
        trial = Trial(**{**fields, **parts})
        hash(trial)
    except (KeyError, TypeError) as error:
        raise ValueError(f"is not the record of a trial ({type(error).__name__})") from None
    return trial


def parse_provenance(fields: Mapping[str, Any]) -> Provenance:
    """A provenance from its fields; TypeError where they are others, or not all text."""
    provenance = Provenance(**fields)
    if not all(isinstance(value, str) for value in astuple(provenance)):
        raise TypeError("what is not text tells no provenance")
    return provenance


def parse_json(content: bytes) -> Any:
    """Parse strict JSON, whatever its bytes; ValueError (half a line) where it is not such."""
    try:
        return json.loads(content, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"is not JSON ({type(error).__name__})") from None


def verify_result(files: Mapping[str, bytes], trial: Trial) -> Record:
    """The record among `files`, by name, if all are files of `trial`: RECORD, and any tensors.

    Raises ValueError (half a line), which begins with the name of the file at fault.
    """
    tensors = _tensors(trial)
    for name in files.keys() & tensors.keys():
        _verify_tensors(name, files[name], tensors[name])
    try:
        record = parse_record(files[RECORD])
        if record.trial != trial:
            raise ValueError("is of another trial")
        moments = list(range(trial.records + 1))
        layers = {len(probe.layers) for probe in record.probes}
        if (
            [epoch.epoch for epoch in record.history] != moments[1:]
            or [probe.epoch for probe in record.probes] != moments
            or layers != {len(trial.network.layers)}
        ):
            raise ValueError(f"does not tell of {trial.records} epochs")
    except ValueError as error:
        raise ValueError(f"{RECORD} {error}") from None
    return record


def verify_files(files: object, trial: Trial, provenance: Provenance) -> None:
    """Check that `files` are all those of `trial`, by name, or its record alone, and sound.

    Raises ValueError (half a line) if not, or if they were not trained as `provenance` says.
    """
    if not isinstance(files, dict) or set(files) not in ({*FILES}, {RECORD}):
        raise ValueError(f"not the files {', '.join(FILES)}")
    for name, content in files.items():
        if not isinstance(content, bytes) or len(content) > largest(name, trial):
            raise ValueError(f"{name} is not at most {largest(name, trial):,} bytes")
    if verify_result(files, trial).provenance != provenance:
        raise ValueError(f"{RECORD} is of another machine, version or code")


def largest(name: str, trial: Trial) -> int:
    """More bytes than the file `name` of `trial` can have."""
    if name == RECORD:
        layers, tensors = len(trial.network.layers), len(trial.network.tensors)
        return 2**16 + 2**10 * (trial.records + 1) * (layers + 1) + 2**9 * tensors
    tensors_of_file = _tensors(trial)[name].values()
    numbers = sum(math.prod(shape) for _, shape in tensors_of_file)
    return 2**10 * (len(tensors_of_file) + 1) + 8 * numbers


def _tensors(trial: Trial) -> dict[str, Tensors]:
    """What each file with tensors holds."""
    network = trial.network
    moments = moment_shapes(network, trial.optimizer)
    return {
        INITIAL: network.tensors,
        WEIGHTS: network.tensors,
        OPTIMIZER: {name: ("F32", shape) for name, shape in moments.items()},
        SNAPSHOTS: snapshot_tensors(trial),
    }


def snapshot_tensors(trial: Trial) -> Tensors:
    """What is kept of a network before training and after each epoch, its M moments.

    `histograms` (M, layers, bins), counts of weights; `deviations` (M, layers), the root mean
    squares that their bins are measured in; `answers` (M, SHOWN, classes), the logits of the shown
    test images; `features` (F, units, inputs), the first layer after `feature_epochs`.
    """
    network, layers = trial.network, len(trial.network.layers)
    moments, kept = trial.records + 1, len(feature_epochs(trial.records))
    units, *inputs = network.shapes[network.layers[0]]
    return {
        "histograms": ("I32", (moments, layers, 2 * BINS_A_DEVIATION * DEVIATIONS + 2)),
        "deviations": ("F32", (moments, layers)),
        "answers": ("F32", (moments, SHOWN, network.classes)),
        "features": ("F32", (kept, min(units, FEATURES), math.prod(inputs))),
    }


def _verify_tensors(name: str, content: bytes, expected: Tensors) -> None:
    try:
        tensors = dict(deserialize(content))  # type: ignore[no-untyped-call]
    except SafetensorError as error:
        raise ValueError(f"{name} holds no tensors ({type(error).__name__})") from None
    found = {key: (tensor["dtype"], tuple(tensor["shape"])) for key, tensor in tensors.items()}
    if found != expected:
        raise ValueError(f"{name} holds other tensors than those of the trial")


def _probe(layers: list[dict[str, Any]], **numbers: Any) -> ProbeRecord:
    records = [LayerRecord(**_numbers(layer)) for layer in layers]
    return ProbeRecord(**_numbers(numbers), layers=records)


def read_parameters(folder: Path, network: Network) -> NDArray[np.float32]:
    """All parameters of the trial in `folder` after training, as one vector."""
    tensors = load_file(folder / WEIGHTS)
    return np.concatenate([tensors[name].ravel() for name in network.shapes])


def read_weight_matrices(path: Path, network: Network) -> list[NDArray[np.float32]]:
    """The weights of each layer in a file of tensors: (out, in), kernels (out, in * places)."""
    tensors = load_file(path)
    return [tensors[name].reshape(len(tensors[name]), -1) for name in network.layers]


def _numbers(record: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _number(value) for name, value in record.items()}


def _number(value: Any) -> Any:
    """A number of JSON as it is, null as NaN."""
    if value is None:
        return math.nan
    if (
        isinstance(value, bool)
        or not isinstance(value, int | float)
        or abs(value) > sys.float_info.max
    ):
        raise TypeError
    return value


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")
