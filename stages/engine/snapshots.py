"""What is kept of a network before training and after each epoch, to be looked at.

How the weights of each layer are distributed, what the first layer looks for, and what the network
answers to some test images; 0.5 % of the time that an epoch of MNIST takes.
"""

from collections.abc import Sequence
from math import isfinite

import torch
from torch import Tensor

from stages.core.sampling import BINS_A_DEVIATION, DEVIATIONS, FEATURES, feature_epochs

Named = dict[str, Tensor]

_FARTHEST = BINS_A_DEVIATION * DEVIATIONS


def snapshot(epoch: int, weights: Sequence[Tensor], answers: Tensor) -> Named:
    """One moment, as `stages.core.records.snapshot_tensors` tells, epoch 0 being before training.

    `weights` are those of each layer (out, in, ...), `answers` the logits of the shown test images.
    """
    counts, deviations = zip(*map(_distribution, weights), strict=True)
    kept = epoch in feature_epochs(epoch)
    taken = {
        "histograms": torch.stack(counts),
        "deviations": torch.tensor(deviations),
        "answers": answers.detach().clone(memory_format=torch.contiguous_format),
        "features": weights[0][:FEATURES].detach().flatten(1).clone(),
    }
    return {
        name: tensor.cpu().unsqueeze(0)[: kept if name == "features" else 1]
        for name, tensor in taken.items()
    }


def in_turn(moments: Sequence[Named]) -> Named:
    """Several moments, or trainings that follow each other, as one."""
    return {name: torch.cat([moment[name] for moment in moments]) for name in moments[0]}


def _distribution(weights: Tensor) -> tuple[Tensor, float]:
    """Counts int32 of weights, and their root mean square; counts are 0 if one is not finite."""
    flat = weights.detach().double().flatten()
    deviation = flat.square().mean().sqrt().item()
    if not isfinite(deviation):
        return torch.zeros(2 * _FARTHEST + 2, dtype=torch.int32, device=flat.device), deviation
    scaled = flat.mul_(BINS_A_DEVIATION / deviation) if deviation else flat
    bins = scaled.floor_().clamp_(-_FARTHEST - 1, _FARTHEST).long() + _FARTHEST + 1
    return bins.bincount(minlength=2 * _FARTHEST + 2).int(), deviation
