"""Predicted scales against networks that are really drawn, and against closed forms."""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from math import inf, isnan, nan, sqrt

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch.nn import functional

from stages.analysis.meanfield import chi_1, fixed_point_q
from stages.analysis.theory import (
    LayerScale,
    Scale,
    log_error,
    predict_scales,
)
from stages.core.activations import ACTIVATIONS
from stages.core.dataset import Dataset
from tests.core.test_activations import TORCH

Images = NDArray[np.float64]
Labels = NDArray[np.uint8]
SIGMAS = (1e-3, 0.05, 1.0)
STARTS: list[tuple[Scale, float | None, Sequence[float]]] = [
    ("sigma", None, SIGMAS),
    ("sigma", 0.0, SIGMAS),
    ("fan_in", None, (0.1, 1.0, 100.0)),
    ("fan_in", 0.3, (0.1, 1.0, 100.0)),
]


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """Two spin longer beside each other than these matrices take."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def clusters() -> tuple[Images, Labels]:
    """64 images (64, 50), each near the centre of its class; classes are not equally frequent."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 10, 64, dtype=np.uint8)
    centres = rng.standard_normal((10, 50))
    return centres[labels] + 0.5 * rng.standard_normal((64, 50)), labels


@pytest.fixture
def digits(small_dataset: Dataset) -> tuple[Images, Labels]:
    """The 200 training images of the small data set, normalised."""
    return (
        small_dataset.train_images / 255 - small_dataset.mean
    ) / small_dataset.std, small_dataset.train_labels


def measure(
    images: Images,
    labels: Labels,
    sizes: Sequence[int],
    sigmas: Sequence[float],
    networks: int,
    *,
    activation: str = "relu",
    scale: Scale = "sigma",
    biases: float | None = None,
) -> Images:
    """Squares of activation RMS and gradient norm (networks, sigmas, layers, 2) by autograd."""
    generator = torch.Generator().manual_seed(0)
    inputs, classes = torch.from_numpy(images).float(), torch.from_numpy(labels).long()
    measured = []
    for _ in range(networks):
        shapes = [shape for i, o in pairwise(sizes) for shape in ((o, i), (o,))]
        noise = [torch.randn(shape, generator=generator) for shape in shapes]
        for sigma in sigmas:
            layers = []
            for weight, bias in zip(noise[::2], noise[1::2], strict=True):
                std = sigma / sqrt(weight.shape[1]) if scale == "fan_in" else sigma
                bias_std = std if biases is None else biases
                layers.append(((std * weight).requires_grad_(), bias_std * bias))
            h, squares = inputs, []
            for weight, bias in layers[:-1]:
                h = TORCH[activation](functional.linear(h, weight, bias))
                squares.append(h.square().mean().item())
            logits = functional.linear(h, *layers[-1])
            squares.append(logits.square().mean().item())
            functional.cross_entropy(logits, classes).backward()
            for square, (weight, _) in zip(squares, layers, strict=True):
                assert weight.grad is not None
                measured.append((square, weight.grad.square().sum().item()))
    return np.array(measured).reshape(networks, len(sigmas), len(sizes) - 1, 2)


def squares(predicted: Sequence[Sequence[LayerScale]]) -> Images:
    """Predictions in the form of `measure` (sigmas, layers, 2)."""
    scales = [[(s.activation_rms, s.gradient_norm) for s in layers] for layers in predicted]
    return np.array(scales) ** 2


def assert_means_agree(measured: Images, predicted: Images, bias: float) -> None:
    """Means over networks lie within 4 standard errors, and `bias` (a share of the prediction)."""
    error = measured.std(axis=0, ddof=1) / sqrt(len(measured))
    off = np.abs(measured.mean(axis=0) - predicted)
    assert (off <= 4 * error + bias * predicted).all(), off / predicted


@pytest.mark.parametrize("sigma", SIGMAS)
def test_a_single_layer_agrees_with_drawn_logits(
    sigma: float, clusters: tuple[Images, Labels]
) -> None:
    # Nothing is approximate in a linear classifier but the 100 draws of the prediction, whose
    # square has a relative standard error of about sqrt(2 / (9 * 100)) = 0.05.
    images, labels = clusters
    measured = measure(images, labels, (50, 10), [sigma], networks=500)
    assert_means_agree(measured, squares(predict_scales(images, labels, (50, 10), [sigma])), 0.1)


def test_wide_networks_agree_within_their_spread(clusters: tuple[Images, Labels]) -> None:
    # 4 standard errors of 20 networks; 0.1 for the draws of the prediction, as above.
    images, labels = clusters
    sizes = (50, 1000, 1000, 10)
    measured = measure(images, labels, sizes, SIGMAS, networks=20)
    assert_means_agree(measured, squares(predict_scales(images, labels, sizes, SIGMAS)), 0.1)


@pytest.mark.parametrize(("scale", "biases", "sigmas"), STARTS)
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_every_activation_and_start_agrees_with_wide_networks(
    activation: str,
    scale: Scale,
    biases: float | None,
    sigmas: Sequence[float],
    clusters: tuple[Images, Labels],
) -> None:
    # 0.15: a tenth as above, and layers of 400 units
    images, labels = clusters
    sizes = (50, 400, 400, 10)
    predicted = predict_scales(
        images, labels, sizes, sigmas, activation=activation, scale=scale, biases=biases
    )
    measured = measure(
        images,
        labels,
        sizes,
        sigmas,
        networks=15,
        activation=activation,
        scale=scale,
        biases=biases,
    )
    assert_means_agree(measured, squares(predicted), 0.15)


def test_deep_networks_end_at_the_fixed_point(clusters: tuple[Images, Labels]) -> None:
    images, labels = clusters
    sizes = (50, *[100] * 40, 10)
    [scales] = predict_scales(
        images[:1],
        labels[:1],
        sizes,
        [sqrt(1.5)],
        activation="tanh",
        scale="fan_in",
        biases=sqrt(0.05),
    )
    assert scales[-1].activation_rms ** 2 == pytest.approx(fixed_point_q("tanh", 1.5, 0.05))
    # Gradients shrink by the root of χ_1 a layer.
    ratio = scales[20].gradient_norm / scales[30].gradient_norm
    assert ratio**2 == pytest.approx(chi_1("tanh", 1.5, 0.05) ** 10, rel=1e-4)


def test_the_real_sizes_agree(digits: tuple[Images, Labels]) -> None:
    # A tenth of a decade: 20 networks, and layers as narrow as 64 units.
    sizes = (784, 128, 64, 10)
    measured = np.sqrt(measure(*digits, sizes, SIGMAS, networks=20).mean(axis=0))
    predicted = np.sqrt(squares(predict_scales(*digits, sizes, SIGMAS)))
    np.testing.assert_allclose(np.log10(measured / predicted), 0, atol=0.1)


@pytest.mark.parametrize("sigma", [1e-4, *SIGMAS, 10.0])
def test_one_image_follows_the_variances_of_he(
    sigma: float, clusters: tuple[Images, Labels]
) -> None:
    images, labels = clusters
    [scales] = predict_scales(images[:1], labels[:1], (50, 30, 20, 10), [sigma])
    q1 = sigma**2 * (images[0] @ images[0] + 1)
    q2 = sigma**2 * (30 * q1 / 2 + 1)
    q3 = sigma**2 * (20 * q2 / 2 + 1)
    rms = [scale.activation_rms for scale in scales]
    assert rms == pytest.approx([sqrt(q1 / 2), sqrt(q2 / 2), sqrt(q3)], rel=1e-12)
    # What passes from layer to layer, without the error at the top.
    squared = [scale.gradient_norm**2 for scale in scales]
    error = squared[2] / (20 * q2 / 2)
    assert squared[1] == pytest.approx(error * sigma**2 * 20 / 2 * 30 * q1 / 2, rel=1e-6)
    backward = sigma**4 * 20 / 2 * 30 / 2
    assert squared[0] == pytest.approx(error * backward * (images[0] @ images[0]), rel=1e-6)


def test_the_error_of_one_image_has_its_limits(clusters: tuple[Images, Labels]) -> None:
    # No confidence: 9 times 0.1² and 0.9². Full confidence, at chance: two ones, or 0 in 1 of 10.
    images, labels = clusters
    length = images[0] @ images[0]
    [unsure], [sure] = predict_scales(images[:1], labels[:1], (50, 10), [1e-9, 1e6])
    assert unsure.gradient_norm**2 == pytest.approx(0.9 * length)
    assert sure.gradient_norm**2 == pytest.approx(1.8 * length, rel=1e-3)


def test_black_images_leave_the_biases() -> None:
    images, labels = np.zeros((32, 50)), np.arange(32, dtype=np.uint8) % 10
    [first, second, last] = predict_scales(images, labels, (50, 30, 20, 10), [0.3])[0]
    assert first.activation_rms == pytest.approx(0.3 / sqrt(2))
    assert second.activation_rms == pytest.approx(sqrt(0.09 * (30 * 0.045 + 1) / 2))
    assert first.gradient_norm == 0
    # All images are one, and the labels' frequencies, 4 or 3 in 32, nearly cancel their gradients.
    pulls = 2 * (4 / 32 - 0.1) ** 2 + 8 * (3 / 32 - 0.1) ** 2
    hidden = 20 * second.activation_rms**2
    assert pulls * hidden < last.gradient_norm**2 < (pulls + 0.05) * hidden


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_black_images_without_biases_are_predicted_too(activation: str) -> None:
    images, labels = np.zeros((8, 50)), np.arange(8, dtype=np.uint8)
    [scales] = predict_scales(
        images, labels, (50, 30, 20, 10), [0.3], activation=activation, biases=0.0
    )
    rms = 0.5 if activation == "sigmoid" else 0.0
    assert scales[0].activation_rms == pytest.approx(rms, abs=1e-12)
    assert np.isfinite([scale.gradient_norm for scale in scales]).all()


def test_logits_beyond_the_range_of_exp_stay_finite(clusters: tuple[Images, Labels]) -> None:
    [scales] = predict_scales(*clusters, (50, 30, 20, 10), [1e3])
    assert scales[-1].activation_rms > 1e9
    assert np.isfinite([scale.gradient_norm for scale in scales]).all()


def test_the_order_of_images_does_not_matter(clusters: tuple[Images, Labels]) -> None:
    # Activations to rounding; gradients to the draws, which fall on other images.
    images, labels = clusters
    order = np.random.default_rng(1).permutation(len(labels))
    sizes = (50, 128, 64, 10)
    here = squares(predict_scales(images, labels, sizes, SIGMAS))
    there = squares(predict_scales(images[order], labels[order], sizes, SIGMAS))
    np.testing.assert_allclose(there[..., 0], here[..., 0], rtol=1e-12)
    np.testing.assert_allclose(there[..., 1], here[..., 1], rtol=0.2)


def test_a_sigma_is_predicted_alike_among_others(clusters: tuple[Images, Labels]) -> None:
    together = predict_scales(*clusters, (50, 30, 10), SIGMAS)
    assert together == [predict_scales(*clusters, (50, 30, 10), [s])[0] for s in SIGMAS]


def test_log_error_is_the_mean_distance_in_decades() -> None:
    error = log_error([10.0, 1.0, 1e-3], [1.0, 100.0, 1e-3])
    assert error.mean == pytest.approx(1.0)
    assert error.compared == 3


def test_log_error_leaves_out_what_has_no_logarithm() -> None:
    assert log_error([10.0, 0.0, nan, 1.0], [1.0, 1.0, 1.0, inf]) == (1.0, 1)
    nothing = log_error([0.0], [1.0])
    assert isnan(nothing.mean)
    assert nothing.compared == 0
