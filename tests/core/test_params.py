"""params.yaml: what is understood, and what is refused in one line."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from stages.core.params import Params, read_params

REPOSITORY = Path(__file__).resolve().parents[2]


def read_with(folder: Path, key: str, value: Any) -> Params:
    content = yaml.safe_load((REPOSITORY / "params.yaml").read_text())
    section, name = key.split(".")
    content[section][name] = value
    path = folder / "params.yaml"
    path.write_text(yaml.safe_dump(content))
    return read_params(path)


def test_the_shipped_parameters_are_the_experiment() -> None:
    params = read_params(REPOSITORY / "params.yaml")
    assert params.model.hidden == (128, 64)
    assert (params.train.epochs, params.train.batch_size, params.train.lr) == (10, 64, 0.001)
    assert (params.sweep.sigma_min, params.sweep.sigma_max) == (1e-4, 10.0)
    assert (params.sweep.num_points, params.sweep.replicates, params.sweep.seed) == (25, 1, 0)
    assert (params.report.final_epochs, params.report.histogram_bins) == (3, 80)


def test_a_number_that_yaml_reads_as_text_is_understood(tmp_path: Path) -> None:
    assert yaml.safe_load("1e-05") == "1e-05"
    assert read_with(tmp_path, "sweep.sigma_min", "1e-05").sweep.sigma_min == 1e-5


@pytest.mark.parametrize(
    ("key", "value", "allowed"),
    [
        ("sweep.sigma_min", -1.0, "from 1e-30 to 1e6"),
        ("sweep.sigma_min", "small", "valid number"),
        ("sweep.sigma_min", float("nan"), "finite number"),
        ("sweep.sigma_max", 1e-5, "at least sweep.sigma_min, which is 0.0001"),
        ("sweep.num_points", 0, "greater than or equal to 1"),
        ("sweep.num_points", 2.5, "valid integer"),
        ("sweep.num_points", True, "number"),
        ("sweep.seed", -1, "greater than or equal to 0"),
        ("train.lr", 0.0, "greater than 0"),
        ("train.lr", [0.1], "valid number"),
        ("train.epochs", None, "valid integer"),
        ("train.batch_size", 70_000, "less than or equal to 60000"),
        ("model.hidden", [], "at least 1 item"),
        ("model.hidden", [128, 0], "greater than or equal to 1"),
        ("runtime.device", "gpu", "'auto', 'cpu' or 'cuda'"),
        ("runtime.workers", 0, "'auto' or must be greater than or equal to 1"),
        ("train.learning_rate", 0.1, "not a parameter; there are model.hidden, train.epochs"),
    ],
)
def test_a_mistake_is_one_line_with_key_value_and_what_is_allowed(
    tmp_path: Path, key: str, value: Any, allowed: str
) -> None:
    with pytest.raises(SystemExit) as refusal:
        read_with(tmp_path, key, value)
    message = str(refusal.value.code)
    assert "\n" not in message
    assert key in message
    assert allowed in message
    assert "not a parameter" in message or repr(value).strip("[]").split(", ")[-1] in message


def test_two_mistakes_are_two_lines(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    content = yaml.safe_load((REPOSITORY / "params.yaml").read_text())
    content["train"]["lr"] = -1
    del content["sweep"]["seed"]
    path.write_text(yaml.safe_dump(content))
    with pytest.raises(SystemExit) as refusal:
        read_params(path)
    first, second = str(refusal.value.code).splitlines()
    assert "train.lr = -1" in first
    assert "sweep.seed is missing" in second


@pytest.mark.parametrize("content", ["", "- 1", "model: {", "text"])
def test_a_file_that_is_no_parameter_file_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "params.yaml"
    path.write_text(content)
    with pytest.raises(SystemExit, match=r"params\.yaml"):
        read_params(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="no such file"):
        read_params(tmp_path / "params.yaml")


def test_points_that_would_coincide_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=r"num_points = 25: must be 1, or the range"):
        read_with(tmp_path, "sweep.sigma_min", 10.0)
