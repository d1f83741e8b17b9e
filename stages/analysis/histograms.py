"""The distribution of the learned parameters."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


def parameter_histogram(
    parameters: NDArray[np.float32], bins: int
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Bin centres and counts of all finite `parameters`, in `bins` equal bins over their range."""
    finite = parameters[np.isfinite(parameters)]
    counts, edges = np.histogram(finite.astype(np.float64), bins)
    return (edges[:-1] + edges[1:]) / 2, counts


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
