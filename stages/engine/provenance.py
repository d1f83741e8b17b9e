"""What besides its parameters determines a trial's bits, gathered for its key."""

import ast
import hashlib
import inspect
from collections.abc import Iterable
from types import ModuleType

import torch

from stages.core import activations, dataset, initializers, seeding, tensors
from stages.core.trial import Provenance
from stages.engine.batched import (
    batches,
    black_pixels,
    cuda,
    images,
    layout,
    networks,
    optimizers,
    probe,
    trainer,
)
from stages.engine.device import device_model
from stages.engine.rehearsal import rehearse

_COMPUTE_A_TRIAL = (
    *(activations, dataset, initializers, seeding, tensors),
    *(batches, black_pixels, cuda, images, layout, networks, optimizers, probe, trainer),
)


def source_fingerprint(modules: Iterable[ModuleType]) -> str:
    """SHA-256 (hex) of the code of `modules`, comments and formatting left out."""
    source = "\n".join(ast.unparse(ast.parse(inspect.getsource(m))) for m in modules)
    return hashlib.sha256(source.encode()).hexdigest()


FINGERPRINT = source_fingerprint(_COMPUTE_A_TRIAL)
"""Taken when the code is loaded: that is what a process runs, whatever becomes of the file."""


def provenance_of(data: str, device: torch.device) -> Provenance:
    """The provenance of trials that this process trains on `device`; `data` is a digest."""
    return Provenance(
        torch=torch.__version__,
        device=device.type,
        device_model=device_model(device),
        code=FINGERPRINT,
        data=data,
        kernels=rehearse(device),
    )
