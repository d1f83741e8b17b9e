"""Ctrl-C at any moment of any door: one line, exit code 130, and no process or folder stays."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from compileall import compile_dir
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from stages import explore
from stages.core.dataset import Dataset
from tests.conftest import (
    HANGS_AFTER,
    REPOSITORY,
    doors,
    run_stage,
    stage_environment,
    wait_until,
    write_data,
)
from tests.test_train import train

AT_A_TIME = 2
TRIES = 12
"""On a machine with much else to do no moment is sure to find a short door at work."""
PIPELINE = [f"stages.{stage}" for stage in ("download", "train", "aggregate", "plot", "report")]
TO_DO = {
    "stages.download": "data/raw",
    "stages.train": "data/cache",
}
ON_INTERRUPT = {"stages.train": "interrupted; finished trials are kept, the next run goes on"}
BEFORE_THE_DOOR = re.compile(
    r"(Fatal Python error: init_|Could not import runpy module"
    r'|Traceback \(most recent call last\):\n  File "<frozen (runpy|site)>")'
    r"(?!.*stages).*KeyboardInterrupt",
    re.DOTALL,
)
"""What Python itself says that is interrupted while it starts, or looks for the module to run."""


@dataclass(frozen=True)
class Ended:
    """How a door ended that was interrupted after `moment` seconds."""

    moment: float
    returncode: int
    errors: str

    def is_clear(self, door: str) -> bool:
        """Whether it said its one line, or was done, or Python had not come to the door yet."""
        if self.returncode == 130:
            name = door.rpartition(".")[2].replace("_", " ")
            return self.errors == f"{name}: {ON_INTERRUPT.get(door, 'interrupted')}\n"
        if self.errors:
            return BEFORE_THE_DOOR.match(self.errors) is not None
        return self.returncode in (0, -signal.SIGINT)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, small_dataset: Dataset) -> Path:
    """A checkout in small, committed, in which each stage has run."""
    folder = write_data(tmp_path_factory.mktemp("finished"), small_dataset)
    sweep = {"num_points": 1, "replicates": 3}  # as many as seeds takes
    train(folder, sweep=sweep, model={"hidden": [8]})
    for stage in ("check", "aggregate", "plot", "report"):
        run_stage(folder, stage)
    explore.main(folder)
    for results in ("metrics", "plots"):  # site wants those of a study too
        shutil.copytree(folder / results, folder / "studies" / "optimisers" / results)
    shutil.copytree(REPOSITORY / "stages", folder / "stages")
    compile_dir(folder / "stages", quiet=1)  # once, not in each of its copies
    shutil.copy(REPOSITORY / "dvc.yaml", folder)
    (folder / ".dvc").mkdir()
    shutil.copy(REPOSITORY / ".dvc" / "config", folder / ".dvc")
    (folder / ".gitignore").write_text("/data\n/stages\n")
    author = ("-c", "user.name=test", "-c", "user.email=test@example.org")
    for command in (["init", "-q"], ["add", "-A"], [*author, "commit", "-qm", "finished"]):
        subprocess.run(["git", *command], cwd=folder, check=True)
    return folder


def start(door: str, folder: Path, mnist_dir: Path) -> subprocess.Popen[str]:
    (folder / "tmp").mkdir()
    environment = {
        **stage_environment(),
        "PYTHONPATH": str(folder),
        "MNIST_DIR": str(mnist_dir),
        "TMPDIR": str(folder / "tmp"),
        "BROWSER": "true",  # a command that opens nothing
    }
    return subprocess.Popen(
        [sys.executable, "-m", door],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def interrupt(door: str, folder: Path, mnist_dir: Path, moment: float) -> Ended:
    """Start a door and interrupt it and all that it started, as a terminal does."""
    process = start(door, folder, mnist_dir)
    time.sleep(moment)
    os.killpg(process.pid, signal.SIGINT)  # it is not reaped yet, so the group exists
    _, errors = process.communicate(timeout=HANGS_AFTER)
    wait_until(lambda: not group_exists(process.pid))
    return Ended(moment, process.returncode, errors)


def group_exists(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def copy(of: Path, to: Path, door: str) -> Path:
    """A copy in which `door` has all its work to do."""
    shutil.copytree(of, to, copy_function=copy_or_link)
    if door in TO_DO:
        shutil.rmtree(to / TO_DO[door])
    return to


def copy_or_link(source: str, target: str) -> None:
    """Copy a file; link one of the code, which is only replaced."""
    (os.link if "/stages/" in source else shutil.copy2)(source, target)


def scratch(folder: Path) -> list[Path]:
    """What a stage makes only for itself."""
    return [
        *(path for path in (folder / "data").glob(".*") if path.suffix != ".lock"),
        *(folder / "data" / "cache").glob("unfinished-*"),
        *(folder / "tmp").iterdir(),
    ]


def seconds(door: str, folder: Path, mnist_dir: Path) -> tuple[float, float]:
    """How long a door takes to be imported, and for all it does."""
    began = time.monotonic()
    subprocess.run([sys.executable, "-c", f"import {door}"], cwd=folder, check=True)
    imported = time.monotonic()
    process = start(door, folder, mnist_dir)
    process.communicate()
    assert process.returncode == 0
    return imported - began, time.monotonic() - imported


@pytest.mark.parametrize("door", doors())
def test_ctrl_c_at_any_moment_is_one_line(
    finished: Path, mnist_dir: Path, tmp_path: Path, door: str
) -> None:
    importing, life = seconds(door, copy(finished, tmp_path / "whole", door), mnist_dir)
    half, first = (10, 0) if door in PIPELINE else (3, 0.5)
    # As many while it is imported as while it works, however long each is.
    shares = [(first + part) / half for part in range(half)]
    moments = [importing * share for share in shares]
    moments += [importing + max(0, life - importing) * share for share in shares]

    def interrupted(number: int) -> list[Ended]:
        """At its moment; if the door is done by then again earlier, if it is not reached, later."""
        ends: list[Ended] = []
        moment = moments[number]
        while not ends or ends[-1].returncode == 0 or is_early(ends, number):
            if ends:
                moment *= 0.8 if ends[-1].returncode == 0 else 1.5
            folder = copy(finished, tmp_path / f"{number}-{len(ends)}", door)
            ends.append(interrupt(door, folder, mnist_dir, moment))
        return ends

    def is_early(ends: list[Ended], number: int) -> bool:
        """Whether Python had not come to the door, as it may not have at the first moment."""
        return number > 0 and ends[-1].returncode != 130 and len(ends) < TRIES

    with ThreadPoolExecutor(AT_A_TIME) as threads:
        ends = [end for of in threads.map(interrupted, range(len(moments))) for end in of]
    assert [end for end in ends if not end.is_clear(door)] == []
    assert sum(end.returncode == 130 for end in ends) >= half, ends
    assert [path for folder in tmp_path.iterdir() for path in scratch(folder)] == []
