"""The batched trainer against an independent reference, and the bits of a trial against its
neighbours'."""

from dataclasses import replace
from itertools import pairwise

import pytest
import torch
from torch import nn

from stages.core.dataset import Dataset
from stages.core.seeding import batch_order, parameter_noise
from stages.core.trial import Trial
from stages.engine.results import TrialResult
from stages.engine.trainer import train_group

CPU = torch.device("cpu")


def train_with_autograd(trial: Trial, dataset: Dataset) -> dict[str, torch.Tensor]:
    """The same experiment as any PyTorch user would write it."""
    fc1, fc2, fc3 = layers = [nn.Linear(*pair) for pair in pairwise(trial.sizes)]
    model = nn.Sequential(fc1, nn.ReLU(), fc2, nn.ReLU(), fc3)
    named = {f"fc{i}.{n}": p for i, fc in enumerate(layers, 1) for n, p in fc.named_parameters()}
    shapes = {name: tuple(p.shape) for name, p in named.items()}
    with torch.no_grad():
        for name, noise in parameter_noise(shapes, trial.seed, trial.replicate).items():
            named[name].copy_(trial.sigma * noise)
    optimizer = torch.optim.Adam(model.parameters(), lr=trial.learning_rate)
    inputs = (torch.from_numpy(dataset.train_images).float() / 255 - 0.1307) / 0.3081
    labels = torch.from_numpy(dataset.train_labels).long()
    for epoch in range(1, trial.epochs + 1):
        order = batch_order(len(labels), trial.seed, trial.replicate, epoch)
        for batch in order.split(trial.batch_size):
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(inputs[batch]), labels[batch]).backward()
            optimizer.step()
    return {name: p.detach() for name, p in named.items()}


def same_bits(a: TrialResult, b: TrialResult) -> bool:
    return a.history == b.history and all(
        torch.equal(a.weights[name], b.weights[name]) for name in a.weights
    )


@pytest.mark.parametrize("sigma", [1e-4, 0.05, 10.0])
def test_agrees_with_autograd_and_torch_optim(
    sigma: float, trial: Trial, small_dataset: Dataset
) -> None:
    trial = replace(trial, sigma=sigma)
    [result] = train_group([trial], small_dataset, CPU)
    for name, expected in train_with_autograd(trial, small_dataset).items():
        torch.testing.assert_close(result.weights[name], expected, rtol=1e-4, atol=1e-5)


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


def test_history_counts_what_the_network_does(trial: Trial, small_dataset: Dataset) -> None:
    still = replace(trial, learning_rate=1e-30, epochs=1)
    [result] = train_group([still], small_dataset, CPU)
    model = nn.Sequential(
        *(m for pair in pairwise(trial.sizes) for m in (nn.Linear(*pair), nn.ReLU()))
    )[:-1]
    model.load_state_dict(dict(zip(model.state_dict(), result.weights.values(), strict=True)))
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
        logits = model((torch.from_numpy(images).float() / 255 - 0.1307) / 0.3081)
        target = torch.from_numpy(labels).long()
        assert loss == pytest.approx(nn.functional.cross_entropy(logits, target).item(), rel=1e-4)
        assert accuracy == pytest.approx((logits.argmax(1) == target).float().mean().item())


def test_overflow_is_a_result(trial: Trial, small_dataset: Dataset) -> None:
    alone = replace(trial, sigma=0.05)
    huge = replace(trial, sigma=1e20)
    [diverged, healthy] = train_group([huge, alone], small_dataset, CPU)
    assert diverged.diverged
    assert 0 <= diverged.history[-1].test_accuracy <= 1
    assert not healthy.diverged
    assert same_bits(healthy, train_group([alone], small_dataset, CPU)[0])
