"""Two optimisers on the same sweep: the same sigmas, another answer."""

from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure

from stages.analysis.accuracy import Point
from stages.core.dataset import CHANCE_ACCURACY
from stages.figures.style import BLUE, GREY, SKY, label_sigmas, new_figure


def regimes(sweeps: Mapping[str, Sequence[Point]]) -> Figure:
    """Draw sweeps side by side, by the name of their optimiser; points by rising sigma."""
    figure = new_figure(height=4.6)
    panels = figure.subplots(1, len(sweeps), sharey=True, squeeze=False)[0]
    for axes, (name, points) in zip(panels, sweeps.items(), strict=True):
        sigma = [point.sigma for point in points]
        final = [100 * point.test_accuracy for point in points]
        first = [100 * point.first_epoch_test_accuracy for point in points]
        error = [100 * (point.standard_error or 0) for point in points]
        axes.errorbar(
            sigma, final, error, fmt="o-", color=BLUE, markersize=4, label="test, at the end"
        )
        axes.plot(sigma, first, "s--", color=SKY, markersize=4, label="test, after the first epoch")
        axes.axhline(
            100 * CHANCE_ACCURACY,
            color=GREY,
            linestyle="dashdot",
            linewidth=1,
            label=f"chance, {100 * CHANCE_ACCURACY:.4g} %",
        )
        axes.set_xscale("log")
        label_sigmas(axes.xaxis, sigma[0], sigma[-1])
        axes.set_title(name, fontsize=11)
        axes.set_xlabel("σ of the initial weights and biases")
    panels[0].set_ylabel("accuracy (%)")
    panels[0].set_ylim(0, 102)
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    figure.suptitle(
        "The optimiser decides how much the start matters",
        x=0.01,
        ha="left",
        weight="bold",
        fontsize=13,
    )
    return figure
