"""Common random numbers: every random stream depends on seed and replicate, never on sigma.

All sigmas of a replicate share the noise of their parameters and the order of their batches, so
that a difference between two sigmas is not a difference of seeds. The order of an epoch depends on
its number alone, so training can go on from any epoch.
"""

import hashlib

import torch
from torch import Tensor


def parameter_generator(seed: int, replicate: int) -> torch.Generator:
    """The stream that the initial parameters of a network are drawn from."""
    return _generator(seed, replicate, "parameters")


def batch_order(samples: int, seed: int, replicate: int, epoch: int) -> Tensor:
    """The order (samples,) in which epoch number `epoch`, counted from 1, visits the images."""
    return torch.randperm(samples, generator=_generator(seed, replicate, f"epoch {epoch}"))


def module_seed(seed: int, replicate: int, moment: str) -> int:
    """Seeds what a module's own code draws at a `moment`, as in its constructor or in an epoch."""
    return _generator(seed, replicate, f"module {moment}").initial_seed() % 2**63


def _generator(seed: int, replicate: int, stream: str) -> torch.Generator:
    digest = hashlib.sha256(f"{seed}/{replicate}/{stream}".encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8], "little", signed=True))
