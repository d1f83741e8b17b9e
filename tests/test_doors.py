"""Doors that are started in strange ways: each works, or says in one line what is right."""

import os
import signal
import subprocess
import sys
import time
import venv
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

import pytest

from stages.process.lineage import LOOK_SECONDS
from tests.conftest import (
    REPOSITORY,
    doors,
    run_stage,
    stage_environment,
    start_stage,
    wait_until,
    write_params,
)
from tests.forked import HANGS_AFTER
from tests.models import Course, aggregated, small_data, write_models

DOORS = doors()
CHEAP = {"sweep": {"keep_weights": False}}
COURSE: Course = lambda _, trial: (0.5, 0.9)  # noqa: E731


def run(*command: str | Path, cwd: Path = REPOSITORY) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, cwd=cwd, env=stage_environment(), capture_output=True, text=True, check=False
    )


def the_line(ended: subprocess.CompletedProcess[str], code: int) -> str:
    """The one line with which a process ended."""
    assert ended.returncode == code, ended
    assert ended.stdout == ""
    assert ended.stderr.count("\n") == 1, ended.stderr
    return ended.stderr


@pytest.fixture(scope="module")
def bare_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Python without packages."""
    folder = tmp_path_factory.mktemp("bare")
    venv.create(folder, symlinks=True, with_pip=False)
    return folder / "bin" / "python"


@pytest.mark.parametrize("door", DOORS)
def test_a_door_run_as_a_file_says_the_right_command(door: str, tmp_path: Path) -> None:
    file = REPOSITORY / f"{door.replace('.', '/')}.py"
    assert f"python -m {door}" in the_line(run(sys.executable, file, cwd=tmp_path), 1)


@pytest.mark.parametrize("door", DOORS)
def test_a_python_without_packages_says_how_to_get_them(door: str, bare_python: Path) -> None:
    line = the_line(run(bare_python, "-m", door), 1)
    assert str(bare_python) in line
    assert "source .venv/bin/activate" in line
    assert "make repro" in line


def test_an_old_python_is_refused_before_anything_else() -> None:
    old = "import sys; sys.version_info = (3, 10, 1); import stages"
    line = the_line(run(sys.executable, "-c", old), 1)
    assert "Python 3.11 or newer is needed" in line


@pytest.mark.parametrize("option", ["-h", "--help"])
@pytest.mark.parametrize("door", DOORS)
def test_help_says_how_a_door_is_called(door: str, option: str) -> None:
    helped = run(sys.executable, "-m", door, option)
    assert helped.returncode == 0, helped.stderr
    assert helped.stdout.startswith(f"usage: python -m {door}")
    assert helped.stderr == ""


@pytest.mark.parametrize(
    ("door", "arguments"),
    [
        *((door, ["--sigma", "1"]) for door in DOORS),
        *((door, ["studies/no"]) for door in ("stages.download", "stages.train")),
        ("stages.train", ["studies/optimisers", "studies/depth"]),
    ],
)
def test_a_command_line_that_is_not_understood_is_one_line(door: str, arguments: list[str]) -> None:
    line = the_line(run(sys.executable, "-m", door, *arguments), 2)
    assert f"usage: python -m {door}" in line


def test_a_study_is_found_however_the_command_line_names_it(tmp_path: Path) -> None:
    study = tmp_path / "study"
    study.mkdir()
    write_params(study, data={"name": "fashion_mnist"}, **CHEAP)
    write_models(study, COURSE, {"fashion_mnist": small_data()})
    made = study / "metrics" / "accuracy.csv"
    for arguments in (["study"], ["--", "study"], ["study", "--"]):
        made.unlink(missing_ok=True)
        run_stage(tmp_path, "aggregate", *arguments)
        assert made.exists()
    # The checkout has no parameters: that these are of another data set is known from the study.
    brought = run(sys.executable, "-m", "stages.download", "--", "study", cwd=tmp_path)
    assert "data/raw/fashion_mnist: four files verified" in brought.stdout


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace whose three trials are trained; the stages after that have not run."""
    workspace = tmp_path_factory.mktemp("trained")
    write_params(workspace, **CHEAP)
    return write_models(workspace, COURSE)


CLOSED = ["2>&-", ">&- 2>&-", ">&-", "<&-", "<&- >&- 2>&-"]


@pytest.mark.parametrize("closed", CLOSED)
def test_closed_streams_do_not_end_a_stage(trained: Path, closed: str) -> None:
    made = trained / "metrics" / "accuracy.csv"
    made.unlink(missing_ok=True)
    ended = run("sh", "-c", f'"{sys.executable}" -m stages.aggregate {closed}', cwd=trained)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert made.read_text().count("\n") == 4


@pytest.mark.parametrize("closed", [f"{CLOSED[0]} | head -0", CLOSED[-1]])
def test_closed_streams_do_not_end_training(workspace: Path, closed: str) -> None:
    write_params(workspace)
    ended = run("sh", "-c", f'"{sys.executable}" -m stages.train {closed}', cwd=workspace)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert len(list((workspace / "data" / "models").glob("*/trial.json"))) == 3


def test_a_reader_that_went_away_does_not_end_a_stage(trained: Path) -> None:
    made = trained / "metrics" / "accuracy.csv"
    made.unlink(missing_ok=True)
    ended = run("sh", "-c", f'"{sys.executable}" -m stages.aggregate | head -0', cwd=trained)
    assert ended.stderr == ""
    assert made.exists()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
def test_a_full_disk_behind_stdout_is_said_and_does_not_end_a_stage(trained: Path) -> None:
    made = trained / "metrics" / "accuracy.csv"
    made.unlink(missing_ok=True)
    ended = run("sh", "-c", f'"{sys.executable}" -m stages.aggregate >/dev/full', cwd=trained)
    assert ended.returncode == 0
    assert ended.stderr == "what is printed from here on is lost: No space left on device\n"
    assert made.exists()


LONG = {"sweep": {"num_points": 20}, "train": {"epochs": 3000}}


def like_dvc(folder: Path, command: str) -> subprocess.Popen[str]:
    """Start a command as DVC does."""
    return subprocess.Popen(
        [sys.executable, "-c", _LIKE_DVC, command],
        cwd=folder,
        env=stage_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def test_training_ends_when_the_dvc_that_started_it_is_killed(workspace: Path) -> None:
    write_params(workspace, **LONG)
    with like_dvc(workspace, f"exec {sys.executable} -m stages.train") as dvc:
        assert dvc.stdout
        assert dvc.stdout.readline().startswith("20 trials")
        dvc.kill()
        # The pipe ends with the last process that could write to it.
        assert dvc.stdout.read().splitlines()[-1].startswith("train: interrupted; ")
    assert not [path for path in (workspace / "data").glob(".*") if path.suffix != ".lock"]


_LIKE_DVC = """
import os, subprocess, sys
subprocess.run(["/bin/sh", "-c", sys.argv[1]], env={**os.environ, "DVC_ROOT": os.getcwd()})
"""


@pytest.fixture
def waiting(tmp_path: Path) -> tuple[Path, bytes]:
    """A pipe, the facts.json that a report in tmp_path waits for, and what it wants to read."""
    write_params(tmp_path, **CHEAP)
    facts = aggregated(tmp_path, COURSE) / "metrics" / "facts.json"
    content = facts.read_bytes()
    facts.unlink()
    os.mkfifo(facts)
    return facts, content


def reached(pipe: Path) -> BinaryIO:
    """The pipe to write to, once somebody reads from it."""
    descriptors: list[int] = []

    def is_read() -> bool:
        with suppress(OSError):
            descriptors.append(os.open(pipe, os.O_WRONLY | os.O_NONBLOCK))
        return descriptors != []

    wait_until(is_read)
    return os.fdopen(descriptors[0], "wb")


REPORT = f"{sys.executable} -m stages.report"


def test_a_stage_ends_when_the_dvc_behind_a_shell_is_killed(
    waiting: tuple[Path, bytes], tmp_path: Path
) -> None:
    pipe, _ = waiting
    with like_dvc(tmp_path, f"sh -c '{REPORT}; true'") as dvc, reached(pipe):
        dvc.kill()
        assert dvc.stdout
        assert dvc.stdout.read() == "report: interrupted\n"


@pytest.mark.skipif(sys.platform != "linux", reason="another kernel cannot be asked to")
def test_what_a_killed_stage_started_dies_in_the_midst_of_an_import(workspace: Path) -> None:
    write_params(workspace)
    endless = "import time; open('importing', 'w').close(); time.sleep(1000)"
    (workspace / "scipy.py").write_text(endless)  # which only training processes need
    process = start_stage(workspace, "train")
    wait_until((workspace / "importing").exists)
    process.kill()
    # The pipes end with the last process that could write to them.
    process.communicate(timeout=HANGS_AFTER)


def test_a_stage_goes_on_when_the_shell_around_dvc_ends(
    waiting: tuple[Path, bytes], tmp_path: Path
) -> None:
    pipe, content = waiting
    (tmp_path / "dvc.py").write_text(_LIKE_DVC)
    command = f'nohup {sys.executable} dvc.py "exec {REPORT}" >out 2>&1 & cat'
    with subprocess.Popen(
        ["sh", "-c", command], cwd=tmp_path, env=stage_environment(), stdin=subprocess.PIPE
    ) as shell:
        facts = reached(pipe)
        shell.communicate()
    time.sleep(3 * LOOK_SECONDS)  # it looks for DVC meanwhile
    with facts:
        facts.write(content)
    wait_until((tmp_path / "metrics" / "answer.json").exists)
    assert (tmp_path / "out").read_text() == ""


def test_a_request_to_end_is_one_line(waiting: tuple[Path, bytes], tmp_path: Path) -> None:
    pipe, _ = waiting
    process = start_stage(tmp_path, "report")
    with reached(pipe):
        process.terminate()
        _, errors = process.communicate(timeout=HANGS_AFTER)
    assert process.returncode == 128 + signal.SIGTERM
    assert errors == "report: interrupted\n"


def test_a_dvc_that_dies_before_a_stage_can_look_at_it_ends_the_stage(workspace: Path) -> None:
    write_params(workspace, **LONG)
    (workspace / "psutil.py").write_text(_SLOW_DISK)
    stage = [sys.executable, "-m", "stages.train"]
    dvc = "import os, subprocess, sys; subprocess.run(sys.argv[1:])"
    with subprocess.Popen(
        [sys.executable, "-c", dvc, *stage],
        cwd=workspace,
        env={**stage_environment(), "DVC_ROOT": str(workspace)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        wait_until((workspace / "reading").exists)
        process.kill()
        assert process.stdout
        assert process.stdout.read().splitlines()[-1].startswith("train: interrupted")


_SLOW_DISK = """
import os, sys, time
parent = os.getppid()
open("reading", "w").close()
while os.getppid() == parent:
    time.sleep(0.01)
sys.path = [path for path in sys.path if path not in ("", os.getcwd())]
del sys.modules["psutil"]
import psutil
sys.modules["psutil"] = psutil
"""
"""A psutil that is there only once the parent is dead."""
