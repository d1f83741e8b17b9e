"""The door to the trial cache: it tells sizes, asks, and removes only what was meant."""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.core.cache import key_lock
from stages.core.pruning import trials_of_all_revisions
from tests.conftest import run_stage, stage_environment, write_params

DAY = 24 * 60 * 60

UNREADABLE = [
    *(b"", b"seed: 2001-02-30", b"seed: 0x_", b"seed: " + b"9" * 5000, b"[" * 5000),
    *(b"seed: !!float x", b"seed: !!timestamp x", b'"\\UFFFFFFFF"', b"a: 1 # \xe9", b"\xff\xfea"),
    *(b"? [a]\n: 1", b"{a: " * 5000, b"%YAML 1." + b"9" * 5000 + b"\n--- 1"),
    b"a0: &a0 [x]\n"
    + b"".join(b"a%d: &a%d [%s]\n" % (i, i, b"*a%d," % (i - 1) * 9) for i in range(1, 20)),
]
"""Parameter files that make a reader raise, or make it take long."""


@pytest.fixture
def trained(workspace: Path) -> Path:
    """A git repository with three trials in its cache."""
    write_params(workspace)
    run_stage(workspace, "train")
    git(workspace, "init", "-q")
    return workspace


def git(workspace: Path, *arguments: str) -> None:
    identity = ["-c", "user.name=test", "-c", "user.email=test@example.org"]
    subprocess.run(["git", *identity, *arguments], cwd=workspace, check=True, capture_output=True)


def trial_cache(workspace: Path, *arguments: str, answer: str = "") -> str:
    return subprocess.run(
        [sys.executable, "-m", "stages.trial_cache", *arguments],
        cwd=workspace,
        env=stage_environment(),
        input=answer,
        capture_output=True,
        text=True,
        check=True,
    ).stdout


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
    write_params(trained, sweep={"num_points": 1})
    run_stage(trained, "train")
    assert "removed 2 trials" in trial_cache(trained, "prune", "--older-than", "30", "--yes")
    write_params(trained)
    assert "3 trials: 1 reused, 2 to train" in run_stage(trained, "train")[0]


def test_prune_of_the_unused_keeps_what_the_workspace_or_a_commit_asks_for(trained: Path) -> None:
    git(trained, "add", "params.yaml")
    git(trained, "commit", "-qm", "three sigmas")
    write_params(trained, sweep={"sigma_min": 0.002})
    run_stage(trained, "train")
    assert "nothing to remove" in trial_cache(trained, "prune", "--unused", "--yes")
    write_params(trained, sweep={"sigma_min": 0.003})
    assert "removed 2 trials" in trial_cache(trained, "prune", "--unused", "--yes")


def test_a_trial_that_is_just_trained_stays(trained: Path) -> None:
    entry = entries(trained)[0]
    with key_lock(trained / "data" / "cache", entry.parent.name):
        assert "removed 2 trials" in trial_cache(trained, "clear", "--yes")
    assert entries(trained) == [entry]


def test_what_killed_runs_left_is_counted_and_cleared(workspace: Path) -> None:
    places = (
        "data/cache/unfinished-abc",
        "data/.models-abc",
        "data/.raw-abc",
        "data/cache/ab/k/1x",
    )
    for place in places:
        (workspace / place).mkdir(parents=True)
        (workspace / place / "file").write_bytes(bytes(300_000))
    (workspace / "metrics").mkdir()
    (workspace / "metrics" / ".report.md.4711").write_bytes(bytes(300_000))
    assert "left by interrupted runs: 1.5 MB" in trial_cache(workspace)
    assert "nothing removed" in trial_cache(workspace, "clear", answer="n\n")
    assert all((workspace / place).exists() for place in places)
    assert "and what interrupted runs left" in trial_cache(workspace, "clear", "--yes")
    assert [
        path for path in workspace.rglob("*") if path.is_file() and path.parent.name != "raw"
    ] == []
    assert "left by" not in trial_cache(workspace)


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


def test_prune_needs_to_know_what_experiments_use(workspace: Path) -> None:
    (workspace / "data" / "cache" / "ab" / "abc" / "2").mkdir(parents=True)
    failed = subprocess.run(
        [sys.executable, "-m", "stages.trial_cache", "prune", "--unused"],
        cwd=workspace,
        env=stage_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
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


@given(st.binary(max_size=99) | st.text(max_size=99).map(str.encode) | st.sampled_from(UNREADABLE))
@settings(max_examples=60, deadline=None, derandomize=True, database=None)
def test_prune_survives_any_parameters_in_the_workspace(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        git(Path(folder), "init", "-q")
        Path(folder, "params.yaml").write_bytes(content)
        assert trials_of_all_revisions(Path(folder)) == set()
