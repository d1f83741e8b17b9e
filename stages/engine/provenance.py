"""What besides its parameters determines a trial's bits, gathered for its key."""

import ast
import hashlib
import inspect
import time
from collections.abc import Iterable
from importlib import import_module
from pkgutil import iter_modules
from types import ModuleType

import torch

from stages.core import (
    activations,
    dataset,
    initializers,
    networks,
    optimizers,
    sampling,
    seeding,
    starts,
)
from stages.engine import batched, curvature, device, measures, modules, results, snapshots
from stages.engine import optimizers as steps
from stages.engine.batched import layout
from stages.engine.device import device_model, resolve_device
from stages.engine.machine import BATCHED, MODULES, Machine
from stages.engine.rehearsal import rehearse

_SHARED = (
    activations,
    dataset,
    initializers,
    networks,
    optimizers,
    sampling,
    seeding,
    starts,
    steps,
    layout,
    curvature,
    device,
    measures,
    results,
    snapshots,
)


def _fingerprint(trainer: ModuleType) -> str:
    """SHA-256 (hex) of the code of a trainer; comments, docstrings and formatting left out."""
    names = sorted(module.name for module in iter_modules(trainer.__path__))
    own = [import_module(f"{trainer.__name__}.{name}") for name in names]
    trees = (_WithoutTexts().visit(ast.parse(inspect.getsource(m))) for m in (*_SHARED, *own))
    return hashlib.sha256("\n".join(map(ast.unparse, trees)).encode()).hexdigest()


class _WithoutTexts(ast.NodeTransformer):
    def visit_Expr(self, node: ast.Expr) -> ast.stmt:  # the name that ast looks for
        return ast.Pass() if isinstance(node.value, ast.Constant) else node


FINGERPRINTS = {BATCHED: _fingerprint(batched), MODULES: _fingerprint(modules)}
"""Taken when the code is loaded: that is what a process runs, whatever becomes of the files."""


def survey(device_name: str, optimizers: Iterable[str]) -> Machine:
    """What this process trains on by some optimisers, where runtime.device is `device_name`."""
    found = resolve_device(device_name)
    return Machine(
        torch=str(
            torch.__version__
        ),  # it is an object of torch, which would be imported to read it
        device=found.type,
        device_model=device_model(found),
        kernels={optimizer: rehearse(found, optimizer) for optimizer in optimizers},
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
