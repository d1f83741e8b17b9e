"""The distribution of the learned parameters of every sigma, one outline each."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import ListedColormap, LogNorm
from matplotlib.figure import Figure
from matplotlib.ticker import SymmetricalLogLocator
from numpy.typing import NDArray

from stages.figures.style import heading, label_sigmas, new_figure, sigma_label

OUTGROWN = 2.0
"""From this ratio of standard deviation to sigma on, training has made the scale its own."""

KEPT = 0.05
"""Up to this relative difference of standard deviation and sigma, the draw's scale is kept."""


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
    def deviation(self) -> float:
        """Standard deviation of the parameters, each taken at the centre of its bin."""
        share = self.counts / max(self.counts.sum(), 1)
        mean = share @ self.centers
        return float(np.sqrt(share @ (self.centers - mean) ** 2))


def weight_histograms(histograms: Sequence[Histogram]) -> Figure:
    """Draw all `histograms`, by rising sigma: on one axis above, each over its own range below."""
    figure = new_figure(height=8.6)
    whole, own = figure.subplots(2)
    low, high = histograms[0].sigma, histograms[-1].sigma
    norm, viridis = LogNorm(low, high), _dark_viridis()
    for axes in (whole, own):
        axes.set_yscale("log")
        axes.set_ylim(0.7, 1.5 * max(10, *(histogram.counts.max() for histogram in histograms)))
        axes.set_ylabel(f"parameters per bin ({len(histograms[0].counts)} bins, log scale)")
    for histogram in histograms:
        color = viridis(norm(histogram.sigma))
        for axes, unit in ((whole, 1), (own, histogram.reach)):
            edges = histogram.edges / unit
            axes.stairs(histogram.counts, edges, baseline=None, color=color, linewidth=1.2)
    _scale_whole(whole, min(h.reach for h in histograms), max(h.reach for h in histograms))
    own.set_xlim(-1, 1)
    own.set_xlabel("weight or bias / the largest of its network")
    one_for = f"{len(histograms)} σ" if high > low else f"σ = {sigma_label(low)}"
    heading(whole, f"Weights and biases after training, for {one_for}", findings(histograms))
    heading(own, "Shapes alone: the same counts, each over its own range", [])
    if high > low:
        bar = figure.colorbar(
            ScalarMappable(norm, viridis),
            ax=[whole, own],
            aspect=40,
            label="σ of the initial weights and biases",
        )
        label_sigmas(bar.ax.yaxis, low, high)
    return figure


def findings(histograms: Sequence[Histogram]) -> list[str]:
    """Where training and where the draw sets the scale of the parameters."""
    outgrown = list(takewhile(lambda h: h.deviation >= OUTGROWN * h.sigma, histograms))
    kept = list(takewhile(lambda h: abs(h.deviation / h.sigma - 1) <= KEPT, reversed(histograms)))
    sentences = []
    if outgrown:
        deviations = [histogram.deviation for histogram in outgrown]
        ends = dict.fromkeys(f"{end:.2g}" for end in (min(deviations), max(deviations)))
        sentences.append(
            f"Up to σ = {sigma_label(outgrown[-1].sigma)}, training sets the scale: the standard "
            f"deviation becomes {' to '.join(ends)}."
        )
    if kept:
        everywhere = len(kept) == len(histograms)
        where = "At every σ" if everywhere else f"From σ = {sigma_label(kept[-1].sigma)} on"
        sentences.append(f"{where}, the standard deviation stays within {100 * KEPT:g} % of σ.")
    return sentences


def _scale_whole(axes: Axes, narrowest: float, widest: float) -> None:
    """Linear around 0, where the narrowest histogram has its bulk, logarithmic farther out."""
    linear = 10.0 ** round(np.log10(narrowest / 10))
    decades = np.log10(widest / linear)
    axes.set_xscale("symlog", linthresh=linear, linscale=max(1, decades / 8))
    axes.xaxis.set_major_locator(ticks := SymmetricalLogLocator(base=10, linthresh=linear))
    ticks.set_params(numticks=12)
    axes.set_xlim(-widest, widest)
    axes.set_xlabel(f"weight or bias (linear within ±{linear:g}, log scale beyond)")


def _dark_viridis() -> ListedColormap:
    """Viridis without the yellow that fades on white paper."""
    return ListedColormap(colormaps["viridis"](np.linspace(0, 0.92, 256)))
