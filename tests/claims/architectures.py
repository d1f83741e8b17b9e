"""studies/architectures/README.md."""

from collections.abc import Iterator

import numpy as np

from tests.claims.metrics import Sweep, percent, short, sweeps, word

GIVEN = {"1/σ²": "of theory", "1/σ ": "of theory", "took 12 minutes": "timed once"}
NETWORKS = ("plain", "layer-norm", "batch-norm", "residual", "lenet")


def claims() -> Iterator[str]:
    """Its numbers, in their sentences."""
    study = sweeps("studies/architectures")
    plain = study["plain-adam"]
    yield f"{word(plain.best.n)} networks a σ, {plain.setting.length}"
    for network in NETWORKS:
        cells = " | ".join(cell(study[f"{network}-{optimizer}"]) for optimizer in ("adam", "sgd"))
        yield f"| {network} | {cells} |"
    for network in NETWORKS:
        yield row(network, study[f"{network}-sgd"], study[f"{network}-adam"])


def cell(sweep: Sweep) -> str:
    """The best accuracy, and the window around it."""
    window = f"{short(sweep.window[0])} to {short(sweep.window[-1])}"
    return f"{percent(sweep.best, digits=1)} | {window} | {percent(sweep.points[-1], digits=0)}"


def row(network: str, sgd: Sweep, adam: Sweep) -> str:
    """How signal and rates change over sigma."""
    logits = [sgd.inside(point, "logit_rms") for point in (sgd.points[0], sgd.points[-1])]
    slopes = [slope(sgd, "first_step"), slope(adam, "first_movement_epoch_1")]
    told = " | ".join(f"{exponent:.1f}" for exponent in slopes)
    return f"| {network} | {short(logits[0])} | {short(logits[1])} | {told} |"


def slope(sweep: Sweep, column: str) -> float:
    """The power of sigma that a quantity goes with, where sigma is 1 and more."""
    points = [point for point in sweep.points if point.sigma >= 1]
    values = np.log([sweep.inside(point, column) for point in points])
    sigmas = np.log([point.sigma for point in points])
    known = np.isfinite(values)
    return float(np.polyfit(sigmas[known], values[known], 1)[0])
