"""K networks as flat vectors: their parameters, gradients and optimiser."""

from collections.abc import Sequence

import torch
from torch import Tensor

from stages.core.initializers import initial_parameters
from stages.core.network import Layout
from stages.core.trial import Trial
from stages.engine.black_pixels import Pixels
from stages.engine.optimizers import OPTIMIZERS
from stages.engine.results import TrialResult

CUDA_NETWORKS = 32
"""CUDA libraries choose kernels by the number of matrices, so there it is always this one."""

Named = dict[str, Tensor]

_FIRST = "fc1.weight"


class Networks:
    """Parameters, gradients and optimiser state of K networks, each one flat vector.

    The first layer's matrices there have the trained pixels only. Where K is more than the trials,
    the last networks are zeros.
    """

    def __init__(
        self, trials: Sequence[Trial], starts: Sequence[TrialResult], pixels: Pixels
    ) -> None:
        first, device = trials[0], pixels.trained.device
        self.count = CUDA_NETWORKS if device.type == "cuda" else len(trials)
        self.layout = Layout((len(pixels.trained), *first.sizes[1:]))
        self.initial = [_to(device, initial_parameters(trial)) for trial in trials]
        self._pixels = pixels
        self.parameters = self._pack(self.initial)
        self.gradients = torch.zeros_like(self.parameters)
        make = OPTIMIZERS[first.optimizer]
        self.optimizer = make(self.parameters, self.gradients, first.learning_rate)
        self.layers = self.layout.layers(self.parameters)
        self.gradient_layers = self.layout.layers(self.gradients)
        self.biases = [self.layers[0].bias.clone(), *(layer.bias for layer in self.layers[1:])]
        """What each layer adds to its products; in the first, `lead` adds the followers."""
        self._leader = self.layers[0].weight[:, :, -1]
        self._offset = torch.zeros_like(self.biases[0])
        for offset, initial in zip(self._offset, self.initial, strict=False):
            offset[: first.sizes[1]] = pixels.offset(initial[_FIRST])
        if starts:
            self.parameters.copy_(self._pack([start.weights for start in starts]))
            for name, moment in self.optimizer.moments.items():
                moment.copy_(self._pack([start.moments[name] for start in starts]))

    def lead(self) -> None:
        """Bring `biases` up to date; due after each change of the parameters."""
        torch.add(
            self.layers[0].bias, self._leader, alpha=self._pixels.slope, out=self.biases[0]
        ).add_(self._offset)

    def changing(self) -> list[Tensor]:
        """What a training step changes."""
        optimizer = self.optimizer
        return [self.parameters, optimizer.steps, *optimizer.moments.values()]

    def named_parameters(self) -> list[Named]:
        """Copies of the parameters of each network, of all pixels."""
        return [
            {**named, _FIRST: self._pixels.follow(named[_FIRST], initial[_FIRST])}
            for named, initial in zip(
                self.layout.unpack(self.parameters), self.initial, strict=False
            )
        ]

    def named_gradients(self) -> list[Named]:
        """Copies of the gradients of each network, of all pixels, by the parameter's name."""
        return self._shared(self.gradients)

    def states(self) -> list[tuple[Named, Named, dict[str, Named]]]:
        """Initial and present parameters and the optimiser's moments of each network, on the CPU.

        All by the name of the tensor; of the moments, by their own name first.
        """
        cpu = torch.device("cpu")
        now = self.named_parameters()
        moments = {name: self._shared(moment) for name, moment in self.optimizer.moments.items()}
        return [
            (
                _to(cpu, initial),
                _to(cpu, now[k]),
                {name: _to(cpu, of_networks[k]) for name, of_networks in moments.items()},
            )
            for k, initial in enumerate(self.initial)
        ]

    def _pack(self, networks: Sequence[Named]) -> Tensor:
        trained = self._pixels.trained.cpu()
        parts = [{**named, _FIRST: named[_FIRST].cpu()[:, trained]} for named in networks]
        return self.layout.pack(parts, self.count).to(self._pixels.trained.device)

    def _shared(self, flat: Tensor) -> list[Named]:
        networks = self.layout.unpack(flat)[: len(self.initial)]
        return [{**named, _FIRST: self._pixels.share(named[_FIRST])} for named in networks]


def _to(device: torch.device, named: Named) -> Named:
    return {name: tensor.to(device) for name, tensor in named.items()}
