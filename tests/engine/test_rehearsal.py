"""The digest of a rehearsal knows what no version tells: which kernels multiply and convolve."""

import os
import pickle
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest
import torch
from threadpoolctl import threadpool_info, threadpool_limits

from stages.engine import worker
from stages.engine.forkserver import context, warm_up
from stages.engine.provenance import survey
from stages.engine.rehearsal import rehearse
from tests.conftest import REPOSITORY, open_doors

REHEARSE = """
import torch
from stages.engine.rehearsal import rehearse
print(rehearse(torch.device("cpu"), "sgd"))
"""


def rehearsed(**environment: str) -> str:
    """The digest of a process of its own."""
    command = [sys.executable, "-c", REHEARSE]
    environment = {**os.environ, **environment}
    run = subprocess.run(
        command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=True
    )
    return run.stdout.strip()


@pytest.fixture(scope="module")
def usual() -> str:
    """The digest of this process."""
    return rehearse(torch.device("cpu"), "sgd")


@pytest.mark.skipif(
    torch.backends.cpu.get_cpu_capability() == "DEFAULT", reason="it has one set of kernels"
)
def test_other_kernels_of_convolutions_are_another_rehearsal(usual: str) -> None:
    assert rehearsed(ONEDNN_MAX_CPU_ISA="SSE41") != usual


def test_the_rehearsal_is_the_same_however_many_cores_there_are(usual: str) -> None:
    assert rehearsed(OPENBLAS_NUM_THREADS="1") == rehearsed(OPENBLAS_NUM_THREADS="2") == usual


def blas_threads() -> set[int]:
    """How many there are once this process is set up to train, and a measurement was limited."""
    threadpool_limits(2, user_api="blas")
    worker.set_up({}, Path(), lambda _: None)
    with threadpool_limits(1, user_api="blas"):
        pass
    return {library["num_threads"] for library in threadpool_info() if "blas" in library.values()}


def test_a_training_process_has_one_blas_thread_whatever_its_threads_measure() -> None:
    with open_doors(REPOSITORY):
        warm_up()
        with ProcessPoolExecutor(1, context) as fresh:
            assert fresh.submit(blas_threads).result() == {1}


def test_what_a_process_tells_of_its_machine_is_read_without_torch() -> None:
    told = pickle.dumps(survey("cpu", ["adam"]))
    read = "import pickle, sys; pickle.load(sys.stdin.buffer); assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", read], cwd=REPOSITORY, input=told, check=True)
