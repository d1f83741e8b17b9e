"""Why a network learns or not: signals in its layers, against theory and over training."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from stages.analysis.theory import LayerScale, log_error
from stages.core.records import Record

Matrix = NDArray[np.float32]


@dataclass(frozen=True)
class LayerChange:
    """What training did to the weights of one layer."""

    layer: int  # counted from 1
    std_before: float  # the effective sigma of the layer
    std_after: float
    distance: float  # Kolmogorov-Smirnov, between the weights before and after


def layer_changes(before: Sequence[Matrix], after: Sequence[Matrix]) -> list[LayerChange]:
    """One entry for each weight matrix, from the first layer to the last."""
    return [
        LayerChange(layer, weight_std(start), weight_std(end), ks_distance(start, end))
        for layer, (start, end) in enumerate(zip(before, after, strict=True), start=1)
    ]


def ks_distance(one: Matrix, other: Matrix) -> float:
    """The largest difference of the two empirical distribution functions, 0 to 1.

    Two-sample Kolmogorov-Smirnov statistic; NaN if a number is not finite. SciPy has it only with
    its probability, which nobody asks for here and which takes far longer.
    """
    if not (np.isfinite(one).all() and np.isfinite(other).all()):
        return float("nan")
    samples = [np.sort(matrix, axis=None) for matrix in (one, other)]
    values = np.concatenate(samples)
    shares = [np.searchsorted(sample, values, side="right") / sample.size for sample in samples]
    return float(np.abs(shares[0] - shares[1]).max())


SCALED_WIDTH = 0.25
"""Width of a bin of asinh(weight / deviation of its draw), linear within 1, logarithmic beyond."""


def scaled_distribution(
    before: Sequence[Matrix], after: Sequence[Matrix], deviations: Sequence[float]
) -> Iterator[dict[str, float]]:
    """Counts of weights by weight / the deviation that its layer was drawn with; layer 0 is all.

    A row for each bin that holds any; numbers that overflowed are left out.
    """
    pairs = list(zip(before, after, strict=True))
    places = [
        [_places(matrix, deviation) for matrix in pair]
        for pair, deviation in zip(pairs, deviations, strict=True)
    ]
    everything = np.concatenate([place for pair in places for place in pair])
    low, bins = everything.min(), np.ptp(everything) + 1
    counts = np.array([[np.bincount(p - low, minlength=bins) for p in pair] for pair in places])
    for layer, (was, now) in enumerate([counts.sum(0), *counts]):
        for place in np.flatnonzero(was + now).tolist():
            centre = np.sinh((low + place + 0.5) * SCALED_WIDTH)
            yield {"layer": layer, "bin_center": centre, "before": was[place], "after": now[place]}


def _places(weights: Matrix, deviation: float) -> NDArray[np.int64]:
    """The bin of each finite weight; bin 0 begins at zero."""
    scaled = np.arcsinh(weights[np.isfinite(weights)].astype(np.float64) / deviation)
    return np.floor(scaled / SCALED_WIDTH).astype(np.int64)


def weight_std(weights: Matrix) -> float:
    """Standard deviation, in 64 bits: squares of small weights are no 32-bit numbers."""
    return float(weights.std(dtype=np.float64))


def theory_errors(
    records: Sequence[Record], sigmas: Sequence[float], predicted: Sequence[Sequence[LayerScale]]
) -> dict[str, dict[str, float | None]]:
    """Mean |log10(measured / predicted)| before training, for each layer and quantity."""
    of_sigma = dict(zip(sigmas, predicted, strict=True))
    errors: dict[str, dict[str, float | None]] = {}
    for quantity in (field.name for field in fields(LayerScale)):
        for layer in range(len(predicted[0])):
            measured = [getattr(r.probes[0].layers[layer], quantity) for r in records]
            expected = [getattr(of_sigma[r.sigma][layer], quantity) for r in records]
            error = log_error(measured, expected)
            errors[f"{quantity}, layer {layer + 1}"] = {
                "mean_abs_log10_error": error.mean if error.compared else None,
                "networks": error.compared,
            }
    return errors
