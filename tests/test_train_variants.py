"""The train door on variants, one of them a network of the user: what is trained, and only once."""

import io
import json
import re
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import pytest

from stages import train
from stages.core.cache import key_lock
from stages.core.dataset import Dataset
from stages.engine.cores import available_cores
from tests.conftest import (
    open_doors,
    start_stage,
    wait_until,
    write_data,
    write_params,
)
from tests.forked import HANGS_AFTER
from tests.test_train import entries, models, process_family

OWN = """
from torch import Tensor, nn


class Own(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Flatten(), nn.Linear(784, 8), nn.BatchNorm1d(8), nn.Tanh(), nn.Linear(8, 10)
        )

    def forward(self, images: Tensor) -> Tensor:
        return self.layers(images)
"""
VARIANTS = {
    "own": {"model": {"network": "networks/own.py:Own"}},
    "tanh": {"model": {"activation": "tanh"}},
}
ASKED = {"sweep": {"num_points": 5}, "variants": VARIANTS}


def ask(workspace: Path, **changes: Any) -> Path:
    """Write params.yaml, and the user's network beside it."""
    write_params(workspace, **changes)
    write_own(workspace)
    return workspace


def write_own(workspace: Path) -> Path:
    """The user's network; its file."""
    file = workspace / "networks" / "own.py"
    file.parent.mkdir(exist_ok=True)
    file.write_text(OWN)
    return file


def trained(workspace: Path, **changes: Any) -> str:
    """Train what is asked for; what was printed."""
    ask(workspace, **changes)
    with open_doors(workspace), redirect_stdout(io.StringIO()) as output:
        train.main(Path())
    return output.getvalue()


def files(workspace: Path) -> set[str]:
    """The files of trials in data/models."""
    folder = workspace / "data" / "models"
    return {str(path.relative_to(folder)) for path in folder.glob("*/**/*") if path.is_file()}


@pytest.fixture(scope="module")
def in_one_go(tmp_path_factory: pytest.TempPathFactory, small_dataset: Dataset) -> Path:
    """A folder that has trained the sweep of two variants in one go; treat it as read-only."""
    workspace = write_data(tmp_path_factory.mktemp("in_one_go"), small_dataset)
    assert "10 trials: 0 reused, 10 to train" in trained(workspace, **ASKED)
    return workspace


def test_kill_9_loses_no_finished_trial_of_any_variant_and_leaves_no_process(
    workspace: Path, in_one_go: Path
) -> None:
    """One of two processes has work without end, so that the run is killed in its middle."""

    def asked(epochs: int) -> dict[str, Any]:
        third = {"train": {"epochs": epochs}, "sweep": {"num_points": 1}}
        return {**ASKED, "variants": {**VARIANTS, "third": third}, "runtime": {"workers": 2}}

    process = start_stage(ask(workspace, **asked(20_000)), "train")
    assert process.stdout
    assert process.stdout.readline().startswith("11 trials: 0 reused, 11 to train")
    wait_until(lambda: len(entries(workspace)) >= 6)  # of both variants, which have 5
    children = process_family(process.pid)
    assert len(children) >= 2
    process.kill()
    process.communicate()
    finished = len(entries(workspace))
    assert 6 <= finished < 11
    wait_until(lambda: not any(Path(f"/proc/{child}").exists() for child in children))
    output = trained(workspace, **asked(2))
    assert f"11 trials: {finished} reused, {11 - finished} to train" in output
    assert models(in_one_go).items() < models(workspace).items()


def test_four_at_once_two_of_them_in_a_folder_train_each_trial_of_each_variant_once(
    workspace: Path, in_one_go: Path, forking: Path
) -> None:
    asked = {**ASKED, "runtime": {"workers": 1}}
    studies = [ask(workspace, **asked), workspace, workspace / "a", workspace / "b"]
    for study in studies[2:]:
        study.mkdir()
        write_params(study, **asked)
    key = entries(in_one_go)[0].parent.name
    with key_lock(workspace / "data" / "cache", key):  # a trial that all ask for before one has it
        processes = [
            start_stage(workspace, "train", str(study), python=forking) for study in studies
        ]
        streams = [process.stdout for process in processes if process.stdout]
        first = [stream.readline() for stream in streams]
    rest = [stream.read() for stream in streams]
    errors = [process.communicate(timeout=HANGS_AFTER)[1] for process in processes]
    assert [process.returncode for process in processes] == [0] * 4, errors
    assert [models(study) == models(in_one_go) for study in studies] == [True] * 4
    to_train = sum(int(n) for line in first for n in re.findall(r"(\d+) to train", line))
    found = sum(int(n) for out in rest for n in re.findall(r"(\d+) finished by another", out))
    assert to_train - found == 10
    assert found >= 3


def test_what_variants_have_in_common_is_trained_once(workspace: Path) -> None:
    variants = {
        "coarse": {},
        "fine": {"sweep": {"num_points": 5}},
        "lean": {"sweep": {"num_points": 2, "keep_weights": False}},
    }
    assert "5 trials: 0 reused, 5 to train" in trained(workspace, variants=variants)
    of_fine = {name: of for name, of in models(workspace).items() if name.startswith("fine/")}
    assert {name.replace("fine/", "coarse/"): of for name, of in of_fine.items()}.items() >= {
        name: of for name, of in models(workspace).items() if name.startswith("coarse/")
    }.items()


def test_without_weights_only_records_are_kept_and_with_them_those_alone_are_trained(
    workspace: Path,
) -> None:
    assert "2 to train" in trained(workspace, sweep={"num_points": 2})
    lean = trained(workspace, sweep={"num_points": 3, "keep_weights": False})
    assert "3 trials: 2 reused, 1 to train" in lean
    assert {name.rpartition("/")[2] for name in files(workspace)} == {"trial.json"}
    sizes = sorted(size(entry) for entry in entries(workspace))
    assert sizes[0] < 10_000 < sizes[1] / 100
    assert "3 trials: 2 reused, 1 to train" in trained(workspace, sweep={"num_points": 3})
    assert sum(name.endswith(".safetensors") for name in files(workspace)) == 9


def size(folder: Path) -> int:
    """The bytes of all files in a folder."""
    return sum(path.stat().st_size for path in folder.iterdir())


def test_steps_that_are_no_whole_epochs_have_a_record_of_their_own_and_others_are_epochs(
    workspace: Path,
) -> None:
    in_an_epoch = 4
    variants = {f"steps-{steps}": {"train": {"steps": steps}} for steps in (3, 6, 8)}
    variants["epochs-2"] = {"train": {"epochs": 2}}
    output = trained(workspace, sweep={"num_points": 1}, variants=variants)
    assert "3 trials: 0 reused, 3 to train" in output
    for steps, epochs in ((3, [1]), (6, [1, 2]), (8, [1, 2])):
        [record] = (workspace / "data" / "models" / f"steps-{steps}").glob("*/trial.json")
        content = json.loads(record.read_bytes())
        assert [epoch["epoch"] for epoch in content["history"]] == epochs
        assert divmod(steps, in_an_epoch) == (
            content["trial"]["epochs"],
            content["trial"]["extra_steps"],
        )


def test_the_network_of_a_user_is_trained_to_the_same_bits_on_any_number_of_processes(
    workspace: Path, in_one_go: Path
) -> None:
    trained(workspace, **ASKED, runtime={"workers": available_cores() + 1})
    assert models(workspace) == models(in_one_go)
