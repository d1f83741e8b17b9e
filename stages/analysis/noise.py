"""Whether accuracies differ or noise of seeds explains it: one judge for all sentences.

Replicate r of every network shares its seed, so differences are taken by replicate. The best of
many is best by luck too; so that nothing is owed to that, each replicate is held against what was
best on the replicates before it. Such differences are the steps of a martingale where networks are
equally good: of mean zero and uncorrelated, as Student's t wants them. (Were each replicate held
against the best on all others, it would have a say in what the others are held against, and t would
call differences in up to a third of sweeps that have none: tests/analysis/test_noise.py.)
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import stdtr, stdtrit  # scipy.stats has Student's t too, but loads for a second

from stages.analysis.tables import standard_error

Array = NDArray[np.float64]

LEVEL: Final = 0.05
"""Where nothing differs, a report calls any of its differences more than noise this often."""

FEWEST: Final = 3
"""Replicates that can be judged: the first only chooses, and a spread takes two more."""


@dataclass(frozen=True)
class Comparison:
    """How far a network ends below the best."""

    difference: float  # mean over replicates, of 1
    error: float  # its standard error; infinite where noise of seeds is unknown
    probability: float  # of so much by noise, corrected for all comparisons
    margin: float  # how much of any difference noise explains

    @property
    def known(self) -> bool:
        """Whether it can be judged."""
        return bool(np.isfinite(self.error))

    @property
    def beyond_noise(self) -> bool:
        """Whether it is more than noise."""
        return self.probability <= LEVEL

    @property
    def within_noise(self) -> bool:
        """Whether it may be noise alone, as far as noise is known."""
        return self.known and not self.beyond_noise


UNKNOWN: Final = Comparison(np.nan, np.inf, 1.0, np.inf)


@dataclass(frozen=True)
class Comparisons:
    """Those of K networks, each field (..., K) as in `Comparison`."""

    differences: Array
    errors: Array
    probabilities: Array
    margins: Array

    def __iter__(self) -> Iterator[Comparison]:
        columns = (self.differences, self.errors, self.probabilities, self.margins)
        return (Comparison(*map(float, row)) for row in zip(*columns, strict=True))


def ahead(accuracies: Array) -> Array:
    """In each replicate but the first, that of the K networks that was best before it.

    Accuracies (..., K, n) to (..., n - 1); best is the highest mean.
    """
    best = np.cumsum(accuracies, axis=-1)[..., :-1].argmax(axis=-2)
    chosen = np.take_along_axis(accuracies[..., 1:], best[..., None, :], axis=-2)
    values: Array = chosen[..., 0, :]
    return values


def compared(
    best: Array, others: Array, finest: float, both_ways: ArrayLike = False
) -> Comparisons:
    """`others` (..., K, n) beside the `best` (..., n), by replicate; errors are `finest` at least.

    An other counts as different below the best, or `both_ways` (K,). Of one replicate nothing is
    known, nor where accuracies are NaN.
    """
    *_, k, n = others.shape
    differences = best[..., None, :] - others
    mean = differences.mean(axis=-1)
    if n == 1:
        return Comparisons(mean, *(np.full_like(mean, fill) for fill in (np.inf, 1.0, np.inf)))
    errors = np.maximum(standard_error(differences), finest)
    below = stdtr(n - 1, -mean / errors)
    probabilities = np.where(both_ways, 2 * np.minimum(below, 1 - below), below)
    return Comparisons(mean, errors, holm(probabilities), factor(n - 1, k) * errors)


def holm(probabilities: Array) -> Array:
    """Corrected for all comparisons along the last axis; what is NaN is none, and becomes 1.

    Holm 1979 ("A simple sequentially rejective multiple test procedure"): the smallest counts as
    often as there are comparisons, the next once less, and none less than the one before it.
    """
    order = np.argsort(probabilities, axis=-1)  # NaN comes last
    rising = np.take_along_axis(probabilities, order, axis=-1)
    known = ~np.isnan(rising)
    left = known[..., ::-1].cumsum(axis=-1)[..., ::-1]
    corrected = np.maximum.accumulate(np.where(known, np.minimum(left * rising, 1), 1), axis=-1)
    result = np.empty_like(corrected)
    np.put_along_axis(result, order, corrected, axis=-1)
    return result


def factor(freedom: int, comparisons: int) -> float:
    """So many standard errors, up or down, none of the comparisons exceeds by noise (Bonferroni).

    In all but LEVEL of reports; Student's t.
    """
    return float(stdtrit(freedom, 1 - LEVEL / (2 * max(comparisons, 1))))
