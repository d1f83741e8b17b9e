"""The one picture of the benchmark: time against the number of networks."""

import math
from collections.abc import Sequence
from typing import Final, NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullLocator

from benchmarks.report import Point, Report
from benchmarks.work import LABELS, LOOPS
from stages.figures.style import BLUE, GREEN, GREY, INK, VERMILION, heading, new_figure

_PURPLE: Final = "#CC79A7"  # the reddish purple of Okabe and Ito
_NETWORKS: Final = (1, 5, 25, 100)
_MOST: Final = _NETWORKS[-1]
_LABEL_DISTANCE: Final = 0.17
"""Decades between the labels of two lines, so that they do not overlap."""


class _Look(NamedTuple):
    color: str
    marker: str
    label: str


_LOOKS: Final = {
    "notebook": _Look(VERMILION, "s", "notebook"),
    "tensors": _Look(_PURPLE, "^", "PyTorch loop"),
    "torch_func": _Look(GREEN, "D", "torch.func"),
    "jax_scan": _Look(INK, "v", "JAX"),
    "ours": _Look(BLUE, "o", "ours"),
}


def picture(report: Report) -> Figure:
    """Each way a line, solid where it is measured and dashed where it is extrapolated."""
    figure = new_figure(height=6)
    axes = figure.subplots()
    _scale_axes(axes, report)
    ends = {}
    for way in LABELS:
        if points := [point for point in report.points if point.way == way]:
            _draw_way(axes, points)
            ends[way] = _extrapolated(points, _MOST)
    floor = report.floor.median * report.plan.work.epochs
    axes.plot([1, _MOST], [floor, floor * _MOST], color=GREY, linestyle="dashdot", linewidth=1.5)
    _label_ends(axes, ends, floor * _MOST)
    heading(axes, _title(report), _sentences(report, ends, floor * _MOST))
    return figure


def _scale_axes(axes: Axes, report: Report) -> None:
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xticks(_NETWORKS)
    axes.xaxis.set_minor_locator(NullLocator())
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.set_xlim(0.85, 1.1 * _MOST)
    machine = report.machine
    axes.set_xlabel(f"networks (log scale), on {machine['cores']} cores of {machine['cpu']}")
    axes.set_ylabel("seconds, evaluation and overhead included (log scale)")


def _draw_way(axes: Axes, points: Sequence[Point]) -> None:
    look = _LOOKS[points[0].way]
    networks = [point.networks for point in points]
    medians = [point.seconds.median for point in points]
    reach = [
        [p.seconds.median - p.seconds.smallest for p in points],
        [p.seconds.largest - p.seconds.median for p in points],
    ]
    before = [n for n in _NETWORKS if n <= networks[0]] if points[0].way in LOOPS else []
    for guessed in (before, [n for n in _NETWORKS if n >= networks[-1]]):
        axes.plot(
            guessed,
            [_extrapolated(points, n) for n in guessed],
            color=look.color,
            marker=look.marker,
            markerfacecolor="white",
            linestyle="dashed",
        )
    axes.errorbar(
        networks,
        medians,
        reach,
        color=look.color,
        marker=look.marker,
        markersize=7,
        linewidth=2,
        capsize=4,
        zorder=3,
    )


def _extrapolated(points: Sequence[Point], networks: int) -> float:
    """Seconds for a number of networks beside those measured: each takes the same time."""
    nearest = points[0] if networks < points[0].networks else points[-1]
    return nearest.seconds.median + (networks - nearest.networks) * nearest.per_network


def _label_ends(axes: Axes, ends: dict[str, float], floor: float) -> None:
    """Name each line where it ends, with its seconds, the labels moved apart upwards."""
    labels = [(seconds, _LOOKS[way].label, _LOOKS[way].color) for way, seconds in ends.items()]
    height = -math.inf
    for seconds, label, color in sorted([*labels, (floor, "floor", GREY)]):
        height = max(math.log10(seconds), height + _LABEL_DISTANCE)
        axes.annotate(
            f"{label} {seconds:,.0f} s",
            (1, 10**height),
            xycoords=("axes fraction", "data"),
            xytext=(4, 0),
            textcoords="offset points",
            color=color,
            weight="bold",
            va="center",
        )


def _title(report: Report) -> str:
    epochs = report.plan.work.epochs
    return f"Time to train networks for {epochs} epoch{'s' if epochs > 1 else ''}"


def _sentences(report: Report, ends: dict[str, float], floor: float) -> list[str]:
    ours = ends.pop("ours")
    others = ", ".join(f"{_LOOKS[way].label} {seconds / ours:.2g}" for way, seconds in ends.items())
    return [
        f"For {_MOST} networks ours takes {ours / floor:.2g} times the floor. "
        f"Times as long as ours: {others}.",
        "Filled: measured, median and range. Hollow: scaled from the nearest measured.",
    ]
