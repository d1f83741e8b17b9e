"""Whether a user's class can be trained, and what the pipeline must know of it.

It runs the user's code, so only workers call it.
"""

import sys
from collections.abc import Collection
from contextlib import redirect_stdout
from itertools import pairwise
from pathlib import Path

import torch
from safetensors import deserialize
from safetensors.torch import save
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.utils.flop_counter import FlopCounterMode

from stages.core.dataset import Dataset
from stages.core.networks import Module
from stages.engine.modules.blame import refusal
from stages.engine.modules.layers import owned_weights
from stages.engine.modules.loading import Source, network_class, read_source
from stages.engine.modules.network import (
    ALONE,
    Named,
    listen,
    make,
    seed_everything,
    settings_kept,
    state,
    trainable,
    untrained,
)

_IMAGES = 2
"""The fewest of which a batch normalisation can take a variance."""


def describe(path: str, dataset: Dataset, folder: Path) -> Module:
    """The module FILE.py:CLASS, FILE relative to `folder`, for images and classes of a data set.

    Raises InputError, a line with file, line and what is expected, if it is not to be trained: no
    such class, not made without arguments, no float32 parameters, other logits than (B, classes).
    What the user's code prints goes to stderr.
    """
    source = read_source(path, folder)
    with ALONE, redirect_stdout(sys.stderr), settings_kept(), network_class(source) as found:
        seed_everything(0)
        images = torch.zeros(_IMAGES, 1, *dataset.image_shape)
        model = make(found, source, images)
        _check_parameters(model, source)
        made = state(model).keys()
        layers, operations = _layers(model, source, images, dataset.classes)
        for name in state(model).keys() ^ made:
            fault = "takes away" if name in made else "makes"
            expected = "expected is that the constructor makes all, lazy layers included"
            raise refusal(f"{source.line}: forward {fault} {name}; {expected}")
        return Module(
            path=path,
            source=source.digest,
            parameters=tuple((name, tuple(p.shape)) for name, p in trainable(model).items()),
            buffers=_stored(untrained(model), state(model), source),
            layers=layers,
            activation="linear",
            image_shape=dataset.image_shape,
            classes=dataset.classes,
            operations=operations,
        )


def _check_parameters(model: nn.Module, source: Source) -> None:
    parameters = trainable(model)
    if not sum(parameter.numel() for parameter in parameters.values()):
        raise refusal(f"{source.line}: {source.class_name} has no parameters to train")
    for name, parameter in parameters.items():
        if parameter.dtype != torch.float32:
            raise refusal(f"{source.line}: {name} is {parameter.dtype}; expected is torch.float32")
    places: dict[int, str] = {}
    for name, parameter in parameters.items():
        if parameter.numel() and name != (other := places.setdefault(_place(parameter), name)):
            shared = f"{other} and {name} are two parameters in one memory"
            raise refusal(f"{source.line}: {shared}; expected is one that both layers have")


def _place(parameter: nn.Parameter) -> int:
    return parameter.untyped_storage().data_ptr()


def _layers(
    model: nn.Module, source: Source, images: Tensor, classes: int
) -> tuple[tuple[str, ...], int]:
    """The weights of layers that forward uses, in order, and multiplications that an image takes.

    Checks what forward answers, when it trains and when it does not.
    """
    shape = (len(images), classes)
    expected = f"expected are logits {shape} of images {tuple(images.shape)}"
    with source.blamed(expected), torch.no_grad(), FlopCounterMode(display=False) as counter:
        evaluated = model.eval()(images)
    with source.blamed(expected):
        logits, signals = listen(model.train(), images)
    for answer in (evaluated, logits):
        if not isinstance(answer, Tensor):
            raise refusal(f"{source.line}: forward gives a {type(answer).__name__}; {expected}")
        if answer.shape != shape or answer.dtype != torch.float32:
            gives = f"forward gives {answer.dtype} {tuple(answer.shape)}"
            raise refusal(f"{source.line}: {gives}; {expected}, of torch.float32")
    if not logits.requires_grad:
        raise refusal(f"{source.line}: the logits of forward do not depend on the parameters")
    parameters = trainable(model)
    labels = torch.zeros(len(images), dtype=torch.int64)
    with source.blamed("expected is that a loss of its logits has gradients"):
        gradients = torch.autograd.grad(
            cross_entropy(logits, labels), list(parameters.values()), allow_unused=True
        )
    used = {name for name, g in zip(parameters, gradients, strict=True) if g is not None}
    layers = _in_order(signals.passed_on, [name for name in owned_weights(model) if name in used])
    if not layers:
        raise refusal(
            f"{source.line}: {source.class_name} has no layer with weights that forward uses; "
            "expected is a torch.nn.Linear, a Conv2d or a submodule with a matrix of its own"
        )
    return layers, counter.get_total_flops() // 2 // len(images)


def _in_order(ran: Collection[str], weights: list[str]) -> tuple[str, ...]:
    """The `weights` in the order in which their layers `ran`.

    One that was used though its layer did not run itself, as attention uses that of its `out_proj`,
    comes after the one that is defined before it.
    """
    layers = [name for name in ran if name in weights]
    for before, name in pairwise([None, *weights]):
        if name and name not in layers:
            layers.insert(layers.index(before) + 1 if before else 0, name)
    return tuple(layers)


def _stored(
    names: Named, tensors: Named, source: Source
) -> tuple[tuple[str, str, tuple[int, ...]], ...]:
    """What is not trained as safetensors holds it: name, dtype, shape."""
    try:
        stored = dict(deserialize(save({name: tensors[name] for name in names})))  # type: ignore[no-untyped-call]
    except (KeyError, RuntimeError, ValueError) as error:
        raise refusal(f"{source.line}: a buffer cannot be stored: {error}") from None
    return tuple((name, stored[name]["dtype"], tuple(stored[name]["shape"])) for name in names)
