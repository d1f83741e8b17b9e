"""Ctrl-C at any moment of any door: one line, exit code 130, and no process or folder stays."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from stages.core.dataset import Dataset
from tests.conftest import (
    REPOSITORY,
    run_stage,
    stage_environment,
    wait_until,
    write_data,
    write_params,
)

AT_A_TIME = 2
TO_DO = {"train": "data/cache", "download": "data/raw"}
ON_INTERRUPT = {"train": "interrupted; finished trials are kept, the next run goes on"}
OF_PYTHON_ITSELF = re.compile(r"init_import_site|<frozen (runpy|site|importlib)")


@dataclass(frozen=True)
class Ended:
    """How a door ended that was interrupted after `moment` seconds."""

    moment: float
    returncode: int
    errors: str

    def is_clear(self, stage: str) -> bool:
        """Whether it said its one line, or was done, or Python had not come to the door yet."""
        if self.returncode == 130:
            line = f"{stage.replace('_', ' ')}: {ON_INTERRUPT.get(stage, 'interrupted')}\n"
            return self.errors == line
        if self.returncode == 0:
            return self.errors == ""
        own = "stages" in self.errors or not OF_PYTHON_ITSELF.search(self.errors)
        return (self.errors == "" and self.returncode == -signal.SIGINT) or not own


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, small_dataset: Dataset) -> Path:
    """A checkout in small in which each stage has run."""
    folder = write_data(tmp_path_factory.mktemp("finished"), small_dataset)
    write_params(folder)
    shutil.copytree(
        REPOSITORY / "stages", folder / "stages", ignore=shutil.ignore_patterns("__py*")
    )
    (folder / ".dvc").mkdir()
    (folder / ".dvc" / "config").touch()
    for stage in ("train", "aggregate", "plot", "report"):
        run_stage(folder, stage)
    return folder


def start(stage: str, folder: Path, mnist_dir: Path) -> subprocess.Popen[str]:
    (folder / "tmp").mkdir()
    environment = {
        **stage_environment(),
        "PYTHONPATH": str(folder),
        "MNIST_DIR": str(mnist_dir),
        "TMPDIR": str(folder / "tmp"),
    }
    return subprocess.Popen(
        [sys.executable, "-m", f"stages.{stage}"],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def interrupt(stage: str, folder: Path, mnist_dir: Path, moment: float) -> Ended:
    """Start a door and interrupt it and all that it started, as a terminal does."""
    process = start(stage, folder, mnist_dir)
    time.sleep(moment)
    os.killpg(process.pid, signal.SIGINT)  # it is not reaped yet, so the group exists
    _, errors = process.communicate(timeout=60)
    wait_until(lambda: not group_exists(process.pid), 20)
    return Ended(moment, process.returncode, errors)


def group_exists(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def copy(of: Path, to: Path, stage: str) -> Path:
    """A copy in which `stage` has all its work to do."""
    shutil.copytree(of, to)
    if stage in TO_DO:
        shutil.rmtree(to / TO_DO[stage])
    return to


def scratch(folder: Path) -> list[Path]:
    """What a stage makes only for itself."""
    return [
        *(path for path in (folder / "data").glob(".*") if path.suffix != ".lock"),
        *(folder / "data" / "cache").glob("unfinished-*"),
        *(folder / "tmp").iterdir(),
    ]


@pytest.mark.parametrize(
    ("stage", "moments"),
    [
        *((stage, 20) for stage in ("download", "train", "aggregate", "plot", "report")),
        *((tool, 10) for tool in ("trial_cache", "page")),
    ],
)
def test_ctrl_c_at_any_moment_is_one_line(
    finished: Path, mnist_dir: Path, tmp_path: Path, stage: str, moments: int
) -> None:
    began = time.monotonic()
    assert start(stage, copy(finished, tmp_path / "whole", stage), mnist_dir).wait() == 0
    life = time.monotonic() - began
    folders = [copy(finished, tmp_path / str(moment), stage) for moment in range(moments)]

    def interrupted(moment: int) -> Ended:
        return interrupt(stage, folders[moment], mnist_dir, life * moment / moments)

    with ThreadPoolExecutor(AT_A_TIME) as threads:
        ends = list(threads.map(interrupted, range(moments)))
    assert [end for end in ends if not end.is_clear(stage)] == []
    assert any(end.returncode == 130 for end in ends)
    assert [path for folder in folders for path in scratch(folder)] == []
