"""Common random numbers: every random stream depends on seed and replicate, never on sigma.

All sigmas of a replicate share the noise of their parameters and the order of their batches, so
that a difference between two sigmas is not a difference of seeds. The order of an epoch depends on
its number alone, so training can go on from any epoch.
"""

import hashlib

import torch
from torch import Tensor


def parameter_noise(
    shapes: dict[str, tuple[int, ...]], seed: int, replicate: int
) -> dict[str, Tensor]:
    """Standard normal noise for the named tensors of one network."""
    generator = _generator(seed, replicate, "parameters")
    return {name: torch.randn(shape, generator=generator) for name, shape in shapes.items()}


def batch_order(samples: int, seed: int, replicate: int, epoch: int) -> Tensor:
    """The order (samples,) in which epoch number `epoch`, counted from 1, visits the images."""
    return torch.randperm(samples, generator=_generator(seed, replicate, f"epoch {epoch}"))


def _generator(seed: int, replicate: int, stream: str) -> torch.Generator:
    digest = hashlib.sha256(f"{seed}/{replicate}/{stream}".encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8], "little", signed=True))
