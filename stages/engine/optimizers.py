"""Optimisers as one pass over the flat vector of all networks."""

from math import nan

import torch
from torch import Tensor

from stages.core.optimizers import OPTIMIZERS, Rule
from stages.core.trial import Trial

ADAM_BETAS = (0.9, 0.999)

SQUARES = "exp_avg_sq"
"""The second moment of Adam, the running mean of squared gradients."""


class Adam:
    """Adam (Kingma & Ba 2015, algorithm 1), as `torch.optim.Adam(fused=True)`."""

    def __init__(self, parameters: Tensor, gradients: Tensor, trial: Trial, rule: Rule) -> None:
        self._parameters, self._gradients = parameters, gradients
        self._learning_rate, self._epsilon = trial.learning_rate, trial.adam_epsilon
        self.moments = {name: torch.zeros_like(parameters) for name in rule.moments}
        self.steps, self._one = _counter(parameters.device)

    def step(self) -> None:
        """Change the parameters by their gradients."""
        self.steps.add_(self._one)
        torch._fused_adam_(
            [self._parameters],
            [self._gradients],
            [self.moments["exp_avg"]],
            [self.moments[SQUARES]],
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

    def damped(self, gradients: Tensor, squares: Tensor) -> float:
        """The share of some parameters whose step epsilon at least halves: sqrt(v) is below it.

        v is what their part `squares` of the second moment is when its bias is corrected; before
        the first step, what it would be after one by `gradients`. Parameters without a gradient,
        those of dead units, are left out. NaN where none is left, or v overflows.
        """
        steps, moving = self.steps.item(), gradients != 0
        v = squares.double() / (1 - ADAM_BETAS[1] ** steps) if steps else gradients.double() ** 2
        if not moving.any() or not v.isfinite().all():
            return nan
        return (moving & (v < self._epsilon**2)).sum().item() / moving.sum().item()


class GradientDescent:
    """Stochastic gradient descent, as `torch.optim.SGD`; with momentum, its heavy-ball form."""

    def __init__(self, parameters: Tensor, gradients: Tensor, trial: Trial, rule: Rule) -> None:
        self._parameters, self._gradients = parameters, gradients
        self._learning_rate, self._momentum = trial.learning_rate, rule.momentum
        self.moments = {name: torch.zeros_like(parameters) for name in rule.moments}
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


def make_optimizer(parameters: Tensor, gradients: Tensor, trial: Trial) -> Optimizer:
    """What moves `parameters` by `gradients`, both of one shape, as the trial says."""
    rule = OPTIMIZERS[trial.optimizer]
    if rule.momentum is None:
        return Adam(parameters, gradients, trial, rule)
    return GradientDescent(parameters, gradients, trial, rule)


def subtracts_at_once(trial: Trial) -> bool:
    """Whether a multiple of the gradient is subtracted, and nothing kept.

    The product that makes a weight's gradient may then take it from the weight at once, which
    spares 10 % of a step of a deep network.
    """
    return OPTIMIZERS[trial.optimizer].momentum == 0
