"""What besides its parameters determines a trial's bits, gathered for its key."""

import ast
import hashlib
import inspect

import torch

from stages.core import dataset, network, seeding
from stages.core.dataset import Dataset
from stages.core.trial import Provenance
from stages.engine import trainer
from stages.engine.device import device_model

_COMPUTE_A_TRIAL = (dataset, network, seeding, trainer)


def provenance_of(data: Dataset, device: torch.device) -> Provenance:
    """The provenance of trials trained on `data` by the code as it is now, on `device`."""
    return Provenance(
        torch=torch.__version__,
        device=device.type,
        device_model=device_model(device),
        code=source_fingerprint(),
        data=data.digest,
    )


def source_fingerprint() -> str:
    """SHA-256 (hex) of the code that computes a trial, comments and formatting left out."""
    source = "\n".join(ast.unparse(ast.parse(inspect.getsource(m))) for m in _COMPUTE_A_TRIAL)
    return hashlib.sha256(source.encode()).hexdigest()
