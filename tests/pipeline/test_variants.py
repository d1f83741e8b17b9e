"""Variants and data of one's own: real `dvc` commands, on a data set of a few images."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from stages.core.dataset import RAW, Dataset
from tests.conftest import replace_in, write_raw
from tests.pipeline.conftest import Clone, make_clone
from tests.test_train_variants import write_own

TRAIN = ("exp", "run", "train")


@pytest.fixture(scope="module")
def small(
    tmp_path_factory: pytest.TempPathFactory, small_dataset: Dataset, sparing: dict[str, str]
) -> Clone:
    """A clone that asks for three networks an epoch long on a small data set, and has run them."""
    folder = tmp_path_factory.mktemp("small")
    write_raw(folder / "images", small_dataset)
    clone = make_clone(folder / "clone", {**sparing, "MNIST_DIR": "/nowhere"})
    clone.set_params("data.name=folder", f"data.path={folder / 'images'}")
    clone.set_params("train.epochs=1", "sweep.num_points=3", "sweep.initializers=[]")
    clone.set_params("runtime.workers=1")  # so little work is done sooner by one
    write_own(clone.path)
    clone.run("git", "add", "-A")
    clone.run("git", "commit", "-qm", "small")
    assert "3 trials: 0 reused, 3 to train" in clone.dvc("repro", "train")
    return clone


@pytest.fixture(autouse=True)
def unchanged(small: Clone) -> None:
    """Each test asks for what the clone has run at first."""
    small.run("git", "checkout", "-q", "params.yaml", "networks")


def test_a_variant_is_asked_for_and_changed_on_the_command_line(small: Clone) -> None:
    settings = ["adam={}", "sgd.train.optimizer=sgd", "sgd.train.lr=0.1"]
    asked = [part for setting in settings for part in ("-S", f"+variants.{setting}")]
    assert "6 trials: 3 reused, 3 to train" in small.dvc(*TRAIN, *asked)
    output = small.dvc(*TRAIN, "-S", "variants.sgd.train.lr=0.2")
    assert "6 trials: 3 reused, 3 to train" in output
    assert len(list((small.path / "data" / "models").glob("sgd/*/trial.json"))) == 3
    mistake = small.dvc(*TRAIN, "-S", "variants.sgd.train.lr=fast", succeeds=False)
    assert "variants.sgd.train.lr" in mistake


def test_an_edited_network_is_trained_again_and_no_other(small: Clone) -> None:
    replace_in(
        small.path / "params.yaml",
        "variants: {}",
        "variants: {plain: {}, own: {model: {network: 'networks/own.py:Own'}}}",
    )
    assert "6 trials: 3 reused, 3 to train" in small.dvc("repro", "train")
    file = small.path / "networks" / "own.py"
    replace_in(file, "nn.Tanh()", "nn.ReLU()")
    assert "6 trials: 3 reused, 3 to train" in small.dvc("repro", "train")
    replace_in(file, "nn.ReLU()", "nn.Tanh()")
    assert "Stage 'train' is cached" in small.dvc("repro", "train")


def test_data_of_ones_own_is_copied_whenever_the_stage_runs(
    small: Clone, small_dataset: Dataset, tmp_path: Path
) -> None:
    inverted = replace(small_dataset, train_images=255 - small_dataset.train_images)
    one, two = small.path.with_name("images"), tmp_path / "two"
    copied = small.path / RAW / "folder" / "train-images-idx3-ubyte"
    write_raw(two, inverted)
    small.set_params(f"data.path={two}")
    assert "3 trials: 0 reused, 3 to train" in small.dvc("repro", "train")
    shutil.rmtree(one)
    write_raw(one, inverted)
    small.set_params(f"data.path={one}")
    small.dvc("repro", "train")
    assert copied.read_bytes() == (two / copied.name).read_bytes()
    shutil.rmtree(one)
    write_raw(one, small_dataset)
    assert "Running stage" not in small.dvc("repro", "train")  # DVC does not look there
    small.dvc("repro", "--force", "--single-item", "download")
    assert "Stage 'train' is cached" in small.dvc("repro", "train")
    assert copied.read_bytes() == (one / copied.name).read_bytes()
