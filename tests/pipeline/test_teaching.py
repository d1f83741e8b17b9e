"""What teachers rely on, with real commands on real MNIST: lesson, notebook and published site."""

import csv
import json
import re
import shlex
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY, replace_in
from tests.pipeline.conftest import Clone

LESSON = REPOSITORY / "docs" / "teach.md"
OPTIMISERS = Path("studies/optimisers")


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


class Links(HTMLParser):
    """What a page refers to."""

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.found: set[str] = set()
        self.feed(page.read_text())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found |= {value for name, value in attrs if name in ("href", "src") and value}


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


def test_the_site_holds_pages_and_reports_and_no_link_leads_nowhere(clone: Clone) -> None:
    clone.run("git", "restore", ".")
    clone.set_params("train.epochs=1", "sweep.num_points=3", "sweep.initializers=[]")
    study = clone.path / "studies/optimisers/params.yaml"
    replace_in(study, "epochs: 10", "epochs: 1")
    replace_in(study, "num_points: 25", "num_points: 2")
    replace_in(study, "replicates: 5", "replicates: 1")
    named = study.read_text().partition("initializers:")[2].partition("report:")[0]
    replace_in(study, named, " []\n\n")
    clone.run("make", "--old-file=install", "site")
    site = clone.path / "site"
    pages = {path.relative_to(site).as_posix() for path in site.rglob("*.html")}
    inside = ["", "studies/optimisers/"]
    assert pages == {
        "index.html",
        *(
            f"{folder}{page}"
            for folder in inside
            for page in ("plots/explore.html", "metrics/report.html")
        ),
    }
    for page in pages:
        here = site / page
        links = {link for link in Links(here).found if not link.startswith("data:")}
        assert all((here.parent / link.partition("#")[0]).is_file() for link in links), links
    assert (site / "index.html").read_text().count("studies/optimisers/metrics/report.html") == 1
    report = (site / "metrics/report.html").read_text()
    assert '<img src="../plots/signals.png"' in report
    assert report.count("<table>") == 3
    assert "**" not in report
    assert "site" not in clone.run("git", "status", "--porcelain")
