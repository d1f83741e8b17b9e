"""What users do with `dvc exp` and the trial cache: real commands, one after the other."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.pipeline.conftest import Clone


@pytest.fixture(scope="module")
def committed(clone: Clone) -> Clone:
    """The finished sweep of 3 sigmas, committed, and two experiments run from the queue."""
    clone.run("git", "add", "-A")
    clone.run("git", "commit", "-qm", "three sigmas")
    clone.dvc("exp", "run", "--queue", "--name", "wide", "-S", "sweep.sigma_max=100,1000")
    clone.dvc("queue", "start", "-j", "2")
    return clone


def wait_for_queue(clone: Clone) -> str:
    for _ in range(120):
        status = clone.dvc("queue", "status")
        if not re.search(r"Queued|Running", status):
            return status
        clone.run("sleep", "1")
    raise AssertionError(status)


def experiments(clone: Clone) -> dict[str, dict[str, Any]]:
    """The effort of each experiment, by its name."""
    [_, base] = json.loads(clone.dvc("exp", "show", "--json"))
    rows = [revision for experiment in base["experiments"] for revision in experiment["revs"]]
    return {
        row["name"]: json.loads(clone.run("git", "show", f"{row['rev']}:metrics/effort.json"))
        for row in rows
    }


def cache_size(clone: Clone) -> str:
    return clone.run("python", "-m", "stages.trial_cache").partition(",")[0]


def test_two_queued_experiments_at_once_share_the_trial_cache(committed: Clone) -> None:
    assert wait_for_queue(committed).count("Success") == 2
    found = experiments(committed)
    assert len(found) == 2
    for effort in found.values():
        assert effort["trials_trained"] + effort["trials_reused"] == 3
    assert sum(effort["trials_trained"] for effort in found.values()) == 4
    assert cache_size(committed) == "trial cache: 7 trials"


def test_gc_of_dvc_leaves_the_trial_cache_alone_and_prune_what_experiments_use(
    committed: Clone,
) -> None:
    wait_for_queue(committed)
    committed.dvc("gc", "--workspace", "--force")
    prune = ("python", "-m", "stages.trial_cache", "prune", "--unused", "--yes")
    assert "nothing to remove" in committed.run(*prune)
    committed.dvc("exp", "remove", *list(experiments(committed))[:1])
    assert "removed 2 trials" in committed.run(*prune)


def test_another_clone_pulls_an_experiment_and_trains_nothing(
    committed: Clone, tmp_path: Path
) -> None:
    wait_for_queue(committed)
    committed.dvc("exp", "run", "--name", "mine", "-S", "sweep.sigma_min=1e-05")
    committed.run("git", "stash")
    shared = tmp_path / "shared.git"
    committed.run("git", "clone", "-q", "--bare", str(committed.path), str(shared))
    committed.run("git", "remote", "add", "shared", str(shared))
    other = Clone(tmp_path / "other", committed.environment)
    committed.run("git", "clone", "-q", str(shared), str(other.path))
    for clone in (committed, other):
        clone.dvc("remote", "add", "--local", "--default", "storage", str(tmp_path / "storage"))
    committed.dvc("exp", "push", "shared", "mine")
    other.dvc("exp", "pull", "origin", "mine")
    other.dvc("exp", "apply", "mine")
    models = other.path / "data" / "models"
    assert len(list(models.glob("*/weights.safetensors"))) == 3
    assert "Running stage" not in other.dvc("repro")
