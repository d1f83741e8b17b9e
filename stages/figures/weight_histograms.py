"""The distribution of the learned parameters of every sigma: a row each, its bins in colour."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.colors import Colormap, LogNorm
from matplotlib.figure import Figure
from matplotlib.ticker import FixedFormatter, FixedLocator
from numpy.typing import NDArray

from stages.analysis.accuracy import sigma_labels
from stages.figures.style import (
    VERMILION,
    dark,
    new_figure,
    panel_heading,
    scale_sigmas,
    scale_signed,
    sigma_edges,
    title,
)

OUTGROWN = 2.0
"""From this ratio of standard deviation to sigma on, training has made the scale its own."""

KEPT = 0.05
"""Up to this relative difference of standard deviation and sigma, the draw's scale is kept."""

_FINE = 20
"""Bins from which on a histogram tells its standard deviation."""

_ROWS = 12
"""Labels that fit beside the rows."""

_COLUMNS = 800
"""Places across a panel at which its bins are looked up; as many as it has pixels."""


@dataclass(frozen=True)
class Histogram:
    """Counts of all parameters of one sigma, in equal bins over their own range."""

    sigma: float
    centers: NDArray[np.float64]  # [bins]
    counts: NDArray[np.float64]  # [bins]

    @property
    def edges(self) -> NDArray[np.float64]:
        """The [bins + 1] borders of the bins; the width of a lone bin is unknown and drawn as 1."""
        width = (self.centers[-1] - self.centers[0]) / max(len(self.centers) - 1, 1) or 1.0
        return np.append(self.centers - width / 2, self.centers[-1] + width / 2)

    @property
    def reach(self) -> float:
        """The largest distance of an edge from 0."""
        return float(np.abs(self.edges).max())

    @property
    def empty(self) -> bool:
        """Whether all parameters overflowed."""
        return not self.counts.any()

    @property
    def deviation(self) -> float:
        """Standard deviation of the parameters, each taken at the centre of its bin."""
        share = self.counts / max(self.counts.sum(), 1)
        mean = share @ self.centers
        return float(np.sqrt(share @ (self.centers - mean) ** 2))

    def shares(self, places: NDArray[np.float64]) -> NDArray[np.float64]:
        """Counts of the bins at `places`, relative to the fullest; NaN where nothing lies."""
        bins = np.searchsorted(self.edges, places, side="right") - 1
        inside = (bins >= 0) & (bins < len(self.counts))
        counts = np.where(inside, self.counts[bins.clip(0, len(self.counts) - 1)], 0)
        shares: NDArray[np.float64] = np.where(
            counts > 0, counts / max(self.counts.max(), 1), np.nan
        )
        return shares


def weight_histograms(histograms: Sequence[Histogram]) -> Figure:
    """Draw all `histograms`, by rising sigma: on one axis at left, each over its range at right.

    Counts are relative to the fullest bin of their own sigma: bins are equal within a sigma, but
    not from one to another.
    """
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
    _draw_sigma(whole)
    whole.set_ylabel("σ of the initial weights and biases (log scale)")
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
    figure.legend(loc="outside lower center")
    title(figure, "Weights and biases after training", weights_caption(histograms))
    return figure


def weights_caption(histograms: Sequence[Histogram]) -> list[str]:
    """Where training and where the draw sets the scale of the parameters."""
    lost = sum(histogram.empty for histogram in histograms)
    sentences = [f"All parameters overflowed at {lost} of {len(histograms)} σ."] if lost else []
    if len(histograms[0].counts) < _FINE:
        return sentences
    labels = sigma_labels(histogram.sigma for histogram in histograms)
    outgrown = list(takewhile(lambda h: h.deviation >= OUTGROWN * h.sigma, histograms))
    kept = list(takewhile(lambda h: abs(h.deviation / h.sigma - 1) <= KEPT, reversed(histograms)))
    if outgrown:
        deviations = [histogram.deviation for histogram in outgrown]
        ends = dict.fromkeys(f"{end:.2g}" for end in (min(deviations), max(deviations)))
        where = f"Up to σ = {labels[outgrown[-1].sigma]}"
        if len(outgrown) == len(histograms) > 1:
            where = "At every σ"
        elif len(outgrown) == 1:
            where = f"At σ = {labels[outgrown[0].sigma]}"
        sentences.append(
            f"{where}, training sets the scale: the standard deviation becomes {' to '.join(ends)}."
        )
    if kept:
        where = f"From σ = {labels[kept[-1].sigma]} on"
        if len(kept) == 1:
            where = f"At σ = {labels[kept[0].sigma]}"
        elif len(kept) == len(histograms):
            where = "At every σ"
        sentences.append(f"{where}, the standard deviation stays within {100 * KEPT:g} % of σ.")
    return sentences


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
