"""What a network is like at a moment of its training, measured on a fixed batch.

Forward and backward passes over the first training images, before training and after each epoch:
1 % of the time that an epoch of 60,000 takes.
"""

from collections.abc import Sequence
from functools import partial
from math import nan

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from stages.core.records import PROBE_IMAGES, LayerRecord, ProbeRecord
from stages.engine.batched.batches import LearningBatch
from stages.engine.batched.images import Images
from stages.engine.batched.networks import Networks

_PART = 64
"""Images that are measured at a time: those of all at once would outgrow every cache, and of deep
networks the memory."""


class Probe:
    """Measures K networks on the first training images."""

    def __init__(self, networks: Networks, images: Images) -> None:
        self._size = min(PROBE_IMAGES, len(images.train))
        self._networks = networks
        self._parts = [
            tuple(some.split(_PART))
            for some in (
                images.train[: self._size],
                images.train_labels[: self._size],
                images.train_targets[: self._size],
            )
        ]
        self._batches = {
            size: LearningBatch(
                networks,
                size,
                [layer.weight for layer in networks.gradient_layers],
                keep=1.0,
                images=self._size,
            )
            for size in {len(part) for part in self._parts[0]}
        }

    def measure(self, epoch: int) -> list[ProbeRecord]:
        """A record of each network; overwrites the gradients, which the next step computes anew."""
        networks = self._networks
        networks.gradients.zero_()
        signals = [_Signals(networks, k) for k in range(len(networks.initial))]
        for pixels, labels, targets in zip(*self._parts, strict=True):
            batch = self._batches[len(pixels)]
            batch.read(pixels)
            batch.targets[: batch.size] = targets
            batch.forward()
            batch.backward()
            for signal in signals:
                signal.add(batch, labels)
        return [signal.record(epoch, self._size) for signal in signals]


class _Signals:
    """What one network does with the images, summed up over parts of them.

    Each by itself: a sum over several would add in an order that depends on their number.
    """

    def __init__(self, networks: Networks, network: int) -> None:
        self._networks, self._network = networks, network
        self._sizes = networks.layout.sizes[1:]
        zeros = partial(torch.zeros, dtype=torch.float64, device=networks.parameters.device)
        self._loss = zeros(())
        self._squares = [zeros(units) for units in self._sizes]  # of what each unit puts out

    def add(self, batch: LearningBatch, labels: Tensor) -> None:
        """Take in the part that has just been through `batch`."""
        outputs = [*batch.hidden, batch.logits]
        for i, (output, units) in enumerate(zip(outputs, self._sizes, strict=True)):
            own = output[self._network, :units, : batch.size]
            self._squares[i] += own.double().square_().sum(1)
        logits = batch.logits[self._network, :, : batch.size].T
        self._loss += cross_entropy(logits.double(), labels, reduction="sum")

    def record(self, epoch: int, images: int) -> ProbeRecord:
        """What was measured, with the weights and their gradients as they are now."""
        networks, number = self._networks, self._network
        return ProbeRecord(
            epoch=epoch,
            loss=self._loss.item() / images,
            layers=[
                LayerRecord(
                    activation_rms=(squares.sum() / (images * len(squares))).sqrt().item(),
                    gradient_norm=gradient.double().norm().item(),
                    dead_units=_share_of_zeros(squares),
                    movement=_movement(start, weight),
                )
                for squares, start, weight, gradient in zip(
                    self._squares,
                    networks.initial_weights(number),
                    networks.weights(number),
                    networks.weight_gradients(number),
                    strict=True,
                )
            ],
        )


def _share_of_zeros(squares: Tensor) -> float:
    """NaN if a number overflowed."""
    if not squares.isfinite().all():
        return nan
    return (squares == 0).double().mean().item()


def _movement(start: Tensor, now: Tensor) -> float:
    before = start.double()
    return float((now.double() - before).norm() / before.norm())


def probe_histories(probes: Sequence[Sequence[ProbeRecord]]) -> list[list[ProbeRecord]]:
    """Records of all networks at each moment, turned into those of all moments of each network."""
    return [list(of_network) for of_network in zip(*probes, strict=True)]
