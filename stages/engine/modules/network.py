"""A module of the user as the trainer holds it: made under a seed, its state named and kept.

Whatever of it is random (its constructor, dropout) draws from PyTorch's, NumPy's and Python's own
generators, which are seeded before.
"""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Lock
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy
from torch.nn.utils.parametrize import is_parametrized

from stages.core.initializers import BlankNetwork
from stages.engine.modules.blame import refusal
from stages.engine.modules.layers import Signals, listening, signal_of
from stages.engine.modules.loading import Source

Named = dict[str, Tensor]

ALONE = Lock()
"""Held while user code runs: what it is seeded by, and imports, belongs to the whole process."""


def seed_everything(seed: int) -> None:
    """Seed, by a number below 2**63, all that the user's code may draw from."""
    torch.manual_seed(seed)
    np.random.seed(seed % 2**32)
    random.seed(seed)


@contextmanager
def settings_kept() -> Iterator[None]:
    """What the user's code sets for its whole process holds inside only."""
    precision = torch.get_float32_matmul_precision()
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(precision)
        torch.set_default_dtype(torch.float32)


def make(network_class: type[nn.Module], source: Source, images: Tensor) -> nn.Module:
    """An instance; lazy layers learn their shapes from `images` (B, 1, H, W).

    Raises InputError if it cannot be made without arguments.
    """
    expected = f"expected is that {source.class_name}() makes it"
    with source.blamed(expected):
        model = network_class()
        if any(is_lazy(parameter) for parameter in model.parameters()):
            model.eval()(images)
    if any(map(is_parametrized, model.modules())):
        raise refusal(f"{source.line}: has a parametrised weight, whose start has no meaning here")
    torch.set_default_dtype(torch.float32)
    return model


def trainable(model: nn.Module) -> dict[str, nn.Parameter]:
    """Parameters that are trained, by name; one that several layers share has the first's."""
    return {name: p for name, p in model.named_parameters() if p.requires_grad}


def untrained(model: nn.Module) -> Named:
    """Buffers, and parameters that are not trained."""
    frozen = {name: p.detach() for name, p in model.named_parameters() if not p.requires_grad}
    return {**frozen, **dict(model.named_buffers())}


def load(model: nn.Module, values: Named) -> None:
    """Give parameters and buffers the values of that name."""
    with torch.no_grad():
        for name, tensor in {**trainable(model), **untrained(model)}.items():
            if name in values:
                tensor.copy_(values[name])


def state(model: nn.Module) -> Named:
    """Contiguous copies, on the CPU, of all parameters and buffers."""
    tensors = {**trainable(model), **untrained(model)}
    return {name: _copy(tensor) for name, tensor in tensors.items()}


def _copy(tensor: Tensor) -> Tensor:
    return tensor.detach().cpu().clone(memory_format=torch.contiguous_format)


@contextmanager
def undisturbed(model: nn.Module) -> Iterator[None]:
    """Inside, `model` is in train mode; after it, buffers and mode are what they were."""
    was_training, before = model.training, {n: t.clone() for n, t in untrained(model).items()}
    model.train()
    try:
        yield
    finally:
        load(model, before)
        model.train(was_training)


def listen(model: nn.Module, images: Tensor) -> tuple[Tensor, Signals]:
    """Logits of `images` (B, 1, H, W) with gradient, and the signals on their way."""
    with listening(model) as signals:
        logits = model(images)
    if isinstance(logits, Tensor):
        signals.end(signal_of([logits], -1))
    return logits, signals


@dataclass(frozen=True, eq=False)
class BlankModule(BlankNetwork):
    """A module on the CPU to be given values."""

    model: nn.Module
    constructed: Named  # its state as its constructor left it
    images: Tensor  # (B, 1, H, W)

    def default(self) -> Named:
        """As the constructor left them, under the seed of the trial."""
        return {name: self.constructed[name].clone() for name in self.shapes}

    def output(self, parameters: Named, layer: str) -> Tensor:
        """What the layer puts out when it last runs, in train mode; a 0 if it does not itself."""
        load(self.model, parameters)
        owner = self.model.get_submodule(layer.rpartition(".")[0])
        if isinstance(owner, nn.RNNBase):
            raise refusal(
                f"sweep.initializers: lsuv scales what a layer puts out, and what {layer} of a "
                f"torch.nn.{type(owner).__name__} puts out is bounded; leave lsuv out"
            )
        outputs: list[Tensor] = []

        def hook(module: nn.Module, args: Any, output: Any) -> None:
            outputs.append(output if isinstance(output, Tensor) else output[0])

        handle = owner.register_forward_hook(hook)
        try:
            with undisturbed(self.model), torch.no_grad():
                self.model(self.images.clone())
        finally:
            handle.remove()
        return outputs[-1] if outputs else torch.zeros(1)
