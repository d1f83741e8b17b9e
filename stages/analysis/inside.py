"""What was measured inside the networks of a start: the few numbers that git keeps of studies."""

import math
from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields
from typing import Final

import numpy as np

from stages.analysis.depth import Rates, measured_rates
from stages.analysis.setting import Setting
from stages.core.optimizers import OPTIMIZERS
from stages.core.records import LayerRecord, Record

DIGITS: Final = 4
"""Significant ones in evidence.csv: replicates scatter by more."""


@dataclass(frozen=True)
class Inside:
    """Means over the replicates of a start; NaN where one of them is unknown or overflowed.

    The moments are `start`, before training, `epoch_1` and `end`; layers are weight matrices.
    """

    sharpness: float  # gradient descent, start: largest eigenvalue of the loss's Hessian
    sharpness_epoch_1: float
    weight_rms: float  # start: root mean square of all weights
    displacement: float  # end: of all weights, root mean square of what training added
    first_displacement: float  # the same of the first layer
    first_movement_epoch_1: float  # of the first layer, relative to its initial norm
    first_step: float  # gradient descent, start: its first step, relative to its norm
    first_gradient: float  # start: Frobenius norm
    last_gradient: float
    logit_rms: float  # start
    damped_start: float  # Adam, of the first layer: share of weights whose step epsilon halves
    damped_epoch_1: float
    damped_end: float
    row_spread_start: float  # of hidden layers the largest: 0 where the units of each are equal
    row_spread_end: float
    signal_growth: float  # start: see Rates; of perceptrons whose hidden layers have one width
    gradient_growth: float
    cosine_decay: float


COLUMNS: Final = [field.name for field in fields(Inside)]


def inside(replicates: Sequence[Record], setting: Setting) -> Inside:
    """That of the networks of one start."""
    measured = np.array([astuple(_inside(record, setting)) for record in replicates])
    return Inside(*measured.mean(axis=0).tolist())


def _inside(record: Record, setting: Setting) -> Inside:
    network = record.trial.network
    counts = [math.prod(network.shapes[name]) for name in network.layers]
    start, epoch_1, end = (record.probes[moment] for moment in (0, 1, -1))
    first, rates = start.layers[0], _rates(start.layers[:-1], setting)
    step = record.trial.learning_rate * first.gradient_norm
    norm = first.weight_rms * math.sqrt(counts[0])
    descends = OPTIMIZERS[record.trial.optimizer].momentum is not None
    return Inside(
        sharpness=start.sharpness,
        sharpness_epoch_1=epoch_1.sharpness,
        weight_rms=_mean_square_root([layer.weight_rms for layer in start.layers], counts),
        displacement=_mean_square_root([layer.displacement for layer in end.layers], counts),
        first_displacement=end.layers[0].displacement,
        first_movement_epoch_1=epoch_1.layers[0].movement,
        first_step=step / norm if descends and norm else math.nan,
        first_gradient=first.gradient_norm,
        last_gradient=start.layers[-1].gradient_norm,
        logit_rms=start.layers[-1].activation_rms,
        damped_start=first.damped,
        damped_epoch_1=epoch_1.layers[0].damped,
        damped_end=end.layers[0].damped,
        row_spread_start=_largest([layer.row_spread for layer in start.layers[:-1]]),
        row_spread_end=_largest([layer.row_spread for layer in end.layers[:-1]]),
        signal_growth=rates.signal_growth,
        gradient_growth=rates.gradient_growth,
        cosine_decay=rates.cosine_decay,
    )


def dead_units(record: Record) -> float:
    """At the end, the share of units of a hidden layer that are 0 for all probe images: the most.

    Of one network: where some of a start die and others live, a mean says little.
    """
    return _largest([layer.dead_units for layer in record.probes[-1].layers[:-1]])


def _rates(hidden: Sequence[LayerRecord], setting: Setting) -> Rates:
    """NaN unless all hidden layers are of one width, and there are several."""
    if len(set(setting.sizes[1:-1])) != 1:
        return Rates(math.nan, math.nan, math.nan)
    return measured_rates(hidden)


def _mean_square_root(of_layers: Sequence[float], counts: Sequence[int]) -> float:
    """Of all weights, from that of each layer and the number of its weights."""
    return float(np.sqrt(np.average(np.square(of_layers), weights=counts)))


def _largest(values: Sequence[float]) -> float:
    """Of those known."""
    return max((value for value in values if not math.isnan(value)), default=math.nan)
