"""The report of one sweep: what was run, pictures, findings, numbers, and how to run it again."""

import json
import shlex
from collections.abc import Mapping, Sequence

from stages.analysis.accuracy import Point
from stages.analysis.findings import Results, findings, headline, range_of, uncertainty
from stages.analysis.setting import Setting
from stages.analysis.wording import network, optimiser, sigma, sigma_is, spelled, start
from stages.core.sampling import PROBE_IMAGES
from stages.figures.markdown import Origin, bullets, document, machine, name_of_data, plain, table


def sweep_report(results: Results, evidence: Sequence[str], networks: Mapping[Origin, int]) -> str:
    """The whole report; `networks` counts those of each origin."""
    setting = results.setting
    images = min(PROBE_IMAGES, setting.data.train_images)
    lines = ", lines are what theory predicts" * setting.has_theory
    weights = [
        "![Weights after training](../plots/weight_histograms.png)",
        "The histogram of all parameters after training, a row for each σ.",
        "![Weights before and after training](../plots/before_after.png)",
        "How densely weights lie, in units of σ.",
        "![Weights of the first layer as images](../plots/features.png)",
        "What units of the first layer look for, before and after training.",
    ]
    return document(
        "# Accuracy against the scale of initialisation",
        f"{introduction(results)} {headline(results)}",
        "## What was run",
        run_table(results),
        "## Pictures",
        "![Accuracy against sigma](../plots/accuracy_vs_sigma.png)",
        "Test accuracy at the end and after the first epoch, and training accuracy, against σ.",
        "![Accuracy against σ and epoch](../plots/map.png)",
        "How early each σ learns: a row for each epoch.",
        "![Signals and gradients of each layer](../plots/signals.png)",
        f"Points are measured on the first {images} training images{lines}.",
        *(weights if setting.keeps_weights else []),
        "## Findings",
        uncertainty(results),
        bullets([*findings(results), *evidence]),
        "## Numbers",
        number_table(results),
        "## Machine and versions",
        *machine(networks),
        "## How to reproduce",
        "In a checkout of this code, installed by `make repro`, with `.venv` activated:",
        f"```\n{command(setting)}\n```",
        "Another machine or version of torch may round differently, and so train differently.",
    )


def introduction(results: Results) -> str:
    """What the networks have in common and what not."""
    setting, trials = results.setting, results.summary["trials"]
    of = f"the standard deviation of {sigma_is([setting])}"
    what, where = plain(network(setting)), f"trained on {name_of_data(setting)}"
    if trials == 1:
        return f"One network ({what}) was {where}, with {sigma(results.best)}, {of}."
    differences = [
        *([f"σ, {of},"] if results.others else []),
        *(["seed"] if results.best.n > 1 else []),
    ]
    common = "" if results.others else f" with {sigma(results.best)}, {of},"
    return (
        f"{trials:g} networks ({what}){common} that differ only in {' and in '.join(differences)} "
        f"were {where}."
    )


def run_table(results: Results) -> str:
    """The parameters that determine the numbers, in words."""
    setting, points = results.setting, results.points
    sweep = setting.params["sweep"]
    spaced = "as listed" if sweep["sigmas"] else "log-spaced"
    sigmas = (
        f"{len(points)} σ from {points[0].label} to {points[-1].label}, {spaced}"
        if results.others
        else sigma(points[0])
    )
    return table(
        ["", ""],
        [
            ["data", told_data(setting)],
            ["network", plain(network(setting))],
            ["start", f"{start(setting)}, {sigmas}"],
            ["optimiser", optimiser(setting)],
            ["training", training(setting)],
            ["networks", f"{sweep['replicates']} for each σ, seed {sweep['seed']}"],
            ["beside them", named(setting)],
            ["shared by all σ", "the noise that σ scales, the order of the batches"],
            ["final accuracy", final_accuracy(setting)],
        ],
    )


def told_data(setting: Setting) -> str:
    """The data set and its size."""
    of = setting.data
    return (
        f"{name_of_data(setting)}, {of.train_images:,} training and {of.test_images:,} test images "
        f"of {of.classes} classes"
    )


def named(setting: Setting) -> str:
    """The named initialisers beside the sweep; He's needs the gain of an activation."""
    names: list[str] = setting.params["sweep"]["initializers"]
    gain = f" (with the gain of {spelled(setting.activation)})"
    takes_gain = any(name.startswith("kaiming") for name in names)
    return (", ".join(names) or "none") + gain * takes_gain


def training(setting: Setting) -> str:
    """How long and in what batches."""
    return f"{setting.length}, batches of {setting.params['train']['batch_size']}"


def final_accuracy(setting: Setting) -> str:
    """Over which moments it is averaged."""
    final = min(setting.params["report"]["final_epochs"], setting.records)
    last = setting.moment(setting.records)
    if last.startswith("step"):
        return f"mean over the ends of {final - 1} epochs and {last}" if final > 1 else f"at {last}"
    return f"mean over the last {final} epochs" if final > 1 else "last epoch"


def number_table(results: Results) -> str:
    """A row for each sigma; accuracies in percent, the best in bold."""
    points, courses = results.points, results.setting.records > 1
    seeds = max(len(results.of_other_seeds(point)) for point in points)
    spread = f"{seeds} seeds" if seeds else "±"
    known = seeds > 0 or points[0].n > 1
    header = ["σ", "before training, test", "test", *[spread] * known]
    header += ["training", *["first epoch, test"] * courses, "diverged"]
    rows = []
    for point in points:
        best = point is results.best and results.others and not results.all_at_chance
        bold = "**" if best else ""
        accuracies = (point.train_accuracy, *[point.first_epoch_test_accuracy] * courses)
        rows.append(
            [
                f"{bold}{point.label}{bold}",
                f"{100 * point.untrained_test_accuracy:.2f}",
                f"{bold}{100 * point.test_accuracy:.2f}{bold}",
                *[_spread(results, point)] * known,
                *(f"{100 * accuracy:.2f}" for accuracy in accuracies),
                f"{point.diverged} of {point.n}" if point.diverged else "",
            ]
        )
    return f"Accuracies in percent.\n\n{table(header, rows)}"


def _spread(results: Results, point: Point) -> str:
    """Standard error, or what other seeds reach."""
    if point.standard_error is not None:
        return f"{100 * point.standard_error:.2f}"
    seeds = results.of_other_seeds(point)
    return range_of(seeds) if len(seeds) else ""


def command(setting: Setting) -> str:
    """The command that runs this sweep, whatever params.yaml says."""
    overrides = [
        f"{section}.{key}={json.dumps(value, separators=(',', ':'))}"
        for section, values in setting.params.items()
        for key, value in values.items()
    ]
    return " ".join(["dvc exp run", *(f"-S {shlex.quote(override)}" for override in overrides)])
