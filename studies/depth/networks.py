"""Train K networks of one depth side by side by plain stochastic gradient descent.

Every product is one batched matrix product over all K networks, which differ in sigma_w² alone:
they share the noise of their parameters and their batches. The backward pass is written out by
hand, and the product that makes a weight's gradient subtracts it from the weight at once, so no
gradient is ever stored.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, count, islice, pairwise
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import one_hot

from stages.core.dataset import CHANCE_ACCURACY, CLASSES, IMAGE_SHAPE, MEAN, STD, Dataset
from stages.core.seeding import batch_order, parameter_noise

_EVALUATION_BATCH = 100


@dataclass(frozen=True)
class Group:
    """Everything that a user chooses about K networks of one depth."""

    activation: str  # a key of ACTIVATIONS
    depth: int  # hidden layers
    width: int
    sigma_w2s: tuple[float, ...]  # one for each network
    sigma_b2: float
    steps: int
    batch_size: int
    lr: float
    seed: int


@dataclass(frozen=True)
class Score:
    """How well one network learned; accuracies are shares of 1."""

    sigma_w2: float
    train_accuracy: float  # on the batches of the last tenth of steps, each before its step
    test_accuracy: float  # on all test images, at the end
    diverged: bool  # whether a number overflowed; both accuracies are then those of chance


class Layer(NamedTuple):
    """One layer of K networks."""

    weight: Tensor  # (K, in, out)
    bias: Tensor  # (K, 1, out)


class Activation(NamedTuple):
    """A function of pre-activations, and its slope as a function of its own output."""

    function: Callable[[Tensor], Tensor]  # may overwrite its argument
    slope: Callable[[Tensor], Tensor]


ACTIVATIONS = {
    "tanh": Activation(torch.tanh_, lambda output: 1 - output.square()),
    "relu": Activation(torch.relu_, torch.sign),
}


def train_group(
    group: Group, dataset: Dataset, on_step: Callable[[], None] = lambda: None
) -> list[Score]:
    """Train the networks of `group`, from their initialisation on; scores in its order."""
    layers, activation = initial_layers(group), ACTIVATIONS[group.activation]
    images, labels = torch.from_numpy(dataset.train_images), _labels(dataset.train_labels)
    correct, seen = torch.zeros(len(group.sigma_w2s)), 0
    for step, indices in enumerate(batches(group, len(labels))):
        logits = sgd_step(layers, activation, inputs(images[indices]), labels[indices], group.lr)
        if 10 * (step + 1) > 9 * group.steps:
            correct += _correct(logits, labels[indices])
            seen += len(indices)
        on_step()
    test, finite = evaluate(layers, activation, dataset)
    return [
        Score(sigma_w2, *((train, test, False) if ok else (CHANCE_ACCURACY, CHANCE_ACCURACY, True)))
        for sigma_w2, train, test, ok in zip(
            group.sigma_w2s, (correct / seen).tolist(), test.tolist(), finite.tolist(), strict=True
        )
    ]


def initial_layers(group: Group) -> list[Layer]:
    """Weights from N(0, sigma_w² / fan_in) and biases from N(0, sigma_b²), of the same noise."""
    sizes = [math.prod(IMAGE_SHAPE), *[group.width] * group.depth, CLASSES]
    noise = parameter_noise(
        {
            f"{kind}{number}": (fan_in, fan_out)
            for number, (fan_in_of_layer, fan_out) in enumerate(pairwise(sizes))
            for kind, fan_in in (("weight", fan_in_of_layer), ("bias", 1))
        },
        group.seed,
        replicate=0,
    )
    sigma_w = torch.tensor(group.sigma_w2s).sqrt().view(-1, 1, 1)
    return [
        Layer(
            sigma_w / math.sqrt(fan_in) * noise[f"weight{number}"],
            (math.sqrt(group.sigma_b2) * noise[f"bias{number}"]).repeat(len(sigma_w), 1, 1),
        )
        for number, fan_in in enumerate(sizes[:-1])
    ]


def batches(group: Group, samples: int) -> Iterator[Tensor]:
    """The indices (B,) of the images of each step, epoch after epoch, each in another order."""
    orders = (batch_order(samples, group.seed, 0, epoch) for epoch in count(1))
    endless = chain.from_iterable(order.split(group.batch_size) for order in orders)
    return islice(endless, group.steps)


def inputs(images: Tensor) -> Tensor:
    """Images uint8 (B, 784) as the networks read them: zero mean, unit variance over all pixels."""
    return images.float().div_(255).sub_(MEAN).div_(STD)


def sgd_step(
    layers: Sequence[Layer], activation: Activation, batch: Tensor, labels: Tensor, lr: float
) -> Tensor:
    """Take one step down the mean cross-entropy of `batch` (B, 784) with `labels` (B,), in place.

    Returns the logits (K, B, 10) from before the step.
    """
    *below, logits = forward(layers, activation, batch)
    delta = logits.softmax(2).sub_(one_hot(labels, CLASSES)).div_(len(labels))
    for number in reversed(range(len(layers))):
        weight, bias = layers[number]
        above, output = delta, below[number]
        if number:
            delta = torch.bmm(above, weight.mT).mul_(activation.slope(output))
        weight.baddbmm_(output.mT, above, alpha=-lr)
        bias.sub_(above.sum(1, keepdim=True), alpha=lr)
    return logits


def forward(layers: Sequence[Layer], activation: Activation, batch: Tensor) -> list[Tensor]:
    """What each layer reads, from `batch` (B, 784) itself on, and the logits; (K, B, units)."""
    *hidden, last = layers
    states = [batch.expand(len(last.weight), -1, -1)]
    for weight, bias in hidden:
        states.append(activation.function(torch.baddbmm(bias, states[-1], weight)))
    return [*states, torch.baddbmm(last.bias, states[-1], last.weight)]


def evaluate(
    layers: Sequence[Layer], activation: Activation, dataset: Dataset
) -> tuple[Tensor, Tensor]:
    """Test accuracy (K,), and (K,) whether all parameters and logits are finite."""
    images, labels = torch.from_numpy(dataset.test_images), _labels(dataset.test_labels)
    finite = torch.stack([p.isfinite().all(2).all(1) for layer in layers for p in layer]).all(0)
    correct = torch.zeros(len(finite))
    for some, answers in zip(
        images.split(_EVALUATION_BATCH), labels.split(_EVALUATION_BATCH), strict=True
    ):
        logits = forward(layers, activation, inputs(some))[-1]
        finite &= logits.isfinite().all(2).all(1)
        correct += _correct(logits, answers)
    return correct / len(labels), finite


def _correct(logits: Tensor, labels: Tensor) -> Tensor:
    """How many of the answers of each network are right (K,)."""
    return (logits.argmax(2) == labels).sum(1)


def _labels(labels: NDArray[np.uint8]) -> Tensor:
    return torch.from_numpy(labels).long()
