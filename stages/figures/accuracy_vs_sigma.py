"""Accuracy against sigma: where networks learn, how soon, and where they do not."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from stages.analysis.accuracy import WINDOW_DISTANCE, Point, best_window
from stages.analysis.activation_scales import foretold
from stages.analysis.baselines import Baseline
from stages.analysis.captions import accuracy
from stages.analysis.findings import A_POINT, Results
from stages.analysis.wording import sigma, sigma_axis
from stages.figures.curves import draw_chance, draw_curves, draw_diverged, draw_test
from stages.figures.scales import draw_scales_across
from stages.figures.style import (
    GREEN,
    LOOK_OF_SCHEME,
    VERMILION,
    heading,
    new_figure,
    scale_sigmas,
)

_LABEL_HEIGHT, _TOP = 106, 112
"""In percent: the label of the best stands above all curves, within the axes."""

_FAR = 0.1
"""A level that is so much lower than the best would leave nothing to see of the others."""

_ROOM = 11
"""Labelled ticks that fit below the figure."""


def accuracy_vs_sigma(results: Results, named: Sequence[Baseline] = ()) -> Figure:
    """Draw the sweep.

    `named` initialisers come into a second panel: most lie within a point of the best sigma.
    """
    figure = new_figure(height=9 if named else 6)
    axes, *magnified = figure.subplots(2 if named else 1, sharex=True, squeeze=False)[:, 0]
    points = results.points
    rows = foretold([results])
    _scale_axes(axes, points, named, [scale for row in rows for scale in row.scales.values()])
    draw_curves(axes, points)
    draw_chance(axes, results.setting)
    draw_diverged(axes, points)
    if not results.all_at_chance:
        _draw_window(axes, points)
        _draw_best(axes, results.best)
    for row in rows:
        draw_scales_across(axes, row)
    heading(axes, "Accuracy against the scale of initialisation", accuracy(results))
    figure.legend(loc="outside lower center", ncols=2)
    if named:
        axes.tick_params(labelbottom=True)
        _magnify(magnified[0], points, named)
    figure.axes[-1].set_xlabel(sigma_axis([results.setting]))
    return figure


def _scale_axes(
    axes: Axes, points: Sequence[Point], named: Sequence[Baseline], scales: Sequence[float]
) -> None:
    drawn = [s for baseline in named for s in _shown(baseline)]
    scale_sigmas(axes.xaxis, [*(point.sigma for point in points), *drawn, *scales], _ROOM)
    axes.set_ylim(0, _TOP)
    axes.set_yticks(range(0, 101, 10))
    axes.set_ylabel("accuracy (%)")


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


def _magnify(axes: Axes, points: Sequence[Point], named: Sequence[Baseline]) -> None:
    """Draw what lies near the best sigma or a named initialiser again, on a scale of its own."""
    best = max(point.test_accuracy for point in points)
    highest = max([best, *(baseline.test_accuracy for baseline in named)])
    near = [baseline for baseline in named if baseline.test_accuracy >= highest - _FAR]
    ends = [
        baseline.test_accuracy + side * (baseline.standard_error or 0)
        for baseline in near
        for side in (-1, 1)
    ]
    bottom, top = min([best - WINDOW_DISTANCE, *ends]), max([best, *ends])
    margin = 0.05 * (top - bottom)
    axes.set_ylim(100 * (bottom - margin), 100 * (top + margin))
    axes.set_ylabel("test accuracy at the end (%)")
    draw_test(axes, points)
    _draw_named(axes, named, near)
    ticks = " has a tick at the σ of each layer's weights" * any(map(_shown, near))
    bar = " has its standard error at the end" * any(baseline.standard_error for baseline in near)
    told = " and".join(filter(None, (ticks, bar)))
    heading(axes, "Named initialisers beside it, magnified", [f"A level{told}."] if told else [])


def _draw_named(axes: Axes, named: Sequence[Baseline], near: Sequence[Baseline]) -> None:
    """Draw levels that are `near`, and the names of all one below the other beside the panel."""
    by_accuracy = sorted(named, key=lambda baseline: baseline.test_accuracy)
    heights = np.linspace(0, 1, len(named) + 2)[1:-1]
    for baseline, height in zip(by_accuracy, heights, strict=True):
        colour, _ = LOOK_OF_SCHEME[baseline.initializer]
        label = f"{baseline.initializer}, {100 * baseline.test_accuracy:.2f} %"
        place = (1.02, height)
        if baseline not in near:
            axes.text(*place, f"{label} ↓", transform=axes.transAxes, color=colour, va="center")
            continue
        axes.annotate(
            label,
            _draw_level(axes, baseline),
            place,
            textcoords="axes fraction",
            color=colour,
            va="center",
            arrowprops={"arrowstyle": "-", "color": colour, "relpos": (0, 0.5), "linewidth": 0.7},
        )


def _draw_level(axes: Axes, baseline: Baseline) -> tuple[float, float]:
    """Draw the accuracy of a named initialiser; returns where its line ends."""
    colour, line = LOOK_OF_SCHEME[baseline.initializer]
    sigmas, level = _shown(baseline) or axes.get_xlim(), 100 * baseline.test_accuracy
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
    if baseline.standard_error:
        error = 100 * baseline.standard_error
        axes.errorbar(sigmas[-1], level, error, color=colour, capsize=3)
    return sigmas[-1], level


def _shown(baseline: Baseline) -> list[float]:
    """The sigmas of its layers that a logarithmic axis has, rising: none of constant weights."""
    return sorted(sigma for sigma in baseline.layer_sigmas if sigma > 0)


def _draw_best(axes: Axes, best: Point) -> None:
    height = 100 * best.test_accuracy
    axes.plot(
        best.sigma,
        height,
        "*",
        color=VERMILION,
        markeredgecolor="white",
        markersize=18,
        zorder=5,
    )
    across = axes.transAxes.inverted().transform(axes.transData.transform((best.sigma, 0)))[0]
    side, x = ("left", 0) if across < 0.2 else ("right", 1) if across > 0.8 else ("center", 0.5)
    axes.annotate(
        f"best: {sigma(best)}, {height:.1f} %",
        (best.sigma, height),
        (best.sigma, _LABEL_HEIGHT),
        color=VERMILION,
        weight="bold",
        ha=side,
        va="center",
        arrowprops={"arrowstyle": "-", "color": VERMILION, "relpos": (x, 0)},
    )
