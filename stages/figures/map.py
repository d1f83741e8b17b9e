"""Variants as a map: accuracy over sigma and the number in which they differ, or their names."""

from collections.abc import Sequence
from typing import TypeVar

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from matplotlib.ticker import FixedFormatter, FixedLocator, NullLocator
from numpy.typing import NDArray

from stages.analysis.captions import map_caption
from stages.analysis.depth import SCALES, DepthTheory
from stages.analysis.edges import Edges, edges
from stages.analysis.findings import Results
from stages.analysis.grid import VARIANT, Grid, Panel, any_grid, spoken, wide
from stages.analysis.trainability import Scales, scales, theories
from stages.analysis.wording import sigma_axis, sigma_of
from stages.figures.style import (
    GREY,
    INK,
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
T = TypeVar("T", float, Array)

_ROOM = 12
"""Ticks below all panels."""

_NAME, _LINE = 28, 0.27
"""Characters of a name beside its row, and inches from one label to the next."""

_LOWEST, _HIGHEST, _AROUND = 5.8, 12, 1.9
"""Inches: of the figure, and of what stands above and below its axes."""

_ABREAST, _ROW = 3, 3.2
"""Panels side by side; of more there are two rows, each of so many inches."""

_SMOOTH = 120
"""Points of a curve of theory, each of which takes up to 0.05 s."""


def variant_map(results: Sequence[Results]) -> Figure:
    """Draw a panel for each word in which variants differ beside a number, or one of all names."""
    grid = any_grid(results)
    rows = len(results) if grid.parameter == VARIANT else 0
    height = min(max(_AROUND + _LINE * rows, _LOWEST), _HIGHEST)
    across = len(grid.panels) if len(grid.panels) <= _ABREAST else 2
    down = -(-len(grid.panels) // across)
    height = max(height, _AROUND + _ROW * down)
    figure = new_figure(height)
    room = int((figure.get_figheight() - _AROUND) / _LINE / down)
    places = figure.subplots(down, across, sharex=down > 1, sharey=grid.shares_axis, squeeze=False)
    row = list(places.flat)
    chance = min(of.setting.data.chance for of in results)
    colours = ScalarMappable(shades := Normalize(100 * chance, 100), "viridis")
    drawn = zip(row, grid.panels, theories(grid), edges(grid), strict=True)
    for axes, panel, theory, of_rates in drawn:
        _draw_cells(axes, panel, grid, shades)
        _scale(axes, grid.panels if grid.shares_axis else [panel], grid, room)
        if theory:
            _draw_theory(axes, theory, scales(panel, theory))
        if of_rates:
            _draw_edges(axes, of_rates, grid)
        panel_heading(axes, panel.title, [])
    _label(places, grid)
    figure.colorbar(colours, ax=row, label="test accuracy (%)", pad=0.01)
    if any(axes.get_legend_handles_labels()[0] for axes in row):
        legend_below(figure, row, columns=2 if any(edges(grid)) else 3)
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


def _place(sigma: T, grid: Grid) -> T:
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


def _scale(axes: Axes, panels: Sequence[Panel], grid: Grid, room: int) -> None:
    """Scale y to cells of these panels, x to those of all; with up to `room` labels beside rows."""
    if wide(grid.numbers):
        axes.set_yscale("log")
    own = {number for panel in panels for number in panel.numbers}
    named = [(number, label) for number, label in grid.labels.items() if number in own]
    numbers, labels = zip(*even_choice(named, room), strict=True)
    axes.yaxis.set_major_locator(FixedLocator(numbers))
    axes.yaxis.set_major_formatter(FixedFormatter([shortened(label, _NAME) for label in labels]))
    axes.yaxis.set_minor_locator(NullLocator())
    if not grid.of_variance:
        sigmas = [point.sigma for row in grid.rows for point in row.points]
        scale_sigmas(axes.xaxis, sigmas, _ROOM // min(len(grid.panels), _ABREAST))
    edges = np.concatenate([_sigma_edges(row, grid) for row in grid.rows])
    axes.set_xlim(edges.min(), edges.max())
    heights = [_edges(np.array(panel.numbers), wide(grid.numbers)) for panel in panels]
    axes.set_ylim(np.concatenate(heights).min(), np.concatenate(heights).max())
    axes.autoscale(enable=False)


def _draw_theory(axes: Axes, theory: DepthTheory, measured: Scales | None) -> None:
    """Draw depth scales over the cells, whose x is sigma_w² or its root."""
    x, linear = axes.get_xlim(), axes.get_xscale() == "linear"
    places = np.linspace(*x, _SMOOTH) if linear else np.geomspace(*x, _SMOOTH)
    variances = (places if linear else places**2).tolist()
    lengths = np.array([theory.scale(variance) for variance in variances])
    of_gradients = np.array([theory.scale_of_gradients(variance) for variance in variances])
    _line(axes, places, SCALES * lengths, "solid", f"{SCALES} ξ")
    if not np.allclose(1 / lengths, 1 / of_gradients, atol=1e-6):
        _line(axes, places, SCALES * of_gradients, "dashed", f"{SCALES} / |log χ₁|")
    if theory.critical is not None:
        critical = theory.critical if linear else theory.critical**0.5
        _line(axes, np.full(2, critical), np.array(axes.get_ylim()), "dotted", "χ₁ = 1")
    if measured:
        places = measured.sigmas**2 if linear else measured.sigmas
        _marks(axes, places, SCALES * measured.measured, "o", f"{SCALES} ξ, measured")
        gradients = f"{SCALES} / |log χ₁|, measured"
        _marks(axes, places, SCALES * measured.of_gradients, "^", gradients)


def _draw_edges(axes: Axes, found: Edges, grid: Grid) -> None:
    """Draw where learning ends over sigma and learning rate, as foretold and as measured."""
    line, mark = ("solid", "o") if found.of_adam else ("dashed", "s")
    sigmas, rates = found.curve(found.foretold)
    _line(axes, _place(sigmas, grid), rates, line, f"foretold: {found.prediction}")
    sigmas, rates = found.curve(found.measured)
    _marks(axes, _place(sigmas, grid), rates, mark, f"measured: {found.measurement}")


def _line(axes: Axes, x: Array, y: Array, style: str, label: str) -> None:
    """What is foretold: a line that stands out from all cells, seen in grey too."""
    around = [withStroke(linewidth=4, foreground="white")]
    axes.plot(x, y, color=VERMILION, linestyle=style, linewidth=2, path_effects=around, label=label)


def _marks(axes: Axes, x: Array, y: Array, mark: str, label: str) -> None:
    """What is measured; no entry in the legend where nothing is."""
    within = np.isfinite(x) & np.isfinite(y)
    if within.any():
        axes.plot(x[within], y[within], mark, mfc="white", mec=INK, markersize=5.5, label=label)


def _label(places: NDArray[np.object_], grid: Grid) -> None:
    """Name the outer axes of rows of panels."""
    scale = " (log scale)" if wide(grid.numbers) else ""
    for axes in places[:, 0]:
        axes.set_ylabel(f"{spoken(grid.parameter)}{scale}")
    across = len(places[-1])
    for axes in places[-1] if across < _ABREAST else places[-1, across // 2 :][:1]:
        axes.set_xlabel(
            "σ_w², variance of initial weights times fan-in"
            if grid.of_variance
            else sigma_of(grid.rows[0].setting)
            if places.size > 1
            else sigma_axis([of.setting for of in grid.rows])
        )
