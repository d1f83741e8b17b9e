"""One sweep as a map: accuracy over sigma and epoch, and when each sigma has learned."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.ticker import FixedFormatter, FixedLocator, NullLocator

from stages.analysis.captions import first_epochs, how_early, milestones
from stages.analysis.findings import Results
from stages.analysis.wording import sigma_axis
from stages.figures.style import (
    INK,
    ORANGE,
    VERMILION,
    even_choice,
    new_figure,
    of_variant,
    scale_sigmas,
    sigma_edges,
    title,
)

_LABELS, _ROOM = 14, 11
"""Epochs beside the axis, and labelled ticks below it, at most."""

_ACCURACIES = (0, 20, 40, 60, 80, 90, 95, 98, 99, 99.5, 99.8, 99.9, 99.95, 99.98, 99.99)
"""In percent: what the scale of colours names."""

_LOOKS: tuple[dict[str, Any], ...] = (
    {"marker": "o", "markersize": 10, "markeredgecolor": VERMILION, "markerfacecolor": "none"},
    {"marker": "D", "markersize": 4.5, "markeredgecolor": INK, "markerfacecolor": "white"},
)
"""How milestones are marked: in one cell, one is seen inside the other."""


def epoch_map(results: Results) -> Figure:
    """Draw a row for each epoch, below them one before training, coloured by accuracy."""
    figure = new_figure(height=5.8)
    axes = figure.subplots()
    mesh = _draw_cells(axes, results)
    _label(axes, results)
    for (milestone, bar), look in zip(milestones(results).items(), _LOOKS, strict=False):
        epochs = first_epochs(results, bar)
        label = f"first {milestone}: {100 * bar:.1f} %"
        axes.plot([*epochs], [*epochs.values()], linestyle="none", label=label, **look)
    if diverged := [point.sigma for point in results.points if point.diverged]:
        last, label = [results.setting.records] * len(diverged), "a network overflowed"
        axes.plot(diverged, last, "x", color=ORANGE, markersize=6, label=label)
    _draw_scale(figure, axes, mesh)
    if axes.get_legend_handles_labels()[0]:
        figure.legend(loc="outside lower center", ncols=3)
    title(figure, of_variant("How early each σ learns", results.setting), how_early(results))
    return figure


def _draw_cells(axes: Axes, results: Results) -> QuadMesh:
    """Draw errors, whose logarithm tells 97 % from 98 as well as 50 from 70.

    The scale begins at chance, and a tenth of that error at least is its other end: where nothing
    is learned, colours hardly differ.
    """
    columns = [
        [point.untrained_test_accuracy, *results.courses[point.sigma]] for point in results.points
    ]
    less_than_an_image = 0.5 / results.setting.data.test_images  # no error has no logarithm
    errors = (1 - np.array(columns).T).clip(less_than_an_image)
    worst = max(1 - results.setting.data.chance, errors.max())
    axes.grid(visible=False)
    return axes.pcolormesh(
        sigma_edges(np.array([point.sigma for point in results.points])),
        np.arange(len(errors) + 1) - 0.5,
        errors,
        cmap="viridis_r",
        norm=LogNorm(min(errors.min(), worst / 10), worst),
        rasterized=True,
    )


def _label(axes: Axes, results: Results) -> None:
    """Label both axes; an unfinished epoch goes by its last step."""
    sigmas, setting = [point.sigma for point in results.points], results.setting
    scale_sigmas(axes.xaxis, sigmas, _ROOM)
    edges = sigma_edges(np.array(sigmas))
    axes.set_xlim(edges[0], edges[-1])
    axes.set_xlabel(sigma_axis([setting]))
    records = even_choice(range(setting.records + 1), _LABELS)
    names = [setting.moment(record).removeprefix("epoch ") for record in records]
    axes.yaxis.set_major_locator(FixedLocator(records))
    axes.yaxis.set_major_formatter(FixedFormatter(names))
    axes.set_ylabel("epochs of training (0: none yet)")


def _draw_scale(figure: Figure, axes: Axes, mesh: QuadMesh) -> None:
    """Draw the scale of colours: logarithmic in the error, named by accuracies."""
    low, high = mesh.get_clim()
    shown = [accuracy for accuracy in _ACCURACIES if low <= 1 - accuracy / 100 <= high]
    bar = figure.colorbar(mesh, ax=axes, label="test accuracy (%)", pad=0.01)
    bar.ax.yaxis.set_major_locator(FixedLocator([1 - accuracy / 100 for accuracy in shown]))
    bar.ax.yaxis.set_major_formatter(FixedFormatter([f"{accuracy:.4g}" for accuracy in shown]))
    bar.ax.yaxis.set_minor_locator(NullLocator())
    bar.ax.invert_yaxis()
