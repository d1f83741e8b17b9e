"""What users do with `dvc exp` and the trial cache: real commands, one after the other."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.pipeline.conftest import Clone, copy_of

QUEUED = {
    "wide": ("sweep.sigma_max=100",),
    "wider": ("sweep.sigma_max=1000", "report"),  # all that its numbers need
    "bad": ("train.lr=-1",),
}
"""Experiments by name: what each sets, and the stage at which it may end."""


@pytest.fixture(scope="module")
def committed(finished: Clone, tmp_path_factory: pytest.TempPathFactory) -> Clone:
    """The finished sweep of 3 sigmas, committed; experiments from the queue, one still waits."""
    clone = copy_of(finished, tmp_path_factory.mktemp("committed") / "clone")
    clone.run("git", "add", "-A")
    clone.run("git", "commit", "-qm", "three sigmas")
    for name, (setting, *stages) in QUEUED.items():
        clone.dvc("exp", "run", "--queue", "--name", name, "-S", setting, *stages)
    # Until its workers end, who hold what it prints to.
    clone.run(sys.executable, "-m", "dvc", "queue", "start", "-j", "2")
    clone.dvc("exp", "run", "--queue", "--name", "later", "-S", "sweep.seed=3")
    return clone


def experiments(clone: Clone) -> dict[str, dict[str, Any]]:
    """The metrics of each experiment that succeeded by its name, and how much it trained."""
    [_, base] = json.loads(clone.dvc("exp", "show", "--json"))
    rows = [
        revision
        for experiment in base["experiments"]
        if experiment["executor"]["state"] == "success"
        for revision in experiment["revs"]
    ]
    return {
        row["name"]: {
            **row["data"]["metrics"]["metrics/answer.json"]["data"],
            **json.loads(clone.run("git", "show", f"{row['rev']}:metrics/effort.json")),
        }
        for row in rows
    }


@pytest.fixture(scope="module")
def compared(committed: Clone) -> str:
    """What `make compare` tells of them."""
    return compare(committed)


def compare(clone: Clone) -> str:
    return clone.run("python", "-m", "stages.compare")


def row_of(name: str, table: str) -> str:
    """The first line of an experiment."""
    return next(line for line in table.splitlines() if line.startswith(name))


def cache_size(clone: Clone) -> str:
    return clone.run("python", "-m", "stages.trial_cache").partition(",")[0]


def test_two_queued_experiments_at_once_share_the_trial_cache(committed: Clone) -> None:
    status = committed.dvc("queue", "status")
    assert (status.count("Success"), status.count("Failed")) == (2, 1)
    found = experiments(committed)
    assert found.keys() == {"wide", "wider"}
    for metrics in found.values():
        assert metrics["trials_trained"] + metrics["trials_reused"] == 3
    assert sum(metrics["trials_trained"] for metrics in found.values()) == 4
    assert cache_size(committed) == "trial cache: 7 trials"


def test_compare_tells_what_each_changed_and_what_came_out_in_80_columns(
    committed: Clone, compared: str
) -> None:
    page = committed.path / "dvc_plots" / "index.html"
    lines = [line for line in compared.splitlines() if page.as_uri() not in line]
    assert max(map(len, lines)) == 80
    found = experiments(committed)
    rows = {name: row_of(f"{name} ", compared).split() for name in found}
    for name, metrics in found.items():
        assert rows[name][2:] == [
            f"{metrics['best_sigma']:.3g}",
            f"{metrics['accuracy']:.2%}",
            f"{metrics['window']:.1f}",
            f"{metrics['at_chance']}",
            f"{metrics['diverged']}",
        ]
    assert {name: row[1] for name, row in rows.items()} == {
        "wide": "sigma_max=100",
        "wider": "sigma_max=1000",
    }
    assert page.as_uri() in compared
    assert all(f'"rev": "{name}"' in page.read_text() for name in ["HEAD", *rows])


def test_compare_tells_of_an_experiment_that_waits_or_failed_no_number(
    committed: Clone, compared: str
) -> None:
    assert row_of("bad (failed)", compared).split()[2:] == ["lr=-1", *5 * "-"]
    assert row_of("later (queued)", compared).split()[2:] == ["seed=3", *5 * "-"]
    page = (committed.path / "dvc_plots" / "index.html").read_text()
    assert '"rev": "bad"' not in page


def test_dvc_shows_as_metrics_only_what_answers_the_question(committed: Clone) -> None:
    shown = committed.dvc("metrics", "show", "--json")
    [metrics] = json.loads(shown)[""]["data"].values()
    assert list(metrics["data"]) == ["best_sigma", "accuracy", "window", "at_chance", "diverged"]
    lines = committed.dvc("metrics", "show").splitlines()
    assert max(map(len, lines)) <= 80


def test_another_clone_pulls_an_experiment_and_trains_nothing(
    committed: Clone, tmp_path: Path
) -> None:
    shared = tmp_path / "shared.git"
    committed.run("git", "clone", "-q", "--bare", str(committed.path), str(shared))
    committed.run("git", "remote", "add", "shared", str(shared))
    other = Clone(tmp_path / "other", committed.environment)
    committed.run("git", "clone", "-q", str(shared), str(other.path))
    for clone in (committed, other):
        clone.dvc("remote", "add", "--local", "--default", "storage", str(tmp_path / "storage"))
    committed.dvc("exp", "push", "shared", "wide")
    other.dvc("exp", "pull", "origin", "wide")
    other.dvc("exp", "apply", "wide")
    models = other.path / "data" / "models"
    assert len(list(models.glob("*/weights.safetensors"))) == 3
    assert "Running stage" not in other.dvc("repro")


def test_gc_of_dvc_leaves_the_trial_cache_alone_and_prune_what_experiments_use(
    committed: Clone,
) -> None:
    committed.dvc("gc", "--workspace", "--force")
    prune = ("python", "-m", "stages.trial_cache", "prune", "--unused", "--yes")
    assert "nothing to remove" in committed.run(*prune)
    committed.dvc("exp", "remove", *list(experiments(committed))[:1])
    assert "removed 2 trials" in committed.run(*prune)


def test_compare_tells_any_parameter_and_without_experiments_how_to_make_one(
    committed: Clone,
) -> None:
    committed.run("git", "commit", "-q", "--allow-empty", "-m", "another commit")
    committed.dvc("exp", "remove", "--queue")
    names = "[kaiming_normal, orthogonal, pytorch_default, xavier_normal]"
    committed.set_params(f"sweep.initializers={names}")
    with (committed.path / "params.yaml").open("a") as params:
        params.write("note: 1\nmine: {deep: {down: [2, 3]}}\n")
    output = compare(committed)
    row = row_of("workspace", output)
    below = output.partition(row)[2].splitlines()[1:]
    folded = ["[kaiming_normal,", "orthogonal,", "pytorch_default,", "xavier_normal]"]
    assert all(any(word in line for line in below) for word in folded)
    assert {"note=1", "deep.down=[2,3]"} <= {line.strip() for line in below}
    assert "dvc exp run --name" in output
    assert "index.html" not in output
