"""What the three PyTorch peers share: the network as an nn.Module, and MNIST as tensors."""

from collections import OrderedDict
from itertools import pairwise
from typing import NamedTuple

import torch
import torch._dynamo  # the first optimiser would import it; imports count for no way
from torch import Tensor, nn

from stages.core.dataset import Dataset
from stages.core.initializers import initial_parameters
from stages.core.networks import Perceptron
from stages.core.trial import Trial


def perceptron(sizes: tuple[int, ...]) -> nn.Sequential:
    """Linear layers fc1, fc2, … with ReLU between."""
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    for number, (fan_in, fan_out) in enumerate(pairwise(sizes), start=1):
        if layers:
            layers[f"relu{number - 1}"] = nn.ReLU()
        layers[f"fc{number}"] = nn.Linear(fan_in, fan_out)
    return nn.Sequential(layers)


def initial_network(trial: Trial) -> nn.Sequential:
    """The network of a trial before its first step, with the noise that our trainer uses too."""
    assert isinstance(trial.network, Perceptron)
    network = perceptron(trial.network.sizes)
    network.load_state_dict(initial_values(trial))
    return network


def initial_values(trial: Trial) -> dict[str, Tensor]:
    """The parameters of a trial with a sigma, whose start reads no images."""
    return initial_parameters(trial, images=lambda: torch.empty(0))


class Tensors(NamedTuple):
    """MNIST in memory: inputs normalised float32 (n, 784), labels int64 (n,)."""

    train_inputs: Tensor
    train_labels: Tensor
    test_inputs: Tensor
    test_labels: Tensor


def as_tensors(dataset: Dataset) -> Tensors:
    """Normalise all images at once."""

    def inputs(images: Tensor) -> Tensor:
        return images.float().div_(255).sub_(dataset.mean).div_(dataset.std)

    return Tensors(
        inputs(torch.from_numpy(dataset.train_images)),
        torch.from_numpy(dataset.train_labels).long(),
        inputs(torch.from_numpy(dataset.test_images)),
        torch.from_numpy(dataset.test_labels).long(),
    )
