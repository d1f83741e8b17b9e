"""A user's network through the train stage: trained, kept, trained again when its code changes."""

import io
import shutil
from contextlib import redirect_stdout
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY, fail_stage, replace_in, run_stage, write_params
from tests.test_train import refused, train

LENET = "networks/lenet.py:LeNet"
FINE = "from torch import nn\nclass Net(nn.Module): ...\n"
SWEEP = {"num_points": 2, "initializers": ["lsuv"]}


def test_editing_a_network_retrains_its_trials_and_a_mistake_in_it_is_one_line(
    workspace: Path,
) -> None:
    shutil.copytree(REPOSITORY / "networks", workspace / "networks")

    def trained(epochs: int) -> str:
        asked = {"model": {"network": LENET}, "train": {"epochs": epochs}, "sweep": SWEEP}
        return train(workspace, **asked)[0]

    assert "3 trials: 0 reused, 3 to train" in trained(epochs=1)
    file = workspace / "networks" / "lenet.py"
    replace_in(file, "hidden = relu(self.fc2(hidden))", "hidden = relu(self.fc2(hidden))  # again")
    assert "3 of them go on from epoch 1" in trained(epochs=2)
    replace_in(
        file,
        "        maps = max_pool2d",
        "        assert len(images) != 64\n        maps = max_pool2d",
    )
    with redirect_stdout(io.StringIO()) as output:
        line = refused(workspace)
    assert "3 trials: 0 reused, 3 to train" in output.getvalue()
    assert "networks/lenet.py:24: AssertionError; when it trains on 64 images" in line


@pytest.mark.parametrize(
    ("code", "told"),
    [
        (None, "there is no file networks/net.py"),
        ("class Net(:\n", "networks/net.py:1 is not Python"),
        ("x = '\0'\n", "networks/net.py:1 is not Python"),
        (FINE.replace("Net", "Other"), "networks/net.py has no class Net; there is Other"),
        ("Nets = 3\n", "networks/net.py has no class Net; it has none"),
    ],
)
def test_a_network_that_is_not_there_is_refused_before_anything_is_replaced(
    code: str | None, told: str, tmp_path: Path
) -> None:
    (tmp_path / "networks").mkdir()
    if code is not None:
        (tmp_path / "networks" / "net.py").write_text(code, "utf-8")
    write_params(tmp_path, model={"network": "networks/net.py:Net"})
    line = f"check: params.yaml: model.network = networks/net.py:Net: {told}\n"
    assert fail_stage(tmp_path, "check") == line


@pytest.mark.parametrize(
    "code",
    [
        FINE,
        "from other import Net\n",
        "from other import *\n",
        "try:\n    from other import Other as Net\nexcept ImportError:\n    Net = None\n",
    ],
)
def test_a_network_that_may_be_there_passes(code: str, tmp_path: Path) -> None:
    (tmp_path / "networks").mkdir()
    (tmp_path / "networks" / "net.py").write_text(code, "utf-8")
    write_params(tmp_path, model={"network": "networks/net.py:Net"})
    run_stage(tmp_path, "check")
