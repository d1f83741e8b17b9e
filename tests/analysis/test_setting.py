"""What Glorot and He would have taken in place of sigma, on the axis of a sweep."""

from math import sqrt
from typing import Literal

import pytest
import torch
from torch import nn

from tests.models import setting_of


@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_the_usual_sigmas_are_those_of_torch(activation: Literal["relu", "tanh"]) -> None:
    # 1e5 draws and more: a relative standard error of at most 1 / sqrt(2e5) = 0.22 %, times 4.
    setting = setting_of(model={"hidden": [512, 256], "activation": activation})
    for layer in setting.layers[:2]:
        weight = torch.empty(layer.fan_out, layer.fan_in)
        generator = torch.Generator().manual_seed(0)
        nn.init.xavier_normal_(weight, generator=generator)
        assert weight.std().item() == pytest.approx(setting.glorot(layer), rel=0.01)
        nn.init.kaiming_normal_(weight, nonlinearity=activation, generator=generator)
        assert weight.std().item() == pytest.approx(setting.he(layer), rel=0.01)


def test_times_the_root_of_fan_in_they_stand_on_that_axis() -> None:
    plain, scaled = setting_of(), setting_of(sweep={"scale": "fan_in"})
    for layer in plain.layers:
        root = sqrt(layer.fan_in)
        assert scaled.glorot(layer) == pytest.approx(plain.glorot(layer) * root)
        assert scaled.he(layer) == pytest.approx(plain.he(layer) * root)
