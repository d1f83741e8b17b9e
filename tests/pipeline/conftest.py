"""A clone of this repository in which real `dvc` commands run on real MNIST."""

import os
import shutil
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY, environment_of_dvc, made_once
from tests.forked import HANGS_AFTER, PIPELINE, as_python, run_dvc


@dataclass(frozen=True)
class Clone:
    """A working copy and the environment of its commands."""

    path: Path
    environment: dict[str, str]

    def run(self, *command: str, succeeds: bool = True) -> str:
        """Run a command; what it printed, stdout and stderr together.

        One that hangs is ended, after each of its Python processes has said where it stands.
        """
        with subprocess.Popen(
            command,
            cwd=self.path,
            env={**self.environment, "PYTHONFAULTHANDLER": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        ) as process:
            try:
                output, _ = process.communicate(timeout=HANGS_AFTER)
            except BaseException:
                os.killpg(process.pid, signal.SIGABRT)
                print(process.communicate()[0])
                raise
        assert (process.returncode == 0) == succeeds, output
        return output

    def dvc(self, *arguments: str, succeeds: bool = True) -> str:
        """Run a `dvc` command; what it and its stages printed, stdout before stderr."""
        done = run_dvc(*arguments, cwd=self.path, environment=self.environment)
        output = done.stdout + done.stderr
        assert (done.returncode == 0) == succeeds, output
        return output

    def repro(self, *overrides: str) -> str:
        """`dvc repro` after setting parameters, each as `section.name=value`."""
        if overrides:
            self.set_params(*overrides)
        return self.dvc("repro")

    def set_params(self, *overrides: str) -> None:
        """Edit params.yaml line by line, as a user does."""
        lines = (self.path / "params.yaml").read_text().splitlines()
        for override in overrides:
            name, value = override.partition("=")[::2]
            key = name.partition(".")[2]
            lines = [
                f"  {key}: {value}" if ln.strip().startswith(f"{key}:") else ln for ln in lines
            ]
        (self.path / "params.yaml").write_text("\n".join(lines) + "\n")


def make_clone(path: Path, environment: dict[str, str]) -> Clone:
    """Copy what git tracks or would track here, as a repository of its own."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    for name in filter(None, listed.split("\0")):
        if (REPOSITORY / name).is_file():
            (path / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(REPOSITORY / name, path / name)
    clone = Clone(path, environment)
    clone.run("git", "init", "-q")
    clone.run("git", "add", "-A")
    clone.run("git", "commit", "-qm", "clone")
    return clone


@pytest.fixture(scope="session")
def sparing(tmp_path_factory: pytest.TempPathFactory, mnist_dir: Path) -> dict[str, str]:
    """The environment of commands that spares the stages of a pipeline their imports."""
    environment = environment_of_dvc(MNIST_DIR=str(mnist_dir))
    python = as_python(tmp_path_factory.mktemp("python"), PIPELINE)
    return {**environment, "PATH": f"{python}{os.pathsep}{environment['PATH']}"}


@pytest.fixture(scope="session")
def finished(
    tmp_path_factory: pytest.TempPathFactory, mnist_dir: Path, sparing: dict[str, str]
) -> Clone:
    """A clone with the sweep of 3 sigmas and 1 epoch done, for all tests to read or copy.

    Its stages were started from nothing; those of the tests are forked.
    """

    def make(path: Path) -> None:
        output = make_clone(path, environment_of_dvc(MNIST_DIR=str(mnist_dir))).repro(
            "train.epochs=1", "sweep.num_points=3", "sweep.initializers=[]"
        )
        assert "3 trials: 0 reused, 3 to train" in output

    return Clone(made_once("finished", make, tmp_path_factory), sparing)


def copy_of(clone: Clone, path: Path) -> Clone:
    """Another working copy in the same state; what nobody writes into is linked."""
    shutil.copytree(clone.path, path, copy_function=copy_or_link, symlinks=True)
    return Clone(path, clone.environment)


def copy_or_link(source: str, target: str) -> None:
    """Copy a file; link one of the DVC cache or of the downloaded data, which is only replaced."""
    if "/.dvc/cache/" in source or "/data/raw/" in source:
        os.link(source, target)
    else:
        shutil.copy2(source, target)


@pytest.fixture
def clone(finished: Clone, tmp_path: Path) -> Clone:
    """The finished sweep of 3 sigmas, for a test to change."""
    return copy_of(finished, tmp_path / "clone")
