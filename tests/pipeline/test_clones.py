"""What a clone of a finished experiment shows: clean states, and the way back after a failure."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import PICTURES, environment_of_dvc, wait_until
from tests.forked import HANGS_AFTER
from tests.pipeline.conftest import Clone, copy_of

CLEAN = "Data and pipelines are up to date."
EFFORT = " M metrics/effort.json"
"""It tells of the last run only, and so differs where its trials were reused."""


@pytest.fixture(scope="module")
def origin(finished: Clone, tmp_path_factory: pytest.TempPathFactory) -> Clone:
    """The finished sweep of 3 sigmas, committed and pushed; no study ran, their locks are right."""
    clone = copy_of(finished, tmp_path_factory.mktemp("origin") / "clone")
    clone.dvc("commit", "-q", "-f", "studies/dvc.yaml")
    clone.run("git", "add", "-A")
    clone.run("git", "commit", "-qm", "three sigmas")
    add_store(clone, clone)
    clone.dvc("push")
    return clone


def add_store(clone: Clone, origin: Clone) -> None:
    store = origin.path.with_name("store")
    clone.dvc("remote", "add", "--local", "--default", "store", str(store))


def clone_of(origin: Clone, path: Path, *options: str) -> Clone:
    origin.run("git", "clone", "-q", *options, str(origin.path), str(path))
    return Clone(path, origin.environment)


def dirt(clone: Clone) -> list[str]:
    return clone.run("git", "status", "--porcelain").splitlines()


@pytest.fixture(scope="module")
def pulled(origin: Clone, tmp_path_factory: pytest.TempPathFactory) -> Clone:
    """A second clone, with its data from the store."""
    clone = clone_of(origin, tmp_path_factory.mktemp("pulled") / "clone")
    add_store(clone, origin)
    clone.dvc("pull")
    return clone


@pytest.fixture(scope="module")
def foreign(origin: Clone, tmp_path_factory: pytest.TempPathFactory) -> Clone:
    """A clone of what another machine committed: models in no cache, other metrics; run here."""
    clone = clone_of(origin, tmp_path_factory.mktemp("foreign") / "clone")
    lock = clone.path / "dvc.lock"
    before, path, after = lock.read_text().partition(
        "path: data/models\n      hash: md5\n      md5: "
    )
    lock.write_text(before + path + "0123abcd" + after[8:])
    accuracy = clone.path / "metrics" / "accuracy.csv"
    accuracy.write_text(accuracy.read_text().replace("0.9", "0.75"))
    clone.run("git", "commit", "-qam", "as another machine computes it")
    shutil.copytree(origin.path / "data" / "cache", clone.path / "data" / "cache")
    clone.dvc("repro")
    return clone


def test_status_is_clean_after_repro_where_no_study_ran_and_numbers_differ(foreign: Clone) -> None:
    assert " M metrics/accuracy.csv" in dirt(foreign)
    assert foreign.dvc("status").strip() == CLEAN


def test_after_an_aborted_experiment_two_commands_bring_everything_back(
    foreign: Clone, mnist_dir: Path, tmp_path: Path
) -> None:
    before = {*dirt(foreign), EFFORT}
    log = tmp_path / "log"
    with log.open("w") as printed:
        process = subprocess.Popen(
            [sys.executable, "-m", "dvc", "exp", "run", "-S", "train.epochs=100"],
            cwd=foreign.path,
            env=environment_of_dvc(MNIST_DIR=str(mnist_dir)),
            stdout=printed,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    wait_until(lambda: "3 to train" in log.read_text() or process.poll() is not None)
    os.killpg(process.pid, signal.SIGINT)
    assert process.wait(HANGS_AFTER) != 0
    assert "3 to train" in log.read_text()
    assert not (foreign.path / "data" / "models").exists()
    foreign.run("git", "restore", "params.yaml")
    assert "Stage 'train' is cached" in foreign.dvc("repro")
    assert foreign.dvc("status").strip() == CLEAN
    assert {*dirt(foreign), EFFORT} == before


def test_a_refused_experiment_costs_nothing_but_a_line_of_params(pulled: Clone) -> None:
    names = ["model.hidden", "train.lr", "sweep.sigma_max", "report.histogram_bins"]
    mistakes = zip(names, ["[]", "fast", "ten", "0"], strict=True)
    settings = [part for mistake in mistakes for part in ("-S", "=".join(mistake))]
    output = pulled.dvc("exp", "run", *settings, "-S", "runtime.workers=many", succeeds=False)
    assert all(output.count(f"params.yaml: {name} = ") == 1 for name in names)
    assert 'params.yaml: runtime.workers = "many"' in output
    assert dirt(pulled) == [" M params.yaml"]
    pulled.run("git", "restore", "params.yaml")
    assert pulled.dvc("status").strip() == CLEAN


def test_git_and_dvc_are_clean_after_pulling(origin: Clone, pulled: Clone, tmp_path: Path) -> None:
    assert dirt(pulled) == []
    assert pulled.dvc("status").strip() == CLEAN
    snapshots = pulled.path / "metrics" / "snapshots.safetensors"
    assert snapshots.stat().st_size > 50_000
    assert "snapshots" not in pulled.run("git", "ls-files", "metrics")
    other = clone_of(origin, tmp_path / "other")
    add_store(other, origin)
    assert "Running stage" not in other.dvc("repro", "--pull")
    assert dirt(other) == []
    assert other.dvc("status").strip() == CLEAN


def test_git_is_clean_after_experiments_in_temporary_folders(pulled: Clone) -> None:
    output = pulled.dvc("exp", "run", "--temp", "-S", "report.histogram_bins=40")
    output += pulled.dvc("exp", "run", "--queue", "-S", "report.histogram_bins=50", "aggregate")
    output += pulled.dvc("exp", "run", "--run-all")
    assert output.count("Ran experiment(s)") == 2
    assert "untracked" not in output
    assert dirt(pulled) == []
    assert pulled.dvc("status").strip() == CLEAN


def test_a_clone_with_windows_line_ends_has_every_stage_unchanged(
    origin: Clone, tmp_path: Path
) -> None:
    clone = clone_of(origin, tmp_path / "clone", "-c", "core.autocrlf=true")
    add_store(clone, origin)
    clone.dvc("pull")
    assert clone.dvc("status").strip() == CLEAN
    assert dirt(clone) == []


def test_what_editors_and_desktops_leave_changes_no_stage(pulled: Clone) -> None:
    code = pulled.path / "stages" / "core"
    names = [".DS_Store", ".directory", "Thumbs.db", ".trial.py.swp", "trial.py~", "#trial.py#"]
    names += ["._trial.py", ".#trial.py", "4913", "trial.py.orig", "trial.cpython-311.pyc"]
    names += [".ipynb_checkpoints/trial-checkpoint.py", ".mypy_cache/trial.py", ".idea/x.xml"]
    raw = pulled.path / "data" / "raw" / "mnist"
    left = [*(code / name for name in names), raw / ".DS_Store", raw / "Thumbs.db"]
    for path in left:
        path.parent.mkdir(exist_ok=True)
        path.write_text("left by a program\n")
    assert pulled.dvc("status").strip() == CLEAN
    (code / "new.py").write_text("")
    assert "stages/core" in pulled.dvc("status")
    for path in [*left, code / "new.py"]:
        path.unlink()


def test_git_keeps_of_the_pictures_of_a_study_those_that_compare_its_variants(
    pulled: Clone,
) -> None:
    pictures = [f"studies/depth/plots/{name}" for name in (*PICTURES, "explore.html")]
    ignored = pulled.run("git", "check-ignore", "--no-index", *pictures).split()
    kept = {"studies/depth/plots/accuracy_vs_sigma.png", "studies/depth/plots/map.png"}
    assert set(pictures) - set(ignored) == kept


def test_the_pipeline_is_drawn_on_one_screen(origin: Clone) -> None:
    lines = origin.dvc("dag", "dvc.yaml").splitlines()
    assert len(lines) <= 40
    assert max(map(len, lines)) <= 80
