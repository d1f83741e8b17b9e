"""What is trained: a perceptron, or a torch.nn.Module of the user; their tensors by name and shape.

Neither needs torch, so that a trial can be planned, keyed and verified where torch is not loaded.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from math import prod
from typing import Any, Final

from stages.core.optimizers import OPTIMIZERS

Shapes = dict[str, tuple[int, ...]]
"""Of tensors, by their names."""

PERCEPTRON: Final = "perceptron"

CUDA_NETWORKS: Final = 32
"""So many perceptrons are trained side by side on CUDA, zeros among them: libraries choose kernels
by the number of matrices there."""


@dataclass(frozen=True)
class Perceptron:
    """Fully connected layers, with an activation between them."""

    sizes: tuple[int, ...]  # units of each layer, inputs and outputs included
    activation: str  # a name of stages.core.activations

    @cached_property
    def shapes(self) -> Shapes:
        """Weights (out, in) and biases (out,), layer after layer."""
        shapes: Shapes = {}
        for number, (fan_in, fan_out) in enumerate(pairwise(self.sizes), start=1):
            shapes[f"fc{number}.weight"] = (fan_out, fan_in)
            shapes[f"fc{number}.bias"] = (fan_out,)
        return shapes

    @property
    def layers(self) -> tuple[str, ...]:
        """The weight of each layer, from the first to the last."""
        return tuple(name for name in self.shapes if name.endswith(".weight"))

    @property
    def classes(self) -> int:
        """Logits of an image."""
        return self.sizes[-1]

    @property
    def operations(self) -> int:
        """Multiplications that the forward pass of an image takes."""
        return sum(fan_in * fan_out for fan_in, fan_out in pairwise(self.sizes))

    @property
    def tensors(self) -> dict[str, tuple[str, tuple[int, ...]]]:
        """All that a trained one consists of: type (as safetensors calls it) and shape by name."""
        return {name: ("F32", shape) for name, shape in self.shapes.items()}


@dataclass(frozen=True)
class Module:
    """A torch.nn.Module, as a process that loaded it describes it."""

    path: str  # FILE.py:CLASS
    source: str  # SHA-256 of its code, and of what that imports from its folder
    parameters: tuple[tuple[str, tuple[int, ...]], ...]
    buffers: tuple[tuple[str, str, tuple[int, ...]], ...]  # name, type, shape
    layers: tuple[str, ...]  # weights that are matrices or kernels, in the order of forward
    activation: str  # whose gain Kaiming's schemes take
    image_shape: tuple[int, int]
    classes: int
    operations: int  # multiplications that the layers of an image take, forward

    @property
    def shapes(self) -> Shapes:
        """Of its parameters."""
        return dict(self.parameters)

    @property
    def tensors(self) -> dict[str, tuple[str, tuple[int, ...]]]:
        """Of its parameters and buffers: type and shape by name."""
        buffers = {name: (kind, shape) for name, kind, shape in self.buffers}
        return {name: ("F32", shape) for name, shape in self.parameters} | buffers


Network = Perceptron | Module


def moment_shapes(network: Network, optimizer: str) -> Shapes:
    """The state of an optimiser, each tensor as `moment.parameter`."""
    shapes = network.shapes.items()
    return {f"{m}.{name}": shape for m in OPTIMIZERS[optimizer].moments for name, shape in shapes}


def count(shapes: Shapes) -> int:
    """How many numbers tensors of these shapes hold."""
    return sum(map(prod, shapes.values()))


def parse_network(fields: dict[str, Any]) -> Network:
    """A network from its fields in JSON; TypeError where they are of none."""
    kind = Perceptron if "sizes" in fields else Module
    return kind(**{name: _frozen(value) for name, value in fields.items()})


def _frozen(value: Any) -> Any:
    """JSON's lists as tuples."""
    is_list = isinstance(value, Sequence) and not isinstance(value, str)
    return tuple(map(_frozen, value)) if is_list else value
