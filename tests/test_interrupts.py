"""Ctrl-C at any moment of any door: one line, exit code 130, and no process or folder stays."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from compileall import compile_dir
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from stages.core.dataset import Dataset
from tests.conftest import (
    REPOSITORY,
    doors,
    stage_environment,
    wait_until,
    write_data,
    write_params,
)
from tests.forked import DOORS, HANGS_AFTER, TRAINING, run_door

TRIES = 12
"""On a machine with much else to do no moment is sure to find a short door at work."""
SOONER, LATER = 0.8, 1.5
"""What the time is multiplied by at which a door was done, or not reached, for the next moment."""
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
    """How a door ended, and after how many seconds it was interrupted or done."""

    seconds: float
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


Interrupt = Callable[[str, Path, Path, float], Ended]
"""Of a door, its folder, MNIST's and a moment in seconds."""


@dataclass(frozen=True)
class Seconds:
    """How long a door takes to be imported, and then for all it does."""

    importing: float
    working: tuple[float, ...]
    """From each of its servers."""


@pytest.fixture(scope="module")
def seconds() -> dict[str, Seconds]:
    """Those of the doors that have run to their end, by their names."""
    return {}


@pytest.fixture(scope="module")
def finished(
    tmp_path_factory: pytest.TempPathFactory,
    small_dataset: Dataset,
    mnist_dir: Path,
    seconds: dict[str, Seconds],
) -> Path:
    """A checkout in small, committed, in which each stage has run."""
    folder = write_data(tmp_path_factory.mktemp("finished"), small_dataset)
    write_params(
        folder,
        sweep={"num_points": 1, "replicates": 3},  # as many as seeds takes
        model={"hidden": [8]},
        # Pictures are of the first, and soon drawn without weights; those of the second have theory
        variants={"records": {"sweep": {"keep_weights": False}}, "weights": {}},
    )
    shutil.copytree(REPOSITORY / "stages", folder / "stages")
    compile_dir(folder / "stages", quiet=1)  # once, not in each of its copies
    for stage in ("train", "check", "aggregate", "plot", "report", "explore"):
        seconds[f"stages.{stage}"] = run(f"stages.{stage}", folder, mnist_dir)
    for results in ("metrics", "plots"):  # site wants those of a study too
        shutil.copytree(folder / results, folder / "studies" / "optimisers" / results)
    shutil.copy(REPOSITORY / "dvc.yaml", folder)
    (folder / ".dvc").mkdir()
    shutil.copy(REPOSITORY / ".dvc" / "config", folder / ".dvc")
    (folder / ".gitignore").write_text("/data\n/stages\n/tmp\n")
    author = ("-c", "user.name=test", "-c", "user.email=test@example.org")
    for command in (["init", "-q"], ["add", "-A"], [*author, "commit", "-qm", "finished"]):
        subprocess.run(["git", *command], cwd=folder, check=True)
    return folder


def environment(folder: Path, mnist_dir: Path) -> dict[str, str]:
    (folder / "tmp").mkdir(exist_ok=True)
    return {
        **stage_environment(),
        "PYTHONPATH": str(folder),
        "MNIST_DIR": str(mnist_dir),
        "TMPDIR": str(folder / "tmp"),
        "BROWSER": "true",  # a command that opens nothing
    }


def run(door: str, folder: Path, mnist_dir: Path) -> Seconds:
    """Run a door to its good end, in the ways in which it will be interrupted."""
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", _IMPORTED if forks(door) else _TIMED, door],
        cwd=folder,
        env=environment(folder, mnist_dir),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    imported = float(done.stdout.split()[0])
    if forks(door):
        working = [seconds_of_work(server, door, folder, mnist_dir) for server in servers(door)]
        return Seconds(imported - began, tuple(working))
    return Seconds(imported - began, (time.monotonic() - imported,))


def seconds_of_work(server: str, door: str, folder: Path, mnist_dir: Path) -> float:
    """How long a forked door works to its good end, with all of its work to do."""
    if door in TO_DO:
        shutil.rmtree(folder / TO_DO[door], ignore_errors=True)
    begun: list[float] = []
    ended = run_imported(server, door, folder, mnist_dir, lambda _: begun.append(time.monotonic()))
    assert ended.returncode == 0, ended.stderr
    return time.monotonic() - begun[0]


_IMPORTED = """
import importlib, sys, time
door = sys.argv.pop()
importlib.import_module(door)
print(time.monotonic(), flush=True)
"""
_TIMED = f"""{_IMPORTED}
import runpy
del sys.modules[door]
runpy.run_module(door, run_name="__main__", alter_sys=True)
"""
"""Say when the door is imported; then do as `python -m` does."""


def forks(door: str) -> bool:
    """Whether a process can be forked that has imported the door."""
    return door.removeprefix("stages.") in DOORS


def servers(door: str) -> tuple[str, ...]:
    """What a door is forked from in turn; that of training spares its processes torch's import."""
    return ("stages", TRAINING) if door == "stages.train" else ("stages",)


def run_imported(
    server: str, door: str, folder: Path, mnist_dir: Path, meanwhile: Callable[[int], None]
) -> subprocess.CompletedProcess[str]:
    return run_door(
        door.removeprefix("stages."),
        cwd=folder,
        environment=environment(folder, mnist_dir),
        server=server,
        meanwhile=meanwhile,
    )


def interrupt(door: str, folder: Path, mnist_dir: Path, moment: float) -> Ended:
    """Start a door and interrupt it and all that it started, as a terminal does."""
    process = subprocess.Popen(
        [sys.executable, "-m", door],
        cwd=folder,
        env=environment(folder, mnist_dir),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    began = time.monotonic()
    with suppress(subprocess.TimeoutExpired):
        process.wait(moment)
    seconds = time.monotonic() - began
    interrupt_group(process.pid)
    _, errors = process.communicate(timeout=HANGS_AFTER)
    wait_until(lambda: not group_exists(process.pid))
    return Ended(seconds, process.returncode, errors)


def interrupt_imported(
    server: str, door: str, folder: Path, mnist_dir: Path, moment: float
) -> Ended:
    """The same of a door whose imports are done when it starts."""

    def meanwhile(group: int) -> None:
        began = time.monotonic()
        while (left := began + moment - time.monotonic()) > 0 and group_exists(group):
            time.sleep(min(left, 0.01))
        met.extend([group, time.monotonic() - began])
        interrupt_group(group)

    met: list[Any] = []
    done = run_imported(server, door, folder, mnist_dir, meanwhile)
    group, seconds = met
    wait_until(lambda: not group_exists(group))
    return Ended(seconds, done.returncode, done.stderr)


def interrupt_group(group: int) -> None:
    with suppress(ProcessLookupError):  # all may be done
        os.killpg(group, signal.SIGINT)


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
        *(folder / "data" / "cache" / "locks").glob("*"),
        *(folder / "tmp").iterdir(),
    ]


def until_met(attempt: Callable[[float], Ended], moment: float) -> list[Ended]:
    """How the door ended: at its moment, then earlier or later until it is met while it is open.

    At moment 0 Python may not have come to it.
    """
    ends = [attempt(moment)]
    while moment > 0 and ends[-1].returncode != 130 and len(ends) < TRIES:
        moment = SOONER * ends[-1].seconds if ends[-1].returncode == 0 else LATER * moment
        ends.append(attempt(moment))
    return ends


@pytest.mark.parametrize("door", doors())
def test_ctrl_c_at_any_moment_is_one_line(
    finished: Path, seconds: dict[str, Seconds], mnist_dir: Path, tmp_path: Path, door: str
) -> None:
    if door not in seconds:
        seconds[door] = run(door, copy(finished, tmp_path / "whole", door), mnist_dir)
    importing, working = seconds[door].importing, seconds[door].working
    half, first = (10, 0) if door in PIPELINE else (2, 0.5)
    numbers = count()

    def attempt(how: Interrupt, moment: float) -> Ended:
        return how(door, copy(finished, tmp_path / f"{next(numbers)}", door), mnist_dir, moment)

    # As many while it is imported as while it works, however long each is.
    moments: list[tuple[Interrupt, float]] = [
        (interrupt, importing * (first + part) / half) for part in range(half)
    ]
    for part in range(half):
        turn = part % len(working)
        moment = working[turn] * (0.5 + part) / half
        if forks(door):
            moments.append((partial(interrupt_imported, servers(door)[turn]), moment))
        else:
            moments.append((interrupt, importing + moment))
    ends: list[Ended] = []
    pace = 1.0  # where the machine is faster than it was, the moments that follow are sooner too
    for how, moment in moments:
        met = until_met(partial(attempt, how), pace * moment)
        pace *= min([1, *(end.seconds / (pace * moment) for end in met if end.returncode == 0)])
        ends += met
    assert [end for end in ends if not end.is_clear(door)] == []
    assert sum(end.returncode == 130 for end in ends) >= half, ends
    assert [path for folder in tmp_path.iterdir() for path in scratch(folder)] == []
