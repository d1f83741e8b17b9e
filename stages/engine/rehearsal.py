"""A few steps of training on made-up images, and the digest of what comes out.

Which kernels multiply matrices is decided by the processor, but also by variables of the
environment (MKL_CBWR, ATEN_CPU_CAPABILITY) and by libraries that no version of torch tells of. All
of them round in their own way, and so this digest is another.
"""

import hashlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle

import numpy as np
import torch
from torch.nn.functional import conv2d

from stages.core.activations import ACTIVATIONS
from stages.core.dataset import Dataset
from stages.core.networks import Perceptron
from stages.core.starts import NORMAL, Start
from stages.core.trial import Trial
from stages.engine.batched.trainer import train_group
from stages.engine.device import one_fast_thread
from stages.engine.results import TrialResult

_IMAGES = 80
"""A batch of 64 and a short one."""
_PIXELS, _BLACK, _CLASSES = 784, 65, 10
"""As many are black as in MNIST, so that matrices have the shapes that they have there."""


def rehearse(device: torch.device, optimizer: str) -> str:
    """SHA-256 (hexadecimal) of what this process trains on `device` by an optimiser.

    In a thread of its own, since how denormal numbers are treated is a setting of each thread.
    """
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(_digest, device, optimizer).result()


def _digest(device: torch.device, optimizer: str) -> str:
    hasher, dataset = hashlib.sha256(), _dataset()
    for group in _groups(optimizer):
        for result in train_group(group, dataset, device):
            for part in _parts(result):
                hasher.update(part)
    for part in _convolution(device):
        hasher.update(part)
    return hasher.hexdigest()


def _dataset() -> Dataset:
    """Images of a fixed pattern."""
    ink = np.arange(_IMAGES * _PIXELS, dtype=np.uint32).reshape(_IMAGES, _PIXELS)
    images = (ink * 2_654_435_761 >> 24).astype(np.uint8)
    images[:, :_BLACK] = 0
    labels = (np.arange(_IMAGES) % _CLASSES).astype(np.uint8)
    return Dataset(images, labels, images, labels, image_shape=(28, 28))


def _groups(optimizer: str) -> Iterator[list[Trial]]:
    """A full group of the usual network, and single ones of other shapes.

    The others have each activation once, those of 128 and more units the shapes of deep networks.
    """
    usual = Perceptron((_PIXELS, 128, 64, _CLASSES), "relu")
    yield [_trial(usual, optimizer, sigma) for sigma in (0.001, 0.03, 0.1, 1.0)]
    hidden = ((128, 128), (100,), (32, 32))
    for activation, units in zip(ACTIVATIONS, cycle(hidden), strict=False):
        yield [_trial(Perceptron((_PIXELS, *units, _CLASSES), activation), optimizer)]


def _trial(network: Perceptron, optimizer: str, sigma: float | None = None) -> Trial:
    return Trial(
        network=network,
        data="",
        start=Start("orthogonal") if sigma is None else Start(NORMAL, sigma),
        optimizer=optimizer,
        learning_rate=0.01,
        adam_epsilon=1e-8,
        batch_size=64,
        epochs=1,
        extra_steps=0,
        seed=0,
        replicate=0,
    )


@one_fast_thread()
def _convolution(device: torch.device) -> list[bytes]:
    """A convolution and its gradients, in both formats: it has kernels of its own."""
    generator, parts = torch.Generator().manual_seed(0), []
    shapes = (64, 6, 14, 14), (16, 6, 5, 5)
    images, kernels = (torch.randn(shape, generator=generator).to(device) for shape in shapes)
    for layout in (torch.contiguous_format, torch.channels_last):
        batch, weight = (t.to(memory_format=layout).requires_grad_() for t in (images, kernels))
        maps = conv2d(batch, weight)
        gradients = torch.autograd.grad(maps.square().sum(), (batch, weight))
        parts += [t.detach().cpu().contiguous().numpy().tobytes() for t in (maps, *gradients)]
    return parts


def _parts(result: TrialResult) -> Iterator[bytes]:
    """All that is computed, times left out."""
    for tensors in (result.initial, result.weights, *result.moments.values()):
        for tensor in tensors.values():
            yield tensor.numpy().tobytes()
    yield repr((result.history, result.probes)).encode()
