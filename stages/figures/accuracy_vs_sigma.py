"""Accuracy against sigma: where networks learn, how soon, and where they do not."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from stages.analysis.accuracy import WINDOW_DISTANCE, Point, best_window
from stages.analysis.baselines import Baseline
from stages.analysis.findings import A_POINT, nothing_learned, rescued
from stages.core.dataset import CHANCE_ACCURACY
from stages.figures.style import (
    BLUE,
    GREEN,
    GREY,
    INK,
    SCHEMES,
    SKY,
    VERMILION,
    heading,
    new_figure,
    scale_sigmas,
)

_LABEL_HEIGHT, _TOP = 106, 112
"""In percent: the label of the best stands above all curves, within the axes."""

_X_LABEL = "σ, standard deviation of all initial weights and biases (log scale)"
_ROOM = 11
"""Labelled ticks that fit below the figure."""


def accuracy_vs_sigma(
    points: Sequence[Point], summary: Mapping[str, float], named: Sequence[Baseline] = ()
) -> Figure:
    """Draw the sweep; `points` by rising sigma, `summary` as `summarize` makes it of them.

    `named` initialisers come into a second panel: most lie within a point of the best sigma.
    """
    figure = new_figure(height=9 if named else 6)
    axes, *magnified = figure.subplots(2 if named else 1, sharex=True, squeeze=False)[:, 0]
    _scale_axes(axes, points, named)
    draw_curves(axes, points)
    draw_chance(axes)
    _draw_diverged(axes, points)
    if not _all_at_chance(summary):
        _draw_window(axes, points)
        _draw_best(axes, points, summary)
    caption = accuracy_caption(points, summary)
    heading(axes, "Accuracy against the scale of initialisation", caption)
    figure.legend(loc="outside lower center", ncols=2)
    if named:
        axes.tick_params(labelbottom=True)
        _magnify(magnified[0], points, named)
    return figure


def accuracy_caption(points: Sequence[Point], summary: Mapping[str, float]) -> list[str]:
    """What the numbers say against expectation, and how far to trust them."""
    if _all_at_chance(summary):
        return [nothing_learned(points)]
    reached = [
        f"σ = {point.label} reaches {_percent(point.test_accuracy)}"
        for point in rescued(points, summary["best_accuracy"])
    ]
    sentences = []
    if reached:
        sentences.append(f"Against the textbook, {' and '.join(reached)}.")
    if len(points) > 1 and summary["best_sigma"] in (points[0].sigma, points[-1].sigma):
        sentences.append("The best lies at an end of the sweep: a wider one may find better.")
    if len(points) > 1 and all(point.n == 1 for point in points):
        sentences.append("With one network for each σ, a few tenths of a point can be noise.")
    return sentences


def _all_at_chance(summary: Mapping[str, float]) -> bool:
    return summary["trials_at_chance"] == summary["trials"]


def _scale_axes(axes: Axes, points: Sequence[Point], named: Sequence[Baseline]) -> None:
    sigmas = [p.sigma for p in points] + [s for baseline in named for s in baseline.layer_sigmas]
    scale_sigmas(axes.xaxis, sigmas, _ROOM)
    axes.set_xlabel(_X_LABEL)
    axes.set_ylim(0, _TOP)
    axes.set_yticks(range(0, 101, 10))
    axes.set_ylabel("accuracy (%)")


def draw_curves(axes: Axes, points: Sequence[Point]) -> None:
    """Draw test accuracies, at the end and after the first epoch, and training accuracy."""
    sigma = [point.sigma for point in points]
    train = [100 * point.train_accuracy for point in points]
    first = [100 * point.first_epoch_test_accuracy for point in points]
    _draw_test(axes, points)
    if any(p.first_epoch_test_accuracy != p.test_accuracy for p in points):  # the end is later
        axes.plot(sigma, first, "s--", color=SKY, markersize=4, label="test, after the first epoch")
    axes.plot(
        sigma, train, "^:", color=GREY, markersize=3, linewidth=1, label="training, at the end"
    )


def _draw_test(axes: Axes, points: Sequence[Point]) -> None:
    sigma = [point.sigma for point in points]
    test = [100 * point.test_accuracy for point in points]
    error = [100 * (point.standard_error or 0) for point in points]
    replicates = max(point.n for point in points)
    spread = f", mean of {replicates} ± standard error" if replicates > 1 else ""
    axes.plot(
        sigma,
        test,
        "o-",
        color=BLUE,
        linewidth=2,
        markersize=5,
        zorder=3,
        label=f"test, at the end{spread}",
    )
    if replicates > 1:
        axes.errorbar(sigma, test, error, fmt="none", ecolor=BLUE, capsize=3)


def _draw_window(axes: Axes, points: Sequence[Point]) -> None:
    window = best_window(points)
    low, high = window[0], window[-1]
    if low is high:
        extent = f"σ = {low.label} alone"
    elif (low, high) == (points[0], points[-1]):
        extent = "the whole sweep"
    elif low is points[0]:
        extent = f"up to σ = {high.label}"
    elif high is points[-1]:
        extent = f"from σ = {low.label} on"
    else:
        extent = f"σ = {low.label} to {high.label}"
    axes.axvspan(
        low.sigma,
        high.sigma,
        color=GREEN,
        alpha=0.13,
        label=f"within {A_POINT} of the best: {extent}",
    )


def draw_chance(axes: Axes) -> None:
    """Mark the accuracy of always answering the most frequent class."""
    axes.axhline(
        100 * CHANCE_ACCURACY,
        color=GREY,
        linestyle="dashdot",
        linewidth=1,
        label=f"chance, {100 * CHANCE_ACCURACY:.4g} %: always answering 1",
    )


def _draw_diverged(axes: Axes, points: Sequence[Point]) -> None:
    diverged = [point for point in points if point.diverged]
    if diverged:
        axes.plot(
            [point.sigma for point in diverged],
            [100 * point.test_accuracy for point in diverged],
            "X",
            color=INK,
            markersize=10,
            zorder=4,
            label="with a network that diverged",
        )


def _magnify(axes: Axes, points: Sequence[Point], named: Sequence[Baseline]) -> None:
    """Draw what lies near the best sigma or a named initialiser again, on a scale of its own."""
    best = max(point.test_accuracy for point in points)
    ends = [
        baseline.test_accuracy + side * baseline.difference_error
        for baseline in named
        for side in (-1, 1)
    ]
    bottom, top = min(best - WINDOW_DISTANCE, *ends), max(best, *ends)
    margin = 0.05 * (top - bottom)
    axes.set_ylim(100 * (bottom - margin), 100 * (top + margin))
    axes.set_ylabel("test accuracy at the end (%)")
    axes.set_xlabel(_X_LABEL)
    _draw_test(axes, points)
    _draw_named(axes, named)
    heading(
        axes,
        "Named initialisers beside it, magnified",
        [
            "A level has a tick at the standard deviation of each layer's weights;",
            "its bar is the standard error of its difference to the best σ.",
        ],
    )


def _draw_named(axes: Axes, named: Sequence[Baseline]) -> None:
    """Draw levels, and their names one below the other beside the panel."""
    by_accuracy = sorted(named, key=lambda baseline: baseline.test_accuracy)
    heights = np.linspace(0, 1, len(named) + 2)[1:-1]
    for baseline, height in zip(by_accuracy, heights, strict=True):
        colour, line = SCHEMES[baseline.initializer]
        sigmas, level = sorted(baseline.layer_sigmas), 100 * baseline.test_accuracy
        axes.plot(
            sigmas,
            [level] * len(sigmas),
            marker="|",
            linestyle=line,
            color=colour,
            markersize=10,
            linewidth=2,
            zorder=4,
        )
        axes.errorbar(sigmas[-1], level, 100 * baseline.difference_error, color=colour, capsize=3)
        axes.annotate(
            f"{baseline.initializer}, {level:.2f} %",
            (sigmas[-1], level),
            (1.02, height),
            textcoords="axes fraction",
            color=colour,
            va="center",
            arrowprops={"arrowstyle": "-", "color": colour, "relpos": (0, 0.5), "linewidth": 0.7},
        )


def _draw_best(axes: Axes, points: Sequence[Point], summary: Mapping[str, float]) -> None:
    sigma, accuracy = summary["best_sigma"], summary["best_accuracy"]
    [label] = [point.label for point in points if point.sigma == sigma]
    axes.plot(
        sigma,
        100 * accuracy,
        "*",
        color=VERMILION,
        markeredgecolor="white",
        markersize=18,
        zorder=5,
    )
    across = axes.transAxes.inverted().transform(axes.transData.transform((sigma, 0)))[0]
    side, x = ("left", 0) if across < 0.2 else ("right", 1) if across > 0.8 else ("center", 0.5)
    axes.annotate(
        f"best: σ = {label}, {_percent(accuracy)}",
        (sigma, 100 * accuracy),
        (sigma, _LABEL_HEIGHT),
        color=VERMILION,
        weight="bold",
        ha=side,
        va="center",
        arrowprops={"arrowstyle": "-", "color": VERMILION, "relpos": (x, 0)},
    )


def _percent(accuracy: float) -> str:
    return f"{100 * accuracy:.1f} %"
