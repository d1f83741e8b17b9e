"""The multilayer perceptron as one flat vector of parameters, for one network or for many.

An optimiser step over K networks is one pass over one vector. `Layout` says where each layer's
weights and biases lie in it, views the vector as layers, and splits it into named tensors.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import NamedTuple

import torch
from torch import Tensor

from stages.core.networks import Perceptron

ALIGNMENT = 16
"""Floats in a cache line, and in an AVX-512 register.

Matrix, activation and optimiser kernels compute otherwise where a matrix starts or ends within a
register. Every matrix of every network starts at a multiple of this many floats and is filled up
with zeros to one, so that a network's bits do not depend on its place among others."""


def aligned(length: int) -> int:
    """The least multiple of ALIGNMENT that is not below `length`."""
    return -(-length // ALIGNMENT) * ALIGNMENT


class Layer(NamedTuple):
    """One layer of K networks: views into the flat vector, of parameters or of gradients."""

    weight: Tensor  # (K, out, in)
    bias: Tensor  # (K, out)


@dataclass(frozen=True)
class _Segment:
    shape: tuple[int, ...]
    stored_shape: tuple[int, ...]  # `shape`, inputs and hidden units filled up
    start: int

    @property
    def stored(self) -> int:
        return aligned(prod(self.stored_shape))


@dataclass(frozen=True)
class Layout:
    """The parameters of a perceptron with `sizes` units, inputs and outputs included.

    The flat vector of K networks holds segment after segment (all weights, then all biases), and in
    each segment network after network. Inputs and hidden layers are filled up with units whose
    weights are zero; they pass nothing on, so their gradients are zero too and they stay as they
    are.
    """

    sizes: tuple[int, ...]

    @property
    def stored_sizes(self) -> tuple[int, ...]:
        """`sizes` with inputs and hidden units filled up to a multiple of ALIGNMENT."""
        *below, outputs = self.sizes
        return (*map(aligned, below), outputs)

    @cached_property
    def length(self) -> int:
        """Floats that one network takes in the flat vector."""
        return sum(segment.stored for segment in self._segments.values())

    @cached_property
    def weights_length(self) -> int:
        """Floats that its weights take, which come first."""
        return sum(s.stored for s in self._segments.values() if len(s.shape) == 2)

    @cached_property
    def _segments(self) -> dict[str, _Segment]:
        shapes = Perceptron(self.sizes, "").shapes
        stored = Perceptron(self.stored_sizes, "").shapes
        segments: dict[str, _Segment] = {}
        start = 0
        for name in sorted(shapes, key=lambda name: len(shapes[name]), reverse=True):
            segments[name] = _Segment(shapes[name], stored[name], start)
            start += segments[name].stored
        return {name: segments[name] for name in shapes}

    def layers(self, flat: Tensor) -> list[Layer]:
        """View the flat vector (K * length,) as layers; writing to a view writes to the vector."""
        views = [self._view(flat, s) for s in self._segments.values()]
        return [Layer(*pair) for pair in zip(views[::2], views[1::2], strict=True)]

    def pack(self, networks: Sequence[dict[str, Tensor]], count: int) -> Tensor:
        """Lay `count` networks into one flat vector (count * length,).

        The first are `networks`, each a dict of named tensors, the others zeros.
        """
        flat = torch.zeros(count * self.length)
        for name, s in self._segments.items():
            for view, network in zip(self._view(flat, s), networks, strict=False):
                view[tuple(map(slice, s.shape))] = network[name]
        return flat

    def unpack(self, flat: Tensor) -> list[dict[str, Tensor]]:
        """The inverse of `pack`: copies of the named tensors of each network."""
        views = {
            name: (self._view(flat, s), tuple(map(slice, s.shape)))
            for name, s in self._segments.items()
        }
        return [
            {name: view[k][part].clone() for name, (view, part) in views.items()}
            for k in range(flat.numel() // self.length)
        ]

    def _view(self, flat: Tensor, s: _Segment) -> Tensor:
        """One segment of all K networks (K, *s.stored_shape)."""
        k = flat.numel() // self.length
        rows = flat[k * s.start :][: k * s.stored].view(k, s.stored)
        return rows[:, : prod(s.stored_shape)].view(k, *s.stored_shape)
