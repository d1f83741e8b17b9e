"""What the probes of both trainers measure of layers, against plain PyTorch on small networks."""

from collections.abc import Callable
from dataclasses import replace
from math import ceil, isnan
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.autograd.functional import hessian
from torch.nn.functional import cross_entropy
from torch.nn.utils import parameters_to_vector

from stages.core.dataset import Dataset
from stages.core.networks import Perceptron
from stages.core.starts import NORMAL, Start
from stages.core.trial import Trial
from stages.engine.batched.trainer import train_group
from stages.engine.curvature import sharpness
from stages.engine.modules.describe import describe
from stages.engine.modules.trainer import train_module
from stages.engine.results import TrialResult

CPU = torch.device("cpu")
PIXELS, HIDDEN = 16, 6
MODULE = f"""
from torch import nn

class Net(nn.Sequential):
    def __init__(self):
        super().__init__(
            nn.Flatten(), nn.Linear({PIXELS}, {HIDDEN}), nn.ReLU(), nn.Linear({HIDDEN}, 10)
        )
"""

Train = Callable[[Trial], TrialResult]


@pytest.fixture(scope="module")
def tiny(small_dataset: Dataset) -> Dataset:
    """4 x 4 pixels of each image."""
    some = slice(300, 300 + PIXELS)
    return replace(
        small_dataset,
        train_images=small_dataset.train_images[:, some],
        test_images=small_dataset.test_images[:, some],
        image_shape=(4, 4),
    )


@pytest.fixture(params=["batched", "module"])
def train(request: pytest.FixtureRequest, tiny: Dataset, tmp_path: Path) -> Train:
    """Train the perceptron 16-6-10, by the trainer of perceptrons or as anyone's module."""
    if request.param == "batched":
        network = Perceptron((PIXELS, HIDDEN, 10), "relu")
        return lambda trial: train_group([replace(trial, network=network)], tiny, CPU)[0]
    (tmp_path / "net.py").write_text(MODULE)
    module = describe("net.py:Net", tiny, tmp_path)
    return lambda trial: train_module(replace(trial, network=module), tiny, CPU, folder=tmp_path)


def moments(result: TrialResult) -> list[tuple[int, dict[str, Tensor]]]:
    return [(0, result.initial), (-1, result.weights)]


def model_of(parameters: dict[str, Tensor]) -> nn.Sequential:
    model = nn.Sequential(nn.Linear(PIXELS, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, 10))
    with torch.no_grad():
        for own, values in zip(model.parameters(), _in_order(parameters), strict=True):
            own.copy_(values)
    return model


def _in_order(parameters: dict[str, Tensor]) -> list[Tensor]:
    """Weight and bias, layer after layer."""
    weights = [tensor for tensor in parameters.values() if tensor.ndim == 2]
    biases = [tensor for tensor in parameters.values() if tensor.ndim == 1]
    return [tensor for pair in zip(weights, biases, strict=True) for tensor in pair]


def images_of(dataset: Dataset) -> tuple[Tensor, Tensor]:
    images = torch.from_numpy(dataset.train_images).float() / 255
    labels = torch.from_numpy(dataset.train_labels).long()
    return (images - dataset.mean) / dataset.std, labels


def mean_over_pairs(outputs: Tensor) -> float:
    """The cosine of every two rows (B, units) that are not 0, one after the other."""
    rows = outputs[outputs.any(1)].double()
    cosines = torch.cosine_similarity(rows[:, None], rows[None], dim=2)
    pairs = ~torch.eye(len(rows), dtype=torch.bool)
    return cosines[pairs].mean().item()


def test_the_cosine_is_the_mean_over_pairs_of_images(
    train: Train, trial: Trial, tiny: Dataset
) -> None:
    result = train(replace(trial, start=Start(NORMAL, 0.5)))
    images, _ = images_of(tiny)
    for moment, parameters in moments(result):
        model = model_of(parameters)
        outputs = [model[:2](images), model(images)]
        assert not outputs[0].any(1).all(), "some image should have no direction"
        for layer, output in zip(result.probes[moment].layers, outputs, strict=True):
            assert layer.cosine == pytest.approx(mean_over_pairs(output), abs=1e-5)


def test_weights_are_measured_in_size_distance_and_how_their_rows_differ(
    train: Train, trial: Trial
) -> None:
    result = train(trial)
    starts = _in_order(result.initial)[::2]
    for moment, parameters in moments(result):
        layers = result.probes[moment].layers
        for layer, start, weight in zip(layers, starts, _in_order(parameters)[::2], strict=True):
            rest = torch.stack([row - weight.mean(0) for row in weight])
            assert layer.weight_rms == pytest.approx(weight.square().mean().sqrt().item(), 1e-5)
            moved = (weight - start).square().mean().sqrt().item()
            assert layer.displacement == pytest.approx(moved, 1e-3, abs=1e-9)
            assert layer.row_spread == pytest.approx((rest.norm() / weight.norm()).item(), 1e-5)
            assert layer.movement == pytest.approx(
                moved / start.square().mean().sqrt().item(), 1e-3
            )


def test_equal_units_stay_equal_and_zeros_have_neither_direction_nor_spread(
    train: Train, trial: Trial
) -> None:
    constant = train(replace(trial, start=Start("constant")))
    assert [probe.layers[0].row_spread for probe in constant.probes] == [0, 0, 0]
    assert constant.probes[-1].layers[0].displacement > 0
    assert 0 == constant.probes[0].layers[1].row_spread < constant.probes[-1].layers[1].row_spread
    hidden = train(replace(trial, start=Start("zeros"))).probes[-1].layers[0]
    assert isnan(hidden.cosine)
    assert isnan(hidden.row_spread)
    assert hidden.weight_rms == hidden.displacement == 0


@pytest.mark.parametrize(("epsilon", "rate"), [(1e-8, 1e-3), (1e-2, 1e-3), (1e-2, 0.1)])
def test_damped_are_weights_that_learn_and_whose_step_epsilon_halves(
    epsilon: float, rate: float, train: Train, trial: Trial, tiny: Dataset
) -> None:
    """Second moments of dead units decay below any epsilon, but they have no step to be halved."""
    trial = replace(trial, adam_epsilon=epsilon, learning_rate=rate)
    result = train(trial)
    steps = trial.epochs * ceil(len(tiny.train_labels) / trial.batch_size)
    squares = _in_order(result.moments["exp_avg_sq"])[::2]
    roots = [(square.double() / (1 - 0.999**steps)).sqrt() for square in squares]
    for probe, parameters in ((0, result.initial), (-1, result.weights)):
        gradients = weight_gradients(parameters, tiny)
        of_layers = zip(result.probes[probe].layers, gradients, roots, strict=True)
        for layer, gradient, root in of_layers:
            first_root = gradient.double().abs()  # Adam's step by one gradient g is g / (|g| + ε)
            halved = (first_root if probe == 0 else root) < epsilon
            share = halved[gradient != 0].double().mean().item()
            assert layer.damped == pytest.approx(share, abs=2 / gradient.numel())
    last = result.probes[-1].layers[0]
    assert (last.damped > 0) == (epsilon > 1e-8)
    assert (last.dead_units > 0) == (rate > 1e-3)


def weight_gradients(parameters: dict[str, Tensor], dataset: Dataset) -> list[Tensor]:
    model, (images, labels) = model_of(parameters), images_of(dataset)
    weights = [p for p in model.parameters() if p.ndim > 1]
    return [*torch.autograd.grad(cross_entropy(model(images), labels), weights)]


@pytest.mark.parametrize("optimizer", ["sgd", "momentum"])
@pytest.mark.parametrize("sigma", [0.05, 1.0])
def test_sharpness_is_the_largest_eigenvalue_of_the_hessian_before_and_after_an_epoch(
    optimizer: str, sigma: float, train: Train, trial: Trial, tiny: Dataset
) -> None:
    trial = replace(trial, optimizer=optimizer, start=Start(NORMAL, sigma))
    measured = [probe.sharpness for probe in train(trial).probes]
    assert isnan(measured[2])
    result = train(replace(trial, epochs=1))
    assert [probe.sharpness for probe in result.probes] == measured[:2]
    for found, parameters in zip(measured, (result.initial, result.weights), strict=False):
        assert found == pytest.approx(largest_eigenvalue(parameters, tiny), rel=0.01)


def largest_eigenvalue(parameters: dict[str, Tensor], dataset: Dataset) -> float:
    model, (images, labels) = model_of(parameters), images_of(dataset)
    shapes = {name: parameter.shape for name, parameter in model.named_parameters()}

    def loss(flat: Tensor) -> Tensor:
        parts = flat.split([shape.numel() for shape in shapes.values()])
        named = {n: part.view(s) for (n, s), part in zip(shapes.items(), parts, strict=True)}
        return cross_entropy(torch.func.functional_call(model, named, (images,)), labels)

    matrix = hessian(loss, parameters_to_vector(model.parameters()).detach())
    return float(torch.linalg.eigvalsh(matrix.double())[-1])


def test_of_adam_and_of_deep_networks_sharpness_is_unknown_and_of_descent_what_epsilon_damps(
    trial: Trial, tiny: Dataset
) -> None:
    deep = replace(trial, network=Perceptron((PIXELS, *[HIDDEN] * 10, 10), "relu"), epochs=1)
    for optimizer in ("sgd", "adam"):
        [result] = train_group([replace(deep, optimizer=optimizer)], tiny, CPU)
        assert all(isnan(probe.sharpness) for probe in result.probes)
        damped = [layer.damped for probe in result.probes for layer in probe.layers]
        assert {isnan(share) for share in damped} == {optimizer == "sgd"}


def test_sharpness_is_of_the_largest_eigenvalue_not_of_the_one_farthest_from_zero() -> None:
    curvatures = torch.tensor([-50.0, 1.0, 2.0, 3.0, 7.0, 0.0, 0.1, 0.2, 0.3, 0.4])
    x = torch.ones(10, requires_grad=True)
    assert sharpness((curvatures * x**2).sum() / 2, [x]) == pytest.approx(7, rel=0.01)


def test_sharpness_is_unknown_where_the_loss_overflows_or_has_no_second_derivative(
    capfd: pytest.CaptureFixture[str],
) -> None:
    x = torch.ones(3, requires_grad=True)
    assert isnan(sharpness((x * torch.inf).square().sum(), [x]))
    assert isnan(sharpness((1e30 * x).pow(4).sum(), [x]))
    assert "".join(capfd.readouterr()) == ""  # LAPACK would say that it was handed NaN

    class Once(torch.autograd.Function):
        @staticmethod
        def forward(ctx: torch.autograd.function.FunctionCtx, x: Tensor) -> Tensor:
            return x.sum()

        @staticmethod
        @torch.autograd.function.once_differentiable
        def backward(ctx: torch.autograd.function.FunctionCtx, *grads: Tensor) -> Tensor:
            return grads[0].expand(3)

    assert isnan(sharpness(Once.apply(x), [x]))
