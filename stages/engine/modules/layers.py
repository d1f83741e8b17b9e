"""What hooks tell of a module's layers: which weights they have, and which signals they pass on.

A layer is a submodule that owns a trainable parameter of two or more axes on which the logits
depend, and is no normalisation. The signal of one that runs in forward is what the next one reads,
that of the last one the logits: for a chain of layers that is what they put out, after its
activation, pooling and normalisation.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from torch import Tensor, nn

from stages.engine.measures import Signal, mean_cosine, unit_vectors

# Their own base classes, where torch has them, are private
_NORMALISATIONS: Final = (
    nn.modules.batchnorm._NormBase,
    nn.LayerNorm,
    nn.GroupNorm,
    nn.RMSNorm,
)


class Signals:
    """Those of the layers that ran, by the name of their weight, in the order of their first run.

    A layer that ran several times passes on what was read after the last.
    """

    def __init__(self) -> None:
        self.passed_on: dict[str, Signal] = {}
        self._last: list[str] = []

    def read(self, weights: list[str], signal: Signal) -> None:
        """A layer with these weights is going to read a signal, which the last one passed on."""
        self.end(signal)
        for weight in weights:
            self.passed_on.setdefault(weight, Signal())
        self._last = weights

    def end(self, signal: Signal) -> None:
        """The last layer passed on a signal."""
        for weight in self._last:
            self.passed_on[weight] = signal


@contextmanager
def listening(model: nn.Module) -> Iterator[Signals]:
    """Inside, a forward pass of `model` fills the signals; its logits are left to `end`."""
    signals = Signals()
    names = _names(model)
    handles = []
    for module in owners(model):
        weights = _weights(module, names)

        def hook(
            module: nn.Module, args: Any, kwargs: dict[str, Any], weights: list[str] = weights
        ) -> None:
            signals.read(weights, signal_of(args or kwargs.values(), _unit_axis(module)))

        handles.append(module.register_forward_pre_hook(hook, with_kwargs=True))
    try:
        yield signals
    finally:
        for handle in handles:
            handle.remove()


def owners(model: nn.Module) -> list[nn.Module]:
    """Submodules that own a weight matrix or kernel, frozen or not."""
    return [
        module
        for module in model.modules()
        if module is not model
        and not isinstance(module, _NORMALISATIONS)
        and any(parameter.ndim > 1 for parameter in module.parameters(recurse=False))
    ]


def owned_weights(model: nn.Module) -> list[str]:
    """The names of their trainable ones, each once, in the order of their definition."""
    names = _names(model)
    return list(dict.fromkeys(w for module in owners(model) for w in _weights(module, names)))


def _names(model: nn.Module) -> dict[int, str]:
    return {id(parameter): name for name, parameter in model.named_parameters()}


def _weights(module: nn.Module, names: Mapping[int, str]) -> list[str]:
    own = module.parameters(recurse=False)
    return [names[id(p)] for p in own if p.ndim > 1 and p.requires_grad]


def signal_of(values: Any, unit_axis: int) -> Signal:
    """The signal in the first tensor among `values` (B, …); NaN where there is none."""
    tensor = next((value for value in values if isinstance(value, Tensor)), None)
    if tensor is None or not tensor.numel():
        return Signal()
    tensor = tensor.detach()
    rms = tensor.double().square().mean().sqrt().item()
    if not tensor.isfinite().all():
        return Signal(rms)
    units = tensor.movedim(unit_axis, 0).flatten(1) if tensor.ndim > 1 else tensor.unsqueeze(0)
    vectors = unit_vectors(tensor.flatten(1).T if tensor.ndim > 1 else tensor.unsqueeze(0))
    return Signal(
        rms,
        dead=(units == 0).all(1).double().mean().item(),
        cosine=mean_cosine(vectors.sum(1), int(vectors.any(0).sum())),
    )


def _unit_axis(module: nn.Module) -> int:
    """Which axis of its input counts units or channels; the last but for convolutions."""
    return 1 if isinstance(module, nn.modules.conv._ConvNd) else -1
