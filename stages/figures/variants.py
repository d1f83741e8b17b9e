"""Variants side by side: accuracy against sigma, a line for each, named at its end.

Below the lines of several activations, a row for each shows its best sigma and what was foretold.
"""

from collections.abc import Sequence
from itertools import cycle

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LogNorm, Normalize, to_hex
from matplotlib.figure import Figure
from matplotlib.ticker import FixedFormatter, FixedLocator, NullLocator

from stages.analysis.activation_scales import foretold
from stages.analysis.captions import variants_caption
from stages.analysis.comparison import by_data
from stages.analysis.findings import Results
from stages.analysis.grid import Grid, find_grid, spoken, wide
from stages.analysis.wording import sigma_axis
from stages.figures.curves import draw_chance, draw_diverged
from stages.figures.scales import ROW, draw_scales
from stages.figures.style import (
    BLUE,
    GREEN,
    GREY,
    INK,
    ORANGE,
    PURPLE,
    SKY,
    VERMILION,
    dark,
    even_choice,
    heading,
    new_figure,
    scale_sigmas,
    shortened,
)

Look = tuple[str, str, str]
"""Colour, line and marker."""

_LOOKS: tuple[Look, ...] = (
    (BLUE, "solid", "o"),
    (VERMILION, "dashed", "s"),
    (GREEN, "dashdot", "^"),
    (PURPLE, "solid", "D"),
    (ORANGE, "dashed", "v"),
    (INK, "dotted", "P"),
    (SKY, "solid", "<"),
    (GREY, "dashed", "h"),
    (BLUE, "dotted", ">"),
)
"""So many variants are told apart; of more the order gives the colour."""

_LINES = ("solid", "dashed", "dashdot", "dotted")

_TICKS = 12
"""Numbers beside a scale of colours."""

_ROOM = 9
"""Labelled ticks that fit below the figure."""

_NAME, _LINE = 28, 0.18
"""Characters of a name beside the lines, and inches of its height."""

_LOWEST, _HIGHEST, _AROUND = 6, 12, 2.7
"""Inches: of the figure, and of what stands above and below its axes."""

_AROUND_ROWS = 0.6
"""Inches of what stands above and below the rows of activations."""


def variants(results: Sequence[Results]) -> Figure:
    """Draw the test accuracy of all variants at the end of training."""
    rows = foretold(results)
    axes, *below = _panels(len(results), len(rows))
    figure = axes.get_figure(root=True)
    assert figure
    scales = [scale for row in rows for scale in row.scales.values()]
    scale_sigmas(axes.xaxis, [*(p.sigma for of in results for p in of.points), *scales], _ROOM)
    figure.axes[-1].set_xlabel(sigma_axis([of.setting for of in results]))
    axes.set_ylim(0, 102)
    axes.set_yticks(range(0, 101, 10))
    axes.set_ylabel("test accuracy at the end (%)")
    grid = find_grid(results) if len(results) > len(_LOOKS) else None
    looks = _by_number(figure, axes, grid, results) if grid else _looks(len(results))
    for of, look in zip(results, looks, strict=True):
        _draw(axes, of, look)
    for group in by_data(results):
        draw_chance(axes, group[0].setting)
    draw_diverged(axes, [point for of in results for point in of.points], size=6)
    caption = variants_caption(results)
    heading(axes, "Accuracy against the scale of initialisation, by variant", caption)
    for panel in below:
        colours = {of.setting.variant: look[0] for of, look in zip(results, looks, strict=True)}
        draw_scales(panel, rows, [colours[row.of.setting.variant] for row in rows])
    figure.legend(loc="outside lower center", ncols=2)
    if not grid:
        figure.draw_without_rendering()  # lays out, and so tells how high the axes are
        _name(axes, results, looks, _LINE * figure.dpi / axes.get_window_extent().height)
    return figure


def _panels(lines: int, rows: int) -> list[Axes]:
    """That of the lines and, where there are rows to draw, one for these below it."""
    upper = min(max(_AROUND + _LINE * lines, _LOWEST), _HIGHEST)
    if not rows:
        return [new_figure(upper).subplots()]
    lower = _AROUND_ROWS + ROW * rows
    ratios = [upper - _AROUND, ROW * rows]
    return [*new_figure(upper + lower).subplots(2, sharex=True, height_ratios=ratios)]


def _looks(count: int) -> list[Look]:
    """How each line is drawn: few in colours of their own, many in a scale of colours."""
    if count <= len(_LOOKS):
        return list(_LOOKS[:count])
    colours = dark("viridis")(np.linspace(0, 1, count))
    return [(to_hex(c), line, "") for c, line in zip(colours, cycle(_LINES), strict=False)]


def _by_number(figure: Figure, axes: Axes, grid: Grid, results: Sequence[Results]) -> list[Look]:
    """The number in which variants differ gives the colour, the words give the kind of line."""
    numbers = grid.numbers
    scale = LogNorm if wide(numbers) else Normalize
    colours = ScalarMappable(scale(min(numbers), max(numbers)), dark("viridis"))
    looks: dict[str, Look] = {}
    for panel, line in zip(grid.panels, _LINES, strict=False):
        for number, row in zip(panel.numbers, panel.rows, strict=True):
            colour = to_hex(colours.to_rgba(np.array([number]))[0])
            looks[row.setting.variant] = (colour, line, "")
        if len(grid.panels) > 1:
            axes.plot([], [], color=GREY, linestyle=line, label=panel.title)
    ticks = even_choice(sorted(set(numbers)), _TICKS)
    bar = figure.colorbar(colours, ax=axes, label=spoken(grid.parameter), pad=0.01)
    bar.ax.yaxis.set_major_locator(FixedLocator(ticks))
    bar.ax.yaxis.set_minor_locator(NullLocator())
    bar.ax.yaxis.set_major_formatter(FixedFormatter([f"{tick:g}" for tick in ticks]))
    return [looks[of.setting.variant] for of in results]


def _draw(axes: Axes, of: Results, look: Look) -> None:
    """Draw the line of a variant, with standard errors where it has replicates."""
    colour, line, marker = look
    alone = marker or "o" if len(of.points) == 1 else marker  # no line leads anywhere
    sigmas = [point.sigma for point in of.points]
    heights = [100 * point.test_accuracy for point in of.points]
    axes.plot(
        sigmas, heights, color=colour, linestyle=line, marker=alone, markersize=4.5, linewidth=1.8
    )
    if any(point.standard_error for point in of.points):
        errors = [100 * (point.standard_error or 0) for point in of.points]
        axes.errorbar(sigmas, heights, errors, fmt="none", ecolor=colour, capsize=2)


def _name(axes: Axes, results: Sequence[Results], looks: Sequence[Look], gap: float) -> None:
    """Write names at right of the axes, as high as their lines end, or at least `gap` apart.

    Of more than fit some are left out.
    """
    ends = sorted(
        (
            (of.points[-1], of.setting.variant, colour)
            for of, (colour, *_) in zip(results, looks, strict=True)
        ),
        key=lambda end: end[0].test_accuracy,
    )
    ends = list(even_choice(ends, int(1 / gap) - 1))
    top = axes.get_ylim()[1]
    places = spread_out([100 * point.test_accuracy / top for point, *_ in ends], gap)
    for (point, name, colour), place in zip(ends, places, strict=True):
        axes.annotate(
            shortened(name, _NAME),
            (point.sigma, 100 * point.test_accuracy),
            (1.03, place),
            textcoords="axes fraction",
            color=colour,
            fontsize=9,
            va="center",
            arrowprops={"arrowstyle": "-", "color": colour, "relpos": (0, 0.5), "linewidth": 0.7},
        )


def spread_out(places: Sequence[float], gap: float) -> list[float]:
    """Rising `places` from 0 to 1, moved until neighbours are `gap` apart, and the last from 1."""
    moved: list[float] = []
    for place in places:
        moved.append(max(place, moved[-1] + gap) if moved else place)
    ceiling = 1 - gap
    for number in reversed(range(len(moved))):
        moved[number] = min(moved[number], ceiling)
        ceiling = moved[number] - gap
    return moved
