"""The weights of each layer before and after training, in units of their sigma."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from stages.analysis.tables import Table
from stages.figures.style import BLUE, GREY, new_figure, sigma_label

_COLUMNS = 5
"""So many sigmas are shown, spread over the sweep."""


def before_after(distributions: Table) -> Figure:
    """Draw a panel for each layer and some sigmas from distributions.csv."""
    sigmas, layers = np.unique(distributions["sigma"]), np.unique(distributions["layer"])
    shown = sigmas[np.unique(np.linspace(0, len(sigmas) - 1, _COLUMNS).round().astype(int))]
    figure = new_figure(height=1.8 * len(layers) + 1.2)
    grid = figure.subplots(len(layers), len(shown), sharex=True, sharey=True, squeeze=False)
    for row, layer in zip(grid, layers, strict=True):
        for axes, sigma in zip(row, shown, strict=True):
            mine = (distributions["sigma"] == sigma) & (distributions["layer"] == layer)
            _draw(axes, {name: column[mine] for name, column in distributions.items()})
        row[0].set_ylabel("all layers" if layer == 0 else f"layer {layer:g}")
    for axes, sigma in zip(grid[0], shown, strict=True):
        axes.set_title(f"σ = {sigma_label(sigma)}", fontsize=10)
    _label(figure, grid[0][0])
    return figure


def _draw(axes: Axes, bins: Table) -> None:
    scaled = np.arcsinh(bins["bin_center"])
    width = scaled[1] - scaled[0]
    edges = np.append(scaled - width / 2, scaled[-1] + width / 2)
    before, after = (100 * bins[column] / bins[column].sum() for column in ("before", "after"))
    axes.stairs(before, edges, label="before training", color=GREY, fill=True, alpha=0.35)
    axes.stairs(after, edges, label="after training", color=BLUE)


def _label(figure: Figure, first: Axes) -> None:
    first.set_xticks(np.arcsinh([-1000, -10, 0, 10, 1000]), ["-10³", "-10", "0", "10", "10³"])
    figure.supxlabel("weight / σ (linear within ±1, logarithmic beyond)", fontsize=10)
    figure.supylabel("% of weights per bin", fontsize=10)
    figure.legend(*first.get_legend_handles_labels(), loc="outside upper right", ncols=2)
    figure.suptitle(
        "Weights before and after training", x=0.01, ha="left", weight="bold", fontsize=13
    )
