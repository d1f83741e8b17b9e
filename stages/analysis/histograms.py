"""The distribution of the learned parameters."""

import numpy as np
from numpy.typing import NDArray


def parameter_histogram(
    parameters: NDArray[np.float32], bins: int
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Bin centres and counts of all finite `parameters`, in `bins` equal bins over their range."""
    finite = parameters[np.isfinite(parameters)]
    counts, edges = np.histogram(finite.astype(np.float64), bins)
    return (edges[:-1] + edges[1:]) / 2, counts
