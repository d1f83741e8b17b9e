"""Two optimisers on the same sweep: the same sigmas, another answer."""

from collections.abc import Sequence

from matplotlib.figure import Figure

from stages.analysis.accuracy import Point
from stages.analysis.captions import regime
from stages.figures.curves import draw_chance, draw_curves
from stages.figures.style import legend_below, new_figure, panel_heading, scale_sigmas, title

_ROOM = 6
"""Labelled ticks that fit below a panel."""


def regimes(sweeps: Sequence[tuple[str, Sequence[Point]]]) -> Figure:
    """Draw sweeps side by side, each with its name; points by rising sigma."""
    figure = new_figure(height=5)
    panels = figure.subplots(1, len(sweeps), sharey=True, squeeze=False)[0]
    for axes, (name, points) in zip(panels, sweeps, strict=True):
        draw_curves(axes, points)
        draw_chance(axes, points[0].holdout)
        scale_sigmas(axes.xaxis, [point.sigma for point in points], _ROOM)
        panel_heading(axes, name, regime(points))
        axes.set_xlabel("σ of the initial weights and biases (log scale)")
    panels[0].set_ylabel("accuracy (%)")
    panels[0].set_ylim(0, 102)
    legend_below(figure, panels, columns=2)
    title(figure, "Accuracy against the scale of initialisation, by optimiser", [])
    return figure
