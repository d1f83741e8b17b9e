"""The compare door: the experiments of the last commit in a table, and `dvc plots diff` of them.

A row says which parameters an experiment changed and what came out, in 80 columns, the same text on
a terminal and in a pipe. What `dvc exp show` knows comes from its JSON.
"""

if __name__ == "__main__":
    if not __package__:
        raise SystemExit("in the project's folder, run: python -m stages.compare")
    from stages.process.door import enter

    enter("stages.compare")

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich import box
from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.table import Table
from rich.text import Text

from stages.analysis.answer import ANSWER
from stages.core.params import flatten
from stages.process.dvc import run_dvc

WIDTH = 80

Values = Mapping[str, Any]


@dataclass(frozen=True)
class Row:
    """A revision: what it was asked and, once it is finished, what came out."""

    name: str
    state: str  # success, queued, running or failed
    params: Values
    metrics: Values


@dataclass(frozen=True)
class Folded:
    """Lines in a cell: one too long goes on after a comma or an equals sign, never inside a word
    that fits."""

    lines: Sequence[str]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for line in self.lines:
            yield Text("\n".join(fold(line, options.max_width)), overflow="fold")


def fold(line: str, width: int) -> list[str]:
    """`line` in pieces of up to `width` characters that end where words do, or longer words."""
    folded = [""]
    for word in re.findall(r"[^,=]+[,=]*|[,=]+", line):
        if folded[-1] and len(folded[-1] + word) > width:
            folded.append("")
        folded[-1] += word
    return folded


def main() -> None:
    """Print the table, then draw the page of all that have results."""
    workspace, base, *experiments = read_rows(json.loads(run_dvc("exp", "show", "--json")))
    Console(width=WIDTH, soft_wrap=False).print(table([workspace, base, *experiments]))
    if not experiments:
        print("No experiments of this commit yet: dvc exp run --name wide -S sweep.sigma_max=100")
        return
    print("window: decades of sigma within a point of the best")
    finished = [row.name for row in experiments if row.metrics]
    revisions = [*unlike(workspace, [base, *experiments]), "HEAD", *finished]
    print(run_dvc("plots", "diff", *revisions), end="")


def read_rows(shown: Sequence[Any]) -> Iterator[Row]:
    """The workspace, the commit and its experiments, from `dvc exp show --json`."""
    for baseline in shown:
        yield read_row(baseline["name"] or baseline["rev"], "success", baseline)
        for experiment in baseline["experiments"] or ():
            state = (experiment["executor"] or {"state": "success"})["state"]
            revision = experiment["revs"][0]
            yield read_row(revision["name"] or revision["rev"][:7], state, revision)


def read_row(name: str, state: str, revision: Any) -> Row:
    """A revision of the JSON; one that failed or waits has the metrics of what it started from."""
    data = revision["data"] or {"params": {}, "metrics": {}}
    files = data["metrics"] if state == "success" else {}
    return Row(name, state, gathered(data["params"]), gathered(files))


def gathered(files: Values) -> Values:
    """All values of some files by their names; a file that cannot be read has none."""
    return {k: v for file in files.values() for k, v in flatten(file.get("data") or {})}


def unlike(workspace: Row, others: Sequence[Row]) -> list[str]:
    """The name of the workspace unless one of the others is the same."""
    here = workspace.params, workspace.metrics
    return [] if here in [(row.params, row.metrics) for row in others] else [workspace.name]


def table(rows: Sequence[Row]) -> Table:
    """One line for each revision, more where its changes need them; one for each variant below."""
    made = Table(box=box.SIMPLE_HEAD, show_edge=False, padding=(0, 1, 0, 0), width=WIDTH)
    made.add_column("\nexperiment", overflow="fold", max_width=18)
    made.add_column("\nchanged", overflow="fold", ratio=1)
    for name in ANSWER:
        header = "\n".join(name.rpartition("_")[::2])
        made.add_column(header, justify="right", no_wrap=True)
    _, base, *_ = rows
    for row in rows:
        name = row.name if row.state == "success" else f"{row.name} ({row.state})"
        cells: list[RenderableType] = [Text(name), Folded(list(changes(row, base)))]
        for variant, metrics in outcomes(row.metrics).items():
            if variant and cells:
                made.add_row(*cells)
            outcome = (told(of.form, metrics.get(metric)) for metric, of in ANSWER.items())
            made.add_row(
                *([Text(f"  {variant}"), Text()] if variant else cells), *map(Text, outcome)
            )
            cells = []
    return made


def outcomes(metrics: Values) -> dict[str, dict[str, Any]]:
    """The metrics of each variant by its name; of the only sweep, or of none yet, by ""."""
    by_variant: dict[str, dict[str, Any]] = {}
    for name, value in metrics.items():
        variant, _, metric = name.rpartition(".")
        by_variant.setdefault(variant, {})[metric] = value
    return by_variant or {"": {}}


def changes(row: Row, base: Row) -> Iterator[str]:
    """`name=value` of what differs from the commit, without the section where that is clear."""
    names = {**base.params, **row.params}
    bare = Counter(map(without_section, names))
    for name in names:
        if row.params.get(name) != base.params.get(name):
            short = without_section(name)
            yield f"{short if bare[short] == 1 else name}={told('{}', row.params.get(name))}"


def without_section(name: str) -> str:
    """`sigma_max` of `sweep.sigma_max`; a name of the top level is its own."""
    return name.partition(".")[2] or name


def told(form: str, value: Any) -> str:
    """A value as the table has it; a list as in `-S`."""
    if value is None:
        return "-"
    return form.format(f"[{','.join(map(str, value))}]" if isinstance(value, list) else value)
