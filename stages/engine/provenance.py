"""What besides its parameters determines a trial's bits, gathered for its key."""

import ast
import hashlib
import inspect
import time
from collections.abc import Iterable
from types import ModuleType

import torch

from stages.core import activations, dataset, initializers, networks, schemes, seeding
from stages.engine import batched, modules
from stages.engine.device import device_model, resolve_device
from stages.engine.machine import BATCHED, MODULES, Machine
from stages.engine.rehearsal import rehearse

_SHARED = (activations, dataset, initializers, networks, schemes, seeding)


def source_fingerprint(parts: Iterable[ModuleType]) -> str:
    """SHA-256 (hex) of the code of `parts`, comments and formatting left out."""
    source = "\n".join(ast.unparse(ast.parse(inspect.getsource(m))) for m in parts)
    return hashlib.sha256(source.encode()).hexdigest()


FINGERPRINTS = {
    BATCHED: source_fingerprint([*_SHARED, *batched.COMPUTE_A_TRIAL]),
    MODULES: source_fingerprint([*_SHARED, *modules.COMPUTE_A_TRIAL]),
}
"""Taken when the code is loaded: that is what a process runs, whatever becomes of the files."""


def survey(device_name: str) -> Machine:
    """What this process trains on, where runtime.device is `device_name`."""
    device = resolve_device(device_name)
    return Machine(
        torch=torch.__version__,
        device=device.type,
        device_model=device_model(device),
        kernels=rehearse(device),
        code=FINGERPRINTS,
        operations_a_second=_operations_a_second(),
    )


def _operations_a_second() -> float:
    """Rate of a large matrix product on one core, the best of three."""
    torch.set_num_threads(1)
    matrix, size = torch.ones(512, 512), 512
    seconds = []
    for _ in range(3):
        start = time.perf_counter()
        matrix @ matrix
        seconds.append(time.perf_counter() - start)
    return 2 * size**3 / min(seconds)
