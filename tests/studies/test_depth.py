"""The study of depth: batched training against PyTorch, the doors."""

import csv
import math
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml

from stages.analysis.meanfield import depth_scale
from stages.core.dataset import Dataset
from stages.figures.style import house_style
from studies.depth.networks import ACTIVATIONS, Group, initial_layers, sgd_step, train_group
from studies.depth.params import read_params
from studies.depth.plot import Grid, Theory, trainability, trainability_caption
from tests.conftest import REPOSITORY, stage_environment

STUDY = Path("studies/depth")
RELU_DEPTH_SCALE = partial(depth_scale, "relu", sigma_b2=0.0)
TINY = {
    "depth_min": 2,
    "depth_max": 4,
    "num_depths": 2,
    "num_sigma_w2": 3,
    "width": 32,
    "steps": 40,
    "batch_size": 32,
    "lr": 0.05,
}


@pytest.fixture
def group() -> Group:
    return Group("tanh", 3, 32, (1.0, 1.7, 3.0), 0.05, steps=20, batch_size=32, lr=0.05, seed=0)


@pytest.mark.parametrize("name", ["tanh", "relu"])
def test_steps_agree_with_torch_network_by_network(group: Group, name: str) -> None:
    activations = {"tanh": torch.nn.Tanh, "relu": torch.nn.ReLU}
    layers = initial_layers(group)
    sequences = []
    for k in range(len(group.sigma_w2s)):
        modules: list[torch.nn.Module] = []
        for layer in layers:
            linear = torch.nn.Linear(*layer.weight.shape[1:])
            linear.weight.data, linear.bias.data = layer.weight[k].T.clone(), layer.bias[k, 0] + 0
            modules += [linear, activations[name]()]
        sequences.append(torch.nn.Sequential(*modules[:-1]))
    generator = torch.Generator().manual_seed(0)
    for _ in range(3):
        batch = torch.randn(32, 784, generator=generator)
        labels = torch.randint(0, 10, (32,), generator=generator)
        logits = sgd_step(layers, ACTIVATIONS[name], batch, labels, lr=0.1)
        for k, network in enumerate(sequences):
            optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
            expected = network(batch)
            torch.nn.functional.cross_entropy(expected, labels).backward()
            torch.testing.assert_close(logits[k], expected, rtol=1e-4, atol=1e-5)
            optimizer.step()
            optimizer.zero_grad()
    for k, network in enumerate(sequences):
        for number, layer in enumerate(layers):
            weight, bias = network[2 * number].parameters()
            torch.testing.assert_close(layer.weight[k].T, weight, rtol=1e-4, atol=1e-6)
            torch.testing.assert_close(layer.bias[k, 0], bias, rtol=1e-4, atol=1e-6)


def test_initial_variances_and_common_noise(group: Group) -> None:
    layers = initial_layers(group)
    for layer, fan_in in zip(layers, (784, 32, 32, 32), strict=True):
        ratio = layer.weight[2] / layer.weight[0]
        torch.testing.assert_close(ratio, torch.full_like(ratio, math.sqrt(3)))
        variance = layer.weight[0].var().item() * fan_in
        assert variance == pytest.approx(1.0, rel=0.3)
    assert torch.cat([layer.bias[0, 0] for layer in layers]).var() == pytest.approx(0.05, rel=0.5)


def test_neighbours_change_no_result(group: Group, small_dataset: Dataset) -> None:
    alone = Group(**{**vars(group), "sigma_w2s": group.sigma_w2s[1:2]})
    together = train_group(group, small_dataset)
    (score,) = train_group(alone, small_dataset)
    assert score == together[1]


def test_a_network_that_overflows_counts_as_chance(group: Group, small_dataset: Dataset) -> None:
    wild = Group(**{**vars(group), "activation": "relu", "depth": 30, "sigma_w2s": (2.0, 900.0)})
    calm, overflowed = train_group(wild, small_dataset)
    assert not calm.diverged
    assert overflowed.diverged
    assert overflowed.test_accuracy == pytest.approx(0.1135)


def run_door(workspace: Path, door: str, **changes: Any) -> subprocess.CompletedProcess[str]:
    """Run a door of the study on the shipped parameters made tiny, then changed."""
    params = yaml.safe_load((REPOSITORY / STUDY / "params.yaml").read_text())
    (workspace / STUDY).mkdir(parents=True, exist_ok=True)
    text = yaml.safe_dump({**params, **TINY, **changes})
    (workspace / STUDY / "params.yaml").write_text(text)
    return subprocess.run(
        [sys.executable, "-m", f"studies.depth.{door}"],
        cwd=workspace,
        env=stage_environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_a_tiny_run_gives_table_and_picture_and_goes_on_to_the_same_bits(workspace: Path) -> None:
    first = run_door(workspace, "train")
    assert first.returncode == 0, first.stderr
    assert "4 groups: 0 reused, 4 to train" in first.stdout
    table = workspace / STUDY / "metrics" / "trainability.csv"
    content = table.read_bytes()
    rows = list(csv.DictReader(content.decode().splitlines()))
    assert len(rows) == 2 * 2 * 3
    assert list(rows[0]) == [
        "activation",
        "depth",
        "sigma_w2",
        "train_accuracy",
        "test_accuracy",
        "diverged",
    ]
    kept = sorted((workspace / "data" / "cache" / "depth").glob("*.json"))
    kept[0].unlink()
    kept[1].write_bytes(kept[1].read_bytes().replace(b": 0.", b": 0.9", 1))
    kept[2].write_bytes(kept[3].read_bytes())
    kept[3].unlink()
    kept[3].mkdir()
    again = run_door(workspace, "train")
    assert "4 groups: 0 reused, 4 to train" in again.stdout
    assert [path.name for path in kept if path.name in again.stderr] == [k.name for k in kept[1:]]
    assert again.stderr.count("is damaged") == 3
    assert table.read_bytes() == content
    assert "4 groups: 4 reused, 0 to train" in run_door(workspace, "train").stdout
    drawn = run_door(workspace, "plot")
    assert drawn.returncode == 0, drawn.stderr
    picture = workspace / STUDY / "plots" / "trainability.png"
    assert picture.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"lr": -1}, "lr = -1: must be greater than 0"),
        ({"sigma_w2_max": 0.5}, "sigma_w2_max = 0.5: must be greater than sigma_w2_min"),
        ({"steps": None}, "steps = null: must be a whole number"),
        ({"momentum": 0.9}, "momentum is not a parameter; there are depth_min,"),
    ],
)
def test_a_wrong_parameter_is_one_line(
    tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    refused = run_door(tmp_path, "train", **change)
    assert refused.returncode == 1
    assert refused.stderr.count("\n") == 1
    assert f"train: studies/depth/params.yaml: {message}" in refused.stderr


def test_the_caption_explains_its_symbols_and_counts_only_what_there_is() -> None:
    params = read_params(REPOSITORY / STUDY / "params.yaml").model_copy(
        update={"steps": 1, "width": 1}
    )
    grid = Grid(np.array([5.0, 6.0]), np.array([1.9, 2.1]), np.full((2, 2), 0.9), np.zeros((2, 2)))
    relu = Theory("ReLU, σ_b = 0", 2.0, RELU_DEPTH_SCALE)
    caption = " ".join(trainability_caption([(grid, relu)], params))
    assert "1 unit a layer after 1 step of" in caption
    assert "χ₁ is the factor" in caption
    assert "ξ is the number of layers" in caption
    assert caption.endswith("ReLU: 4 of the 4 networks shallower than 6 ξ reach 50 %.")


def test_of_many_depths_some_are_labelled() -> None:
    depths = np.arange(5.0, 105.0)
    grid = Grid(depths, np.array([1.0, 2.0]), np.full((100, 2), 0.9), np.zeros((100, 2)))
    params = read_params(REPOSITORY / STUDY / "params.yaml")
    panel = (grid, Theory("ReLU, σ_b = 0", 2.0, RELU_DEPTH_SCALE))
    with house_style():
        axes, *_ = trainability([panel, panel], params).axes
    assert 5 < len(axes.get_yticks()) <= 14
