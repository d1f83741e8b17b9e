"""What is measured of a layer at a moment, for both trainers alike."""

from dataclasses import dataclass
from math import nan

import torch
from torch import Tensor

from stages.core.records import LayerRecord


@dataclass(frozen=True)
class Signal:
    """What a layer puts out for the images of the probe."""

    rms: float = nan  # root mean square over images, units and places
    dead: float = nan  # share of units or channels that are 0 for all images, everywhere
    cosine: float = nan  # between two images, a mean over all pairs of those it is not 0 for


def layer_record(
    signal: Signal, start: Tensor, now: Tensor, gradient: Tensor, damped: float
) -> LayerRecord:
    """A record of the layer whose weights (out, ...) were `start` and are `now`."""
    before, weights = start.double(), now.detach().double()
    moved, norm, root = (weights - before).norm(), weights.norm(), weights.numel() ** 0.5
    return LayerRecord(
        activation_rms=signal.rms,
        gradient_norm=gradient.double().norm().item(),
        dead_units=signal.dead,
        movement=(moved / before.norm()).item(),
        cosine=signal.cosine,
        weight_rms=(norm / root).item(),
        displacement=(moved / root).item(),
        row_spread=((weights - weights.mean(0)).norm() / norm).item(),
        damped=damped,
    )


def unit_vectors(outputs: Tensor) -> Tensor:
    """Vectors (n, images) in 64 bits, each divided by its length; those of length 0 stay."""
    vectors = outputs.detach().double()
    lengths = vectors.norm(dim=0)
    return vectors / torch.where(lengths == 0, 1, lengths)


def mean_cosine(total: Tensor, count: int) -> float:
    """Of all pairs of so many unit vectors whose sum is `total` (n,); NaN where there is no pair.

    |sum of u|² is the sum of all u·v, of which those of a vector with itself are 1.
    """
    if count < 2:
        return nan
    return ((total.square().sum().item()) - count) / (count * (count - 1))
