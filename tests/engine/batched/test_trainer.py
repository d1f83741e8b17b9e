"""The batched trainer against an independent reference, and the bits of a trial against its
neighbours'."""

from dataclasses import replace
from functools import partial
from math import isnan
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

from benchmarks.module import initial_network, perceptron
from stages.core.dataset import Dataset
from stages.core.records import parse_record
from stages.core.seeding import batch_order
from stages.core.trial import Provenance, Trial
from stages.engine.batched.trainer import train_group
from stages.engine.results import TrialResult

CPU = torch.device("cpu")
PROVENANCE = Provenance("2.14.1", "cpu", "a processor", "c0de", "da7a", "5eed")
OPTIMIZERS: dict[str, Any] = {
    "adam": torch.optim.Adam,
    "sgd": torch.optim.SGD,
    "momentum": partial(torch.optim.SGD, momentum=0.9),
}
MOMENTS = {"adam": ("exp_avg", "exp_avg_sq"), "sgd": (), "momentum": ("momentum_buffer",)}

Named = dict[str, torch.Tensor]


def normalised(images: NDArray[np.uint8]) -> torch.Tensor:
    return (torch.from_numpy(images).float() / 255 - 0.1307) / 0.3081


def trained_network(result: TrialResult) -> nn.Sequential:
    model = perceptron(result.trial.sizes)
    model.load_state_dict(result.weights)
    return model


def train_with_autograd(trial: Trial, dataset: Dataset) -> tuple[Named, dict[str, Named]]:
    """The same experiment as any PyTorch user would write it: parameters, and moments by name."""
    model = initial_network(trial)
    named = dict(model.named_parameters())
    optimizer = OPTIMIZERS[trial.optimizer](named.values(), lr=trial.learning_rate)
    inputs = normalised(dataset.train_images)
    labels = torch.from_numpy(dataset.train_labels).long()
    for epoch in range(1, trial.epochs + 1):
        order = batch_order(len(labels), trial.seed, trial.replicate, epoch)
        for batch in order.split(trial.batch_size):
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(inputs[batch]), labels[batch]).backward()
            optimizer.step()
    moments = {
        moment: {name: optimizer.state[p][moment] for name, p in named.items()}
        for moment in MOMENTS[trial.optimizer]
    }
    return {name: p.detach() for name, p in named.items()}, moments


def assert_agree(result: TrialResult, weights: Named, moments: dict[str, Named]) -> None:
    for name, expected in weights.items():
        torch.testing.assert_close(result.weights[name], expected, rtol=1e-4, atol=1e-5)
        assert not torch.equal(result.weights[name], result.initial[name])
    assert result.moments.keys() == moments.keys()
    for moment, named in moments.items():
        for name, expected in named.items():
            rounding = 1e-3 * expected.abs().max().item()
            actual = result.moments[moment][name]
            torch.testing.assert_close(actual, expected, rtol=1e-3, atol=rounding)


def same_bits(a: TrialResult, b: TrialResult) -> bool:
    records = [(r.history, r.probes, r.untrained_test_accuracy) for r in (a, b)]
    return records[0] == records[1] and all(
        torch.equal(a.weights[name], b.weights[name]) for name in a.weights
    )


@pytest.mark.parametrize("sizes", [(784, 128, 64, 10), (784, 33, 7, 10)])
@pytest.mark.parametrize("sigma", [1e-4, 0.05, 10.0])
def test_agrees_with_autograd_and_torch_optim(
    sigma: float, sizes: tuple[int, ...], trial: Trial, small_dataset: Dataset
) -> None:
    trial = replace(trial, sigma=sigma, sizes=sizes)
    [result] = train_group([trial], small_dataset, CPU)
    assert_agree(result, *train_with_autograd(trial, small_dataset))


@pytest.mark.parametrize("optimizer", ["sgd", "momentum"])
def test_other_optimizers_agree_with_torch_optim(
    optimizer: str, trial: Trial, small_dataset: Dataset
) -> None:
    trial = replace(trial, optimizer=optimizer, learning_rate=0.01, epochs=5)
    [result] = train_group([trial], small_dataset, CPU)
    assert_agree(result, *train_with_autograd(trial, small_dataset))


@pytest.mark.parametrize("optimizer", ["adam", "sgd", "momentum"])
def test_training_goes_on_to_the_same_bits(
    optimizer: str, trial: Trial, small_dataset: Dataset
) -> None:
    long = replace(trial, optimizer=optimizer, epochs=4)
    files = [
        result.to_files(PROVENANCE)
        for result in train_group([replace(long, epochs=1)], small_dataset, CPU)
    ]
    start = TrialResult.from_files(long, files[0])
    [continued] = train_group([long], small_dataset, CPU, [start])
    assert same_bits(continued, train_group([long], small_dataset, CPU)[0])
    assert [probe.epoch for probe in continued.probes] == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("sigma", [0.01, 0.3])
def test_a_probe_measures_what_autograd_does(
    sigma: float, trial: Trial, small_dataset: Dataset
) -> None:
    trial = replace(trial, sigma=sigma)
    [result] = train_group([trial], small_dataset, CPU)
    inputs = normalised(small_dataset.train_images)
    labels = torch.from_numpy(small_dataset.train_labels).long()
    for probe, parameters in ((0, result.initial), (-1, result.weights)):
        weights = [parameters[f"fc{i}.weight"].clone().requires_grad_() for i in (1, 2, 3)]
        hidden = [inputs]
        for i, weight in enumerate(weights, 1):
            below = hidden[-1].relu() if i > 1 else inputs
            hidden.append(nn.functional.linear(below, weight, parameters[f"fc{i}.bias"]))
        loss = nn.functional.cross_entropy(hidden[-1], labels)
        loss.backward()
        assert result.probes[probe].loss == pytest.approx(loss.item(), rel=1e-4)
        outputs = [hidden[1].relu(), hidden[2].relu(), hidden[3]]
        for i, layer in enumerate(result.probes[probe].layers):
            moved = parameters[f"fc{i + 1}.weight"] - result.initial[f"fc{i + 1}.weight"]
            start = result.initial[f"fc{i + 1}.weight"]
            gradient = weights[i].grad
            assert gradient is not None
            assert layer.gradient_norm == pytest.approx(gradient.norm().item(), rel=1e-3)
            assert layer.activation_rms == pytest.approx(
                outputs[i].square().mean().sqrt().item(), rel=1e-3
            )
            assert layer.dead_units == (outputs[i] == 0).all(0).float().mean().item()
            assert layer.movement == pytest.approx((moved.norm() / start.norm()).item(), rel=1e-3)


def test_bits_do_not_depend_on_group_or_lane(trial: Trial, small_dataset: Dataset) -> None:
    sigmas = [1e-4, 1e-3, 0.03, 0.1, 0.5, 2.0, 10.0]
    trials = [replace(trial, sigma=sigma) for sigma in sigmas]
    together = train_group(trials, small_dataset, CPU)
    backwards = train_group(trials[::-1], small_dataset, CPU)[::-1]
    pair = train_group(trials[2:4], small_dataset, CPU)
    for i, alone in enumerate(train_group([t], small_dataset, CPU)[0] for t in trials):
        assert same_bits(together[i], alone)
        assert same_bits(backwards[i], alone)
    assert same_bits(pair[0], together[2])
    assert same_bits(pair[1], together[3])


def test_odd_batch_sizes_and_depths_keep_the_bits(trial: Trial, small_dataset: Dataset) -> None:
    odd = replace(trial, sizes=(784, 33, 7, 5, 10), batch_size=37)
    trials = [replace(odd, sigma=sigma) for sigma in (0.01, 0.1, 1.0)]
    together = train_group(trials, small_dataset, CPU)
    assert all(
        same_bits(result, train_group([t], small_dataset, CPU)[0])
        for result, t in zip(together, trials, strict=True)
    )


def test_replicates_and_seeds_differ(trial: Trial, small_dataset: Dataset) -> None:
    variants = [trial, replace(trial, replicate=1), replace(trial, seed=1)]
    results = [train_group([variant], small_dataset, CPU)[0] for variant in variants]
    assert len({result.weights["fc2.weight"].sum().item() for result in results}) == 3


def test_sigmas_of_a_replicate_share_their_noise(trial: Trial, small_dataset: Dataset) -> None:
    still = replace(trial, learning_rate=1e-30)
    low, high = train_group(
        [replace(still, sigma=0.25), replace(still, sigma=1.0)], small_dataset, CPU
    )
    for name, weights in low.weights.items():
        torch.testing.assert_close(4 * weights, high.weights[name])
        assert weights.abs().max() > 0


def with_edges(dataset: Dataset, train: int, test: int) -> Dataset:
    """Each split with a grey of its own for the pixels that are black in all of it."""
    grey = [
        np.where((images == 0).all(0), value, images).astype(np.uint8)
        for images, value in ((dataset.train_images, train), (dataset.test_images, test))
    ]
    return replace(dataset, train_images=grey[0], test_images=grey[1])


@pytest.mark.parametrize(("in_train", "in_test"), [(0, 0), (0, 200), (200, 0), (90, 90)])
def test_edges_count_where_training_or_test_images_have_any(
    in_train: int, in_test: int, trial: Trial, small_dataset: Dataset
) -> None:
    dataset = with_edges(small_dataset, in_train, in_test)
    [result] = train_group([trial], dataset, CPU)
    assert_agree(result, *train_with_autograd(trial, dataset))
    logits = trained_network(result)(normalised(dataset.test_images))
    loss = nn.functional.cross_entropy(logits, torch.from_numpy(dataset.test_labels).long())
    assert result.history[-1].test_loss == pytest.approx(loss.item(), rel=1e-4)


def test_history_counts_what_the_network_does(trial: Trial, small_dataset: Dataset) -> None:
    still = replace(trial, learning_rate=1e-30, epochs=1)
    [result] = train_group([still], small_dataset, CPU)
    model = trained_network(result)
    [epoch] = result.history
    for images, labels, loss, accuracy in (
        (
            small_dataset.train_images,
            small_dataset.train_labels,
            epoch.train_loss,
            epoch.train_accuracy,
        ),
        (
            small_dataset.test_images,
            small_dataset.test_labels,
            epoch.test_loss,
            epoch.test_accuracy,
        ),
    ):
        logits = model(normalised(images))
        target = torch.from_numpy(labels).long()
        assert loss == pytest.approx(nn.functional.cross_entropy(logits, target).item(), rel=1e-4)
        assert accuracy == pytest.approx((logits.argmax(1) == target).float().mean().item())


@pytest.mark.parametrize("sigma", [0.05, 10.0])
def test_accuracy_before_training_is_that_of_the_initial_network_on_all_test_images(
    sigma: float, trial: Trial, small_dataset: Dataset
) -> None:
    [result] = train_group([replace(trial, sigma=sigma)], small_dataset, CPU)
    model = initial_network(result.trial)
    right = model(normalised(small_dataset.test_images)).argmax(1).numpy() == (
        small_dataset.test_labels
    )
    assert result.untrained_test_accuracy == right.mean()
    files = result.to_files(PROVENANCE)
    assert parse_record(files["trial.json"]).untrained_test_accuracy == right.mean()


def test_overflow_is_a_result(trial: Trial, small_dataset: Dataset) -> None:
    alone = replace(trial, sigma=0.05)
    huge = replace(trial, sigma=1e20)
    [diverged, healthy] = train_group([huge, alone], small_dataset, CPU)
    assert diverged.diverged
    assert 0 <= diverged.history[-1].test_accuracy <= 1
    assert isnan(diverged.probes[-1].layers[-1].dead_units)
    assert not healthy.diverged
    assert same_bits(healthy, train_group([alone], small_dataset, CPU)[0])
