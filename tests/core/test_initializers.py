"""Starts: distributed as their papers and `torch.nn` say, on the noise that all of them share."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import sqrt

import pytest
import torch
from torch import Tensor, nn

from stages.core.activations import ACTIVATIONS
from stages.core.initializers import BlankPerceptron, drawn
from stages.core.networks import Perceptron, Shapes
from stages.core.starts import NORMAL, SCHEMES, Start, fan_in

Named = dict[str, Tensor]

PUBLISHED: dict[str, Callable[[Tensor, float], Tensor]] = {
    "xavier_normal": lambda w, _: nn.init.xavier_normal_(w),
    "xavier_uniform": lambda w, _: nn.init.xavier_uniform_(w),
    "kaiming_normal": lambda w, gain: nn.init.normal_(w, 0, gain / sqrt(w.shape[1])),
    "kaiming_uniform": lambda w, gain: _uniform(w, sqrt(3) * gain / sqrt(w.shape[1])),
    "orthogonal": lambda w, _: nn.init.orthogonal_(w),
    "pytorch_default": lambda w, _: _uniform(w, 1 / sqrt(w.shape[1])),
}
WITHOUT_BIAS = [scheme for scheme in SCHEMES if scheme != "pytorch_default"]


def _uniform(weight: Tensor, bound: float) -> Tensor:
    return nn.init.uniform_(weight, -bound, bound)


def blank(
    sizes: tuple[int, ...] = (784, 128, 64, 10), activation: str = "relu", seed: int = 0
) -> BlankPerceptron:
    images = torch.randn(256, sizes[0], generator=torch.Generator().manual_seed(9))
    generator = torch.Generator().manual_seed(seed)
    return BlankPerceptron(Perceptron(sizes, activation), generator, lambda: images)


def start(scheme: str, activation: str = "relu") -> Named:
    return drawn(Start(scheme), blank(activation=activation))


@pytest.mark.parametrize("activation", ["relu", "tanh"])
@pytest.mark.parametrize("scheme", PUBLISHED)
def test_a_scheme_is_distributed_as_published(scheme: str, activation: str) -> None:
    torch.manual_seed(0)
    for name, ours in start(scheme, activation).items():
        if name.endswith("weight"):
            gain = ACTIVATIONS[activation].gain
            assert_alike(ours, PUBLISHED[scheme](torch.empty(ours.shape), gain))


def assert_alike(ours: Tensor, theirs: Tensor) -> None:
    tolerance = 4 / ours.numel() ** 0.5
    assert ours.std().item() == pytest.approx(theirs.std().item(), rel=tolerance)
    tails = [(t / t.std()).pow(4).mean().item() for t in (ours, theirs)]  # normal 3, uniform 1.8
    assert tails[0] == pytest.approx(tails[1], rel=0.25)


@pytest.mark.parametrize("scheme", WITHOUT_BIAS)
def test_biases_of_a_scheme_are_zero(scheme: str) -> None:
    assert not any(t.any() for name, t in start(scheme).items() if name.endswith("bias"))


def test_biases_of_the_default_are_those_of_a_linear_layer() -> None:
    parameters = start("pytorch_default")
    for layer, inputs in ((1, 784), (2, 128), (3, 64)):
        bias = parameters[f"fc{layer}.bias"]
        assert bias.abs().max() <= 1 / inputs**0.5
        assert bias.std() > 0.2 / inputs**0.5


def test_zeros_and_constants_leave_all_units_of_a_layer_equal() -> None:
    assert not any(tensor.any() for tensor in start("zeros").values())
    for name, tensor in start("constant").items():
        if name.endswith("weight"):
            torch.testing.assert_close(tensor.sum(1), torch.ones(len(tensor)))
            assert len(tensor.unique()) == 1


def test_identity_passes_on_what_comes_where_it_can() -> None:
    parameters = drawn(Start("identity"), blank((20, 16, 16, 10)))
    assert torch.equal(parameters["fc2.weight"], torch.eye(16))
    assert_alike(parameters["fc1.weight"], torch.randn(16, 20) * sqrt(2 / 20))


@pytest.mark.parametrize("activation", ["relu", "tanh", "sigmoid"])
def test_lsuv_gives_every_layer_an_output_of_unit_variance(activation: str) -> None:
    network = blank((300, 128, 64, 32, 10), activation)
    parameters = drawn(Start("lsuv"), network)
    for layer in network.layers:
        weight = parameters[layer]
        assert network.output(parameters, layer).var().item() == pytest.approx(1, abs=0.1)
        products = weight @ weight.T
        torch.testing.assert_close(
            products / products[0, 0], torch.eye(len(weight)), atol=1e-4, rtol=0
        )


def test_the_normal_start_is_sigma_times_one_noise() -> None:
    low, high = (drawn(Start(NORMAL, sigma), blank()) for sigma in (0.25, 1.0))
    for name in low:
        torch.testing.assert_close(4 * low[name], high[name])
        assert high[name].std().item() == pytest.approx(1, abs=4 / low[name].numel() ** 0.5)


def test_scale_and_biases_change_factors_and_not_the_noise() -> None:
    noise = drawn(Start(NORMAL, 1.0), blank())
    scaled = drawn(Start(NORMAL, 3.0, "fan_in"), blank())
    zero = drawn(Start(NORMAL, 3.0, biases=0.0), blank())
    number = drawn(Start(NORMAL, 3.0, "fan_in", 0.5), blank())
    for name, tensor in noise.items():
        weight = name.replace("bias", "weight")
        torch.testing.assert_close(scaled[name], 3 / sqrt(noise[weight].shape[1]) * tensor)
        if name.endswith("bias"):
            assert torch.equal(zero[name], torch.zeros(tensor.shape))
            assert torch.equal(number[name], 0.5 * tensor)
        else:
            assert torch.equal(zero[name], 3 * tensor)
            assert torch.equal(number[name], scaled[name])


@dataclass
class _Normalised:
    """A kernel, its normalisation and a matrix, as a module has them."""

    generator: torch.Generator
    gain: float = 5 / 3
    layers: tuple[str, ...] = ("conv.weight", "last.weight")

    @property
    def shapes(self) -> Shapes:
        return {
            "conv.weight": (8, 8, 3, 3),
            "conv.bias": (8,),
            "norm.weight": (8,),
            "norm.bias": (8,),
            "last.weight": (10, 72),
            "last.bias": (10,),
        }

    def default(self) -> Named:
        """Of no meaning, but for the gains."""
        return {
            name: torch.full(shape, float("norm.w" in name)) for name, shape in self.shapes.items()
        }

    def output(self, parameters: Named, layer: str) -> Tensor:
        return parameters[layer]


def normalised(start: Start) -> Named:
    return drawn(start, _Normalised(torch.Generator().manual_seed(0)))


@pytest.mark.parametrize("scheme", WITHOUT_BIAS)
def test_a_scheme_leaves_gains_of_normalisation_at_one(scheme: str) -> None:
    parameters = normalised(Start(scheme))
    assert torch.equal(parameters["norm.weight"], torch.ones(8))
    assert not parameters["norm.bias"].any()
    assert not parameters["conv.bias"].any()


def test_all_trainable_parameters_have_sigma_unless_biases_are_told_otherwise() -> None:
    noise = normalised(Start(NORMAL, 1.0))
    scaled, zero = (
        normalised(Start(NORMAL, 2.0, "fan_in")),
        normalised(Start(NORMAL, 2.0, biases=0.0)),
    )
    factors = {"conv": 2 / sqrt(72), "norm": 2.0, "last": 2 / sqrt(72)}
    for name, tensor in noise.items():
        torch.testing.assert_close(scaled[name], factors[name.partition(".")[0]] * tensor)
    assert torch.equal(zero["norm.weight"], torch.ones(8))
    assert not any(zero[name].any() for name in zero if name.endswith("bias"))
    assert torch.equal(zero["last.weight"], 2 * noise["last.weight"])


def test_kernels_are_scaled_by_all_their_inputs_as_torch_counts_them() -> None:
    for layer in (nn.Conv2d(8, 4, 3), nn.Conv2d(8, 4, 3, groups=2), nn.ConvTranspose2d(8, 4, 3)):
        expected, _ = nn.init._calculate_fan_in_and_fan_out(layer.weight)
        assert fan_in(layer.weight.shape) == expected


def test_an_identity_kernel_passes_on_its_channels() -> None:
    kernel = normalised(Start("identity"))["conv.weight"]
    images = torch.randn(2, 8, 5, 5)
    passed = nn.functional.conv2d(images, kernel, padding=1)
    torch.testing.assert_close(passed, images)


def test_one_seed_is_one_start_and_two_are_two() -> None:
    for scheme in ("orthogonal", "lsuv", "kaiming_uniform"):
        first, again = start(scheme), start(scheme)
        other = drawn(Start(scheme), blank(seed=1))
        assert all(torch.equal(first[name], again[name]) for name in first)
        assert not torch.equal(first["fc1.weight"], other["fc1.weight"])


def test_a_normal_start_draws_weights_and_biases_layer_after_layer() -> None:
    network = replace(blank(), generator=torch.Generator().manual_seed(7))
    parameters = drawn(Start(NORMAL, 0.5), network)
    generator = torch.Generator().manual_seed(7)
    for name, shape in network.shapes.items():
        expected = torch.empty(shape).normal_(generator=generator).mul_(0.5)
        assert torch.equal(parameters[name], expected)
