"""Every activation: what the engine calls, what theory computes with, against torch.nn."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional, init

from stages.core.activations import ACTIVATIONS

TORCH: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": functional.relu,
    "leaky_relu": functional.leaky_relu,
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "gelu": functional.gelu,
    "silu": functional.silu,
    "linear": lambda z: z * 1,
}


@pytest.fixture(scope="module")
def pre_activations() -> Tensor:
    """Tiny, middle and huge ones (5, 33, 64)."""
    generator = torch.Generator().manual_seed(0)
    scales = torch.tensor([1e-6, 0.01, 1.0, 10.0, 1e4])
    return torch.randn(5, 33, 64, generator=generator) * scales[:, None, None]


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_function_and_slope_are_those_of_torch(name: str, pre_activations: Tensor) -> None:
    z = pre_activations.double().requires_grad_()
    output = TORCH[name](z)
    output.sum().backward()
    assert z.grad is not None
    activation, numbers = ACTIVATIONS[name], z.detach().numpy()
    np.testing.assert_allclose(
        activation.function(numbers), output.detach(), rtol=1e-10, atol=1e-14
    )
    np.testing.assert_allclose(activation.slope(numbers), z.grad, rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize("name", [name for name, a in ACTIVATIONS.items() if a.forward])
def test_operators_give_the_bits_of_autograd_in_place(name: str, pre_activations: Tensor) -> None:
    activation = ACTIVATIONS[name]
    forward, backward = activation.forward, activation.backward
    assert forward is not None
    assert backward is not None
    z = pre_activations.clone().requires_grad_()
    expected = TORCH[name](z)
    gradient = torch.randn(z.shape, generator=torch.Generator().manual_seed(1))
    expected.backward(gradient)

    before = pre_activations.clone()
    output = before if activation.reads == "output" else torch.empty_like(before)
    getattr(torch.ops.aten, forward.name).out(before, *forward.arguments, out=output)
    assert torch.equal(output, expected.detach())
    read = output if activation.reads == "output" else before
    operator = getattr(torch.ops.aten, backward.name).grad_input
    operator(gradient, read, *backward.arguments, grad_input=gradient)
    assert z.grad is not None
    assert torch.equal(gradient, z.grad)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_gains_are_those_of_torch_or_keep_the_mean_square(name: str) -> None:
    gain = ACTIVATIONS[name].gain
    try:
        known = init.calculate_gain(name, 0.01 if name == "leaky_relu" else None)  # type: ignore[arg-type]
        assert ACTIVATIONS[name].torch_knows
    except ValueError:
        z, weight = np.polynomial.hermite_e.hermegauss(100)
        mean_square = weight @ ACTIVATIONS[name].function(z) ** 2 / weight.sum()
        known = 1 / np.sqrt(mean_square)
        assert not ACTIVATIONS[name].torch_knows
    assert gain == pytest.approx(known, rel=1e-9)
