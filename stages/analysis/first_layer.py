"""The weights of the first layer as images: what its units look for, and how smooth that is."""

from dataclasses import dataclass
from math import prod
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import safe_open

from stages.analysis.tables import standard_error
from stages.core.networks import Network

BEFORE, AFTER = "before", "after"
"""Training: the moments at which smoothness is measured."""

Shape = tuple[int, int]
"""Rows and columns."""


@dataclass(frozen=True)
class Smoothness:
    """How alike neighbouring weights are, over all units of a layer; NaN where it is unknown."""

    autocorrelation: float  # mean
    standard_error: float  # of that mean; NaN of a single unit


def unit_shape(network: Network, image: Shape) -> Shape | None:
    """The shape of the images that weights of the first layer are; None where it sees no image.

    It does where it is fully connected to all pixels of an `image`, or has kernels on the one
    channel. A lone weight is no image.
    """
    match network.shapes[network.layers[0]]:
        case (_, inputs) if inputs == prod(image) > 1:
            return image
        case (_, 1, rows, columns) if rows * columns > 1:
            return rows, columns
    return None


def read_first_layer(path: Path, network: Network) -> NDArray[np.float32]:
    """The weights (units, inputs) of the first layer in a file of tensors."""
    with safe_open(path, framework="numpy") as file:
        weights: NDArray[np.float32] = file.get_tensor(network.layers[0])
    return weights.reshape(len(weights), -1)


def smoothness(images: NDArray[np.float32]) -> Smoothness:
    """The mean of Moran's I over the units whose `images` (units, rows, columns) have one."""
    of_units = morans_i(images)
    known = of_units[np.isfinite(of_units)]
    mean = float(known.mean()) if known.size else np.nan
    error = float(standard_error(known)) if known.size > 1 else np.nan
    return Smoothness(mean, error)


def morans_i(images: NDArray[np.float32]) -> NDArray[np.float64]:
    """The spatial autocorrelation (n,) of each of `images` (n, rows, columns) at a distance of one.

    That is the mean product of the deviations of two neighbours, side by side or one above the
    other, from the mean of their image, over its variance: 1 where neighbours are alike, on average
    -1 / (pixels - 1) where all are independent. NaN where an image is constant or not finite.

    Moran 1950, "Notes on continuous stochastic phenomena", Biometrika 37, with rook's neighbours.
    """
    finite = np.isfinite(images).all(axis=(1, 2), keepdims=True)
    off = np.where(finite, images, np.nan).astype(np.float64)
    off -= off.mean(axis=(1, 2), keepdims=True)
    across = (off[:, :, 1:] * off[:, :, :-1]).sum(axis=(1, 2))
    down = (off[:, 1:] * off[:, :-1]).sum(axis=(1, 2))
    rows, columns = images.shape[1:]
    pairs, variance = rows * (columns - 1) + (rows - 1) * columns, np.square(off).mean(axis=(1, 2))
    unknown = np.full(len(images), np.nan)
    correlation: NDArray[np.float64] = np.divide(
        across + down, pairs * variance, out=unknown, where=variance > 0
    )
    return correlation
