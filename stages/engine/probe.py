"""What a network is like at a moment of its training, measured on a fixed batch.

One forward and one backward pass over the first training images, before training and after each
epoch: 1 % of the time that an epoch of 60,000 takes.
"""

from collections.abc import Sequence
from math import nan

from torch import Tensor
from torch.nn.functional import cross_entropy

from stages.core.records import PROBE_IMAGES, LayerRecord, ProbeRecord
from stages.engine.batches import LearningBatch
from stages.engine.networks import Named, Networks


class Probe:
    """Measures K networks on the first training images."""

    def __init__(self, networks: Networks, inputs: Tensor, labels: Tensor, targets: Tensor) -> None:
        size = min(PROBE_IMAGES, len(inputs))
        self._networks, self._labels = networks, labels[:size]
        self._batch = LearningBatch(networks, size)
        self._batch.inputs[:size] = inputs[:size]
        self._batch.targets[:size] = targets[:size]

    def measure(self, epoch: int) -> list[ProbeRecord]:
        """A record of each network; overwrites the gradients, which the next step computes anew."""
        self._batch.forward()
        self._batch.backward()
        networks = self._networks
        now, gradients = networks.named_parameters(), networks.named_gradients()
        return [
            self._record(network, epoch, initial, now[network], gradients[network])
            for network, initial in enumerate(networks.initial)
        ]

    def _record(
        self, network: int, epoch: int, initial: Named, now: Named, gradients: Named
    ) -> ProbeRecord:
        size, sizes = self._batch.size, self._networks.layout.sizes
        logits = self._batch.logits[network, :, :size].T
        outputs = [
            *(
                hidden[network, :size, :units]
                for hidden, units in zip(self._batch.hidden, sizes[1:-1], strict=True)
            ),
            logits,
        ]
        parts = (initial, now, gradients)
        return ProbeRecord(
            epoch=epoch,
            loss=cross_entropy(logits.double(), self._labels).item(),
            layers=[
                _layer_record(output, *(named[f"fc{number}.weight"] for named in parts))
                for number, output in enumerate(outputs, start=1)
            ],
        )


def _layer_record(output: Tensor, initial: Tensor, now: Tensor, gradient: Tensor) -> LayerRecord:
    start, weight = initial.double(), now.double()
    return LayerRecord(
        activation_rms=output.double().square().mean().sqrt().item(),
        gradient_norm=gradient.double().norm().item(),
        dead_units=_dead_units(output),
        movement=((weight - start).norm() / start.norm()).item(),
    )


def _dead_units(output: Tensor) -> float:
    """The share of units (B, units) that are 0 for all images; NaN if a number overflowed."""
    if not output.isfinite().all():
        return nan
    return (output == 0).all(0).double().mean().item()


def probe_histories(probes: Sequence[Sequence[ProbeRecord]]) -> list[list[ProbeRecord]]:
    """Records of all networks at each moment, turned into those of all moments of each network."""
    return [list(of_network) for of_network in zip(*probes, strict=True)]
