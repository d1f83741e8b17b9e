"""The activations of a perceptron: all that engine, starts and theory need of each.

Functions and slopes are NumPy's, for the theory; the engine takes the operators of ATen, PyTorch's
own library of kernels, which compute the same in place.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from math import pi, sqrt
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Function = Callable[[Array], Array]

LEAK: Final = 0.01
"""Slope of the leaky ReLU below zero, the default of `torch.nn.LeakyReLU`."""


@dataclass(frozen=True)
class Operator:
    """An operator of ATen and its arguments after the tensors."""

    name: str  # in torch.ops.aten
    arguments: tuple[float | bool, ...] = ()


@dataclass(frozen=True)
class Activation:
    """The function that a hidden layer applies to its pre-activations.

    `forward`, the `.out` of an operator, takes pre-activations; `backward`, the `.grad_input` of
    one, takes the gradient and what it `reads`: the layer's output, or its pre-activations, which
    must then outlive the way forward. Both may write where they read the first tensor. The identity
    has neither.
    """

    name: str
    title: str  # for people
    function: Function = field(repr=False)
    slope: Function = field(repr=False)
    gain: float
    """What keeps the scale of signals: `torch.nn.init.calculate_gain` where it knows the name, else
    1 / sqrt(E[φ(z)²]) for standard normal z."""
    forward: Operator | None
    backward: Operator | None
    reads: Literal["output", "input"] = "output"
    torch_knows: bool = True  # its gain


# SciPy takes a fifth of a second to load, and a process that trains calls none of these.
def _logistic(z: Array) -> Array:
    from scipy.special import expit

    values: Array = expit(z)
    return values


def _normal(z: Array) -> Array:
    """The distribution function of the standard normal."""
    from scipy.special import ndtr

    values: Array = ndtr(z)
    return values


def _gelu_slope(z: Array) -> Array:
    slope: Array = _normal(z) + z * np.exp(-(z**2) / 2) / sqrt(2 * pi)
    return slope


ACTIVATIONS: Final[dict[str, Activation]] = {
    activation.name: activation
    for activation in (
        Activation(
            "relu",
            "ReLU",
            lambda z: np.maximum(z, 0),
            lambda z: np.where(z > 0, 1.0, 0.0),
            sqrt(2),
            Operator("relu"),
            Operator("threshold_backward", (0,)),
        ),
        Activation(
            "leaky_relu",
            "leaky ReLU",
            lambda z: np.where(z > 0, z, LEAK * z),
            lambda z: np.where(z > 0, 1.0, LEAK),
            sqrt(2 / (1 + LEAK**2)),
            Operator("leaky_relu", (LEAK,)),
            Operator("leaky_relu_backward", (LEAK, True)),  # True: it reads the output
        ),
        Activation(
            "tanh",
            "tanh",
            np.tanh,
            lambda z: 4 * _logistic(2 * z) * _logistic(-2 * z),
            5 / 3,
            Operator("tanh"),
            Operator("tanh_backward"),
        ),
        Activation(
            "sigmoid",
            "sigmoid",
            _logistic,
            lambda z: _logistic(z) * _logistic(-z),
            1.0,
            Operator("sigmoid"),
            Operator("sigmoid_backward"),
        ),
        Activation(  # Hendrycks & Gimpel 2016 (arXiv 1606.08415): z times the normal distribution
            "gelu",
            "GELU",
            lambda z: z * _normal(z),
            _gelu_slope,
            1 / sqrt(1 / 3 + 1 / (2 * pi * sqrt(3))),
            Operator("gelu"),
            Operator("gelu_backward"),
            reads="input",
            torch_knows=False,
        ),
        Activation(  # Elfwing et al. 2018 (arXiv 1702.03118): z times the logistic function
            "silu",
            "SiLU",
            lambda z: z * _logistic(z),
            lambda z: _logistic(z) * (1 + z * _logistic(-z)),
            1.67653247033,
            Operator("silu"),
            Operator("silu_backward"),
            reads="input",
            torch_knows=False,
        ),
        Activation("linear", "linear", lambda z: z, np.ones_like, 1.0, None, None),
    )
}
