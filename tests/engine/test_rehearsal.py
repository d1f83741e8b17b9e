"""The digest of a rehearsal knows what no version tells: which kernels multiply and convolve."""

import os
import pickle
import subprocess
import sys

import pytest
import torch

from stages.engine.provenance import survey
from stages.engine.rehearsal import rehearse
from tests.conftest import REPOSITORY

REHEARSE = """
import torch
from stages.engine.rehearsal import rehearse
print(rehearse(torch.device("cpu")))
"""


@pytest.mark.skipif(
    torch.backends.cpu.get_cpu_capability() == "DEFAULT", reason="it has one set of kernels"
)
def test_other_kernels_of_convolutions_are_another_rehearsal() -> None:
    run = subprocess.run(
        [sys.executable, "-c", REHEARSE],
        cwd=REPOSITORY,
        env={**os.environ, "ONEDNN_MAX_CPU_ISA": "SSE41"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout.strip() != rehearse(torch.device("cpu"))


def test_what_a_process_tells_of_its_machine_is_read_without_torch() -> None:
    told = pickle.dumps(survey("cpu"))
    read = "import pickle, sys; pickle.load(sys.stdin.buffer); assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", read], cwd=REPOSITORY, input=told, check=True)
