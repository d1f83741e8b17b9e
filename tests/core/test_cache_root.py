"""Where the trial cache lies, asked by stages that real `dvc` commands run."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY, environment_of_dvc
from tests.forked import run_dvc

ASK = "from stages.core.cache import cache_root; print('cache:', cache_root().absolute())"
STAGE = f"""
stages:
  train:
    cmd: {sys.executable} -c "{ASK}"
    deps: [params.yaml]
"""


ENVIRONMENT = environment_of_dvc(PYTHONPATH=str(REPOSITORY))


def git(folder: Path, *arguments: str) -> None:
    subprocess.run(["git", *arguments], cwd=folder, env=ENVIRONMENT, check=True)


def dvc(folder: Path, *arguments: str) -> str:
    """What the command printed."""
    done = run_dvc(*arguments, cwd=folder, environment=ENVIRONMENT)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def asked(folder: Path, *arguments: str) -> Path:
    """Where the stage says that the cache is."""
    [line] = [line for line in dvc(folder, *arguments).splitlines() if "cache: " in line]
    return Path(line.rpartition("cache: ")[2]).resolve()


@pytest.fixture
def outer(tmp_path: Path) -> Path:
    """A git repository with a project in a folder of it."""
    outer = tmp_path.resolve() / "outer"
    inner = outer / "inner"
    inner.mkdir(parents=True)
    (inner / "dvc.yaml").write_text(STAGE)
    (inner / "params.yaml").write_text("x: 1\n")
    git(outer, "init", "-q")
    return outer


def initialise(outer: Path, *folders: Path) -> None:
    for folder in folders:
        subdir = ["--subdir"] * (folder != outer)
        dvc(folder, "init", "-q", *subdir)
    git(outer, "add", "-A")
    git(outer, "commit", "-qm", "project")


COMMANDS = (("exp", "run", "--temp"), ("repro",))
"""In this order each runs the stage, since what a temporary folder ran is not done here."""


@pytest.mark.parametrize("repository", [".", "inner"])
def test_it_lies_in_the_project_wherever_dvc_and_git_have_their_root(
    outer: Path, repository: str
) -> None:
    initialise(outer, outer / repository)
    for command in COMMANDS:
        assert asked(outer / "inner", *command) == outer / "inner" / "data" / "cache"


def test_a_stage_of_another_project_that_runs_this_one_does_not_move_it(outer: Path) -> None:
    (outer / "dvc.yaml").write_text("stages:\n  all:\n    cmd: cd inner && dvc repro\n")
    initialise(outer, outer, outer / "inner")
    for command in COMMANDS:
        assert asked(outer, *command) == outer / "inner" / "data" / "cache"
