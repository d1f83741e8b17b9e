"""The optimisers that a network may be trained by; torch-free."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Rule:
    """How parameters follow their gradients."""

    title: str  # for people
    moments: tuple[str, ...]  # what is kept of past gradients: so many tensors for each parameter
    momentum: float | None  # of gradient descent, heavy-ball form; None: the rule is Adam's


OPTIMIZERS: Final = {
    "adam": Rule("Adam", ("exp_avg", "exp_avg_sq"), None),
    "sgd": Rule("SGD", (), 0.0),
    "momentum": Rule("SGD with momentum 0.9", ("momentum_buffer",), 0.9),
}
"""By the name that `train.optimizer` gives them."""
