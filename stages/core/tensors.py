"""Which tensors a trial leaves behind: their names and shapes."""

from collections.abc import Sequence
from itertools import pairwise

Shapes = dict[str, tuple[int, ...]]
"""Of tensors, by their names."""

MOMENTS = {"adam": ("exp_avg", "exp_avg_sq"), "sgd": (), "momentum": ("momentum_buffer",)}
"""What each optimiser keeps of past gradients: so many tensors for each parameter."""


def parameter_shapes(sizes: Sequence[int]) -> Shapes:
    """Weights and biases of a perceptron with `sizes` units, layer after layer."""
    shapes: Shapes = {}
    for number, (fan_in, fan_out) in enumerate(pairwise(sizes), start=1):
        shapes[f"fc{number}.weight"] = (fan_out, fan_in)
        shapes[f"fc{number}.bias"] = (fan_out,)
    return shapes


def moment_shapes(sizes: Sequence[int], optimizer: str) -> Shapes:
    """The state of an optimiser, each tensor as `moment.parameter`."""
    parameters = parameter_shapes(sizes).items()
    return {f"{m}.{name}": shape for m in MOMENTS[optimizer] for name, shape in parameters}
