"""Variants as a map: accuracy over sigma and the number in which they differ, or their names."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import FixedFormatter, FixedLocator, NullLocator
from numpy.typing import NDArray

from stages.analysis.captions import map_caption
from stages.analysis.findings import Results
from stages.analysis.grid import VARIANT, Grid, Panel, any_grid, spoken, wide
from stages.analysis.trainability import SCALES, DepthTheory, theories
from stages.analysis.wording import sigma_axis, sigma_of
from stages.figures.style import (
    GREY,
    VERMILION,
    even_choice,
    legend_below,
    new_figure,
    panel_heading,
    scale_sigmas,
    shortened,
    sigma_edges,
    title,
)

Array = NDArray[np.float64]

_ROOM = 12
"""Ticks below all panels."""

_NAME, _LINE = 28, 0.27
"""Characters of a name beside its row, and inches from one label to the next."""

_LOWEST, _HIGHEST, _AROUND = 5.8, 12, 1.9
"""Inches: of the figure, and of what stands above and below its axes."""

_SMOOTH = 120
"""Points of a curve of theory, each of which takes up to 0.05 s."""


def variant_map(results: Sequence[Results]) -> Figure:
    """Draw a panel for each word in which variants differ beside a number, or one of all names."""
    grid = any_grid(results)
    rows = len(results) if grid.parameter == VARIANT else 0
    height = min(max(_AROUND + _LINE * rows, _LOWEST), _HIGHEST)
    figure, room = new_figure(height), int((height - _AROUND) / _LINE)
    row = figure.subplots(1, len(grid.panels), sharey=True, squeeze=False)[0]
    chance = min(of.setting.data.chance for of in results)
    colours = ScalarMappable(shades := Normalize(100 * chance, 100), "viridis")
    for axes, panel, theory in zip(row, grid.panels, theories(grid), strict=True):
        _draw_cells(axes, panel, grid, shades)
        _scale(axes, grid, room)
        if theory:
            _draw_theory(axes, theory)
        panel_heading(axes, panel.title, [])
    _label(row, grid)
    figure.colorbar(colours, ax=list(row), label="test accuracy (%)", pad=0.01)
    if any(axes.get_legend_handles_labels()[0] for axes in row):
        legend_below(figure, row, columns=3)
    title(figure, f"Accuracy by σ and {spoken(grid.parameter)}", map_caption(grid))
    return figure


def _draw_cells(axes: Axes, panel: Panel, grid: Grid, shades: Normalize) -> None:
    """Draw a row of cells for each variant, over its own sigmas."""
    axes.grid(False)
    heights = _edges(np.array(panel.numbers), wide(grid.numbers))
    for low, high, row in zip(heights[:-1], heights[1:], panel.rows, strict=True):
        accuracy = np.array([[point.test_accuracy for point in row.points]])
        axes.pcolormesh(
            _sigma_edges(row, grid),
            [low, high],
            100 * accuracy,
            cmap="viridis",
            norm=shades,
        )
    diverged = [
        (_place(point.sigma, grid), number)
        for number, row in zip(panel.numbers, panel.rows, strict=True)
        for point in row.points
        if point.diverged
    ]
    if diverged:
        label = "a network overflowed"
        axes.plot(*zip(*diverged, strict=True), "x", color=GREY, markersize=4, label=label)


def _place(sigma: float, grid: Grid) -> float:
    return sigma**2 if grid.of_variance else sigma


def _sigma_edges(row: Results, grid: Grid) -> Array:
    sigmas = np.array([point.sigma for point in row.points])
    return _edges(sigmas**2, logarithmic=False) if grid.of_variance else sigma_edges(sigmas)


def _edges(centres: Array, logarithmic: bool) -> Array:
    """Borders halfway between rising centres (n,) of cells, and as far beyond the outer ones."""
    places = np.log(centres) if logarithmic else centres
    half = np.diff(places) / 2 if len(places) > 1 else np.full(1, max(abs(places[0]), 1) / 20)
    inner = places[:-1] + half[: len(places) - 1]
    edges: Array = np.concatenate([places[:1] - half[:1], inner, places[-1:] + half[-1:]])
    return np.exp(edges) if logarithmic else edges


def _scale(axes: Axes, grid: Grid, room: int) -> None:
    """Scale both axes to the cells of all panels, with at most `room` labels beside rows."""
    if wide(grid.numbers):
        axes.set_yscale("log")
    numbers, labels = zip(*even_choice([*grid.labels.items()], room), strict=True)
    axes.yaxis.set_major_locator(FixedLocator(numbers))
    axes.yaxis.set_major_formatter(FixedFormatter([shortened(label, _NAME) for label in labels]))
    axes.yaxis.set_minor_locator(NullLocator())
    if not grid.of_variance:
        sigmas = [point.sigma for row in grid.rows for point in row.points]
        scale_sigmas(axes.xaxis, sigmas, _ROOM // len(grid.panels))
    edges = np.concatenate([_sigma_edges(row, grid) for row in grid.rows])
    axes.set_xlim(edges.min(), edges.max())
    heights = [_edges(np.array(panel.numbers), wide(grid.numbers)) for panel in grid.panels]
    axes.set_ylim(np.concatenate(heights).min(), np.concatenate(heights).max())


def _draw_theory(axes: Axes, theory: DepthTheory) -> None:
    """Draw 6 ξ over the cells, whose x is sigma_w² or its root."""
    x, y, linear = axes.get_xlim(), axes.get_ylim(), axes.get_xscale() == "linear"
    places = np.linspace(*x, _SMOOTH) if linear else np.geomspace(*x, _SMOOTH)
    depths = [theory.depth(float(place if linear else place**2)) for place in places]
    axes.plot(places, depths, color=VERMILION, linewidth=2, label=f"{SCALES} ξ")
    if theory.critical is not None:
        critical = theory.critical if linear else theory.critical**0.5
        axes.axvline(critical, color=VERMILION, linestyle=":", label="χ₁ = 1")
    axes.set_xlim(x)
    axes.set_ylim(y)


def _label(row: Sequence[Axes], grid: Grid) -> None:
    scale = " (log scale)" if wide(grid.numbers) else ""
    row[0].set_ylabel(f"{spoken(grid.parameter)}{scale}")
    for axes in row:
        axes.set_xlabel(
            "σ_w², variance of initial weights times fan-in"
            if grid.of_variance
            else sigma_of(grid.rows[0].setting)
            if len(row) > 1
            else sigma_axis([of.setting for of in grid.rows])
        )
