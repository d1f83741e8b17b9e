"""Optimisers as one pass over the flat vector of all networks."""

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from stages.core.tensors import MOMENTS

ADAM_BETAS = (0.9, 0.999)
ADAM_EPSILON = 1e-8
MOMENTUM = 0.9


class Adam:
    """Adam (Kingma & Ba 2015, algorithm 1), as `torch.optim.Adam(fused=True)`."""

    def __init__(self, parameters: Tensor, gradients: Tensor, learning_rate: float) -> None:
        self._parameters, self._gradients = parameters, gradients
        self._learning_rate = learning_rate
        self.moments = {name: torch.zeros_like(parameters) for name in MOMENTS["adam"]}
        self.steps = torch.zeros((), device=parameters.device)

    def step(self) -> None:
        """Change the parameters by their gradients."""
        self.steps += 1
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
            eps=ADAM_EPSILON,
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
        self.steps = torch.zeros((), device=parameters.device)

    def step(self) -> None:
        """Change the parameters by their gradients."""
        self.steps += 1
        direction = self._gradients
        if self._momentum:
            direction = self.moments["momentum_buffer"].mul_(self._momentum).add_(direction)
        self._parameters.add_(direction, alpha=-self._learning_rate)


Optimizer = Adam | GradientDescent

OPTIMIZERS: dict[str, Callable[[Tensor, Tensor, float], Optimizer]] = {
    "adam": Adam,
    "sgd": partial(GradientDescent, momentum=0.0),
    "momentum": partial(GradientDescent, momentum=MOMENTUM),
}
"""By the name that `train.optimizer` gives them."""
