"""Maps made up: variants whose edges are known."""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from stages.analysis.findings import Results
from stages.analysis.inside import COLUMNS, Inside
from tests.models import record, results_of

SIGMAS = [float(f"{sigma:.8g}") for sigma in np.logspace(-4, 1, 21)]
RATES = {
    "adam": [1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1],
    "sgd": [1e-3, 3e-3, 1e-2, 3e-2, 1e-1, 3e-1, 1.0, 3.0, 10.0],
    "momentum": [1e-3, 3e-3, 1e-2, 3e-2, 1e-1, 3e-1, 1.0],
}


def inside(**known: float) -> Inside:
    """Of which the rest is unknown."""
    return Inside(**{**dict.fromkeys(COLUMNS, math.nan), **known})


def row_of(
    sigmas: Sequence[float],
    accuracy: Callable[[float], float],
    measured: Callable[[float], Inside],
    variant: str,
    **changes: Any,
) -> Results:
    """A variant by its accuracy at each sigma, and by what was measured inside its networks."""
    results = results_of([record(s, [accuracy(s)]) for s in sigmas], variant, **changes)
    return replace(results, inside={sigma: measured(sigma) for sigma in sigmas})


def falling(place: float, edge: float, slope: float = 0.1) -> float:
    """Accuracy 0.95 as far as `edge`, and `slope` less for each decade beyond."""
    return max(0.1, 0.95 - slope * max(0.0, math.log10(place / edge)))


def over_rates(
    optimizer: str, edge: Callable[[float], float], rates: Sequence[float], moved: float = 85.0
) -> list[Results]:
    """Learning rates: of Adam `edge` is a sigma by rate, else a rate by sigma, where learning ends.

    Adam moves weights by `moved` times its learning rate; sharpness is 2 / edge without momentum.
    """

    def row(rate: float) -> Results:
        def accuracy(sigma: float) -> float:
            if optimizer == "adam":
                return falling(sigma, edge(rate))
            return falling(rate, edge(sigma), slope=10)

        def measured(sigma: float) -> Inside:
            if optimizer == "adam":
                return inside(weight_rms=sigma, displacement=moved * rate)
            return inside(sharpness=2 / edge(sigma))

        train = {"optimizer": optimizer, "lr": rate}
        return row_of(SIGMAS, accuracy, measured, f"{optimizer}-{rate:g}", train=train)

    return [row(rate) for rate in rates]
