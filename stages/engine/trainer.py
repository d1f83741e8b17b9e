"""Train K networks side by side, with a backward pass written out by hand.

Every product is one batched matrix product over all K networks, all parameters are one vector and
Adam is one pass over it. No operation mixes two networks, and the bits of each are the same however
many others are trained with it: K and the place in the group change no kernel's order of additions.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import ceil

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, one_hot

from stages.core.dataset import CLASSES, MEAN, STD, Dataset
from stages.core.network import Layer, Layout, aligned
from stages.core.records import EpochRecord
from stages.core.seeding import batch_order, parameter_noise
from stages.core.trial import Trial
from stages.engine.cuda import record_graph
from stages.engine.results import TrialResult

ADAM_BETAS = (0.9, 0.999)
ADAM_EPSILON = 1e-8
CUDA_NETWORKS = 32
"""CUDA libraries choose kernels by the number of matrices, so there it is always this one."""

_EVALUATION_BATCH = 512
_NO_IMAGE = -100
"""A label that `cross_entropy` passes over."""

Named = dict[str, Tensor]
Scores = list[tuple[float, float]]
"""Mean cross-entropy and accuracy of each network."""


def train_group(
    trials: Sequence[Trial],
    dataset: Dataset,
    device: torch.device,
    starts: Sequence[TrialResult] = (),
    on_epoch: Callable[[], None] = lambda: None,
) -> list[TrialResult]:
    """Train trials that differ in sigma only; results come in the order of `trials`.

    With `starts`, a shorter training of each trial, all of one length, it goes on from their ends,
    to the same bits as in one go. Calls `on_epoch` after each epoch. Numbers that overflow are
    results: a network that diverges keeps its NaNs and trains to the end.
    """
    _use_one_fast_thread()
    images = _prepare(dataset, device)
    first, began = trials[0], time.perf_counter()
    group = _Group(trials, starts, images)
    histories = [list(start.history) for start in starts] or [[] for _ in trials]
    for epoch in range(len(histories[0]) + 1, first.epochs + 1):
        order = batch_order(len(images.train_labels), first.seed, first.replicate, epoch)
        train, test = group.train_epoch(order.to(device)), group.evaluate()
        for history, train_scores, test_scores in zip(histories, train, test, strict=False):
            history.append(EpochRecord(epoch, *train_scores, *test_scores))
        on_epoch()
    seconds = (time.perf_counter() - began) / len(trials)
    before = [start.train_seconds for start in starts] or [0.0] * len(trials)
    return [
        TrialResult(trial, *state, history, earlier + seconds)
        for trial, state, history, earlier in zip(
            trials, group.networks.states(), histories, before, strict=False
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


class _Networks:
    """Parameters, gradients and Adam's state of K networks, each one flat vector.

    Where K is more than the trials, the last networks are zeros.
    """

    def __init__(
        self, trials: Sequence[Trial], starts: Sequence[TrialResult], device: torch.device
    ) -> None:
        self.layout = Layout(trials[0].sizes)
        self.count = CUDA_NETWORKS if device.type == "cuda" else len(trials)
        noise = parameter_noise(self.layout.shapes, trials[0].seed, trials[0].replicate)
        initial = [{name: t.sigma * z for name, z in noise.items()} for t in trials]
        self.parameters = self._pack([s.weights for s in starts] or initial).to(device)
        self.exp_avg = self._pack([s.exp_avg for s in starts]).to(device)
        self.exp_avg_sq = self._pack([s.exp_avg_sq for s in starts]).to(device)
        self.step = torch.zeros((), device=device)
        self.gradients = torch.zeros_like(self.parameters)
        self.layers = self.layout.layers(self.parameters)
        self.gradient_layers = self.layout.layers(self.gradients)
        self._learning_rate = trials[0].learning_rate

    def adam_step(self) -> None:
        """One step of Adam (Kingma & Ba 2015, algorithm 1), as `torch.optim.Adam(fused=True)`."""
        self.step += 1
        torch._fused_adam_(
            [self.parameters],
            [self.gradients],
            [self.exp_avg],
            [self.exp_avg_sq],
            [],
            [self.step],
            lr=self._learning_rate,
            beta1=ADAM_BETAS[0],
            beta2=ADAM_BETAS[1],
            weight_decay=0.0,
            eps=ADAM_EPSILON,
            amsgrad=False,
            maximize=False,
        )

    def changing(self) -> list[Tensor]:
        """What a training step changes."""
        return [self.parameters, self.exp_avg, self.exp_avg_sq, self.step]

    def states(self) -> list[tuple[Named, Named, Named]]:
        """Weights and Adam's two moments of each network, by name, on the CPU."""
        unpack = self.layout.unpack
        moments = unpack(self.exp_avg.cpu()), unpack(self.exp_avg_sq.cpu())
        return list(zip(unpack(self.parameters.cpu()), *moments, strict=True))

    def _pack(self, networks: list[dict[str, Tensor]]) -> Tensor:
        return self.layout.pack(networks, self.count)


class _Batch:
    """Buffers for B images on their way through K networks and back.

    Hidden layers hold (K, B, units). Logits and their gradient are transposed, (K, 10, B): the
    softmax over classes then runs along whole registers, 16 times as fast as along rows of 10.
    B is filled up to a multiple of 16 with images whose gradients are zero.
    """

    def __init__(self, networks: _Networks, size: int) -> None:
        k, b, device = networks.count, aligned(size), networks.parameters.device
        fan_in, *hidden, classes = networks.layout.stored_sizes
        self.networks = networks
        self.size = size
        self.inputs = torch.zeros(b, fan_in, device=device)  # shared by all networks
        self.targets = torch.zeros(b, classes, device=device)
        self.hidden = [torch.empty(k, b, units, device=device) for units in hidden]
        self.hidden_gradients = [torch.empty_like(h) for h in self.hidden]
        self.logits = torch.empty(k, classes, b, device=device)
        self.logit_gradients = torch.empty_like(self.logits)
        self._filling = self.logit_gradients[:, :, size:]

    def forward(self) -> None:
        """Write the logits of `self.inputs`."""
        *hidden_layers, last = self.networks.layers
        below = self._shared_inputs()  # (K, B, in)
        for layer, hidden in zip(hidden_layers, self.hidden, strict=True):
            torch.baddbmm(layer.bias.unsqueeze(1), below, layer.weight.mT, out=hidden).relu_()
            below = hidden
        torch.baddbmm(last.bias.unsqueeze(2), last.weight, below.mT, out=self.logits)

    def backward(self) -> None:
        """Write the gradients of the mean cross-entropy over the batch; follows `forward`."""
        delta = self.logit_gradients  # (K, 10, B)
        torch.softmax(self.logits, 1, out=delta).sub_(self.targets.T).mul_(1 / self.size)
        self._filling.zero_()
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


class _TrainingBatch(_Batch):
    """A batch of training images, given by their indices, and the step that learns from it."""

    def __init__(self, networks: _Networks, size: int, images: _Images) -> None:
        super().__init__(networks, size)
        self._images = images
        self._indices = images.train_labels.new_zeros(size)
        on_cuda = self.inputs.is_cuda
        self._step = record_graph(self._compute, networks.changing()) if on_cuda else self._compute

    def learn(self, indices: Tensor) -> None:
        """One training step of all networks on the images at `indices` (size,)."""
        self._indices.copy_(indices)
        self._step()

    def _compute(self) -> None:
        inputs, targets = self.inputs[: self.size], self.targets[: self.size]
        torch.index_select(self._images.train_inputs, 0, self._indices, out=inputs)
        torch.index_select(self._images.train_targets, 0, self._indices, out=targets)
        self.forward()
        self.backward()
        self.networks.adam_step()


class _Group:
    """K networks with all buffers that their training needs."""

    def __init__(
        self, trials: Sequence[Trial], starts: Sequence[TrialResult], images: _Images
    ) -> None:
        self.networks = _Networks(trials, starts, images.train_inputs.device)
        self._images = images
        self._batch_size = trials[0].batch_size
        self._training = {
            size: _TrainingBatch(self.networks, size, images)
            for size in _split_sizes(len(images.train_labels), self._batch_size)
        }
        self._evaluation = {
            size: _Batch(self.networks, size)
            for size in _split_sizes(len(images.test_labels), _EVALUATION_BATCH)
        }
        if starts:
            steps = len(starts[0].history) * ceil(len(images.train_labels) / self._batch_size)
            self.networks.step.fill_(steps)

    def train_epoch(self, order: Tensor) -> Scores:
        """Learn from all training images in `order` (N,), the short last batch included."""
        batches = order.split(self._batch_size)
        logits = self._logits(len(batches), self._training[len(batches[0])])
        for indices, slot in zip(batches, logits, strict=True):
            batch = self._training[len(indices)]
            batch.learn(indices)
            slot[:, :, : batch.logits.shape[2]] = batch.logits
        return _scores(logits, self._images.train_labels[order], self._batch_size)

    def evaluate(self) -> Scores:
        """Answer all test images."""
        inputs = self._images.test_inputs.split(_EVALUATION_BATCH)
        logits = self._logits(len(inputs), self._evaluation[len(inputs[0])])
        for chunk, slot in zip(inputs, logits, strict=True):
            batch = self._evaluation[len(chunk)]
            batch.inputs[: batch.size] = chunk
            batch.forward()
            slot[:, :, : batch.logits.shape[2]] = batch.logits
        return _scores(logits, self._images.test_labels, _EVALUATION_BATCH)

    @staticmethod
    def _logits(batches: int, batch: _Batch) -> Tensor:
        """A buffer for the logits of all batches (batches, K, 10, B)."""
        return batch.logits.new_zeros(batches, *batch.logits.shape)


def _split_sizes(samples: int, batch_size: int) -> set[int]:
    """The sizes of the batches that `samples` are split into."""
    return {min(samples, batch_size), (samples - 1) % batch_size + 1}


def _scores(logits: Tensor, labels: Tensor, batch_size: int) -> Scores:
    """Score logits (batches, K, 10, B) against labels (N,), `batch_size` of them a batch.

    Each network is scored by itself: a reduction over all would add in an order that depends on K.
    """
    batches, k, _, b = logits.shape
    batch_size = min(batch_size, len(labels))
    padded = labels.new_full((batches * batch_size,), _NO_IMAGE)
    padded[: len(labels)] = labels
    target = labels.new_full((batches, b), _NO_IMAGE)
    target[:, :batch_size] = padded.view(batches, batch_size)
    scores = []
    for network in range(k):
        own = logits[:, network]  # (batches, 10, B)
        losses = cross_entropy(own, target, reduction="none", ignore_index=_NO_IMAGE)
        correct = own.max(1).indices == target
        scores.append(
            (losses.double().sum().item() / len(labels), correct.sum().item() / len(labels))
        )
    return scores
