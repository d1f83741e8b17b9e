"""How far what was foretold lies from what was measured, in decades and in words."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True)
class Deviation:
    """Over the pairs that are both known."""

    ratio: float  # median of measured / foretold
    median: float  # of |log10(measured / foretold)|, as is the largest
    largest: float
    compared: int

    @classmethod
    def of(cls, measured: ArrayLike, foretold: ArrayLike) -> Self | None:
        """None where no pair can be compared: of positive, finite numbers."""
        pairs = np.array([measured, foretold], np.float64)
        known = pairs[:, (np.isfinite(pairs) & (pairs > 0)).all(axis=0)]
        if not known.size:
            return None
        decades: NDArray[np.float64] = np.log10(known[0]) - np.log10(known[1])
        return cls(
            ratio=float(10 ** np.median(decades)),
            median=float(np.median(np.abs(decades))),
            largest=float(np.abs(decades).max()),
            compared=known.shape[1],
        )

    @property
    def told(self) -> str:
        """`1.2 times that, off by 0.10 decades in the median and 0.30 at most`."""
        off = f"{self.ratio:.2g} times that, off by {self.median:.2f} decades"
        at_most = f" in the median and {self.largest:.2f} at most"
        return off + at_most * (self.compared > 1)
