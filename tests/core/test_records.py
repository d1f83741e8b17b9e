"""What the pipeline reads of a finished trial."""

from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

from stages.core.networks import Perceptron
from stages.core.records import read_weight_matrices


def test_weight_matrices_come_in_the_order_of_their_layers(tmp_path: Path) -> None:
    layers = {f"fc{i}.weight": np.full((2, 3), i, np.float32) for i in range(1, 13)}
    biases = {f"fc{i}.bias": np.zeros(2, np.float32) for i in range(1, 13)}
    save_file({**layers, **biases}, tmp_path / "weights.safetensors")
    matrices = read_weight_matrices(
        tmp_path / "weights.safetensors", Perceptron((3, *[2] * 12), "relu")
    )
    assert [matrix[0, 0] for matrix in matrices] == list(range(1, 13))
