"""What a network is like at a moment of its training, measured on a fixed batch.

Forward and backward passes over the first training images, before training and after each epoch:
1 % of the time that an epoch of 60,000 takes.
"""

from collections.abc import Iterator, Sequence
from functools import partial
from math import nan

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from stages.core.initializers import pre_activations
from stages.core.records import ProbeRecord
from stages.core.sampling import PROBE_IMAGES
from stages.engine.batched.batches import LearningBatch
from stages.engine.batched.images import Images
from stages.engine.batched.networks import Networks
from stages.engine.curvature import sharpness, tells_sharpness
from stages.engine.measures import Signal, layer_record, mean_cosine, unit_vectors

_PART = 64
"""Images that are measured at a time: those of all at once would outgrow every cache, and of deep
networks the memory."""


class Probe:
    """Measures K networks on the first training images."""

    def __init__(self, networks: Networks, images: Images) -> None:
        self._size = min(PROBE_IMAGES, len(images.train))
        self._networks = networks
        self._inputs = images.first_inputs().to(images.train.device)
        self._labels = images.train_labels[: self._size]
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
        return [
            signal.record(epoch, self._size, self._sharpness(k, epoch))
            for k, signal in enumerate(signals)
        ]

    def _sharpness(self, network: int, epoch: int) -> float:
        """That of one network; NaN where it is not to be known."""
        networks = self._networks
        if not tells_sharpness(networks.optimizer, len(networks.layers), epoch):
            return nan
        parameters = {
            name: t.detach().requires_grad_() for name, t in networks.named(network).items()
        }
        *_, (_, logits) = pre_activations(networks.network, parameters, self._inputs)
        return sharpness(cross_entropy(logits, self._labels), [*parameters.values()])


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
        self._directions = [zeros(units) for units in self._sizes]  # of images, as unit vectors
        self._counts = [0] * len(self._sizes)  # of images that have a direction

    def add(self, batch: LearningBatch, labels: Tensor) -> None:
        """Take in the part that has just been through `batch`."""
        outputs = [*batch.hidden, batch.logits]
        for i, (output, units) in enumerate(zip(outputs, self._sizes, strict=True)):
            own = output[self._network, :units, : batch.size].double()
            vectors = unit_vectors(own)
            self._squares[i] += own.square().sum(1)
            self._directions[i] += vectors.sum(1)
            self._counts[i] += int(vectors.any(0).sum())
        logits = batch.logits[self._network, :, : batch.size].T
        self._loss += cross_entropy(logits.double(), labels, reduction="sum")

    def record(self, epoch: int, images: int, sharpness: float) -> ProbeRecord:
        """What was measured, with the weights and their gradients as they are now."""
        networks, number = self._networks, self._network
        return ProbeRecord(
            epoch=epoch,
            loss=self._loss.item() / images,
            sharpness=sharpness,
            layers=[
                layer_record(signal, start, now, gradient, damped)
                for signal, start, now, gradient, damped in zip(
                    self._of_layers(images),
                    networks.initial_weights(number),
                    networks.weights(number),
                    networks.weight_gradients(number),
                    networks.damped(number),
                    strict=True,
                )
            ],
        )

    def _of_layers(self, images: int) -> Iterator[Signal]:
        of_layers = zip(self._squares, self._directions, self._counts, strict=True)
        for squares, directions, count in of_layers:
            finite = bool(squares.isfinite().all())
            yield Signal(
                rms=(squares.sum() / (images * len(squares))).sqrt().item(),
                dead=(squares == 0).double().mean().item() if finite else nan,
                cosine=mean_cosine(directions, count) if finite else nan,
            )


def probe_histories(probes: Sequence[Sequence[ProbeRecord]]) -> list[list[ProbeRecord]]:
    """Records of all networks at each moment, turned into those of all moments of each network."""
    return [list(of_network) for of_network in zip(*probes, strict=True)]
