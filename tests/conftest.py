"""Fixtures that the tests of several stages share."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from stages.core.dataset import Dataset, is_complete
from stages.core.trial import Trial

REPOSITORY = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def mnist_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with the four verified IDX files, fit for MNIST_DIR; treat it as read-only.

    It is the data/raw of the repository where that is complete, else the files are fetched once.
    """
    if is_complete(raw := REPOSITORY / "data" / "raw"):
        return raw
    folder = tmp_path_factory.mktemp("mnist")
    run = subprocess.run(
        [sys.executable, "-m", "stages.download"],
        check=False,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
    )
    if run.returncode != 0:
        pytest.skip(f"MNIST cannot be had here: {run.stderr}")
    return folder / "data" / "raw"


@pytest.fixture(scope="session")
def small_dataset() -> Dataset:
    """200 and 50 images of ten classes, each with its own bright rows."""
    rng = np.random.default_rng(0)

    def digits(n: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        labels = rng.integers(0, 10, n, dtype=np.uint8)
        images = rng.integers(0, 100, (n, 28, 28), dtype=np.uint8)
        for image, label in zip(images, labels, strict=True):
            image[2 * label : 2 * label + 3] += 120
        return images.reshape(n, 784), labels

    return Dataset(*digits(200), *digits(50))


@pytest.fixture
def trial() -> Trial:
    """The experiment in small: a last batch that is short, two epochs."""
    return Trial(
        sizes=(784, 128, 64, 10),
        sigma=0.05,
        learning_rate=1e-3,
        batch_size=64,
        epochs=2,
        seed=0,
        replicate=0,
    )
