"""Networks trained in a notebook's process: those that the pipeline would train."""

import shutil
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file

from stages import live
from stages.engine.results import TrialResult
from stages.process.door import InputError
from tests.conftest import REPOSITORY, open_doors, write_params
from tests.test_train import train


def train_live(workspace: Path, **overrides: Any) -> list[TrialResult]:
    """Call `train` as a notebook does in the folder of a project with small parameters."""
    write_params(workspace)
    with open_doors(workspace):
        return live.train(overrides)


@pytest.mark.parametrize(
    ("network", "sigmas", "replicates"),
    [("perceptron", [1e-3, 0.05], 2), ("networks/lenet.py:LeNet", [0.05], 1)],
)
def test_the_same_bits_come_out_as_from_the_pipeline(
    workspace: Path, network: str, sigmas: list[float], replicates: int
) -> None:
    shutil.copytree(REPOSITORY / "networks", workspace / "networks")
    changes = {
        "model": {"network": network},
        "train": {"lr": 0.002},
        "sweep": {
            "sigmas": sigmas,
            "replicates": replicates,
            "initializers": ["pytorch_default"],
        },
    }
    results = train_live(workspace, **changes)
    assert [(r.trial.replicate, r.trial.start.sigma) for r in results] == [
        (replicate, sigma) for replicate in range(replicates) for sigma in (*sigmas, None)
    ]
    assert not (workspace / "data" / "models").exists()
    assert not list((workspace / "data").glob("cache/??"))
    train(workspace, **changes)
    for result in results:
        folder = workspace / "data" / "models" / result.trial.name
        trained = load_file(folder / "weights.safetensors")
        assert result.weights.keys() == trained.keys()
        assert all(result.weights[name].equal(trained[name]) for name in trained)


def test_a_value_that_makes_no_sense_is_one_line_and_nothing_is_trained(workspace: Path) -> None:
    with pytest.raises(InputError, match=r"^params.yaml and overrides: train.lr = -1: must be"):
        train_live(workspace, train={"lr": -1})
    with pytest.raises(InputError, match=r"sweep\.sigma is not a parameter") as raised:
        train_live(workspace, sweep={"sigma": 1})
    assert "\n" not in str(raised.value)


def test_each_epoch_is_told(workspace: Path) -> None:
    write_params(workspace)
    epochs = []
    with open_doors(workspace):
        live.train({"train": {"epochs": 3}}, on_epoch=lambda: epochs.append(1))
    assert len(epochs) == 3
