"""What comes out of a trial, and how it becomes files."""

import json
import math
from dataclasses import asdict, dataclass
from typing import Any

from safetensors.torch import load, save
from torch import Tensor

from stages.core.records import (
    INITIAL,
    OPTIMIZER,
    RECORD,
    SNAPSHOTS,
    WEIGHTS,
    EpochRecord,
    ProbeRecord,
    parse_record,
)
from stages.core.trial import Provenance, Trial


@dataclass(frozen=True)
class TrialResult:
    """A trained network, with the optimiser state from which training can go on."""

    trial: Trial
    initial: dict[str, Tensor]
    weights: dict[str, Tensor]
    moments: dict[str, dict[str, Tensor]]  # of the optimiser: by their name, then by tensor
    history: list[EpochRecord]
    probes: list[ProbeRecord]
    snapshots: dict[str, Tensor]  # as `snapshot_tensors` has them
    untrained_test_accuracy: float  # what random networks reach is no learning

    @property
    def diverged(self) -> bool:
        """Whether a loss or a parameter overflowed."""
        losses = [loss for e in self.history for loss in (e.train_loss, e.test_loss)]
        return not all(map(math.isfinite, losses)) or not all(
            bool(tensor.isfinite().all()) for tensor in self.weights.values()
        )

    @classmethod
    def from_files(cls, trial: Trial, files: dict[str, bytes]) -> "TrialResult":
        """The inverse of `to_files`, for the files of `trial` or of a shorter training of it."""
        record = parse_record(files[RECORD])
        moments: dict[str, dict[str, Tensor]] = {}
        for name, tensor in load(files[OPTIMIZER]).items():
            moment, of = name.split(".", 1)
            moments.setdefault(moment, {})[of] = tensor
        return cls(
            trial,
            load(files[INITIAL]),
            load(files[WEIGHTS]),
            moments,
            record.history,
            record.probes,
            load(files[SNAPSHOTS]),
            record.untrained_test_accuracy,
        )

    def to_files(self, provenance: Provenance) -> dict[str, bytes]:
        """The files of this trial, by name."""
        record = {
            "trial": asdict(self.trial),
            "provenance": asdict(provenance),
            "diverged": self.diverged,
            "untrained_test_accuracy": self.untrained_test_accuracy,
            "history": [asdict(epoch) for epoch in self.history],
            "probes": [asdict(probe) for probe in self.probes],
        }
        moments = {f"{m}.{n}": t for m, named in self.moments.items() for n, t in named.items()}
        return {
            INITIAL: save(self.initial),
            WEIGHTS: save(self.weights),
            OPTIMIZER: save(moments),
            SNAPSHOTS: save(self.snapshots),
            RECORD: json.dumps(_without_nan(record), indent=1, allow_nan=False).encode(),
        }


def _without_nan(value: Any) -> Any:
    """Strict JSON has no NaN and no infinity: such a number becomes null."""
    if isinstance(value, dict):
        return {name: _without_nan(held) for name, held in value.items()}
    if isinstance(value, list):
        return [_without_nan(held) for held in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
