"""What comes out of a trial, and how it becomes files."""

import json
import math
from dataclasses import asdict, dataclass
from typing import Any

from safetensors.torch import load, save
from torch import Tensor

from stages.core.records import OPTIMIZER, RECORD, WEIGHTS, EpochRecord, parse_record
from stages.core.trial import Provenance, Trial


@dataclass(frozen=True)
class TrialResult:
    """A trained network, with the optimiser state from which training can go on."""

    trial: Trial
    weights: dict[str, Tensor]
    exp_avg: dict[str, Tensor]
    exp_avg_sq: dict[str, Tensor]
    history: list[EpochRecord]
    train_seconds: float

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
        moments = load(files[OPTIMIZER])
        exp_avg, exp_avg_sq = (
            {n.removeprefix(f"{m}."): t for n, t in moments.items() if n.startswith(f"{m}.")}
            for m in ("exp_avg", "exp_avg_sq")
        )
        weights = load(files[WEIGHTS])
        return cls(trial, weights, exp_avg, exp_avg_sq, record.history, record.train_seconds)

    def to_files(self, provenance: Provenance) -> dict[str, bytes]:
        """The files of this trial, by name."""
        record = {
            "trial": asdict(self.trial),
            "provenance": asdict(provenance),
            "diverged": self.diverged,
            "train_seconds": round(self.train_seconds, 3),
            "history": [_without_nan(asdict(epoch)) for epoch in self.history],
        }
        moments = {"exp_avg": self.exp_avg, "exp_avg_sq": self.exp_avg_sq}
        return {
            WEIGHTS: save(self.weights),
            OPTIMIZER: save(
                {f"{m}.{n}": t for m, named in moments.items() for n, t in named.items()}
            ),
            RECORD: json.dumps(record, indent=1, allow_nan=False).encode(),
        }


def _without_nan(record: dict[str, Any]) -> dict[str, Any]:
    """Strict JSON has no NaN and no infinity: such a number becomes null."""
    return {name: value if math.isfinite(value) else None for name, value in record.items()}
