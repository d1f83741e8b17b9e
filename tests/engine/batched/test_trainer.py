"""The batched trainer against an independent reference, and the bits of a trial against its
neighbours'."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from itertools import pairwise
from math import ceil, isnan
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

from stages.core.activations import ACTIVATIONS
from stages.core.dataset import Dataset
from stages.core.initializers import initial_parameters
from stages.core.networks import Perceptron
from stages.core.records import parse_record
from stages.core.seeding import batch_order
from stages.core.starts import NORMAL, Start
from stages.core.trial import Provenance, Trial
from stages.engine.batched.trainer import train_group
from stages.engine.results import TrialResult
from tests.garbage import tensors_left_by

CPU = torch.device("cpu")
PROVENANCE = Provenance("2.14.1", "cpu", "a processor", "c0de", "5eed")
OPTIMIZERS: dict[str, Any] = {
    "adam": torch.optim.Adam,
    "sgd": torch.optim.SGD,
    "momentum": partial(torch.optim.SGD, momentum=0.9),
}
MOMENTS = {"adam": ("exp_avg", "exp_avg_sq"), "sgd": (), "momentum": ("momentum_buffer",)}
LAYERS: dict[str, Callable[[], nn.Module]] = {
    "relu": nn.ReLU,
    "leaky_relu": nn.LeakyReLU,
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "linear": nn.Identity,
}

Named = dict[str, torch.Tensor]


def of(trial: Trial, sigma: float | None = None, **network: Any) -> Trial:
    """The trial with another sigma or network."""
    start = trial.start if sigma is None else Start(NORMAL, sigma)
    return replace(trial, start=start, network=replace(trial.network, **network))


def normalised(images: NDArray[np.uint8], dataset: Dataset) -> torch.Tensor:
    return (torch.from_numpy(images).float() / 255 - dataset.mean) / dataset.std


def network_of(trial: Trial, parameters: Named) -> nn.Sequential:
    """The network as PyTorch's own modules."""
    assert isinstance(trial.network, Perceptron)
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    for number, (fan_in, fan_out) in enumerate(pairwise(trial.network.sizes), start=1):
        if layers:
            layers[f"activation{number - 1}"] = LAYERS[trial.network.activation]()
        layers[f"fc{number}"] = nn.Linear(fan_in, fan_out)
    model = nn.Sequential(layers)
    model.load_state_dict(parameters)
    return model


def train_with_autograd(trial: Trial, dataset: Dataset) -> tuple[Named, dict[str, Named]]:
    """The same experiment as any PyTorch user would write it: parameters, and moments by name."""
    model = network_of(trial, initial_parameters(trial, images=lambda: torch.empty(0)))
    named = dict(model.named_parameters())
    further = {"eps": trial.adam_epsilon} if trial.optimizer == "adam" else {}
    optimizer = OPTIMIZERS[trial.optimizer](named.values(), lr=trial.learning_rate, **further)
    inputs = normalised(dataset.train_images, dataset)
    labels = torch.from_numpy(dataset.train_labels).long()
    steps = trial.epochs * ceil(len(labels) / trial.batch_size) + trial.extra_steps
    orders = (
        batch_order(len(labels), trial.seed, trial.replicate, epoch)
        for epoch in range(1, trial.epochs + 2)
    )
    batches = [batch for order in orders for batch in order.split(trial.batch_size)]
    for batch in batches[:steps]:
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
    assert_close_moments(result, moments)


def assert_close_moments(
    result: TrialResult, moments: dict[str, Named], tolerance: float = 1e-3
) -> None:
    assert result.moments.keys() == moments.keys()
    for moment, named in moments.items():
        for name, expected in named.items():
            rounding = tolerance * expected.abs().max().item()
            actual = result.moments[moment][name]
            torch.testing.assert_close(actual, expected, rtol=tolerance, atol=rounding)


def same_bits(a: TrialResult, b: TrialResult) -> bool:
    records = [repr((r.history, r.probes, r.untrained_test_accuracy)) for r in (a, b)]
    return records[0] == records[1] and all(
        one[name].numpy().tobytes() == other[name].numpy().tobytes()
        for one, other in ((a.weights, b.weights), (a.snapshots, b.snapshots))
        for name in one
    )


@pytest.mark.parametrize("sizes", [(784, 128, 64, 10), (784, 33, 7, 10)])
@pytest.mark.parametrize("sigma", [1e-4, 0.05, 10.0])
def test_agrees_with_autograd_and_torch_optim(
    sigma: float, sizes: tuple[int, ...], trial: Trial, small_dataset: Dataset
) -> None:
    trial = of(trial, sigma, sizes=sizes)
    [result] = train_group([trial], small_dataset, CPU)
    assert_agree(result, *train_with_autograd(trial, small_dataset))


def test_activations_are_all_tried_here() -> None:
    assert LAYERS.keys() == ACTIVATIONS.keys()


@pytest.mark.parametrize("sigma", [1e-4, 0.05, 10.0])
@pytest.mark.parametrize("activation", LAYERS)
def test_gradients_of_every_activation_are_those_of_autograd(
    activation: str, sigma: float, trial: Trial, small_dataset: Dataset
) -> None:
    still = replace(trial, epochs=1, learning_rate=1e-30)  # the moments average the gradients
    still = of(still, sigma, sizes=(784, 64, 33, 7, 10), activation=activation)
    [result] = train_group([still], small_dataset, CPU)
    # the slope of a saturated tanh is 1 - y², a few roundings of y
    tolerance = 0.1 if (activation, sigma) == ("tanh", 10.0) else 1e-3
    assert_close_moments(result, train_with_autograd(still, small_dataset)[1], tolerance)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("activation", LAYERS)
def test_every_activation_trains_as_by_autograd_and_torch_optim(
    activation: str, optimizer: str, trial: Trial, small_dataset: Dataset
) -> None:
    trial = replace(trial, optimizer=optimizer, learning_rate=0.01, adam_epsilon=1e-4)
    trial = of(trial, 0.1, sizes=(784, 64, 33, 7, 10), activation=activation)
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
    trial = of(trial, sigma)
    [result] = train_group([trial], small_dataset, CPU)
    inputs = normalised(small_dataset.train_images, small_dataset)
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


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_bits_do_not_depend_on_group_or_lane(
    optimizer: str, trial: Trial, small_dataset: Dataset
) -> None:
    sigmas = [1e-4, 1e-3, 0.03, 0.1, 0.5, 2.0, 10.0]
    trials = [replace(of(trial, sigma), optimizer=optimizer) for sigma in sigmas]
    together = train_group(trials, small_dataset, CPU)
    backwards = train_group(trials[::-1], small_dataset, CPU)[::-1]
    pair = train_group(trials[2:4], small_dataset, CPU)
    for i, alone in enumerate(train_group([t], small_dataset, CPU)[0] for t in trials):
        assert same_bits(together[i], alone)
        assert same_bits(backwards[i], alone)
    assert same_bits(pair[0], together[2])
    assert same_bits(pair[1], together[3])


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_odd_batch_sizes_and_depths_keep_the_bits(
    optimizer: str, trial: Trial, small_dataset: Dataset
) -> None:
    odd = replace(of(trial, sizes=(784, 33, 7, 5, 10)), batch_size=37, optimizer=optimizer)
    trials = [of(odd, sigma) for sigma in (0.01, 0.1, 1.0)]
    together = train_group(trials, small_dataset, CPU)
    assert all(
        same_bits(result, train_group([t], small_dataset, CPU)[0])
        for result, t in zip(together, trials, strict=True)
    )


@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
@pytest.mark.parametrize("activation", LAYERS)
def test_bits_of_every_activation_do_not_depend_on_the_group(
    activation: str, optimizer: str, trial: Trial, small_dataset: Dataset
) -> None:
    one = replace(of(trial, sizes=(784, 48, 16, 20, 10), activation=activation), epochs=1)
    one = replace(one, optimizer=optimizer, batch_size=48)
    trials = [of(one, sigma) for sigma in (1e-4, 0.03, 0.1, 0.5, 1.0)]
    together = train_group(trials, small_dataset, CPU)
    for place in (0, 3, 4):
        [alone] = train_group(trials[place : place + 1], small_dataset, CPU)
        assert same_bits(alone, together[place])
    pair = train_group(trials[1:3], small_dataset, CPU)
    assert all(same_bits(*results) for results in zip(pair, together[1:3], strict=True))


def cropped(dataset: Dataset, rows: int, columns: int, classes: int) -> Dataset:
    """Oblong images of fewer classes, from the middle of those of `dataset`."""

    train, test = dataset.train_labels < classes, dataset.test_labels < classes

    def middle(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
        part = images.reshape(-1, 28, 28)[:, 5 : 5 + rows, 5 : 5 + columns]
        return part.reshape(-1, rows * columns)

    return Dataset(
        middle(dataset.train_images[train]),
        dataset.train_labels[train],
        middle(dataset.test_images[test]),
        dataset.test_labels[test],
        (rows, columns),
    )


@pytest.mark.parametrize("activation", ["relu", "sigmoid"])
@pytest.mark.parametrize(("rows", "columns", "classes"), [(5, 9, 3), (7, 7, 2), (16, 3, 9)])
def test_images_of_any_size_and_number_of_classes(
    rows: int, columns: int, classes: int, activation: str, trial: Trial, small_dataset: Dataset
) -> None:
    dataset = cropped(small_dataset, rows, columns, classes)
    trial = of(trial, sizes=(rows * columns, 30, classes), activation=activation)
    trials = [of(trial, sigma) for sigma in (0.01, 0.1, 1.0)]
    for one, result in zip(trials, train_group(trials, dataset, CPU), strict=True):
        assert_agree(result, *train_with_autograd(one, dataset))
        assert same_bits(result, train_group([one], dataset, CPU)[0])


@pytest.mark.parametrize(("epochs", "extra_steps"), [(0, 1), (0, 3), (2, 2)])
def test_steps_beyond_whole_epochs_are_those_of_the_next(
    epochs: int, extra_steps: int, trial: Trial, small_dataset: Dataset
) -> None:
    trial = replace(trial, epochs=epochs, extra_steps=extra_steps)
    [result] = train_group([trial], small_dataset, CPU)
    assert_agree(result, *train_with_autograd(trial, small_dataset))
    assert [record.epoch for record in result.history] == list(range(1, epochs + 2))
    assert [probe.epoch for probe in result.probes] == list(range(epochs + 2))
    answers = result.history[-1].train_accuracy * extra_steps * trial.batch_size
    assert answers == pytest.approx(round(answers))


def test_steps_go_on_from_a_whole_epoch_to_the_same_bits(
    trial: Trial, small_dataset: Dataset
) -> None:
    longer = replace(trial, extra_steps=3)
    starts = train_group([replace(trial, epochs=1)], small_dataset, CPU)
    [continued] = train_group([longer], small_dataset, CPU, starts)
    assert same_bits(continued, train_group([longer], small_dataset, CPU)[0])


@pytest.mark.parametrize("activation", ["relu", "tanh", "gelu"])
def test_deep_networks_agree_with_autograd(
    activation: str, trial: Trial, small_dataset: Dataset
) -> None:
    deep = of(trial, sizes=(784, *[32] * 20, 10), activation=activation)
    trial = replace(deep, optimizer="sgd", start=Start("orthogonal"), learning_rate=0.01)
    [result] = train_group([trial], small_dataset, CPU)
    assert_agree(result, *train_with_autograd(trial, small_dataset))


def test_replicates_and_seeds_differ(trial: Trial, small_dataset: Dataset) -> None:
    variants = [trial, replace(trial, replicate=1), replace(trial, seed=1)]
    results = [train_group([variant], small_dataset, CPU)[0] for variant in variants]
    assert len({result.weights["fc2.weight"].sum().item() for result in results}) == 3


def test_sigmas_of_a_replicate_share_their_noise(trial: Trial, small_dataset: Dataset) -> None:
    still = replace(trial, learning_rate=1e-30)
    low, high = train_group([of(still, 0.25), of(still, 1.0)], small_dataset, CPU)
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
    logits = network_of(trial, result.weights)(normalised(dataset.test_images, dataset))
    loss = nn.functional.cross_entropy(logits, torch.from_numpy(dataset.test_labels).long())
    assert result.history[-1].test_loss == pytest.approx(loss.item(), rel=1e-4)


def test_history_counts_what_the_network_does(trial: Trial, small_dataset: Dataset) -> None:
    still = replace(trial, learning_rate=1e-30, epochs=1)
    [result] = train_group([still], small_dataset, CPU)
    model = network_of(trial, result.weights)
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
        logits = model(normalised(images, small_dataset))
        target = torch.from_numpy(labels).long()
        assert loss == pytest.approx(nn.functional.cross_entropy(logits, target).item(), rel=1e-4)
        assert accuracy == pytest.approx((logits.argmax(1) == target).float().mean().item())


@pytest.mark.parametrize("sigma", [0.05, 10.0])
def test_accuracy_before_training_is_that_of_the_initial_network_on_all_test_images(
    sigma: float, trial: Trial, small_dataset: Dataset
) -> None:
    [result] = train_group([of(trial, sigma)], small_dataset, CPU)
    model = network_of(trial, result.initial)
    answers = model(normalised(small_dataset.test_images, small_dataset)).argmax(1).numpy()
    right = answers == small_dataset.test_labels
    assert result.untrained_test_accuracy == right.mean()
    files = result.to_files(PROVENANCE)
    assert parse_record(files["trial.json"]).untrained_test_accuracy == right.mean()


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_nothing_of_a_group_is_left_when_its_results_are_dropped(
    trial: Trial, small_dataset: Dataset, optimizer: str
) -> None:
    """Python collects cycles rarely: in one, a group's tensors would outlive several others."""
    trials = [replace(of(trial, sigma), optimizer=optimizer) for sigma in (0.01, 0.1)]
    assert tensors_left_by(lambda: train_group(trials, small_dataset, CPU)) == 0


def test_overflow_is_a_result(trial: Trial, small_dataset: Dataset) -> None:
    alone, huge = of(trial, 0.05), of(trial, 1e20)
    [diverged, healthy] = train_group([huge, alone], small_dataset, CPU)
    assert diverged.diverged
    assert 0 <= diverged.history[-1].test_accuracy <= 1
    assert isnan(diverged.probes[-1].layers[-1].dead_units)
    assert not healthy.diverged
    assert same_bits(healthy, train_group([alone], small_dataset, CPU)[0])
