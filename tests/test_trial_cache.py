"""The door to the trial cache: it tells sizes, asks, and removes only what was meant."""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.core.cache import key_lock
from stages.core.dataset import Dataset
from stages.core.pruning import entries as held_in
from stages.core.pruning import trials_of_all_revisions
from tests.conftest import stage_environment, write_data, write_params
from tests.forked import run_door
from tests.test_train import train

DAY = 24 * 60 * 60

SCRATCH = (
    *(
        "data/.models",
        "data/.raw",
        "data/.checked",
        "data/raw/.mnist",
        "data/raw/folder/.SHA256SUMS",
    ),
    *("metrics/.report.md", "metrics/.accuracy.csv", "plots/.signals.png"),
    *("studies/mine/deeper/data/.models", "studies/depth/metrics/.accuracy.csv"),
    *(".dvc/.plots_page.html", "data/cache/raw/.mnist"),
)
"""What stages write beside, before it appears whole."""

COME_AND_GO = """
import shutil, sys
from pathlib import Path
for _ in range(60):
    for key in range(20):
        folder = Path(sys.argv[1], "ab", str(key), "1")
        folder.mkdir(parents=True)
        (folder / "trial.json").touch()
    shutil.rmtree(Path(sys.argv[1], "ab"))
"""

UNREADABLE = [
    *(b"", b"seed: 2001-02-30", b"seed: 0x_", b"seed: " + b"9" * 5000, b"[" * 5000),
    *(b"seed: !!float x", b"seed: !!timestamp x", b'"\\UFFFFFFFF"', b"a: 1 # \xe9", b"\xff\xfea"),
    *(b"? [a]\n: 1", b"{a: " * 5000, b"%YAML 1." + b"9" * 5000 + b"\n--- 1"),
    b"a0: &a0 [x]\n"
    + b"".join(b"a%d: &a%d [%s]\n" % (i, i, b"*a%d," % (i - 1) * 9) for i in range(1, 20)),
]
"""Parameter files that make a reader raise, or make it take long."""


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, small_dataset: Dataset) -> Path:
    """A git repository with three trials in its cache; treat it as read-only."""
    workspace = write_data(tmp_path_factory.mktemp("finished"), small_dataset)
    train(workspace)
    git(workspace, "init", "-q")
    return workspace


@pytest.fixture
def trained(finished: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    return shutil.copytree(finished, tmp_path / "trained")


def git(workspace: Path, *arguments: str) -> None:
    identity = ["-c", "user.name=test", "-c", "user.email=test@example.org"]
    subprocess.run(["git", *identity, *arguments], cwd=workspace, check=True, capture_output=True)


def run(workspace: Path, *arguments: str, answer: str = "") -> subprocess.CompletedProcess[str]:
    return run_door(
        "trial_cache",
        *arguments,
        cwd=workspace,
        environment=stage_environment(),
        typed=answer,
    )


def trial_cache(workspace: Path, *arguments: str, answer: str = "") -> str:
    """Run the door to its good end; what it printed."""
    done = run(workspace, *arguments, answer=answer)
    assert done.returncode == 0, done.stderr
    return done.stdout


def entries(workspace: Path) -> list[Path]:
    return sorted((workspace / "data" / "cache").glob("??/*/[0-9]*"))


def test_its_size_is_that_of_its_files(trained: Path) -> None:
    size = sum(file.stat().st_size for entry in entries(trained) for file in entry.iterdir())
    assert f"3 trials, {size / 1e6:.1f} MB" in trial_cache(trained)


@pytest.mark.parametrize(("answer", "left"), [("", 3), ("n\n", 3), ("y\n", 0)])
def test_clear_says_what_it_frees_and_asks(trained: Path, answer: str, left: int) -> None:
    output = trial_cache(trained, "clear", answer=answer)
    assert "this would free 3 trials" in output
    assert len(entries(trained)) == left
    assert ("removed 3 trials" in output) == (left == 0)


def test_prune_by_age_goes_by_the_last_use(trained: Path) -> None:
    for entry in entries(trained):
        os.utime(entry, (0, time.time() - 40 * DAY))
    train(trained, sweep={"num_points": 1})
    assert "removed 2 trials" in trial_cache(trained, "prune", "--older-than", "30", "--yes")
    assert "3 trials: 1 reused, 2 to train" in train(trained)[0]


def test_prune_of_the_unused_keeps_what_the_workspace_or_a_commit_asks_for(trained: Path) -> None:
    git(trained, "add", "params.yaml")
    git(trained, "commit", "-qm", "three sigmas")
    train(trained, sweep={"sigma_min": 0.002})
    assert "nothing to remove" in trial_cache(trained, "prune", "--unused", "--yes")
    write_params(trained, sweep={"sigma_min": 0.003})
    assert "removed 2 trials" in trial_cache(trained, "prune", "--unused", "--yes")


@pytest.mark.parametrize("study", ["studies/one", "studies/one/beside"])
def test_prune_of_the_unused_keeps_what_a_study_asks_or_once_asked_for(
    trained: Path, study: str
) -> None:
    (trained / study).mkdir(parents=True)
    (trained / "params.yaml").rename(trained / study / "params.yaml")
    write_params(trained, sweep={"sigma_min": 0.003})
    assert "removed" not in trial_cache(trained, "prune", "--unused", "--yes")
    git(trained, "commit", "-qm", "nothing", "--allow-empty")
    git(trained, "checkout", "-qb", "side")
    git(trained, "add", study)
    git(trained, "commit", "-qm", "a study")
    git(trained, "checkout", "-q", "-")
    git(trained, "merge", "-q", "-s", "ours", "-m", "without the study", "side")
    assert not (trained / study / "params.yaml").exists()
    assert "nothing to remove" in trial_cache(trained, "prune", "--unused", "--yes")


def test_a_trial_that_is_just_trained_stays(trained: Path) -> None:
    entry = entries(trained)[0]
    with key_lock(trained / "data" / "cache", entry.parent.name):
        assert "removed 2 trials" in trial_cache(trained, "clear", "--yes")
    assert entries(trained) == [entry]


def test_what_killed_runs_left_is_counted_and_cleared(workspace: Path) -> None:
    places = (
        "data/cache/unfinished-abc",
        "data/cache/ab/k/1x",
        *(f"{name}-0123abcd" for name in SCRATCH),
    )
    for study in ("studies/mine", "studies/mine/deeper", "studies/depth"):
        (workspace / study).mkdir(parents=True)
        (workspace / study / "params.yaml").write_text("")
    for place in places:
        (workspace / place).mkdir(parents=True)
        (workspace / place / "file").write_bytes(bytes(300_000))
    own = workspace / "metrics" / ".my-notes"
    own.write_text("")
    size = len(places) * 0.3
    assert f"left by interrupted runs: {size:.1f} MB" in trial_cache(workspace)
    assert "nothing removed" in trial_cache(workspace, "clear", answer="n\n")
    assert all((workspace / place).exists() for place in places)
    assert "and what interrupted runs left" in trial_cache(workspace, "clear", "--yes")
    assert [path for place in places if (path := workspace / place).exists()] == []
    assert own.exists()
    assert "left by" not in trial_cache(workspace)


def test_what_is_kept_beside_trials_is_counted_and_cleared_but_not_pruned(workspace: Path) -> None:
    write_params(workspace)
    git(workspace, "init", "-q")
    kept = workspace / "data" / "cache" / "raw" / "mnist" / "train-images-idx3-ubyte"
    kept.parent.mkdir(parents=True)
    kept.write_bytes(bytes(300_000))
    assert "data sets beside them: 0.3 MB" in trial_cache(workspace)
    assert "nothing to remove" in trial_cache(workspace, "prune", "--unused", "--yes")
    assert "and data sets" in trial_cache(workspace, "clear", "--yes")
    assert not kept.exists()


def test_a_cache_full_of_damage_can_be_measured_pruned_and_cleared(workspace: Path) -> None:
    cache = workspace / "data" / "cache"
    (cache / "00" / "k").mkdir(parents=True)
    (cache / "00" / "k" / "1").write_text("a file")
    (cache / "00" / "k" / "2").symlink_to("nowhere")
    (cache / "00" / "k" / "3" / "trial.json").mkdir(parents=True)
    (cache / "00" / "k" / "4").mkdir()
    (cache / "00" / "k" / "4" / "trial.json").write_text("[" * 100_000)
    (cache / "00" / "k" / "5").mkdir()
    (cache / "00" / "k" / "5" / "trial.json").write_text('{"trial": {"sizes": [[1]]}}')
    (cache / "00" / "file").write_text("a key")
    (cache / "01").write_text("a prefix")
    write_params(workspace)
    git(workspace, "init", "-q")
    assert "5 trials" in trial_cache(workspace)
    assert "nothing to remove" in trial_cache(workspace, "prune", "--older-than", "30", "--yes")
    assert "removed 5 trials" in trial_cache(workspace, "prune", "--unused", "--yes")
    trial_cache(workspace, "clear", "--yes")
    assert [path for path in cache.rglob("*") if not path.is_dir()] == []


def test_pipes_and_huge_files_hold_up_no_prune(trained: Path) -> None:
    piped, huge, _ = (entry / "trial.json" for entry in entries(trained))
    piped.unlink()
    os.mkfifo(piped)
    os.truncate(huge, 2**40)
    study = trained / "studies" / "one"
    study.mkdir(parents=True)
    os.mkfifo(study / "params.yaml")
    assert "removed 2 trials" in trial_cache(trained, "prune", "--unused", "--yes")


@pytest.mark.parametrize("kind", ["pipe", "huge"])
def test_prune_does_not_wait_for_the_parameters_of_the_workspace(
    workspace: Path, kind: str
) -> None:
    params = workspace / "params.yaml"
    os.mkfifo(params) if kind == "pipe" else params.touch()
    if kind == "huge":
        os.truncate(params, 2**40)
    git(workspace, "init", "-q")
    assert trials_of_all_revisions(workspace) == set()


def test_entries_that_a_run_removes_meanwhile_do_no_harm(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", COME_AND_GO, str(tmp_path)]) as run:
        while run.poll() is None:
            assert len(held_in(tmp_path)) <= 20


def test_prune_needs_to_know_what_experiments_use(workspace: Path) -> None:
    (workspace / "data" / "cache" / "ab" / "abc" / "2").mkdir(parents=True)
    failed = run(workspace, "prune", "--unused")
    assert failed.returncode == 1
    assert "what experiments use is unknown" in failed.stderr.splitlines()[-1]
    assert "Traceback" not in failed.stderr


def test_prune_skips_revisions_that_no_run_would_accept(trained: Path) -> None:
    git(trained, "add", "params.yaml")
    git(trained, "commit", "-qm", "three sigmas")
    params = trained / "params.yaml"
    shipped = params.read_bytes()
    for content in (*UNREADABLE, shipped + b"# \xe9", b"#" * 100_000 + b"\n" + shipped):
        params.write_bytes(content)
        git(trained, "add", "params.yaml")
        git(trained, "commit", "-qm", "unreadable")
    params.unlink()
    params.symlink_to("elsewhere")
    git(trained, "add", "params.yaml")
    git(trained, "commit", "-qm", "a link")
    git(trained, "rm", "-q", "params.yaml")
    params.mkdir()
    (params / "file").write_text("")
    git(trained, "add", "params.yaml")
    git(trained, "commit", "-qm", "a folder")
    (params / "file").unlink()
    params.rmdir()
    write_params(trained, sweep={"sigma_min": 0.003})
    assert "nothing to remove" in trial_cache(trained, "prune", "--unused", "--yes")


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A git repository without a commit."""
    folder = tmp_path_factory.mktemp("repository")
    git(folder, "init", "-q")
    return folder


@given(st.binary(max_size=99) | st.text(max_size=99).map(str.encode) | st.sampled_from(UNREADABLE))
@settings(max_examples=60, deadline=None, derandomize=True, database=None)
def test_prune_survives_any_parameters_in_the_workspace(repository: Path, content: bytes) -> None:
    (repository / "params.yaml").write_bytes(content)
    assert trials_of_all_revisions(repository) == set()
