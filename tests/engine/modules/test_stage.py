"""A user's network through the train stage: trained, kept, trained again when its code changes."""

import io
import shutil
from contextlib import redirect_stdout
from pathlib import Path

from tests.conftest import REPOSITORY, replace_in
from tests.test_train import refused, train

LENET = "networks/lenet.py:LeNet"
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
