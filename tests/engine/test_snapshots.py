"""What both trainers keep of a network at each moment, against its weights and plain PyTorch."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn.functional import linear

from stages.core.dataset import Dataset
from stages.core.networks import PERCEPTRON
from stages.core.starts import NORMAL, Start
from stages.core.trial import Trial
from stages.engine.batched.trainer import train_group
from stages.engine.modules.describe import describe
from stages.engine.modules.trainer import train_module
from stages.engine.results import TrialResult
from tests.conftest import REPOSITORY

CPU = torch.device("cpu")
NETWORKS = [PERCEPTRON, "networks/lenet.py:LeNet"]


def trained(network: str, trial: Trial, dataset: Dataset) -> TrialResult:
    if network == PERCEPTRON:
        return train_group([trial], dataset, CPU)[0]
    module = replace(trial, network=describe(network, dataset, REPOSITORY))
    return train_module(module, dataset, CPU, folder=REPOSITORY)


def weights(result: TrialResult, tensors: dict[str, Tensor]) -> list[Tensor]:
    return [tensors[name] for name in result.trial.network.layers]


@pytest.mark.parametrize("network", NETWORKS)
def test_every_weight_is_counted_in_the_bin_where_it_lies(
    network: str, trial: Trial, small_dataset: Dataset
) -> None:
    result = trained(network, trial, small_dataset)
    for moment, tensors in ((0, result.initial), (-1, result.weights)):
        for layer, matrix in enumerate(weights(result, tensors)):
            values = matrix.numpy().astype(np.float64).ravel()
            deviation = float(np.sqrt((values**2).mean()))
            measured = result.snapshots["deviations"][moment, layer].item()
            assert measured == pytest.approx(deviation, rel=1e-6)
            edges = deviation * np.array([-np.inf, *np.arange(-32, 33) / 8, np.inf])
            expected, _ = np.histogram(values, edges)
            counts = result.snapshots["histograms"][moment, layer].numpy()
            assert counts.sum() == values.size
            assert np.abs(counts - expected).sum() <= 2, "a weight on an edge may go either way"


def test_weights_that_overflowed_are_not_counted(trial: Trial, small_dataset: Dataset) -> None:
    diverging = replace(trial, optimizer="sgd", learning_rate=1e30, start=Start(NORMAL, 1.0))
    snapshots = trained(PERCEPTRON, diverging, small_dataset).snapshots
    assert snapshots["histograms"][0].any(dim=1).all()
    assert not snapshots["histograms"][-1].any()
    assert not snapshots["deviations"][-1].isfinite().any()


@pytest.mark.parametrize("network", NETWORKS)
def test_the_first_layer_is_kept_after_epochs_that_are_powers_of_two(
    network: str, trial: Trial, small_dataset: Dataset
) -> None:
    lengths = (1, 2, 4, 5)
    results = [trained(network, replace(trial, epochs=n), small_dataset) for n in lengths]
    features = results[-1].snapshots["features"]
    assert len(features) == 3, "after 1, 2 and 4 of 5 epochs"
    for kept, result in zip(features, results, strict=False):
        [first, *_] = weights(result, result.weights)
        assert torch.equal(kept, first[:16].flatten(1))


def test_answers_are_those_of_the_network_to_the_first_image_of_each_class(
    trial: Trial, small_dataset: Dataset
) -> None:
    [result] = train_group([trial], small_dataset, CPU)
    assert small_dataset.test_labels[small_dataset.shown].tolist() == list(range(10))
    pixels = torch.from_numpy(small_dataset.test_images[small_dataset.shown]).float()
    images = (pixels / 255 - small_dataset.mean) / small_dataset.std
    for moment, tensors in ((0, result.initial), (-1, result.weights)):
        values = images
        for name in trial.network.layers:
            outputs = linear(values, tensors[name], tensors[name.replace("weight", "bias")])
            values = outputs.relu()
        torch.testing.assert_close(
            result.snapshots["answers"][moment], outputs, rtol=1e-4, atol=1e-4
        )
