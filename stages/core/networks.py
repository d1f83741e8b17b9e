"""What is trained: a perceptron, or a `torch.nn.Module` of the user. Torch-free."""

from dataclasses import dataclass

from stages.core.tensors import Shapes, parameter_shapes


@dataclass(frozen=True)
class Perceptron:
    """Fully connected layers with one activation between them."""

    sizes: tuple[int, ...]  # units of each layer, inputs and outputs included
    activation: str  # among stages.core.activations

    @property
    def shapes(self) -> Shapes:
        """Of all parameters, by name."""
        return parameter_shapes(self.sizes)

    @property
    def layers(self) -> tuple[str, ...]:
        """The weight matrices, from the first layer to the last."""
        return tuple(name for name in self.shapes if name.endswith(".weight"))


@dataclass(frozen=True)
class Module:
    """A `torch.nn.Module` of the user, as a worker described it; only workers run its code."""

    path: str  # FILE.py:CLASS
    source: str  # SHA-256 of its file and of what it imports from its folder
    parameters: tuple[tuple[str, tuple[int, ...]], ...]  # trainable: name and shape, as declared
    buffers: tuple[tuple[str, str, tuple[int, ...]], ...]  # not trained: name, safetensors' dtype
    layers: tuple[str, ...]  # weights (ndim >= 2) of layers that are not normalisations, as run
    activation: str  # whose gain kaiming takes
    image_shape: tuple[int, int]
    classes: int

    @property
    def shapes(self) -> Shapes:
        """Of the trainable parameters, by name."""
        return dict(self.parameters)
