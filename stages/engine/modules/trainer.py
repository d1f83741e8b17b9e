"""Train a module of the user by autograd, images in memory, one trial at a time.

A trial's bits depend on nothing but the trial: its process has one thread, the user's code is
loaded afresh, and all that it draws is seeded before it is made and before each epoch. So training
goes on from the end of any epoch as if it had not stopped, buffers (running statistics) included.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from functools import lru_cache
from math import ceil, nan
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from stages.core.dataset import Dataset
from stages.core.initializers import drawn
from stages.core.networks import Module
from stages.core.records import EpochRecord, ProbeRecord
from stages.core.sampling import PROBE_IMAGES
from stages.core.seeding import batch_order, module_seed, parameter_generator
from stages.core.trial import Trial
from stages.engine.curvature import sharpness, tells_sharpness
from stages.engine.device import one_fast_thread
from stages.engine.measures import Signal, layer_record
from stages.engine.modules.blame import refusal
from stages.engine.modules.flat import Flat
from stages.engine.modules.loading import Source, network_class, read_source
from stages.engine.modules.network import (
    ALONE,
    BlankModule,
    Named,
    listen,
    load,
    make,
    seed_everything,
    settings_kept,
    state,
    trainable,
    undisturbed,
)
from stages.engine.optimizers import SQUARES, Adam, make_optimizer
from stages.engine.results import TrialResult
from stages.engine.snapshots import in_turn, snapshot

_EVALUATION_BATCH = 512


def train_module(
    trial: Trial,
    dataset: Dataset,
    device: torch.device,
    start: TrialResult | None = None,
    on_epoch: Callable[[], None] = lambda: None,
    folder: Path = Path(),
) -> TrialResult:
    """Train a trial whose network is a `Module`, its FILE relative to `folder`.

    With `start`, a training of it for fewer whole epochs, it goes on from the end of that, to the
    same bits as in one go. Calls `on_epoch` after each epoch. Raises InputError, one line, if the
    user's code fails or is another than that of the trial. What it prints is dropped.
    """
    network = trial.network
    assert isinstance(network, Module)
    source = read_source(network.path, folder)
    if source.digest != network.source:
        raise refusal(f"{source.file}: has changed since this run began; run it again")
    images = _prepare(dataset, device)
    with ALONE, _silence():
        seed_everything(module_seed(trial.seed, trial.replicate, "constructor"))
        with _settings(), network_class(source) as found:
            model = make(found, source, images.first(2).cpu())
            torch.set_num_threads(1)  # whatever its constructor thought
            return _Training(trial, network, source, model, images, start).run(on_epoch)


@contextmanager
def _silence() -> Iterator[None]:
    """Inside, what is printed and warned of is dropped: a line for each step is no one's."""
    with Path(os.devnull).open("w") as nowhere, redirect_stdout(nowhere), redirect_stderr(nowhere):
        yield


@contextmanager
def _settings() -> Iterator[None]:
    """Inside, one thread; CUDA's convolutions add in one order, and in full precision."""
    exactly = {"deterministic": True, "benchmark": False, "allow_tf32": False}
    with settings_kept(), one_fast_thread(), torch.backends.cudnn.flags(enabled=True, **exactly):
        yield


class _Images(NamedTuple):
    """A data set as a module reads it, normalised (N, 1, H, W), and labels (N,).

    The user's code gets copies: it may write into what it is given.
    """

    train: Tensor
    train_labels: Tensor
    test: Tensor
    test_labels: Tensor
    shown: Tensor  # some of the test images

    def first(self, size: int) -> Tensor:
        """The first training images."""
        return self.train[:size].clone()


@lru_cache(maxsize=1)
def _prepare(dataset: Dataset, device: torch.device) -> _Images:
    def images(pixels: NDArray[np.uint8]) -> Tensor:
        tensor = torch.from_numpy(pixels).view(-1, 1, *dataset.image_shape)
        return tensor.to(device, torch.float32).div_(255).sub_(dataset.mean).div_(dataset.std)

    def labels(numbers: NDArray[np.uint8]) -> Tensor:
        return torch.from_numpy(numbers).to(device, torch.int64)

    return _Images(
        images(dataset.train_images),
        labels(dataset.train_labels),
        images(dataset.test_images),
        labels(dataset.test_labels),
        images(dataset.test_images[dataset.shown]),
    )


class _Training:
    """A model with its optimiser, from its start to the end of its training."""

    def __init__(
        self,
        trial: Trial,
        network: Module,
        source: Source,
        model: nn.Module,
        images: _Images,
        start: TrialResult | None,
    ) -> None:
        self._trial, self._network, self._source = trial, network, source
        self._images, self._start = images, start
        with source.blamed("when it starts"):
            self._initial = start.initial if start else self._begin(model)
            load(model, start.weights if start else self._initial)
        self._model = _in_fastest_format(model.to(images.train.device), images.first(2))
        self._parameters = trainable(self._model)
        self._flat = Flat(self._parameters)
        self._optimizer = make_optimizer(self._flat.parameters, self._flat.gradients, trial)
        if start:
            steps = ceil(len(images.train_labels) / trial.batch_size) * len(start.history)
            self._optimizer.steps.fill_(steps)
            for name, moment in self._optimizer.moments.items():
                for of, view in self._flat.views(moment).items():
                    view.copy_(start.moments[name][of])

    def _begin(self, model: nn.Module) -> Named:
        """Parameters as the trial starts them, buffers as the constructor left them."""
        trial, constructed = self._trial, state(model)
        generator = parameter_generator(trial.seed, trial.replicate)
        images = self._images.first(PROBE_IMAGES).cpu()
        blank = BlankModule(self._network, generator, model, constructed, images)
        return {**constructed, **drawn(trial.start, blank)}

    def run(self, on_epoch: Callable[[], None]) -> TrialResult:
        """Train to the end."""
        trial, start = self._trial, self._start
        history = list(start.history) if start else []
        probes = list(start.probes) if start else [self._probe(epoch=0)]
        snapshots = [start.snapshots if start else self._snapshot(epoch=0)]
        untrained = start.untrained_test_accuracy if start else self._evaluate()[1]
        for epoch in range(len(history) + 1, trial.records + 1):
            train = self._train_epoch(epoch)
            history.append(EpochRecord(epoch, *train, *self._evaluate()))
            probes.append(self._probe(epoch))
            snapshots.append(self._snapshot(epoch))
            on_epoch()
        moments = {n: self._flat.views(m) for n, m in self._optimizer.moments.items()}
        return TrialResult(
            trial=trial,
            initial=self._initial,
            weights=state(self._model),
            moments={n: {of: _on_cpu(t) for of, t in m.items()} for n, m in moments.items()},
            history=history,
            probes=probes,
            snapshots=in_turn(snapshots),
            untrained_test_accuracy=untrained,
        )

    def _train_epoch(self, epoch: int) -> tuple[float, float]:
        """Learn from all training images, or from the first steps of an epoch that ends early.

        Mean cross-entropy and accuracy, each image's before the step that learns from it.
        """
        trial, images = self._trial, self._images
        seed_everything(module_seed(trial.seed, trial.replicate, f"epoch {epoch}"))
        order = batch_order(len(images.train_labels), trial.seed, trial.replicate, epoch)
        if epoch > trial.epochs:
            order = order[: trial.extra_steps * trial.batch_size]
        order = order.to(images.train.device)
        labels = images.train_labels[order]
        self._model.train()
        logits: list[Tensor] = []
        for indices, targets in zip(
            order.split(trial.batch_size), labels.split(trial.batch_size), strict=True
        ):
            self._flat.gradients.zero_()
            with self._source.blamed(f"when it trains on {len(indices)} images"):
                answers = self._model(images.train.index_select(0, indices))
                cross_entropy(answers, targets).backward()
            if not logits:
                self._refuse_lost()
            self._optimizer.step()
            logits.append(answers.detach())
        self._refuse_lost()
        return _scores(torch.cat(logits), labels)

    def _refuse_lost(self) -> None:
        """Raise InputError if the user's code has put other tensors in the place of parameters."""
        if lost := self._flat.lost(trainable(self._model)):
            raise refusal(
                f"{self._source.line}: puts another tensor in the place of {lost[0]} or of its "
                "gradient, which would not be trained; expected is that it is changed in place, "
                "as by copy_ under torch.no_grad()"
            )

    def _evaluate(self) -> tuple[float, float]:
        """Mean cross-entropy and accuracy on all test images."""
        return _scores(self._answers(self._images.test), self._images.test_labels)

    def _answers(self, images: Tensor) -> Tensor:
        """Logits (N, classes) of test images, in eval mode."""
        self._model.eval()
        with self._source.blamed("when it answers test images"), torch.no_grad():
            return torch.cat([self._model(p.clone()) for p in images.split(_EVALUATION_BATCH)])

    def _snapshot(self, epoch: int) -> Named:
        weights = [self._parameters[name] for name in self._network.layers]
        return snapshot(epoch, weights, self._answers(self._images.shown))

    def _probe(self, epoch: int) -> ProbeRecord:
        """Measured in train mode, as the network learns: normalised by the batch, with dropout.

        In eval mode an untrained batch normalisation would know nothing of its images. Nothing is
        disturbed: buffers are put back, gradients kept apart, and what the code draws is seeded,
        the same each time, as it is for each epoch.
        """
        trial, images = self._trial, self._images
        seed_everything(module_seed(trial.seed, trial.replicate, "probe"))
        names = self._network.layers
        with self._source.blamed("when it is measured"), undisturbed(self._model):
            logits, signals = listen(self._model, images.first(PROBE_IMAGES))
            loss = cross_entropy(logits, images.train_labels[:PROBE_IMAGES])
            weights = [self._parameters[name] for name in names]
            sharp = tells_sharpness(self._optimizer, len(names), epoch)
            gradients = torch.autograd.grad(
                loss, weights, retain_graph=sharp, materialize_grads=True
            )
            curvature = sharpness(loss, [*self._parameters.values()]) if sharp else nan
        layers = [
            layer_record(
                signals.passed_on.get(name, Signal()),
                self._initial[name],
                weight.cpu(),
                gradient,
                damped,
            )
            for name, weight, gradient, damped in zip(
                names, weights, gradients, self._damped(gradients), strict=True
            )
        ]
        precise = cross_entropy(logits.detach().double(), images.train_labels[:PROBE_IMAGES])
        return ProbeRecord(epoch, precise.item(), curvature, layers)

    def _damped(self, gradients: Sequence[Tensor]) -> list[float]:
        """The share of weights of each layer whose steps Adam's epsilon damps."""
        optimizer, names = self._optimizer, self._network.layers
        if not isinstance(optimizer, Adam):
            return [nan] * len(names)
        squares = self._flat.views(optimizer.moments[SQUARES])
        return list(map(optimizer.damped, gradients, [squares[name] for name in names]))


def _in_fastest_format(model: nn.Module, images: Tensor) -> nn.Module:
    """The model, its kernels with channels last if it has any and its forward bears that.

    On a CPU convolutions and pooling then take two thirds of the time. Some code does not bear it:
    `view` refuses tensors that lie so.
    """
    if images.is_cuda or not any(parameter.ndim == 4 for parameter in model.parameters()):
        return model
    model.to(memory_format=torch.channels_last)
    try:
        with undisturbed(model):
            model(images).sum().backward()
    except Exception:
        model.to(memory_format=torch.contiguous_format)
    return model


def _scores(logits: Tensor, labels: Tensor) -> tuple[float, float]:
    """Mean cross-entropy and accuracy of logits (N, classes)."""
    losses = cross_entropy(logits, labels, reduction="none")
    correct = logits.argmax(1) == labels
    return losses.double().mean().item(), correct.sum().item() / len(labels)


def _on_cpu(tensor: Tensor) -> Tensor:
    return tensor.cpu().clone(memory_format=torch.contiguous_format)
