"""The report of several variants: in what they differ, what each reached, what can be said."""

from collections.abc import Mapping, Sequence

import yaml

from stages.analysis.answer import ANSWER, answer
from stages.analysis.comparison import (
    comparisons,
    judging,
    leader,
    listed,
    what_differs,
)
from stages.analysis.findings import Results, images, precision
from stages.analysis.grid import find_grid
from stages.analysis.predictions import predictions
from stages.analysis.wording import network, optimiser, start
from stages.figures.markdown import Origin, bullets, document, machine, name_of_data, plain, table
from stages.figures.sweep_report import told_data, training
from stages.process.pace import counted

_COLUMNS = 9
"""Variants whose accuracies stand side by side."""


def variants_report(
    results: Sequence[Results],
    networks: Mapping[Origin, int],
    params: Mapping[str, object],
) -> str:
    """The whole report; `params` are those of params.yaml, and `networks` counts by origin."""
    return document(
        "# Accuracy against the scale of initialisation, by variant",
        introduction(results),
        "## What was run",
        run_table(results),
        "## Variants",
        "Each at its own best σ; window: decades of σ within a point of that.",
        variant_table(results),
        "## Pictures",
        "![Accuracy against sigma, by variant](../plots/accuracy_vs_sigma.png)",
        "Test accuracy at the end, a line for each variant.",
        "![Accuracy as a map](../plots/map.png)",
        "Each cell is one σ of a variant.",
        "## Findings",
        *trust(results),
        *[" ".join(judging(results))] * bool(judging(results)),
        bullets([*comparisons(results), *foretold(results)]),
        "## Numbers",
        number_table(results),
        "## Machine and versions",
        *machine(networks),
        "## How to reproduce",
        "In a checkout of this code, installed by `make repro`: `dvc repro` with this params.yaml "
        "(its section `runtime` determines no number).",
        f"```\n{yaml.safe_dump(params, sort_keys=False, default_flow_style=None, width=100)}```",
        "Another machine or version of torch may round differently, and so train differently.",
    )


def foretold(results: Sequence[Results]) -> list[str]:
    """What theory and measurement foretell of the map that variants make, and how well."""
    grid = find_grid(results)
    return [f"**Foretold.** {sentence}" for sentence in (predictions(grid) if grid else [])]


def introduction(results: Sequence[Results]) -> str:
    """How many networks, of what, on what, and in what they differ."""
    trials = sum(of.summary["trials"] for of in results)
    kinds = list(dict.fromkeys(plain(network(of.setting)) for of in results))
    data = list(dict.fromkeys(name_of_data(of.setting) for of in results))
    what = f" ({kinds[0]})" if len(kinds) == 1 else f" of {len(kinds)} kinds"
    return (
        f"{counted(trials, 'network')}{what} were trained on {' and '.join(data)}, in "
        f"{counted(len(results), 'variant')} that differ in {names(what_differs(results))}."
    )


def trust(results: Sequence[Results]) -> list[str]:
    """How far to trust the numbers: once, or where numbers of networks or test images differ, once
    for each."""
    groups: dict[tuple[int, int], list[Results]] = {}
    for of in results:
        groups.setdefault((of.best.n, of.setting.holdout.images), []).append(of)
    told = [
        (listed([of.setting.variant for of in g]), f"{precision(best)} {images(best)}")
        for g in groups.values()
        for best in [leader(g)]
    ]
    return [text if len(told) == 1 else f"{who}: {text}" for who, text in told]


def names(parameters: Mapping[str, object]) -> str:
    """Parameters as one writes them, or that there are none."""
    told = [f"`{parameter}`" for parameter in parameters]
    return " and ".join([", ".join(told[:-1]), told[-1]] if told[1:] else told) or "name alone"


def run_table(results: Sequence[Results]) -> str:
    """What all variants have in common, in words, and where they differ."""
    rows = []
    for what, of in (
        ("data", told_data),
        ("network", lambda setting: plain(network(setting))),
        ("start", start),
        ("optimiser", optimiser),
        ("training", training),
    ):
        told = list(dict.fromkeys(of(result.setting) for result in results))
        rows.append([what, told[0] if len(told) == 1 else "by variant"])
    return table(["", ""], rows)


def variant_table(results: Sequence[Results]) -> str:
    """A row for each variant: its values of what differs, and its answer."""
    differs = what_differs(results)
    header = ["variant", *differs, *(name.replace("_", " ") for name in ANSWER)]
    rows = [
        [
            plain(of.setting.variant),
            *(plain(values[place]) for values in differs.values()),
            *(ANSWER[name].form.format(value) for name, value in answer(of.summary).items()),
        ]
        for place, of in enumerate(results)
    ]
    return table(header, rows)


def number_table(results: Sequence[Results]) -> str:
    """Test accuracies of all sigmas, a column for each variant where they are few."""
    if len(results) > _COLUMNS:
        return "They stand in `accuracy.csv`, a row for each variant and σ."
    sigmas = sorted({point.sigma: point.label for of in results for point in of.points}.items())
    by_sigma = [{p.sigma: f"{100 * p.test_accuracy:.2f}" for p in of.points} for of in results]
    header = ["σ", *(plain(of.setting.variant) for of in results)]
    rows = [[label, *(of.get(sigma, "") for of in by_sigma)] for sigma, label in sigmas]
    return f"Test accuracies in percent.\n\n{table(header, rows)}"
