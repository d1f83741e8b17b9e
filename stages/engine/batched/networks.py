"""K networks as flat vectors: their parameters, gradients and optimiser."""

from collections.abc import Sequence
from itertools import pairwise
from math import nan

import torch
from torch import Tensor

from stages.core.activations import ACTIVATIONS
from stages.core.initializers import initial_parameters
from stages.core.networks import CUDA_NETWORKS, Perceptron
from stages.core.trial import Trial
from stages.engine.batched.images import Images
from stages.engine.batched.layout import Layer, Layout
from stages.engine.optimizers import SQUARES, Adam, make_optimizer, subtracts_at_once
from stages.engine.results import TrialResult

Named = dict[str, Tensor]

_FIRST = "fc1.weight"


class Networks:
    """Parameters, gradients and optimiser state of K networks, each one flat vector.

    The first layer's matrices there have the trained pixels only. Where K is more than the trials,
    the last networks are zeros.
    """

    def __init__(
        self, trials: Sequence[Trial], starts: Sequence[TrialResult], images: Images
    ) -> None:
        first, device = trials[0], images.train.device
        self.count = CUDA_NETWORKS if device.type == "cuda" else len(trials)
        self.network = network = _perceptron(first)
        self.activation = ACTIVATIONS[network.activation]
        self.layout = Layout((len(images.pixels.trained), *network.sizes[1:]))
        self.initial = [
            _to(device, initial_parameters(trial, images.first_inputs)) for trial in trials
        ]
        self.scale = images.scale
        self._pixels = images.pixels
        self.parameters = self._pack(self.initial)
        self.gradients = torch.zeros_like(self.parameters)
        self.layers = self.layout.layers(self.parameters)
        self.gradient_layers = self.layout.layers(self.gradients)
        self.rate_at_once = first.learning_rate if subtracts_at_once(first) else None
        """Where the products that make gradients of weights take them from the weights at once."""
        done = self.count * self.layout.weights_length if self.rate_at_once is not None else 0
        self.optimizer = make_optimizer(self.parameters[done:], self.gradients[done:], first)
        self._prepare_followers(images.scale.black)
        if starts:
            self.parameters.copy_(self._pack([start.weights for start in starts]))
            for name, moment in self.optimizer.moments.items():
                moment.copy_(self._pack([start.moments[name] for start in starts]))

    def _prepare_followers(self, black: float) -> None:
        first = self.layers[0]
        self.biases = [layer.bias for layer in self.layers]
        """What each layer adds to its products; in the first, `lead` adds the followers."""
        self._slope = len(self._pixels.followers) * black
        """What they add to a unit for each 1 that is added to its leader's weight."""
        if self._slope:
            self.biases[0] = first.bias.clone()
            self._leader = first.weight[:, :, -1]
            self._offset = torch.zeros_like(first.bias)
            for offset, initial in zip(self._offset, self.initial, strict=False):
                ahead = self._pixels.offset(initial[_FIRST])
                offset[: len(ahead)] = ahead * black

    def lead(self) -> None:
        """Bring `biases` up to date; due after each change of the parameters."""
        if self._slope:
            torch.add(
                self.layers[0].bias, self._leader, alpha=self._slope, out=self.biases[0]
            ).add_(self._offset)

    def changing(self) -> list[Tensor]:
        """What a training step changes."""
        optimizer = self.optimizer
        return [self.parameters, optimizer.steps, *optimizer.moments.values()]

    def weights(self, network: int) -> list[Tensor]:
        """The weights (out, in) of one network, layer after layer, of all pixels."""
        first, *others = self._matrices(self.layers, network)
        return [self._pixels.follow(first, self.initial[network][_FIRST]), *others]

    def initial_weights(self, network: int) -> list[Tensor]:
        """The same before training."""
        return [tensor for tensor in self.initial[network].values() if tensor.ndim == 2]

    def weight_gradients(self, network: int) -> list[Tensor]:
        """The gradients (out, in) of one network's weights, of all pixels."""
        first, *others = self._matrices(self.gradient_layers, network)
        return [self._pixels.share(first), *others]

    def damped(self, network: int) -> list[float]:
        """The share of weights of each layer of one network whose steps Adam's epsilon damps."""
        if not isinstance(self.optimizer, Adam):
            return [nan] * len(self.layers)
        of_layers = self.layout.layers(self.optimizer.moments[SQUARES])
        first, *others = self._matrices(of_layers, network)
        squares = [self._pixels.share(first), *others]
        return list(map(self.optimizer.damped, self.weight_gradients(network), squares))

    def named(self, network: int) -> Named:
        """Present parameters of one network, of all pixels, by the name of the tensor."""
        now = self.layout.unpack(self.parameters)[network]
        return {**now, _FIRST: self._pixels.follow(now[_FIRST], self.initial[network][_FIRST])}

    def states(self) -> list[tuple[Named, Named, dict[str, Named]]]:
        """Initial and present parameters and the optimiser's moments of each network, on the CPU.

        All by the name of the tensor; of the moments, by their own name first.
        """
        cpu = torch.device("cpu")
        moments = {name: self._shared(moment) for name, moment in self.optimizer.moments.items()}
        return [
            (
                _to(cpu, initial),
                _to(cpu, self.named(k)),
                {name: _to(cpu, of_networks[k]) for name, of_networks in moments.items()},
            )
            for k, initial in enumerate(self.initial)
        ]

    def _matrices(self, layers: Sequence[Layer], network: int) -> list[Tensor]:
        shapes = zip(layers, pairwise(self.layout.sizes), strict=True)
        return [layer.weight[network, :fan_out, :fan_in] for layer, (fan_in, fan_out) in shapes]

    def _pack(self, networks: Sequence[Named]) -> Tensor:
        trained = self._pixels.trained.cpu()
        parts = [{**named, _FIRST: named[_FIRST].cpu()[:, trained]} for named in networks]
        return self.layout.pack(parts, self.count).to(self._pixels.trained.device)

    def _shared(self, flat: Tensor) -> list[Named]:
        networks = self.layout.unpack(flat)[: len(self.initial)]
        return [{**named, _FIRST: self._pixels.share(named[_FIRST])} for named in networks]


def _perceptron(trial: Trial) -> Perceptron:
    if not isinstance(trial.network, Perceptron):
        raise TypeError("only perceptrons are trained side by side")
    return trial.network


def _to(device: torch.device, named: Named) -> Named:
    return {name: tensor.to(device) for name, tensor in named.items()}
