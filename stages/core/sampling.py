"""How much of a network is looked at while it trains, and when."""

from typing import Final

PROBE_IMAGES: Final = 512
"""On so many first training images networks are measured before training and after each epoch."""

BINS_A_DEVIATION: Final = 8
DEVIATIONS: Final = 4
"""Weights of a layer are counted in bins of 1/8 of their root mean square, as far as 4 of it from 0
on both sides; the first and the last bin hold what lies farther out."""

FEATURES: Final = 16
"""The weights of so many units of the first layer are kept while it trains: as images, they show
what a unit looks for."""

SHARPNESS_EPOCHS: Final = (0, 1)
"""Sharpness is measured before training and after the first epoch, each time for 4 % of the time
that 10 epochs take a perceptron of three layers."""

SHARPNESS_LAYERS: Final = 10
"""Of networks of more layers sharpness is not measured: it takes longer than a short training."""


def feature_epochs(records: int) -> list[int]:
    """The epochs after which the first layer is kept, of so many; the ends are kept anyway."""
    return [epoch for epoch in range(1, records + 1) if epoch.bit_count() == 1]
