"""The distribution of the learned parameters of every sigma: a row each, its bins in colour."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.colors import Colormap, LogNorm
from matplotlib.figure import Figure
from matplotlib.ticker import FixedFormatter, FixedLocator
from numpy.typing import NDArray

from stages.analysis.accuracy import sigma_labels
from stages.analysis.captions import NOT_KEPT, weights
from stages.analysis.histograms import Histogram
from stages.analysis.setting import Setting
from stages.analysis.wording import sigma_of
from stages.figures.style import (
    VERMILION,
    dark,
    new_figure,
    nothing,
    of_variant,
    panel_heading,
    scale_sigmas,
    scale_signed,
    sigma_edges,
    title,
)

_ROWS = 12
"""Labels that fit beside the rows."""

_COLUMNS = 800
"""Places across a panel at which its bins are looked up; as many as it has pixels."""


def weight_histograms(histograms: Sequence[Histogram], setting: Setting) -> Figure:
    """Draw all `histograms`, by rising sigma: on one axis at left, each over its range at right.

    There are none where weights were not kept.

    Counts are relative to the fullest bin of their own sigma: bins are equal within a sigma, but
    not from one to another.
    """
    text = of_variant("Weights and biases after training", setting)
    if not histograms:
        return nothing(text, NOT_KEPT)
    figure = new_figure(height=6.6)
    whole, own = figure.subplots(1, 2, sharey=True)
    drawn = [histogram for histogram in histograms if not histogram.empty] or histograms
    narrowest, widest = (pick(h.reach for h in drawn) for pick in (min, max))
    linear = 10.0 ** np.floor(np.log10(narrowest / 3))
    scale_signed(whole, linear, widest, label=0.12)
    ends = np.arcsinh(widest / linear)
    mesh = _draw(whole, histograms, linear * np.sinh(np.linspace(-ends, ends, _COLUMNS + 1)))
    _draw(own, histograms, np.linspace(-1, 1, _COLUMNS + 1), own_range=True)
    _label_rows(whole, [histogram.sigma for histogram in histograms])
    if not setting.fan_in_scale:
        _draw_sigma(whole)
        figure.legend(loc="outside lower center")
    whole.set_ylabel(f"{sigma_of(setting)} (log scale)")
    whole.set_xlabel(f"weight or bias (linear within ± {linear:g}, logarithmic beyond)")
    own.set_xticks([-1, -0.5, 0, 0.5, 1])
    own.set_xlabel("weight or bias / the largest of its σ")
    panel_heading(whole, "On one scale", [])
    panel_heading(own, "Shapes alone: each σ over its own range", [])
    bins = len(histograms[0].counts)
    figure.colorbar(
        mesh,
        ax=[whole, own],
        location="bottom",
        aspect=50,
        label=f"parameters in a bin / in the fullest of its σ ({bins} bins each); white: none",
    )
    title(figure, text, weights(histograms, setting))
    return figure


def _draw(
    axes: Axes,
    histograms: Sequence[Histogram],
    edges: NDArray[np.float64],
    own_range: bool = False,
) -> QuadMesh:
    """Draw a row for each sigma, coloured by what lies between `edges`."""
    places = (edges[:-1] + edges[1:]) / 2
    rows = np.array([h.shares(places * (h.reach if own_range else 1)) for h in histograms])
    colours: Colormap = dark("viridis").reversed()
    fullest = max(h.counts.max() for h in histograms)
    axes.grid(visible=False)
    return axes.pcolormesh(
        edges,
        sigma_edges(np.array([histogram.sigma for histogram in histograms])),
        np.ma.masked_invalid(rows),
        cmap=colours,
        norm=LogNorm(1 / max(fullest, 10), 1),
        rasterized=True,
    )


def _label_rows(axes: Axes, sigmas: Sequence[float]) -> None:
    """Label the rows, each if they are few, and end the axis where they end."""
    scale_sigmas(axes.yaxis, sigmas, room=_ROWS)
    if len(sigmas) <= _ROWS:
        axes.yaxis.set_major_locator(FixedLocator(sigmas))
        labels = sigma_labels(sigmas)
        axes.yaxis.set_major_formatter(FixedFormatter([labels[sigma] for sigma in sigmas]))
    edges = sigma_edges(np.array(sigmas))
    axes.set_ylim(edges[0], edges[-1])


def _draw_sigma(axes: Axes) -> None:
    """Mark where weights are as large as sigma."""
    spread = np.geomspace(*axes.get_ylim(), 100)
    for side, label in ((-1, None), (1, "± σ, the scale of the draw")):
        axes.plot(side * spread, spread, "--", color=VERMILION, linewidth=1.4, label=label)
