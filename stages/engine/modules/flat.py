"""The parameters of a module as one vector, which an optimiser changes in one pass."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from stages.engine.batched.layout import aligned


class Flat:
    """Parameters and their gradients, each one vector, which the module's own are views of."""

    def __init__(self, parameters: Mapping[str, nn.Parameter]) -> None:
        self._places: dict[str, tuple[int, torch.Size, tuple[int, ...]]] = {}
        length = 0
        for name, parameter in parameters.items():
            channels_last = parameter.ndim == 4 and parameter.is_contiguous(
                memory_format=torch.channels_last
            )
            stride = parameter.stride() if channels_last else parameter.contiguous().stride()
            self._places[name] = length, parameter.shape, stride
            length += aligned(parameter.numel())
        device = next(iter(parameters.values())).device
        self.parameters = torch.zeros(length, device=device)
        self.gradients = torch.zeros_like(self.parameters)
        views, gradients = self.views(self.parameters), self.views(self.gradients)
        for name, parameter in parameters.items():
            parameter.data = views[name].copy_(parameter.data)
            parameter.grad = gradients[name]
        self._at = {n: (views[n].data_ptr(), gradients[n].data_ptr()) for n in views}

    def lost(self, parameters: Mapping[str, nn.Parameter]) -> list[str]:
        """The names of those that, or whose gradients, are views of these vectors no more."""
        return [name for name, place in self._at.items() if _place(parameters.get(name)) != place]

    def views(self, vector: Tensor) -> dict[str, Tensor]:
        """The tensors, by name, in a vector like that of the parameters."""
        return {
            name: vector.as_strided(shape, stride, start)
            for name, (start, shape, stride) in self._places.items()
        }


def _place(parameter: nn.Parameter | None) -> tuple[int, int] | None:
    """Where a parameter and its gradient begin in memory."""
    if parameter is None or parameter.grad is None:
        return None
    return parameter.data_ptr(), parameter.grad.data_ptr()
