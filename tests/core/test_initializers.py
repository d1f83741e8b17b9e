"""Named schemes against what `torch.nn` draws by itself."""

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from stages.core.initializers import initial_parameters
from stages.core.trial import Trial

SCHEMES: dict[str, Callable[[Tensor], Tensor]] = {
    "xavier_normal": nn.init.xavier_normal_,
    "xavier_uniform": nn.init.xavier_uniform_,
    "kaiming_normal": lambda w: nn.init.kaiming_normal_(w, nonlinearity="relu"),
    "kaiming_uniform": lambda w: nn.init.kaiming_uniform_(w, nonlinearity="relu"),
    "orthogonal": nn.init.orthogonal_,
}


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_scheme_is_distributed_as_in_torch_and_has_no_bias(scheme: str, trial: Trial) -> None:
    ours = initial_parameters(replace(trial, sigma=None, initializer=scheme))
    for name, tensor in ours.items():
        if name.endswith("bias"):
            assert not tensor.any()
        else:
            theirs = SCHEMES[scheme](torch.empty(tensor.shape))
            assert_alike(tensor, theirs)


def test_pytorch_default_is_distributed_as_a_linear_layer(trial: Trial) -> None:
    ours = initial_parameters(replace(trial, sigma=None, initializer="pytorch_default"))
    for i, (fan_in, fan_out) in enumerate(((784, 128), (128, 64), (64, 10)), 1):
        linear = nn.Linear(fan_in, fan_out)
        assert_alike(ours[f"fc{i}.weight"], linear.weight.detach())
        bias = ours[f"fc{i}.bias"]
        assert bias.abs().max() <= 1 / fan_in**0.5
        assert bias.std() > 0.2 / fan_in**0.5


def assert_alike(ours: Tensor, theirs: Tensor) -> None:
    tolerance = 4 / ours.numel() ** 0.5
    assert ours.std().item() == pytest.approx(theirs.std().item(), rel=tolerance)
    ours_peak, theirs_peak = (float(t.abs().max() / t.std()) for t in (ours, theirs))
    assert ours_peak == pytest.approx(theirs_peak, rel=0.35)


def test_the_normal_start_is_sigma_times_one_noise(trial: Trial) -> None:
    low = initial_parameters(replace(trial, sigma=0.25))
    high = initial_parameters(replace(trial, sigma=1.0))
    for name in low:
        torch.testing.assert_close(4 * low[name], high[name])
        assert high[name].std().item() == pytest.approx(1, abs=4 / low[name].numel() ** 0.5)
