"""The parameters of a network before training: N(0, sigma²) on all of them, or a named scheme.

All draw from the stream of their seed and replicate. Whatever the scale and the biases, a normal
start takes the same numbers from it, so that starts differ by factors and not by noise.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import sqrt

import torch
from torch import Tensor
from torch.nn import init
from torch.nn.functional import linear

from stages.core.activations import ACTIVATIONS
from stages.core.networks import Network, Perceptron, Shapes
from stages.core.seeding import parameter_generator
from stages.core.starts import FAN_IN, SCHEMES, Blank, Start, beside_layers, fan_in, owners
from stages.core.trial import Trial

Named = dict[str, Tensor]


def initial_parameters(trial: Trial, images: Callable[[], Tensor]) -> Named:
    """Named weights (out, in) and biases (out,) of a perceptron's trial before training.

    `images` makes the first training images as networks read them (B, pixels).
    """
    if not isinstance(trial.network, Perceptron):
        raise TypeError("no perceptron")
    generator = parameter_generator(trial.seed, trial.replicate)
    return drawn(trial.start, BlankPerceptron(trial.network, generator, images))


def drawn(start: Start, blank: Blank) -> Named:
    """Named trainable parameters, contiguous float32, in the order of `blank.shapes`."""
    with torch.no_grad():
        if start.sigma is None:
            return SCHEMES[start.initializer](blank)
        return _normal(start, start.sigma, blank)


def _normal(start: Start, sigma: float, blank: Blank) -> Named:
    """Biases are like the weights of their layer; what is no layer has sigma itself.

    Where `start.biases` is a number it is the deviation of biases, and what is no layer, as
    normalisations, stays as PyTorch starts it.
    """
    weights = owners(blank)
    kept = {} if start.biases is None else beside_layers(blank)
    parameters = {}
    for name, shape in blank.shapes.items():
        deviation, owner = sigma, name.rpartition(".")[0]
        if name not in blank.layers and start.biases is not None:
            deviation = start.biases
        elif start.scale == FAN_IN and owner in weights:
            of = shape if name in blank.layers else blank.shapes[weights[owner]]
            deviation = sigma / sqrt(fan_in(of))
        noise = torch.empty(shape).normal_(generator=blank.generator)
        noise = noise.mul_(deviation) if deviation else noise.zero_()
        parameters[name] = kept.get(name, noise)
    return parameters


@dataclass(frozen=True, eq=False)
class BlankNetwork:
    """What all networks to be given values have in common."""

    network: Network
    generator: torch.Generator

    @property
    def shapes(self) -> Shapes:
        """Of the trainable parameters."""
        return self.network.shapes

    @property
    def layers(self) -> tuple[str, ...]:
        """Weight matrices and kernels, as run."""
        return self.network.layers

    @property
    def gain(self) -> float:
        """Of the activation."""
        return ACTIVATIONS[self.network.activation].gain


@dataclass(frozen=True, eq=False)
class BlankPerceptron(BlankNetwork):
    """A perceptron to be given values; `images` makes normalised ones (B, pixels), for lsuv."""

    images: Callable[[], Tensor]

    def default(self) -> Named:
        """As torch.nn.Linear: weights and biases uniform within 1 / sqrt(fan_in)."""
        parameters = {name: torch.empty(shape) for name, shape in self.shapes.items()}
        for layer in self.layers:
            weight, bias = parameters[layer], parameters[layer.replace("weight", "bias")]
            init.kaiming_uniform_(weight, a=sqrt(5), generator=self.generator)
            bound = 1 / sqrt(fan_in(weight.shape))
            bias.uniform_(-bound, bound, generator=self.generator)
        return parameters

    def output(self, parameters: Named, layer: str) -> Tensor:
        """Pre-activations (B, units) of a layer."""
        of_layers = pre_activations(self.network, parameters, self.images())
        return next(values for name, values in of_layers if name == layer)


def pre_activations(
    network: Network, parameters: Named, images: Tensor
) -> Iterator[tuple[str, Tensor]]:
    """Those (B, units) of each layer of a perceptron, by its name; the last are the logits.

    `images` are normalised (B, pixels). Autograd may go back through all of it.
    """
    values, operator = images, ACTIVATIONS[network.activation].forward
    for name in network.layers:
        outputs = linear(values, parameters[name], parameters[name.replace("weight", "bias")])
        yield name, outputs
        values = outputs
        if operator:
            values = getattr(torch.ops.aten, operator.name)(outputs, *operator.arguments)
