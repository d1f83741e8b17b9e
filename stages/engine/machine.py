"""What of a machine and of this code determines bits, as a training process reports it; torch-free.

A process that submits trials asks a training process: so it can do without torch, whose import
takes longer than the rest of a run that has nothing to train.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from stages.core.networks import Module
from stages.core.trial import Provenance, Trial

BATCHED, MODULES = "batched", "modules"
"""The trainers: of groups of perceptrons, and of a single module."""


@dataclass(frozen=True)
class Machine:
    """What trials are computed on, and by."""

    torch: str  # version
    device: str  # "cpu" or "cuda"
    device_model: str
    kernels: Mapping[str, str]  # digest of a rehearsal, by the optimiser
    code: Mapping[str, str]  # fingerprint of the source of each trainer
    operations_a_second: float  # of one core: multiplications and additions of 32-bit numbers

    def provenance_of(self, trial: Trial) -> Provenance:
        """Of `trial`, if it is trained here and now."""
        trainer = MODULES if isinstance(trial.network, Module) else BATCHED
        return Provenance(
            torch=self.torch,
            device=self.device,
            device_model=self.device_model,
            code=self.code[trainer],
            kernels=self.kernels[trial.optimizer],
        )
