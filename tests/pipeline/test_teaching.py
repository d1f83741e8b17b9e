"""What teachers rely on, with real commands on real MNIST: lesson and notebook."""

import csv
import json
import re
import shlex
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY
from tests.pipeline.conftest import Clone

LESSON = REPOSITORY / "docs" / "teach.md"


def exercises() -> list[str]:
    """The commands of each exercise of the lesson."""
    blocks = re.findall(r"^```\n(.*?)^```", LESSON.read_text(), re.MULTILINE | re.DOTALL)
    return [block for block in blocks if "dvc exp run explore" in block]


def promised() -> list[dict[tuple[str, str], float]]:
    """Of each exercise the accuracy in percent by variant and sigma that the lesson promises."""
    tables = re.findall(r"comes out.*?\n\n((?:\|.*\n)+)", LESSON.read_text())
    found = []
    for table in tables:
        head, _, *rows = [
            [c.strip(" |σ=%") for c in line.split(" | ")] for line in table.splitlines()
        ]
        found.append(
            {
                ("" if row[0] == "accuracy" else row[0], sigma): float(accuracy)
                for row in rows
                for sigma, accuracy in zip(head[1:], row[1:], strict=True)
            }
        )
    return found


def last_accuracies(clone: Clone) -> dict[tuple[str, str], float]:
    """Of the workspace: the accuracy in percent after the last epoch by variant and sigma."""
    with (clone.path / "metrics" / "history.csv").open() as file:
        rows = sorted(csv.DictReader(file), key=lambda row: int(row["epoch"]))
    return {
        (row["variant"], f"{float(row['sigma']):g}"): 100 * float(row["test_accuracy"])
        for row in rows
    }


def outputs(notebook: Path, kind: str) -> list[str]:
    """What the cells of a notebook show of one kind, a MIME type."""
    cells = json.loads(notebook.read_text())["cells"]
    shown = [output.get("data", {}) for cell in cells for output in cell.get("outputs", [])]
    return ["".join(data[kind]) for data in shown if kind in data]


def test_the_exercises_of_the_lesson_come_out_as_it_says(clone: Clone) -> None:
    assert len(exercises()) == 3
    for commands, expected in zip(exercises(), promised(), strict=True):
        for command in commands.splitlines():
            # the page has tests of its own; what it shows is in metrics/
            words = shlex.split(command.replace(" explore ", " aggregate "))
            clone.dvc(*words[1:]) if words[0] == "dvc" else clone.run(*words)
        assert last_accuracies(clone) == pytest.approx(expected, abs=12)


def test_the_lesson_speaks_of_panels_that_the_page_has() -> None:
    page = (REPOSITORY / "stages" / "explore_page" / "index.html").read_text()
    shown = re.findall(r"page shows\.\*\*.*?(?=^##)", LESSON.read_text(), re.MULTILINE | re.DOTALL)
    named = {name for text in shown for name in re.findall(r"^- \*([^*]+)\*", text, re.MULTILINE)}
    assert len(named) >= 5
    assert {name for name in named if not re.search(rf"<h2>(\d\. )?{name}</h2>", page)} == set()


def test_the_notebook_runs_and_its_committed_pictures_are_of_the_committed_results(
    clone: Clone,
) -> None:
    committed, executed = (clone.path / "docs" / f"{name}.ipynb" for name in ("explore", "new"))
    clone.run("jupyter-execute", f"docs/{committed.name}", "--output=new")
    for notebook in (committed, executed):
        assert len(outputs(notebook, "image/png")) == 4
    results, courses = outputs(executed, "text/html")
    assert outputs(committed, "text/html")[0] == results
    *_, adam_small, adam, sgd_small, sgd = re.findall(r"<td>([0-9.]+)</td>", courses)
    assert min(map(float, (adam_small, adam, sgd))) > 0.85
    assert float(sgd_small) < 0.2
    assert committed.stat().st_size < 200_000
