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

WEIGHTS, RECORD, OPTIMIZER = "weights.safetensors", "trial.json", "optimizer.safetensors"


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
class Record:
    """What `trial.json` says of a finished trial."""

    sigma: float
    replicate: int
    diverged: bool  # whether a loss or a parameter overflowed
    train_seconds: float  # its share of its group's time
    history: list[EpochRecord]
    provenance: Provenance


def parse_record(content: bytes) -> Record:
    """Parse the content of `trial.json`; a loss that JSON holds as null becomes NaN."""
    record = json.loads(content)
    trial = record["trial"]
    return Record(
        sigma=trial["sigma"],
        replicate=trial["replicate"],
        diverged=record["diverged"],
        train_seconds=record["train_seconds"],
        history=[EpochRecord(**_with_nan(epoch)) for epoch in record["history"]],
        provenance=Provenance(**record["provenance"]),
    )


def read_parameters(folder: Path) -> NDArray[np.float32]:
    """All weights and biases of the trial in `folder`, as one vector."""
    return np.concatenate([tensor.ravel() for tensor in load_file(folder / WEIGHTS).values()])


def _with_nan(record: dict[str, Any]) -> dict[str, Any]:
    return {name: math.nan if value is None else value for name, value in record.items()}
