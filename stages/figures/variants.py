"""Variants side by side: accuracy against sigma, a line for each, named at its end."""

from collections.abc import Sequence
from itertools import cycle, islice

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from stages.analysis.captions import variants_caption
from stages.analysis.comparison import by_data
from stages.analysis.findings import Results
from stages.analysis.wording import sigma_scales
from stages.figures.curves import draw_chance, draw_diverged
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

_ROOM = 9
"""Labelled ticks that fit below the figure."""

_NAME, _LINE = 28, 0.17
"""Characters of a name beside the lines, and inches of its height."""

_LOWEST, _HIGHEST, _AROUND = 6, 12, 2.3
"""Inches: of the figure, and of what stands above and below its axes."""


def variants(results: Sequence[Results]) -> Figure:
    """Draw the test accuracy of all variants at the end of training."""
    needed = _AROUND + _LINE * len(results)
    figure = new_figure(height=min(max(needed, _LOWEST), _HIGHEST))
    axes = figure.subplots()
    scale_sigmas(axes.xaxis, [p.sigma for of in results for p in of.points], _ROOM)
    axes.set_xlabel(f"{sigma_scales([of.setting for of in results])} (log scale)")
    axes.set_ylim(0, 102)
    axes.set_yticks(range(0, 101, 10))
    axes.set_ylabel("test accuracy at the end (%)")
    for of, look in zip(results, _looks(len(results)), strict=True):
        _draw(axes, of, look)
    for group in by_data(results):
        draw_chance(axes, group[0].setting)
    draw_diverged(axes, [point for of in results for point in of.points])
    _name(axes, results, _LINE / (figure.get_figheight() - _AROUND))
    caption = variants_caption(results)
    heading(axes, "Accuracy against the scale of initialisation, by variant", caption)
    figure.legend(loc="outside lower center", ncols=2)
    return figure


def _looks(count: int) -> list[Look]:
    """How each line is drawn: few in colours of their own, many in a scale of colours."""
    if count <= len(_LOOKS):
        return list(_LOOKS[:count])
    colours = dark("viridis")(np.linspace(0, 1, count))
    lines = islice(cycle(("solid", "dashed", "dashdot", "dotted")), count)
    return [(to_hex(colour), line, "") for colour, line in zip(colours, lines, strict=True)]


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


def _name(axes: Axes, results: Sequence[Results], gap: float) -> None:
    """Write names at right of the axes, as high as their lines end, or at least `gap` apart."""
    drawn = list(axes.get_lines()[: len(results)])
    ends = sorted(zip(results, drawn, strict=True), key=lambda end: end[0].points[-1].test_accuracy)
    top = axes.get_ylim()[1]
    places = spread_out([100 * of.points[-1].test_accuracy / top for of, _ in ends], gap)
    shown = range(0, len(ends), max(1, int(np.ceil(len(ends) * gap))))
    for number, ((of, line), place) in enumerate(zip(ends, places, strict=True)):
        if number not in shown:
            continue
        axes.annotate(
            shortened(of.setting.variant, _NAME),
            (of.points[-1].sigma, 100 * of.points[-1].test_accuracy),
            (1.03, place),
            textcoords="axes fraction",
            color=line.get_color(),
            fontsize=9,
            va="center",
            arrowprops={
                "arrowstyle": "-",
                "color": line.get_color(),
                "relpos": (0, 0.5),
                "linewidth": 0.7,
            },
        )


def spread_out(places: Sequence[float], gap: float) -> list[float]:
    """Rising `places` within 0 to 1, moved so that neighbours are `gap` apart.

    Where they do not fit they are evenly spread.
    """
    if gap * (len(places) - 1) >= 1:
        return [float(place) for place in np.linspace(0, 1, len(places))]
    moved: list[float] = []
    for place in places:
        moved.append(max(place, moved[-1] + gap) if moved else place)
    ceiling = 1.0
    for number in reversed(range(len(moved))):
        moved[number] = min(moved[number], ceiling)
        ceiling = moved[number] - gap
    return moved
