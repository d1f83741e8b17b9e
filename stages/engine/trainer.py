"""Train K networks side by side, with a backward pass written out by hand.

Every product is one batched matrix product over all K networks, all parameters are one vector and
Adam is one pass over it. No operation mixes two networks, and the bits of each are the same however
many others are trained with it: K and the place in the group change no kernel's order of additions.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, one_hot

from stages.core.dataset import CLASSES, MEAN, STD, Dataset
from stages.core.network import Layer, Layout, aligned
from stages.core.records import EpochRecord
from stages.core.seeding import batch_order, parameter_noise
from stages.core.trial import Trial
from stages.engine.results import TrialResult

ADAM_BETAS = (0.9, 0.999)
ADAM_EPSILON = 1e-8
_EVALUATION_BATCH = 512
"""Activations of so many images stay in the processor's second-level cache."""


def train_group(
    trials: Sequence[Trial],
    dataset: Dataset,
    device: torch.device,
    on_epoch: Callable[[], None] = lambda: None,
) -> list[TrialResult]:
    """Train trials that differ in sigma only; results come in the order of `trials`.

    Calls `on_epoch` after each epoch. Numbers that overflow are results: a network that diverges
    keeps its NaNs and trains to the end, as it would alone.
    """
    _use_one_fast_thread()
    first = trials[0]
    images = _prepare(dataset, device)
    layout = Layout(first.sizes)
    networks = _Networks(
        layout, _initial_parameters(trials, layout).to(device), first.learning_rate
    )
    histories: list[list[EpochRecord]] = [[] for _ in trials]
    start = time.perf_counter()
    for epoch in range(1, first.epochs + 1):
        order = batch_order(len(images.train_labels), first.seed, first.replicate, epoch)
        train = _train_epoch(networks, images, order.to(device), first.batch_size)
        test = _evaluate(networks, images)
        for history, (train_loss, train_accuracy), (test_loss, test_accuracy) in zip(
            histories, train, test, strict=True
        ):
            history.append(EpochRecord(epoch, train_loss, train_accuracy, test_loss, test_accuracy))
        on_epoch()
    seconds = (time.perf_counter() - start) / len(trials)
    return [
        TrialResult(trial, weights, exp_avg, exp_avg_sq, history, seconds)
        for trial, weights, exp_avg, exp_avg_sq, history in zip(
            trials,
            layout.unpack(networks.parameters.cpu()),
            layout.unpack(networks.exp_avg.cpu()),
            layout.unpack(networks.exp_avg_sq.cpu()),
            histories,
            strict=True,
        )
    ]


def _use_one_fast_thread() -> None:
    """One thread a group (groups run side by side), and no denormal numbers.

    With a small sigma Adam's moments become denormal, which triples the cost of its step.
    """
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)


@dataclass(frozen=True)
class _Images:
    """MNIST as the trainer reads it."""

    train_inputs: Tensor  # (N, 784), normalised
    train_labels: Tensor  # (N,)
    train_targets: Tensor  # (N, 10), one-hot
    test_inputs: Tensor  # (M, 784), normalised
    test_labels: Tensor  # (M,)


@lru_cache(maxsize=1)
def _prepare(dataset: Dataset, device: torch.device) -> _Images:
    def normalised(images: Tensor) -> Tensor:
        return images.to(device, torch.float32).div_(255).sub_(MEAN).div_(STD)

    train_labels = torch.from_numpy(dataset.train_labels).to(device, torch.int64)
    return _Images(
        train_inputs=normalised(torch.from_numpy(dataset.train_images)),
        train_labels=train_labels,
        train_targets=one_hot(train_labels, CLASSES).float(),
        test_inputs=normalised(torch.from_numpy(dataset.test_images)),
        test_labels=torch.from_numpy(dataset.test_labels).to(device, torch.int64),
    )


def _initial_parameters(trials: Sequence[Trial], layout: Layout) -> Tensor:
    noise = parameter_noise(layout.shapes, trials[0].seed, trials[0].replicate)
    return layout.pack([{name: t.sigma * z for name, z in noise.items()} for t in trials])


class _Networks:
    """Parameters, gradients and Adam's state of K networks, each one flat vector."""

    def __init__(self, layout: Layout, parameters: Tensor, learning_rate: float) -> None:
        self.sizes = layout.stored_sizes
        self.count = parameters.numel() // layout.length
        self.parameters = parameters
        self.gradients = torch.zeros_like(parameters)
        self.exp_avg = torch.zeros_like(parameters)
        self.exp_avg_sq = torch.zeros_like(parameters)
        self.layers = layout.layers(parameters)
        self.gradient_layers = layout.layers(self.gradients)
        self._learning_rate = learning_rate
        self._step = torch.zeros((), device=parameters.device)

    def adam_step(self) -> None:
        """One step of Adam (Kingma & Ba 2015, algorithm 1), as `torch.optim.Adam(fused=True)`."""
        self._step += 1
        torch._fused_adam_(
            [self.parameters],
            [self.gradients],
            [self.exp_avg],
            [self.exp_avg_sq],
            [],
            [self._step],
            lr=self._learning_rate,
            beta1=ADAM_BETAS[0],
            beta2=ADAM_BETAS[1],
            weight_decay=0.0,
            eps=ADAM_EPSILON,
            amsgrad=False,
            maximize=False,
        )


class _Batch:
    """Buffers for B images on their way through K networks and back.

    Hidden layers hold (K, B, units). Logits and their gradient are transposed, (K, 10, B): the
    softmax over classes then runs along whole registers, 16 times as fast as along rows of 10.
    B is filled up to a multiple of 16 with images whose gradients are zero.
    """

    def __init__(self, networks: _Networks, images: int) -> None:
        k, b, device = networks.count, aligned(images), networks.parameters.device
        fan_in, *hidden, classes = networks.sizes
        self.networks = networks
        self.images = images
        self.inputs = torch.zeros(b, fan_in, device=device)  # shared by all networks
        self.targets = torch.zeros(b, classes, device=device)
        self.hidden = [torch.empty(k, b, units, device=device) for units in hidden]
        self.hidden_gradients = [torch.empty_like(h) for h in self.hidden]
        self.logit_gradients = torch.empty(k, classes, b, device=device)

    def new_logits(self) -> Tensor:
        """A buffer for the logits of one batch (K, 10, B)."""
        return torch.empty_like(self.logit_gradients)

    def forward(self, logits: Tensor) -> None:
        """Write the logits (K, 10, B) of `self.inputs`."""
        *hidden_layers, last = self.networks.layers
        below = self._shared_inputs()  # (K, B, in)
        for layer, hidden in zip(hidden_layers, self.hidden, strict=True):
            torch.baddbmm(layer.bias.unsqueeze(1), below, layer.weight.mT, out=hidden).relu_()
            below = hidden
        torch.baddbmm(last.bias.unsqueeze(2), last.weight, below.mT, out=logits)

    def backward(self, logits: Tensor) -> None:
        """Write the gradients of the mean cross-entropy over the batch; follows `forward`."""
        delta = self.logit_gradients  # (K, 10, B)
        torch.softmax(logits, 1, out=delta).sub_(self.targets.T).mul_(1 / self.images)
        if self.images < delta.shape[2]:
            delta[:, :, self.images :] = 0
        below = [self._shared_inputs(), *self.hidden]
        gradients, layers = self.networks.gradient_layers, self.networks.layers
        torch.bmm(delta, below[-1], out=gradients[-1].weight)
        torch.sum(delta, 2, out=gradients[-1].bias)
        delta = delta.mT  # (K, B, 10)
        for i in reversed(range(len(self.hidden))):
            delta = self._through(layers[i + 1], delta, self.hidden[i], self.hidden_gradients[i])
            torch.bmm(delta.mT, below[i], out=gradients[i].weight)
            torch.sum(delta, 1, out=gradients[i].bias)

    def _shared_inputs(self) -> Tensor:
        return self.inputs.expand(self.networks.count, -1, -1)

    @staticmethod
    def _through(layer: Layer, delta: Tensor, hidden: Tensor, out: Tensor) -> Tensor:
        """Take the gradient (K, B, out) back through a layer and the ReLU below: (K, B, in)."""
        torch.bmm(delta, layer.weight, out=out)
        torch.ops.aten.threshold_backward.grad_input(out, hidden, 0, grad_input=out)
        return out


def _train_epoch(
    networks: _Networks, images: _Images, order: Tensor, batch_size: int
) -> list[tuple[float, float]]:
    """One pass over the training images; loss and accuracy of each network as it learned."""
    indices = order.split(batch_size)  # the short last batch is kept
    batches = {len(i): _Batch(networks, len(i)) for i in (indices[0], indices[-1])}
    logits = [batches[len(index)].new_logits() for index in indices]
    for index, logit in zip(indices, logits, strict=True):
        batch = batches[len(index)]
        torch.index_select(images.train_inputs, 0, index, out=batch.inputs[: len(index)])
        torch.index_select(images.train_targets, 0, index, out=batch.targets[: len(index)])
        batch.forward(logit)
        batch.backward(logit)
        networks.adam_step()
    return _scores(logits, images.train_labels[order].split(batch_size))


def _evaluate(networks: _Networks, images: _Images) -> list[tuple[float, float]]:
    """Loss and accuracy of each network on the test images."""
    inputs = images.test_inputs.split(_EVALUATION_BATCH)
    batches = {len(i): _Batch(networks, len(i)) for i in (inputs[0], inputs[-1])}
    logits = [batches[len(i)].new_logits() for i in inputs]
    for chunk, logit in zip(inputs, logits, strict=True):
        batch = batches[len(chunk)]
        batch.inputs[: len(chunk)] = chunk
        batch.forward(logit)
    return _scores(logits, images.test_labels.split(_EVALUATION_BATCH))


def _scores(logits: Sequence[Tensor], labels: Sequence[Tensor]) -> list[tuple[float, float]]:
    """Mean cross-entropy and accuracy of each network from its logits, batch by batch (K, 10, B).

    Each network is scored by itself: a reduction over all would add in an order that depends on K.
    """
    pairs = list(zip(logits, labels, strict=True))
    target = torch.cat(list(labels))
    scores = []
    for k in range(logits[0].shape[0]):
        own = torch.cat([batch[k, :, : len(label)] for batch, label in pairs], dim=1)  # (10, N)
        losses = cross_entropy(own.unsqueeze(0), target.unsqueeze(0), reduction="none")
        correct = own.max(0).indices == target
        scores.append((losses.double().mean().item(), correct.double().mean().item()))
    return scores
