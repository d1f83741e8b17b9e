"""The report as Markdown: what was run, pictures, findings, numbers, and how to run it again."""

import json
import re
import shlex
from collections.abc import Iterable, Mapping, Sequence

from stages.analysis.findings import Results, findings, headline, uncertainty
from stages.analysis.noise import error
from stages.analysis.wording import OPTIMISERS, sigma
from stages.core.params import Params
from stages.core.trial import Provenance, sweep_trials
from stages.process.pace import counted


def report(
    params: Params,
    results: Results,
    evidence: Sequence[str],
    networks: Mapping[Provenance, int],
) -> str:
    """The whole report; `networks` counts the networks of each provenance."""
    paragraphs = [
        "# Accuracy against the scale of initialisation",
        f"{introduction(results)} {headline(results)}",
        "## What was run",
        run_table(params, results),
        "## Pictures",
        "![Accuracy against sigma](../plots/accuracy_vs_sigma.png)",
        "Test accuracy at the end and after the first epoch, and training accuracy, against σ.",
        "![Weights after training](../plots/weight_histograms.png)",
        "The histogram of all weights and biases after training, a row for each σ.",
        "![Signals and gradients of each layer](../plots/signals.png)",
        "Points are measured on the first 512 training images, lines are what theory predicts.",
        "![Weights before and after training](../plots/before_after.png)",
        "How densely weights lie, in units of σ.",
        "## Findings",
        uncertainty(results),
        "\n".join(f"- {finding}" for finding in [*findings(results), *evidence]),
        "## Numbers",
        number_table(results),
        "## Machine and versions",
        *machine(networks),
        "## How to reproduce",
        "In a checkout of this code, installed by `make repro`, with `.venv` activated:",
        f"```\n{command(params)}\n```",
        "Another machine or version of torch may round differently, and so train differently.",
    ]
    return "\n\n".join(paragraphs) + "\n"


def introduction(results: Results) -> str:
    """What the networks have in common and what not."""
    trials, of = results.summary["trials"], "the standard deviation of initial weights and biases"
    if trials == 1:
        return f"One network was trained on MNIST, with {sigma(results.best)}, {of}."
    differences = [
        *([f"σ, {of},"] if results.others else []),
        *(["seed"] if results.best.n > 1 else []),
    ]
    common = "" if results.others else f" with {sigma(results.best)}, {of},"
    return (
        f"{trials:g} networks{common} that differ only in {' and in '.join(differences)} were "
        "trained on MNIST."
    )


def run_table(params: Params, results: Results) -> str:
    """The parameters that determine the numbers, in words."""
    first, points = sweep_trials(params)[0], results.points
    optimiser = OPTIMISERS[params.train.optimizer]
    epochs = counted(params.train.epochs, "epoch")
    final = min(params.report.final_epochs, params.train.epochs)
    sigmas = (
        f"{len(points)} σ from {points[0].label} to {points[-1].label}, log-spaced"
        if results.others
        else sigma(points[0])
    )
    return table(
        ["", ""],
        [
            ["network", f"{'-'.join(map(str, first.sizes))}, ReLU"],
            ["start", f"weights and biases from N(0, σ²), {sigmas}"],
            [
                "optimiser",
                f"{optimiser}, learning rate {params.train.lr:g}",
            ],
            ["training", f"{epochs}, batches of {params.train.batch_size}"],
            ["networks", f"{params.sweep.replicates} for each σ, seed {params.sweep.seed}"],
            ["beside them", ", ".join(params.sweep.initializers) or "none"],
            ["shared by all σ", "the noise that σ scales, the order of the batches"],
            ["final accuracy", f"mean over the last {final} epochs" if final > 1 else "last epoch"],
        ],
    )


def number_table(results: Results) -> str:
    """A row for each sigma; accuracies in percent, the best in bold."""
    replicates = results.best.n > 1
    header = ["σ", "before training, test", "test", *["±"] * replicates]
    header += ["training", "first epoch, test", "diverged"]
    rows = []
    for point in results.points:
        best = point is results.best and results.others and not results.all_at_chance
        bold = "**" if best else ""
        accuracies = (point.train_accuracy, point.first_epoch_test_accuracy)
        rows.append(
            [
                f"{bold}{point.label}{bold}",
                f"{100 * point.untrained_test_accuracy:.2f}",
                f"{bold}{100 * point.test_accuracy:.2f}{bold}",
                *[f"{100 * error(point):.2f}"] * replicates,
                *(f"{100 * accuracy:.2f}" for accuracy in accuracies),
                f"{point.diverged} of {point.n}" if point.diverged else "",
            ]
        )
    return f"Accuracies in percent.\n\n{table(header, rows)}"


def machine(networks: Mapping[Provenance, int]) -> list[str]:
    """Where the networks come from, and a warning if not all come from the same."""
    rows = [
        [
            f"{count}",
            *map(plain, (p.device_model, p.device, p.torch)),
            *(f"`{plain(digest[:12])}`" for digest in (p.code, p.data, p.kernels)),
        ]
        for p, count in networks.items()
    ]
    header = ["networks", "processor", "device", "torch", "training code", "data", "rounding"]
    mixed = [
        f"The networks come from {len(rows)} different combinations of machine, versions, code and "
        "data: differences between them need not come from σ."
    ]
    return [*(mixed if len(rows) > 1 else []), table(header, rows)]


def plain(text: str) -> str:
    """Text of other programs as Markdown and HTML that shows it and means nothing else."""
    one_line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return re.sub(r"[\\`*_\[\]<>&|~!$:]", lambda match: f"&#{ord(match[0])};", one_line)


def command(params: Params) -> str:
    """The command that runs this sweep, whatever params.yaml says."""
    overrides = [
        f"{section}.{key}={json.dumps(value, separators=(',', ':'))}"
        for section, values in params.model_dump(exclude={"runtime"}).items()
        for key, value in values.items()
    ]
    return " ".join(["dvc exp run", *(f"-S {shlex.quote(override)}" for override in overrides)])


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
