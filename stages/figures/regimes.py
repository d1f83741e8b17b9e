"""Two optimisers on the same sweep: the same sigmas, another answer."""

from collections.abc import Sequence

from matplotlib.figure import Figure

from stages.analysis.accuracy import Point
from stages.figures.accuracy_vs_sigma import draw_chance, draw_curves
from stages.figures.style import label_sigmas, new_figure


def regimes(sweeps: Sequence[tuple[str, Sequence[Point]]]) -> Figure:
    """Draw sweeps side by side, each with its name; points by rising sigma."""
    figure = new_figure(height=4.6)
    panels = figure.subplots(1, len(sweeps), sharey=True, squeeze=False)[0]
    for axes, (name, points) in zip(panels, sweeps, strict=True):
        draw_curves(axes, points)
        draw_chance(axes)
        axes.set_xscale("log")
        label_sigmas(axes.xaxis, points[0].sigma, points[-1].sigma)
        axes.set_title(name, fontsize=11)
        axes.set_xlabel("σ of the initial weights and biases")
    panels[0].set_ylabel("accuracy (%)")
    panels[0].set_ylim(0, 102)
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
    figure.suptitle(
        "Accuracy against the scale of initialisation, by optimiser",
        x=0.01,
        ha="left",
        weight="bold",
        fontsize=13,
    )
    return figure
