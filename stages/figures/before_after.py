"""The weights of each layer before and after training, in units of their draw."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import StepPatch
from numpy.typing import NDArray

from stages.analysis.accuracy import sigma_labels
from stages.analysis.captions import NOT_KEPT, widened
from stages.analysis.mechanism import SCALED_WIDTH
from stages.analysis.setting import Setting
from stages.analysis.tables import Table
from stages.figures.style import (
    BLUE,
    GREY,
    new_figure,
    nothing,
    of_variant,
    scale_logarithmic,
    scale_signed,
    shortened,
    title,
)

_COLUMNS, _LAYERS = 5, 4
"""So many sigmas are shown, spread over the sweep, and so many layers beside all of them."""

_NAME = 18
"""Characters of a layer's name that fit beside its row."""

_LABEL = 0.21
"""Share of a panel's width that a number below it takes."""


def before_after(distributions: Table, setting: Setting) -> Figure:
    """Draw a panel for each of some layers and sigmas from distributions.csv.

    It has no rows where weights were not kept. What is drawn is density over weight / deviation of
    its draw. Bins are equal on the axis and so wider far from 0: the share of weights in each would
    have a hump on either side where density has none.
    """
    text = of_variant("Weights before and after training", setting)
    if not distributions["sigma"].size:
        return nothing(text, NOT_KEPT)
    sigmas = _spread(np.unique(distributions["sigma"]), _COLUMNS)
    everything, *each = np.unique(distributions["layer"])
    layers = [everything, *_spread(np.array(each), _LAYERS)]
    labels, edges = sigma_labels(np.unique(distributions["sigma"])), _edges(distributions)
    figure = new_figure(height=1.7 * len(layers) + 1.6)
    grid = figure.subplots(len(layers), len(sigmas), sharex=True, sharey=True, squeeze=False)
    for row, layer in zip(grid, layers, strict=True):
        for axes, sigma in zip(row, sigmas, strict=True):
            mine = (distributions["sigma"] == sigma) & (distributions["layer"] == layer)
            _draw(axes, {name: column[mine] for name, column in distributions.items()}, edges)
        name = setting.layers[int(layer) - 1].name if layer else "all layers"
        row[0].set_ylabel(shortened(name, _NAME))
    for axes, sigma in zip(grid[0], sigmas, strict=True):
        axes.set_title(f"σ = {labels[sigma]}", fontsize=10)
    _label(
        figure,
        grid[0, 0],
        edges[-1],
        "weight · √fan-in / σ" if setting.fan_in_scale else "weight / σ",
    )
    title(
        figure,
        text,
        [
            widened(distributions),
            "Drawn is density: shares of equal steps of this axis, which widen away from 0, would "
            "show two humps that are not there.",
        ],
    )
    return figure


def _spread(values: NDArray[np.float64], count: int) -> list[float]:
    """At most `count` of the rising `values`, both ends among them."""
    places = np.linspace(0, len(values) - 1, count).round().astype(int)
    chosen: list[float] = values[np.unique(places)].tolist()
    return chosen


def _draw(axes: Axes, bins: Table, edges: NDArray[np.float64]) -> None:
    widths = np.diff(np.sinh(edges))
    scaled = np.arcsinh(bins["bin_center"])
    before, after = (
        np.histogram(scaled, edges, weights=bins[column])[0] / max(bins[column].sum(), 1) / widths
        for column in ("before", "after")
    )
    places = np.sinh(edges)
    axes.stairs(before, places, baseline=1e-300, color=GREY, fill=True, alpha=0.4, label="before")
    axes.stairs(after, places, baseline=1e-300, color=BLUE, linewidth=1.4, label="after training")


def _edges(distributions: Table) -> NDArray[np.float64]:
    """All bins of asinh(weight / sigma) up to the outermost, to both sides alike."""
    reach = np.abs(np.arcsinh(distributions["bin_center"])).max()
    half = int(np.ceil(reach / SCALED_WIDTH))
    return SCALED_WIDTH * np.arange(-half, half + 1, dtype=np.float64)


def _label(figure: Figure, first: Axes, limit: float, weight: str) -> None:
    drawn = [patch for axes in figure.axes for patch in axes.patches]
    densities = np.concatenate([p.get_data()[0] for p in drawn if isinstance(p, StepPatch)])
    shown = densities[densities > 0]
    low, high = (shown.min(), shown.max()) if shown.size else (0.1, 1)
    scale_logarithmic(first, low / 2, high * 3)
    scale_signed(first, 1, np.sinh(limit), _LABEL)
    figure.supxlabel(f"{weight} (linear within ± 1, logarithmic beyond)", fontsize=10)
    figure.supylabel("density: share of weights per step of 1 (log scale)", fontsize=10)
    figure.legend(*first.get_legend_handles_labels(), loc="outside lower right", ncols=2)
