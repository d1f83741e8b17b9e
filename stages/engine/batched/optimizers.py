"""Optimisers as one pass over the flat vector of all networks."""

from collections.abc import Callable

import torch
from torch import Tensor

from stages.core.networks import MOMENTS
from stages.core.trial import Trial

ADAM_BETAS = (0.9, 0.999)
MOMENTUM = 0.9


class Adam:
    """Adam (Kingma & Ba 2015, algorithm 1), as `torch.optim.Adam(fused=True)`."""

    def __init__(
        self, parameters: Tensor, gradients: Tensor, learning_rate: float, epsilon: float
    ) -> None:
        self._parameters, self._gradients = parameters, gradients
        self._learning_rate, self._epsilon = learning_rate, epsilon
        self.moments = {name: torch.zeros_like(parameters) for name in MOMENTS["adam"]}
        self.steps, self._one = _counter(parameters.device)

    def step(self) -> None:
        """Change the parameters by their gradients."""
        self.steps.add_(self._one)
        torch._fused_adam_(
            [self._parameters],
            [self._gradients],
            [self.moments["exp_avg"]],
            [self.moments["exp_avg_sq"]],
            [],
            [self.steps],
            lr=self._learning_rate,
            beta1=ADAM_BETAS[0],
            beta2=ADAM_BETAS[1],
            weight_decay=0.0,
            eps=self._epsilon,
            amsgrad=False,
            maximize=False,
        )


class GradientDescent:
    """Stochastic gradient descent, as `torch.optim.SGD`; with momentum, its heavy-ball form."""

    def __init__(
        self, parameters: Tensor, gradients: Tensor, learning_rate: float, momentum: float
    ) -> None:
        self._parameters, self._gradients = parameters, gradients
        self._learning_rate, self._momentum = learning_rate, momentum
        kind = "momentum" if momentum else "sgd"
        self.moments = {name: torch.zeros_like(parameters) for name in MOMENTS[kind]}
        self.steps, self._one = _counter(parameters.device)

    def step(self) -> None:
        """Change the parameters by their gradients."""
        self.steps.add_(self._one)
        direction = self._gradients
        if self._momentum:
            direction = self.moments["momentum_buffer"].mul_(self._momentum).add_(direction)
        self._parameters.add_(direction, alpha=-self._learning_rate)


def _counter(device: torch.device) -> tuple[Tensor, Tensor]:
    """A number of steps, and the tensor 1: adding it costs a third of adding a Python number."""
    return torch.zeros((), device=device), torch.ones((), device=device)


Optimizer = Adam | GradientDescent

OPTIMIZERS: dict[str, Callable[[Tensor, Tensor, Trial], Optimizer]] = {
    "adam": lambda p, g, trial: Adam(p, g, trial.learning_rate, trial.adam_epsilon),
    "sgd": lambda p, g, trial: GradientDescent(p, g, trial.learning_rate, momentum=0.0),
    "momentum": lambda p, g, trial: GradientDescent(p, g, trial.learning_rate, MOMENTUM),
}
"""By the name that `train.optimizer` gives them: of parameters, their gradients, and a trial."""

AT_ONCE = {"sgd"}
"""Those that subtract a multiple of the gradient and keep nothing: the product that makes a weight's
gradient takes it from the weight at once, and only biases are left to `step`."""
