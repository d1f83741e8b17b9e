"""Images on their way through K networks, forward and back.

Every layer of all networks is one matrix product. All calls are prepared once, with what they read
and write in its place: to make views at each step would cost 3 % of its time.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache, partial

import numpy as np
import torch
from torch import Tensor

from stages.core.activations import Activation
from stages.engine.batched.layout import aligned
from stages.engine.batched.networks import Networks

Call = Callable[[], object]


class Batch:
    """Buffers for B images on their way through K networks.

    Layers are (K, units, B), and B is filled up to a multiple of 16 with zeros. In memory those of
    the first layer are so too, whereby it is one product for all networks, and those of the last,
    whose softmax over classes then runs along whole registers, 16 times as fast as along rows of
    10. The layers between are (K, B, units) there: one of their three products is 6 % faster so.
    Inputs are (B, pixels), but lie there as (pixels, B): the product of the first layer's weights
    with them takes 8 % less time so with AVX-512, 13 % with AVX2.
    """

    keeps = False
    """Whether what a layer puts out outlives the next but one; else two buffers serve all."""

    def __init__(self, networks: Networks, size: int) -> None:
        k, b, device = networks.count, aligned(size), networks.parameters.device
        inputs, *hidden, classes = networks.layout.stored_sizes
        make = partial(_layers, k, hidden, b, device, separate=self.keeps)
        self.networks, self.size = networks, size
        self.inputs = torch.zeros(inputs, b, device=device).T  # shared by all networks
        self.hidden = make()
        self.logits = torch.empty(k, classes, b, device=device)
        self._scale = networks.scale
        self._own_inputs = self.inputs[:size, : networks.layout.sizes[0]]
        reads_input = networks.activation.reads == "input"
        self._sums = make() if self.keeps and reads_input else self.hidden
        """What hidden layers hold before their activation; where possible in the same place."""
        self._below = [self.inputs.T.expand(k, -1, -1), *self.hidden]  # what each layer reads
        self._first_shape = (k, hidden[0], inputs, b) if hidden else None
        self._one_product = self._may_be_one(one_product_keeps_bits)
        self._forward = list(self._forward_calls())

    def read(self, pixels: Tensor) -> None:
        """Take the images `pixels` uint8 (size, T) as inputs."""
        self._own_inputs.copy_(pixels)
        self._own_inputs.sub_(self._scale.mean).mul_(self._scale.factor)

    def forward(self) -> None:
        """Write the logits of `inputs`."""
        self.networks.lead()
        for call in self._forward:
            call()

    def _may_be_one(self, keeps_bits: Callable[..., bool], *factors: float) -> bool:
        """Whether the first layer is one product for all networks; on CUDA K is always the same."""
        shape = self._first_shape
        return shape is not None and (self.inputs.is_cuda or keeps_bits(*shape, *factors))

    def _forward_calls(self) -> Iterator[Call]:
        networks, activation = self.networks, self.networks.activation
        sizes = networks.layout.sizes[1:]
        for i, (layer, bias) in enumerate(zip(networks.layers, networks.biases, strict=True)):
            out = [*self._sums, self.logits][i]
            if i == 0 and self._one_product:
                column, rows = bias.view(-1, 1), _rows(layer.weight)
                yield partial(torch.addmm, column, rows, self.inputs.T, out=_rows(out))
            else:
                yield _product(out, bias.unsqueeze(2), layer.weight, self._below[i])
            if i < len(self.hidden):
                yield from _activation_calls(activation, out, self.hidden[i], sizes[i])


class LearningBatch(Batch):
    """A batch that gradients flow back through; those of the filling images are zero.

    The gradient of each weight goes into `weights` (K, out, in), a tensor for each layer, which
    becomes `keep` of what it was plus `scale` times the gradient. That of each bias replaces what
    is among the networks' gradients. The loss is the mean over `images`, this batch's own if None.
    """

    keeps = True

    def __init__(
        self,
        networks: Networks,
        size: int,
        weights: Sequence[Tensor],
        *,
        keep: float = 0.0,
        scale: float = 1.0,
        images: int | None = None,
    ) -> None:
        super().__init__(networks, size)
        classes, b = self.logits.shape[1:]
        self.targets = self.inputs.new_zeros(b, classes)
        self._share = self.inputs.new_tensor(1 / (images or size))
        # Gradients of the loss with respect to what each layer puts out before its activation
        self._logit_deltas = torch.empty_like(self.logits)
        k, _, *hidden, _ = self.networks.count, *self.networks.layout.stored_sizes
        below = _layers(k, hidden, b, self.inputs.device, separate=False)
        self._deltas = [*below, self._logit_deltas]
        self._backward = list(self._backward_calls(weights, keep, scale))

    def backward(self) -> None:
        """Write the gradients of the loss; follows `forward`."""
        for call in self._backward:
            call()

    def _backward_calls(
        self, weights: Sequence[Tensor], keep: float, scale: float
    ) -> Iterator[Call]:
        networks, deltas = self.networks, self._deltas
        one_product = self._may_be_one(one_gradient_keeps_bits, keep, scale)
        yield from self._loss_calls()
        for i in reversed(range(len(deltas))):
            if i > 0:
                weight, below = networks.layers[i].weight, deltas[i - 1]
                yield _product(below, below, weight.mT, deltas[i], beta=0.0)
                yield from self._slope_calls(i - 1)
            if i == 0 and one_product:
                rows, delta = _rows(weights[0]), _rows(deltas[0])
                yield partial(
                    torch.addmm, rows, delta, self.inputs, beta=keep, alpha=scale, out=rows
                )
            else:
                below = self._below[i].mT
                yield _product(weights[i], weights[i], deltas[i], below, beta=keep, alpha=scale)
            yield partial(torch.sum, deltas[i], 2, out=networks.gradient_layers[i].bias)

    def _loss_calls(self) -> Iterator[Call]:
        """The gradient of the mean cross-entropy with respect to the logits."""
        deltas = self._logit_deltas
        yield partial(torch.softmax, self.logits, 1, out=deltas)
        yield partial(deltas.sub_, self.targets.T)
        yield partial(deltas.mul_, self._share)
        if self.size < deltas.shape[2]:
            yield deltas[:, :, self.size :].zero_

    def _slope_calls(self, i: int) -> Iterator[Call]:
        """The gradient with respect to the sums of hidden layer `i`, from that to its outputs."""
        activation, delta = self.networks.activation, self._deltas[i]
        if operator := activation.backward:
            read = self.hidden[i] if activation.reads == "output" else self._sums[i]
            function = getattr(torch.ops.aten, operator.name).grad_input
            yield partial(function, delta, read, *operator.arguments, grad_input=delta)


def _product(out: Tensor, added: Tensor, left: Tensor, right: Tensor, **factors: float) -> Call:
    """out = beta * added + alpha * left @ right; where `out` lies transposed, so is all of it.

    The `factors` beta and alpha are 1 unless given.
    """
    if not out.is_contiguous():
        out, added, left, right = out.mT, added.mT, right.mT, left.mT
    return partial(torch.baddbmm, added, left, right, **factors, out=out)


def _rows(matrices: Tensor) -> Tensor:
    """Matrices (K, m, n) as one of K * m rows."""
    return matrices.view(-1, matrices.shape[2])


def _activation_calls(
    activation: Activation, sums: Tensor, out: Tensor, units: int
) -> Iterator[Call]:
    """From the `sums` of a layer to what it puts out, of which so many units are no filling."""
    if operator := activation.forward:
        if sums is out:
            yield partial(getattr(torch.ops.aten, operator.name + "_"), out, *operator.arguments)
        else:
            function = getattr(torch.ops.aten, operator.name).out
            yield partial(function, sums, *operator.arguments, out=out)
    if units < out.shape[1] and activation.function(np.zeros(1)).any():
        yield out[:, units:].zero_  # else the weights of filling units would learn


def _layers(
    k: int, units: Sequence[int], b: int, device: torch.device, *, separate: bool
) -> list[Tensor]:
    """Hidden layers (K, units, B), in memory transposed but for the first.

    If they are not `separate`, every other one shares its memory.
    """
    lengths = [k * some * b for some in units]
    buffers = [
        torch.empty(length if separate else max(lengths), device=device)
        for length in (lengths if separate else lengths[:2])
    ]
    flat = [buffers[i % len(buffers)][:length] for i, length in enumerate(lengths)]
    return [
        layer.view(k, some, b) if i == 0 else layer.view(k, b, some).mT
        for i, (layer, some) in enumerate(zip(flat, units, strict=True))
    ]


@lru_cache
def one_product_keeps_bits(k: int, units: int, inputs: int, images: int) -> bool:
    """Whether one product for the first layer of K networks has the bits of K products.

    It takes 15 % less time where a core has AVX-512, and had these bits for all shapes tried (16 to
    512 units, 16 to 3072 inputs, 16 to 1024 images, 1 to 28 networks) on AVX2. But libraries choose
    kernels by shape, and no one promises it; so each process tries the shapes that it uses.
    """
    weights, batch, deltas = _first_layer(k, units, inputs, images)
    bias = deltas[:, :, :1].contiguous()
    forward = torch.baddbmm(bias, weights, batch.T.expand(k, -1, -1))
    return torch.equal(torch.addmm(_rows(bias), _rows(weights), batch.T), _rows(forward))


@lru_cache
def one_gradient_keeps_bits(
    k: int, units: int, inputs: int, images: int, keep: float, scale: float
) -> bool:
    """The same of the product that makes the gradients of its weights, with its two factors.

    With AVX-512, MKL adds a multiple of a product of few rows in another way than of many: there
    it has these bits for Adam, but not where gradient descent subtracts at once.
    """
    weights, batch, deltas = _first_layer(k, units, inputs, images)
    gradient = torch.baddbmm(weights, deltas, batch.expand(k, -1, -1), beta=keep, alpha=scale)
    one = torch.addmm(_rows(weights), _rows(deltas), batch, beta=keep, alpha=scale)
    return torch.equal(one, _rows(gradient))


def _first_layer(k: int, units: int, inputs: int, images: int) -> tuple[Tensor, Tensor, Tensor]:
    """Weights (K, units, inputs), a batch (images, inputs) and deltas (K, units, images) to try."""
    weights = torch.arange(k * units * inputs).sin().view(k, units, inputs)
    batch = torch.arange(images * inputs).cos().view(inputs, images).T
    deltas = torch.arange(k * units * images).cos().view(k, units, images)
    return weights, batch, deltas
