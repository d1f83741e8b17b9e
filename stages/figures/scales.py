"""What was foretold of an activation, upon an axis of sigmas; of several, a row for each."""

from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes

from stages.analysis.accuracy import best_window
from stages.analysis.activation_scales import CRITICAL, GAIN, Foretold
from stages.analysis.findings import A_POINT
from stages.figures.style import GREY, INK, shortened

ROW = 0.2
"""Inches that a row takes."""

_MARK: dict[str, dict[str, Any]] = {
    CRITICAL: {"marker": "|", "markersize": 13, "markeredgewidth": 2.5},
    GAIN: {"marker": "D", "markersize": 5, "markerfacecolor": "white"},
}
_LINE: dict[str, dict[str, Any]] = {
    CRITICAL: {"color": INK, "linewidth": 3, "alpha": 0.3},
    GAIN: {"color": INK, "linewidth": 1.2, "linestyle": "dashed"},
}
"""How a scale is drawn; both can be told where they coincide."""

_MEANING = {
    CRITICAL: "critical σ of theory, where χ₁ = 1",
    GAIN: "gain of Kaiming's scheme",
}

_WINDOW: dict[str, Any] = {"linewidth": 6, "alpha": 0.3, "solid_capstyle": "butt"}
_LEVEL: dict[str, Any] = {"linestyle": "", "marker": "o", "markersize": 3.5}
_BEST: dict[str, Any] = {"linestyle": "", "marker": "*", "markersize": 11}

_NAME = 20
"""Characters of a name beside a row."""


def draw_scales(axes: Axes, rows: Sequence[Foretold], colours: Sequence[str]) -> None:
    """Draw a row for each activation in its colour, the first on top, upon the sigmas of `axes`."""
    for place, (row, colour) in enumerate(zip(rows, colours, strict=True)):
        window, level = best_window(row.of.points), row.within_noise
        for points, look in ((window, _WINDOW), (level, _LEVEL), ([row.of.best], _BEST)):
            sigmas = [point.sigma for point in points]
            axes.plot(sigmas, [place] * len(sigmas), color=colour, **look)
        for what, scale in row.scales.items():
            axes.plot(scale, place, color=INK, zorder=4, **_MARK[what])
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.set_yticks(range(len(rows)), [shortened(row.name, _NAME) for row in rows])
    for label, colour in zip(axes.get_yticklabels(), colours, strict=True):
        label.set_color(colour)
    _explain(axes, rows)


def draw_scales_across(axes: Axes, row: Foretold) -> None:
    """Draw what was foretold of a lone sweep as lines up to 100 % of `axes`."""
    top = 100 / axes.get_ylim()[1]
    for what, scale in row.scales.items():
        label = f"{_MEANING[what]}: σ = {scale:.3g}"
        axes.axvline(scale, ymax=top, label=label, **_LINE[what])


def _explain(axes: Axes, rows: Sequence[Foretold]) -> None:
    """Entries of the legend, in no row's colour."""
    known = any(row.within_noise for row in rows)
    entries = [("best σ", _BEST), (f"within {A_POINT} of the best", _WINDOW)]
    entries += [("within noise of the best", _LEVEL)] * known
    for label, look in entries:
        axes.plot([], [], color=GREY, label=label, **look)
    for what in dict.fromkeys(what for row in rows for what in row.scales):
        look = {"linestyle": "", **_MARK[what]}
        axes.plot([], [], color=INK, label=_MEANING[what], **look)
