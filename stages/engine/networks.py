"""K networks as flat vectors: their parameters, gradients and optimiser."""

from collections.abc import Sequence

import torch
from torch import Tensor

from stages.core.initializers import initial_parameters
from stages.core.network import Layout
from stages.core.trial import Trial
from stages.engine.black_pixels import BlackPixels
from stages.engine.optimizers import OPTIMIZERS
from stages.engine.results import TrialResult

CUDA_NETWORKS = 32
"""CUDA libraries choose kernels by the number of matrices, so there it is always this one."""

Named = dict[str, Tensor]

_FIRST = "fc1.weight"


class Networks:
    """Parameters, gradients and optimiser state of K networks, each one flat vector.

    Where K is more than the trials, the last networks are zeros. In the vectors, the first layer
    has weights for the trained pixels only.
    """

    def __init__(
        self, trials: Sequence[Trial], starts: Sequence[TrialResult], pixels: BlackPixels
    ) -> None:
        first, device = trials[0], pixels.trained.device
        self.trials = len(trials)
        self.count = CUDA_NETWORKS if device.type == "cuda" else len(trials)
        self.initial = [_to(device, initial_parameters(trial)) for trial in trials]
        self.layout = Layout((len(pixels.trained), *first.sizes[1:]))
        self._pixels = pixels
        self.parameters = self._pack(self.initial)
        self.gradients = torch.zeros_like(self.parameters)
        make = OPTIMIZERS[first.optimizer]
        self.optimizer = make(self.parameters, self.gradients, first.learning_rate)
        self.layers = self.layout.layers(self.parameters)
        self.gradient_layers = self.layout.layers(self.gradients)
        self.first_bias = torch.zeros_like(self.layers[0].bias)
        self._offset = torch.zeros_like(self.first_bias)
        for offset, initial in zip(self._offset, self.initial, strict=False):
            offset[: first.sizes[1]] = pixels.offset(initial[_FIRST])
        self._leader = self.layers[0].weight[:, :, -1]
        if starts:
            self.parameters.copy_(self._pack([start.weights for start in starts]))
            for name, moment in self.optimizer.moments.items():
                moment.copy_(self._pack([start.moments[name] for start in starts]))

    def follow(self) -> None:
        """Write the first layer's biases, and what the followers add to its units, together."""
        bias = self.layers[0].bias
        torch.add(bias, self._leader, alpha=self._pixels.slope, out=self.first_bias)
        self.first_bias.add_(self._offset)

    def changing(self) -> list[Tensor]:
        """What a training step changes."""
        optimizer = self.optimizer
        return [self.parameters, optimizer.steps, *optimizer.moments.values()]

    def whole_parameters(self) -> list[Named]:
        """Copies of all parameters of each network, by name."""
        return self._unpack(self.parameters, [initial[_FIRST] for initial in self.initial])

    def whole_gradients(self) -> list[Named]:
        """Copies of all gradients of each network, by the name of the parameter."""
        return self._unpack_deltas(self.gradients)

    def states(self) -> list[tuple[Named, Named, dict[str, Named]]]:
        """Initial and present parameters and the optimiser's moments of each network, on the CPU.

        All by the name of the tensor; of the moments, by their own name first.
        """
        cpu = torch.device("cpu")
        moments = {n: self._unpack_deltas(m) for n, m in self.optimizer.moments.items()}
        return [
            (_to(cpu, initial), _to(cpu, now), {n: _to(cpu, m[k]) for n, m in moments.items()})
            for k, (initial, now) in enumerate(
                zip(self.initial, self.whole_parameters(), strict=True)
            )
        ]

    def _pack(self, networks: Sequence[Named]) -> Tensor:
        trained = self._pixels.trained.cpu()
        parts = [{**named, _FIRST: named[_FIRST].cpu()[:, trained]} for named in networks]
        return self.layout.pack(parts, self.count).to(self._pixels.trained.device)

    def _unpack_deltas(self, flat: Tensor) -> list[Named]:
        return self._unpack(flat, [torch.zeros_like(initial[_FIRST]) for initial in self.initial])

    def _unpack(self, flat: Tensor, initial: Sequence[Tensor]) -> list[Named]:
        return [
            {**named, _FIRST: self._pixels.complete(named[_FIRST], start)}
            for named, start in zip(self.layout.unpack(flat), initial, strict=False)
        ]


def _to(device: torch.device, named: Named) -> Named:
    return {name: tensor.to(device) for name, tensor in named.items()}
