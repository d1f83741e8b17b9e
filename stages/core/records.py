"""A finished trial as files: safetensors for tensors, strict JSON for the rest.

The pipeline hands on weights and record; the optimiser's state stays in the trial cache, where
longer training takes it up.
"""

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file

from stages.core.trial import Provenance

INITIAL, WEIGHTS = "initial.safetensors", "weights.safetensors"
RECORD, OPTIMIZER = "trial.json", "optimizer.safetensors"


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
    """Parse the content of `trial.json`; a number that JSON holds as null becomes NaN."""
    record = json.loads(content)
    trial = record["trial"]
    return Record(
        initializer=trial["initializer"],
        sigma=math.nan if trial["sigma"] is None else trial["sigma"],
        replicate=trial["replicate"],
        diverged=record["diverged"],
        train_seconds=record["train_seconds"],
        history=[EpochRecord(**_with_nan(epoch)) for epoch in record["history"]],
        provenance=Provenance(**record["provenance"]),
        probes=[_probe(**_with_nan(probe)) for probe in record["probes"]],
        untrained_test_accuracy=record["untrained_test_accuracy"],
    )


def _probe(epoch: int, loss: float, layers: list[dict[str, Any]]) -> ProbeRecord:
    return ProbeRecord(epoch, loss, [LayerRecord(**_with_nan(layer)) for layer in layers])


def read_parameters(folder: Path) -> NDArray[np.float32]:
    """All weights and biases of the trial in `folder` after training, as one vector."""
    return np.concatenate([tensor.ravel() for tensor in load_file(folder / WEIGHTS).values()])


def read_weight_matrices(path: Path) -> list[NDArray[np.float32]]:
    """The weight matrices (out, in) in a file of parameters, from the first layer to the last."""
    tensors = load_file(path)
    weights = [name for name in tensors if name.endswith(".weight")]
    return [tensors[name] for name in sorted(weights, key=lambda name: (len(name), name))]


def _with_nan(record: dict[str, Any]) -> dict[str, Any]:
    return {name: math.nan if value is None else value for name, value in record.items()}
