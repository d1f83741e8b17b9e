"""Train K networks side by side, with a backward pass written out by hand.

Every product is one batched matrix product over all K networks, all that is trained is one vector
and Adam is one pass over it. No operation mixes two networks, and the bits of each are the same
however many others are trained with it: K and the place in the group change no kernel's order of
additions.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import lru_cache, partial
from math import ceil

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from stages.core.dataset import SHOWN, Dataset
from stages.core.records import EpochRecord
from stages.core.seeding import batch_order
from stages.core.trial import Trial
from stages.engine.batched.batches import Batch, LearningBatch
from stages.engine.batched.cuda import record_graph
from stages.engine.batched.images import Images
from stages.engine.batched.networks import Networks
from stages.engine.batched.probe import Probe, probe_histories
from stages.engine.device import one_fast_thread
from stages.engine.results import TrialResult
from stages.engine.snapshots import Named, in_turn, snapshot

_EVALUATION_BATCH = 512
_NO_IMAGE = -100
"""A label that `cross_entropy` passes over."""

Scores = list[tuple[float, float]]
"""Mean cross-entropy and accuracy of each network."""


@one_fast_thread()
def train_group(
    trials: Sequence[Trial],
    dataset: Dataset,
    device: torch.device,
    starts: Sequence[TrialResult] = (),
    on_epoch: Callable[[], None] = lambda: None,
) -> list[TrialResult]:
    """Train trials that differ in their start only; results come in the order of `trials`.

    After `epochs` whole epochs follow the `extra_steps` of one more, recorded as an epoch that has
    no other images. With `starts`, a shorter training of each trial, all of one number of whole
    epochs, it goes on from their ends, to the same bits as in one go. Calls `on_epoch` after each
    epoch. Numbers that overflow are results: a network that diverges keeps its NaNs and trains to
    the end.
    """
    images = _prepare(dataset, device)
    first = trials[0]
    group = _Group(trials, starts, images)
    histories = [list(start.history) for start in starts] or [[] for _ in trials]
    untrained = [start.untrained_test_accuracy for start in starts] or [
        accuracy for _, accuracy in group.evaluate()[: len(trials)]
    ]
    probes = [] if starts else [group.probe.measure(epoch=0)]
    snapshots = [[start.snapshots] for start in starts] or [[s] for s in group.snapshots(epoch=0)]
    for epoch in range(len(histories[0]) + 1, first.records + 1):
        order = batch_order(len(images.train_labels), first.seed, first.replicate, epoch)
        if epoch > first.epochs:
            order = order[: first.extra_steps * first.batch_size]
        train, test = group.train_epoch(order.to(device)), group.evaluate()
        for history, train_scores, test_scores in zip(histories, train, test, strict=False):
            history.append(EpochRecord(epoch, *train_scores, *test_scores))
        probes.append(group.probe.measure(epoch))
        for moments, moment in zip(snapshots, group.snapshots(epoch), strict=True):
            moments.append(moment)
        on_epoch()
    probed = probe_histories(probes)
    results = [
        TrialResult(trial, *state, histories[k], probed[k], in_turn(snapshots[k]), untrained[k])
        for k, (trial, state) in enumerate(zip(trials, group.networks.states(), strict=True))
    ]
    return [_continued(*pair) for pair in zip(starts, results, strict=True)] if starts else results


def _continued(start: TrialResult, end: TrialResult) -> TrialResult:
    """The end of a training with what was recorded of its start."""
    return replace(end, probes=[*start.probes, *end.probes])


_prepare = lru_cache(maxsize=1)(Images.of)
"""The images of the last call, ready for the next group."""


class _TrainingBatch(LearningBatch):
    """A batch of training images, given by their indices, and the step that learns from it."""

    def __init__(self, networks: Networks, size: int, images: Images) -> None:
        if (rate := networks.rate_at_once) is None:
            super().__init__(networks, size, [layer.weight for layer in networks.gradient_layers])
        else:
            weights = [layer.weight for layer in networks.layers]
            super().__init__(networks, size, weights, keep=1.0, scale=-rate)
        self._images = images
        self._indices = images.train_labels.new_zeros(size)
        self._pixels = images.train.new_empty(size, images.train.shape[1])
        self._own_targets = self.targets[:size]
        self._replay = self._recorded() if self.inputs.is_cuda else None

    def _recorded(self) -> Callable[[], None]:
        step = partial(self._compute, self._indices)
        return record_graph(step, self.networks.changing())

    def learn(self, indices: Tensor) -> None:
        """One training step of all networks on the images at `indices` (size,)."""
        if self._replay:
            self._indices.copy_(indices)
            self._replay()
        else:
            self._compute(indices)

    def _compute(self, indices: Tensor) -> None:
        images = self._images
        torch.index_select(images.train, 0, indices, out=self._pixels)
        torch.index_select(images.train_targets, 0, indices, out=self._own_targets)
        self.read(self._pixels)
        self.forward()
        self.backward()
        self.networks.optimizer.step()


class _Group:
    """K networks with all buffers that their training needs."""

    def __init__(
        self, trials: Sequence[Trial], starts: Sequence[TrialResult], images: Images
    ) -> None:
        self.networks = Networks(trials, starts, images)
        self._images = images
        self._batch_size = trials[0].batch_size
        self.probe = Probe(self.networks, images)
        self._training = {
            size: _TrainingBatch(self.networks, size, images)
            for size in _split_sizes(len(images.train_labels), self._batch_size)
        }
        self._evaluation = {
            size: Batch(self.networks, size)
            for size in _split_sizes(len(images.test_labels), _EVALUATION_BATCH)
        }
        self._shown = Batch(self.networks, SHOWN)
        if starts:
            steps = len(starts[0].history) * ceil(len(images.train_labels) / self._batch_size)
            self.networks.optimizer.steps.fill_(steps)

    def train_epoch(self, order: Tensor) -> Scores:
        """Learn from the training images in `order` (N,), a short last batch included."""
        batches = order.split(self._batch_size)
        logits = self._logits(len(batches), self._training[len(batches[0])])
        for indices, slot in zip(batches, logits, strict=True):
            batch = self._training[len(indices)]
            batch.learn(indices)
            slot[:, :, : batch.logits.shape[2]] = batch.logits
        return _scores(logits, self._images.train_labels[order], self._batch_size)

    def evaluate(self) -> Scores:
        """Answer all test images."""
        parts = self._images.test.split(_EVALUATION_BATCH)
        logits = self._logits(len(parts), self._evaluation[len(parts[0])])
        for pixels, slot in zip(parts, logits, strict=True):
            batch = self._evaluation[len(pixels)]
            batch.read(pixels)
            batch.forward()
            slot[:, :, : batch.logits.shape[2]] = batch.logits
        return _scores(logits, self._images.test_labels, _EVALUATION_BATCH)

    def snapshots(self, epoch: int) -> list[Named]:
        """One of each network as it is after `epoch` epochs."""
        batch = self._shown
        batch.read(self._images.shown)
        batch.forward()
        return [
            snapshot(epoch, self.networks.weights(k), batch.logits[k, :, : batch.size].T)
            for k in range(len(self.networks.initial))
        ]

    @staticmethod
    def _logits(batches: int, batch: Batch) -> Tensor:
        """A buffer for the logits of all batches (batches, K, classes, B)."""
        return batch.logits.new_zeros(batches, *batch.logits.shape)


def _split_sizes(samples: int, batch_size: int) -> set[int]:
    """The sizes of the batches that `samples` are split into."""
    return {min(samples, batch_size), (samples - 1) % batch_size + 1}


def _scores(logits: Tensor, labels: Tensor, batch_size: int) -> Scores:
    """Score logits (batches, K, classes, B) against labels (N,), `batch_size` of them a batch.

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
        own = logits[:, network]  # (batches, classes, B)
        losses = cross_entropy(own, target, reduction="none", ignore_index=_NO_IMAGE)
        correct = own.max(1).indices == target
        scores.append(
            (losses.double().sum().item() / len(labels), correct.sum().item() / len(labels))
        )
    return scores
