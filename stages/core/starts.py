"""How parameters may start: N(0, sigma²), or one of the named schemes of this registry.

A scheme turns a network without values into named tensors. What is said of it here is all that is
said anywhere: `sweep.initializers` allows the names of `SCHEMES`. Torch loads only when one draws.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import isfinite, prod, sqrt
from typing import TYPE_CHECKING, Final, Literal, Protocol

from stages.core.networks import Shapes

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    Named = dict[str, Tensor]
    Fill = Callable[[Tensor, float, torch.Generator], object]
    """Writes one weight (out, in, *kernel) in place, given the gain of the activation."""

NORMAL: Final = "normal"
"""The start of the sweep: N(0, sigma²) on all trainable parameters."""

FAN_IN: Final = "fan_in"
"""The scale of weights whose standard deviation is sigma / sqrt(fan_in)."""

SIGMA_DIGITS: Final = 8
"""Significant digits of a sigma. A sweep of 25 points and one of 13 compute their common sigmas by
different roundings; cut to 8 digits they are the same number, and the same trial."""

_LSUV_TOLERANCE, _LSUV_ROUNDS = 0.1, 10


@dataclass(frozen=True)
class Start:
    """How the parameters of a trial start; a named scheme has no sigma, and its own biases."""

    initializer: str  # NORMAL, or one of SCHEMES
    sigma: float | None = None
    scale: Literal["sigma", "fan_in"] = "sigma"  # N(0, sigma²), or N(0, sigma² / fan_in)
    biases: float | None = None  # None: as the weights of their layer; else their deviation

    @property
    def label(self) -> str:
        """For people."""
        return self.initializer if self.sigma is None else f"sigma {self.sigma:.{SIGMA_DIGITS}g}"


def bias_deviation(biases: str | float) -> float | None:
    """What `sweep.biases` stands for: their standard deviation; None: that of their weights."""
    if isinstance(biases, str):
        return {"sigma": None, "zero": 0.0}[biases]
    return float(biases)


class Blank(Protocol):
    """A network whose parameters have no values yet, and the stream that they are drawn from."""

    @property
    def shapes(self) -> Shapes:
        """Of all trainable parameters, by name, in the order in which they are drawn."""

    @property
    def layers(self) -> Sequence[str]:
        """The names of weight matrices and kernels, in the order in which images meet them."""

    @property
    def gain(self) -> float:
        """Of the activation."""

    @property
    def generator(self) -> "torch.Generator":
        """The stream."""

    def default(self) -> "Named":
        """All parameters as PyTorch starts them."""

    def output(self, parameters: "Named", layer: str) -> "Tensor":
        """What a layer puts out, before any activation, for the first training images."""


def fan_in(shape: Sequence[int]) -> int:
    """Inputs of a unit, for kernels those of all places, as `torch.nn.init` counts them."""
    return prod(shape[1:])


def owners(blank: Blank) -> dict[str, str]:
    """The weight of each module that has one (the first, where it has several), by its name."""
    return {layer.rpartition(".")[0]: layer for layer in reversed(blank.layers)}


def beside_layers(blank: Blank) -> "Named":
    """Parameters of what is no layer, as PyTorch starts them: gains of normalisation are 1."""
    of_layers = owners(blank)
    others = [name for name in blank.shapes if name.rpartition(".")[0] not in of_layers]
    default = blank.default() if others else {}
    return {name: default[name] for name in others}


def _weights(fill: "Fill") -> Callable[[Blank], "Named"]:
    """The scheme that fills one weight after the other; biases of layers are 0."""

    def scheme(blank: Blank) -> "Named":
        import torch

        kept = beside_layers(blank)
        parameters = {}
        for name, shape in blank.shapes.items():
            parameters[name] = kept[name] if name in kept else torch.zeros(shape)
            if name in blank.layers:
                fill(parameters[name], blank.gain, blank.generator)
        return parameters

    return scheme


def _default(blank: Blank) -> "Named":
    return blank.default()


def _xavier_normal(weight: "Tensor", gain: float, generator: "torch.Generator") -> None:
    from torch.nn import init

    init.xavier_normal_(weight, generator=generator)


def _xavier_uniform(weight: "Tensor", gain: float, generator: "torch.Generator") -> None:
    from torch.nn import init

    init.xavier_uniform_(weight, generator=generator)


def _kaiming_normal(weight: "Tensor", gain: float, generator: "torch.Generator") -> None:
    weight.normal_(0, gain / sqrt(fan_in(weight.shape)), generator=generator)


def _kaiming_uniform(weight: "Tensor", gain: float, generator: "torch.Generator") -> None:
    bound = sqrt(3) * (gain / sqrt(fan_in(weight.shape)))
    weight.uniform_(-bound, bound, generator=generator)


def _orthogonal(weight: "Tensor", gain: float, generator: "torch.Generator") -> None:
    from torch.nn import init

    init.orthogonal_(weight, generator=generator)


def _zero(weight: "Tensor", gain: float, generator: "torch.Generator") -> None:
    weight.zero_()


def _constant(weight: "Tensor", gain: float, generator: "torch.Generator") -> None:
    weight.fill_(1 / fan_in(weight.shape))


def _identity(weight: "Tensor", gain: float, generator: "torch.Generator") -> None:
    from torch.nn import init

    units, inputs, *kernel = weight.shape
    if units != inputs or len(kernel) > 3:
        _kaiming_normal(weight, gain, generator)
    elif kernel:
        init.dirac_(weight)
    else:
        init.eye_(weight)


def _lsuv(blank: Blank) -> "Named":
    """Mishkin & Matas 2016 (arXiv 1511.06422), algorithm 1, on the first training images.

    A layer whose output does not vary, or overflows, stays as it is.
    """
    parameters = SCHEMES["orthogonal"](blank)
    for layer in blank.layers:
        for _ in range(_LSUV_ROUNDS):
            variance = blank.output(parameters, layer).double().var(correction=0).item()
            if abs(variance - 1) < _LSUV_TOLERANCE or variance == 0 or not isfinite(variance):
                break
            parameters[layer].div_(sqrt(variance))
    return parameters


SCHEMES: Final[dict[str, Callable[[Blank], "Named"]]] = {
    # torch.nn.Linear and Conv: uniform, variance 1 / (3 fan_in), biases too; a module's own reset
    "pytorch_default": _default,
    # Glorot & Bengio 2010, eq. 12 and 16: variance 2 / (fan_in + fan_out), whatever the activation
    "xavier_normal": _weights(_xavier_normal),
    "xavier_uniform": _weights(_xavier_uniform),
    # He et al. 2015, eq. 10, for any activation: variance gain² / fan_in
    "kaiming_normal": _weights(_kaiming_normal),
    "kaiming_uniform": _weights(_kaiming_uniform),
    # Saxe et al. 2014, gain 1 whatever the activation
    "orthogonal": _weights(_orthogonal),
    # Symmetry: all units of a layer are equal, and stay so
    "zeros": _weights(_zero),
    "constant": _weights(_constant),  # 1 / fan_in
    # Orthogonal, then scaled layer after layer until the variance of its output is 1
    "lsuv": _lsuv,
    # Square matrices and kernels pass on what comes, others start as kaiming_normal
    "identity": _weights(_identity),
}
"""By the name that `sweep.initializers` gives them."""
