"""Networks of a user, written into a folder of their own."""

import textwrap
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from stages.core.dataset import Dataset
from stages.core.trial import Trial
from stages.engine.modules.describe import describe

Write = Callable[..., str]
MakeTrial = Callable[..., Trial]

IMPORTS = "import torch\nfrom torch import nn\nfrom torch.nn import functional as F\n"


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a file below tmp_path with the usual imports; FILE.py:Net."""

    def write(code: str, file: str = "mine/net.py") -> str:
        path = tmp_path / file
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_text(IMPORTS + textwrap.dedent(code))
        return f"{file}:Net"

    return write


@pytest.fixture
def module_trial(trial: Trial, small_dataset: Dataset, tmp_path: Path) -> MakeTrial:
    """The experiment in small, with the network FILE.py:CLASS below tmp_path or elsewhere."""

    def make(path: str, activation: str = "relu", **changes: Any) -> Trial:
        network = replace(describe(path, small_dataset, tmp_path), activation=activation)
        return replace(trial, network=network, **changes)

    return make
