"""The weights of each layer before and after training, in units of their sigma."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from stages.analysis.mechanism import SCALED_WIDTH
from stages.analysis.tables import Table
from stages.figures.style import BLUE, GREY, new_figure, sigma_label

_COLUMNS = 5
"""So many sigmas are shown, spread over the sweep."""


def before_after(distributions: Table) -> Figure:
    """Draw a panel for each layer and some sigmas from distributions.csv."""
    sigmas, layers = np.unique(distributions["sigma"]), np.unique(distributions["layer"])
    shown = sigmas[np.unique(np.linspace(0, len(sigmas) - 1, _COLUMNS).round().astype(int))]
    edges = _edges(distributions["bin_center"])
    figure = new_figure(height=1.8 * len(layers) + 1.2)
    grid = figure.subplots(len(layers), len(shown), sharex=True, sharey=True, squeeze=False)
    for row, layer in zip(grid, layers, strict=True):
        for axes, sigma in zip(row, shown, strict=True):
            mine = (distributions["sigma"] == sigma) & (distributions["layer"] == layer)
            _draw(axes, {name: column[mine] for name, column in distributions.items()}, edges)
        row[0].set_ylabel("all layers" if layer == 0 else f"layer {layer:g}")
    for axes, sigma in zip(grid[0], shown, strict=True):
        axes.set_title(f"σ = {sigma_label(sigma)}", fontsize=10)
    _label(figure, grid[0][0], edges[-1])
    return figure


def _draw(axes: Axes, bins: Table, edges: NDArray[np.float64]) -> None:
    scaled = np.arcsinh(bins["bin_center"])
    before, after = (
        100 * np.histogram(scaled, edges, weights=bins[column])[0] / max(bins[column].sum(), 1)
        for column in ("before", "after")
    )
    axes.stairs(before, edges, label="before training", color=GREY, fill=True, alpha=0.35)
    axes.stairs(after, edges, label="after training", color=BLUE)


def _edges(centres: NDArray[np.float64]) -> NDArray[np.float64]:
    """All bins up to the outermost of `centres`, weight / sigma, to both sides alike."""
    half = int(np.ceil(np.abs(np.arcsinh(centres)).max() / SCALED_WIDTH))
    return SCALED_WIDTH * np.arange(-half, half + 1, dtype=np.float64)


def _label(figure: Figure, first: Axes, limit: float) -> None:
    decades = max(int(np.log10(np.sinh(limit))), 1)
    exponents = sorted({max(decades // 3, 1), decades - decades // 4})
    ticks = [(0.0, "0")] + [
        (
            sign * np.arcsinh(10.0**e),
            f"{'-' if sign < 0 else ''}{'10' if e == 1 else f'10$^{{{e}}}$'}",
        )
        for e in exponents
        for sign in (-1, 1)
    ]
    first.set_xticks(*zip(*ticks, strict=True))
    figure.supxlabel("weight / σ (linear within ±1, logarithmic beyond)", fontsize=10)
    figure.supylabel("% of weights per bin", fontsize=10)
    figure.legend(*first.get_legend_handles_labels(), loc="outside upper right", ncols=2)
    figure.suptitle(
        "Weights before and after training", x=0.01, ha="left", weight="bold", fontsize=13
    )
