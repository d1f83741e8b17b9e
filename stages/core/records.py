"""A finished trial as files: safetensors for tensors, strict JSON for the rest.

The pipeline hands on weights and record; the optimiser's state stays in the trial cache, where
longer training takes it up.
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

from stages.core.tensors import Shapes, moment_shapes, parameter_shapes
from stages.core.trial import Provenance, Trial

INITIAL, WEIGHTS = "initial.safetensors", "weights.safetensors"
RECORD, OPTIMIZER = "trial.json", "optimizer.safetensors"
FILES = (INITIAL, WEIGHTS, OPTIMIZER, RECORD)

PROBE_IMAGES = 512
"""On so many first training images networks are measured before training and after each epoch."""


@dataclass(frozen=True)
class EpochRecord:
    """Losses are mean cross-entropies in nats, accuracies shares of 1.

    The training pair is accumulated while the epoch trains, the test pair measured after it.
    """

    epoch: int
    train_loss: float
    train_accuracy: float
    test_loss: float
    test_accuracy: float


@dataclass(frozen=True)
class LayerRecord:
    """One layer at a moment of training, on the probe's batch of images."""

    activation_rms: float  # root mean square over images and units, after ReLU; of logits at last
    gradient_norm: float  # Frobenius norm of the mean loss's gradient by the weight matrix
    dead_units: float  # share of units that are 0 for all images of the batch
    movement: float  # ||W - W_0|| / ||W_0||, Frobenius


@dataclass(frozen=True)
class ProbeRecord:
    """A network at a moment of training: epoch 0 is before it."""

    epoch: int
    loss: float  # mean cross-entropy in nats
    layers: list[LayerRecord]


@dataclass(frozen=True)
class Record:
    """What `trial.json` says of a finished trial."""

    initializer: str
    sigma: float  # NaN unless the initializer is NORMAL
    replicate: int
    diverged: bool  # whether a loss or a parameter overflowed
    train_seconds: float  # its share of its group's time
    history: list[EpochRecord]
    provenance: Provenance
    probes: list[ProbeRecord]  # before training and after each epoch
    untrained_test_accuracy: float  # of all test images, before training


def parse_record(content: bytes) -> Record:
    """Parse the content of `trial.json`; a number that JSON holds as null becomes NaN.

    Raises ValueError (half a line) where it is not such a record.
    """
    record = parse_json(content)
    try:
        trial = record["trial"]
        return Record(
            initializer=trial["initializer"],
            sigma=_number(trial["sigma"]),
            replicate=trial["replicate"],
            diverged=bool(record["diverged"]),
            train_seconds=_number(record["train_seconds"]),
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
        trial = Trial(**{**fields, "sizes": tuple(fields["sizes"])})
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
    shapes = _tensor_shapes(trial)
    for name in files.keys() & shapes.keys():
        _verify_tensors(name, files[name], shapes[name])
    try:
        if parse_trial(files[RECORD]) != trial:
            raise ValueError("is of another trial")
        record = parse_record(files[RECORD])
        moments = list(range(trial.epochs + bool(trial.extra_steps) + 1))
        layers = {len(probe.layers) for probe in record.probes}
        if (
            [epoch.epoch for epoch in record.history] != moments[1:]
            or [probe.epoch for probe in record.probes] != moments
            or layers != {len(trial.sizes) - 1}
        ):
            raise ValueError(f"does not tell of {trial.epochs} epochs")
    except ValueError as error:
        raise ValueError(f"{RECORD} {error}") from None
    return record


def verify_files(files: object, trial: Trial, provenance: Provenance) -> None:
    """Check that `files` are all those of `trial`, by name, and were trained as `provenance` says.

    Raises ValueError (half a line) if not.
    """
    if not isinstance(files, dict) or files.keys() != set(FILES):
        raise ValueError(f"not the files {', '.join(FILES)}")
    for name, content in files.items():
        if not isinstance(content, bytes) or len(content) > largest(name, trial):
            raise ValueError(f"{name} is not at most {largest(name, trial):,} bytes")
    if verify_result(files, trial).provenance != provenance:
        raise ValueError(f"{RECORD} is of another machine, version, code or data")


def largest(name: str, trial: Trial) -> int:
    """More bytes than the file `name` of `trial` can have."""
    if name == RECORD:
        return 2**16 + 2**10 * (trial.epochs + 1) * len(trial.sizes)
    shapes = _tensor_shapes(trial)[name].values()
    return 2**10 * (len(shapes) + 1) + 4 * sum(map(math.prod, shapes))


def _tensor_shapes(trial: Trial) -> dict[str, Shapes]:
    parameters = parameter_shapes(trial.sizes)
    moments = moment_shapes(trial.sizes, trial.optimizer)
    return {INITIAL: parameters, WEIGHTS: parameters, OPTIMIZER: moments}


def _verify_tensors(name: str, content: bytes, shapes: Shapes) -> None:
    try:
        tensors = dict(deserialize(content))  # type: ignore[no-untyped-call]
    except SafetensorError as error:
        raise ValueError(f"{name} holds no tensors ({type(error).__name__})") from None
    found = {key: (tensor["dtype"], tuple(tensor["shape"])) for key, tensor in tensors.items()}
    if found != {key: ("F32", shape) for key, shape in shapes.items()}:
        raise ValueError(f"{name} holds other tensors than those of the trial")


def _probe(epoch: Any, loss: Any, layers: list[dict[str, Any]]) -> ProbeRecord:
    records = [LayerRecord(**_numbers(layer)) for layer in layers]
    return ProbeRecord(epoch, _number(loss), records)


def read_parameters(folder: Path) -> NDArray[np.float32]:
    """All weights and biases of the trial in `folder` after training, as one vector."""
    return np.concatenate([tensor.ravel() for tensor in load_file(folder / WEIGHTS).values()])


def read_weight_matrices(path: Path) -> list[NDArray[np.float32]]:
    """The weight matrices (out, in) in a file of parameters, from the first layer to the last."""
    tensors = load_file(path)
    weights = [name for name in tensors if name.endswith(".weight")]
    return [tensors[name] for name in sorted(weights, key=lambda name: (len(name), name))]


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
