"""K networks as flat vectors: their parameters, gradients and optimiser."""

from collections.abc import Sequence

import torch
from torch import Tensor

from stages.core.initializers import initial_parameters
from stages.core.network import Layout
from stages.core.trial import Trial
from stages.engine.optimizers import OPTIMIZERS
from stages.engine.results import TrialResult

CUDA_NETWORKS = 32
"""CUDA libraries choose kernels by the number of matrices, so there it is always this one."""

Named = dict[str, Tensor]


class Networks:
    """Parameters, gradients and optimiser state of K networks, each one flat vector.

    Where K is more than the trials, the last networks are zeros.
    """

    def __init__(
        self, trials: Sequence[Trial], starts: Sequence[TrialResult], device: torch.device
    ) -> None:
        first = trials[0]
        self.layout = Layout(first.sizes)
        self.trials = len(trials)
        self.count = CUDA_NETWORKS if device.type == "cuda" else len(trials)
        self.initial = self._pack([initial_parameters(trial) for trial in trials]).to(device)
        self.parameters = self.initial.clone()
        self.gradients = torch.zeros_like(self.parameters)
        make = OPTIMIZERS[first.optimizer]
        self.optimizer = make(self.parameters, self.gradients, first.learning_rate)
        self.layers = self.layout.layers(self.parameters)
        self.gradient_layers = self.layout.layers(self.gradients)
        if starts:
            self.parameters.copy_(self._pack([start.weights for start in starts]))
            for name, moment in self.optimizer.moments.items():
                moment.copy_(self._pack([start.moments[name] for start in starts]))

    def changing(self) -> list[Tensor]:
        """What a training step changes."""
        optimizer = self.optimizer
        return [self.parameters, optimizer.steps, *optimizer.moments.values()]

    def states(self) -> list[tuple[Named, Named, dict[str, Named]]]:
        """Initial and present parameters and the optimiser's moments of each network, on the CPU.

        All by the name of the tensor; of the moments, by their own name first.
        """
        initial, now, *moments = (
            self.layout.unpack(vector.cpu())
            for vector in (self.initial, self.parameters, *self.optimizer.moments.values())
        )
        names = list(self.optimizer.moments)
        return [
            (initial[k], now[k], {n: m[k] for n, m in zip(names, moments, strict=True)})
            for k in range(self.trials)
        ]

    def _pack(self, networks: list[Named]) -> Tensor:
        return self.layout.pack(networks, self.count)
