"""studies/architectures/README.md."""

from collections.abc import Iterator

import numpy as np

from tests.claims.metrics import Sweep, percent, short, sweeps, word

GIVEN = {
    "biases 0, gains of normalisation 1": "settings",
    "took 8 minutes": "timed once",
    "falls as 1/σ²": "of theory",
}
NETWORKS = ("plain", "layer-norm", "batch-norm", "residual", "lenet")


def claims() -> Iterator[str]:
    """Its numbers, in their sentences."""
    study = sweeps("studies/architectures")
    plain, lenet = study["plain-adam"], study["lenet-adam"]
    yield f"{word(plain.best.n)} networks a σ, {plain.setting.length}"
    yield f"of LeNet {word(lenet.best.n)} network for each of {word(len(lenet.points))} σ"
    for network in NETWORKS:
        cells = [cell(study[f"{network}-{optimizer}"]) for optimizer in ("adam", "sgd")]
        yield f"| {network} | {' | '.join(cells)} |"
    yield from rates(study["batch-norm-sgd"], study["layer-norm-sgd"])
    yield f"in plain networks as σ to the power {slope(study['plain-sgd'], 'logit_rms'):.1f}"
    yield from ends(study["plain-sgd"], study["batch-norm-sgd"], study["batch-norm-adam"])
    yield from others(study["residual-adam"], study["lenet-sgd"])


def cell(sweep: Sweep) -> str:
    """The best accuracy, the window around it, and both ends."""
    window = f"{short(sweep.window[0])} to {short(sweep.window[-1])}"
    if len(sweep.window) == 1:
        window = f"{short(sweep.best)} alone"
    lowest, highest = (percent(point) for point in (sweep.points[0], sweep.points[-1]))
    return f"{percent(sweep.best)} | {window} | {lowest}, {highest}"


def rates(batch: Sweep, layer: Sweep) -> Iterator[str]:
    """The first step relative to the weights, and the logits, as powers of sigma."""
    steps = [slope(sweep, "first_step") for sweep in (batch, layer)]
    yield f"falls as σ to the power {steps[0]:.1f} with batch and {steps[1]:.1f} with layer"
    small, large = batch.points[0], batch.points[-1]
    ends = [short(batch.inside(point, "first_step")) for point in (small, large)]
    yield f"from {ends[0]} of the weights at σ = {short(small)} to {ends[1]} at σ = {short(large)}"
    yield f"logits grow as σ to the power {slope(batch, 'logit_rms'):.1f}"
    moved = [short(batch.inside(point, "first_movement_epoch_1")) for point in (small, large)]
    yield f"moves the first layer by {moved[0]} times its norm at the smallest, and by {moved[1]}"


def slope(sweep: Sweep, column: str) -> float:
    """The power of sigma that a quantity goes with, by least squares of logarithms."""
    values = np.log([sweep.inside(point, column) for point in sweep.points])
    return float(np.polyfit(np.log([point.sigma for point in sweep.points]), values, 1)[0])


def ends(plain: Sweep, by_descent: Sweep, by_adam: Sweep) -> Iterator[str]:
    """What small and large sigmas cost with normalisation and without."""
    small, large = plain.points[0], plain.at(10)
    yield f"at σ = {short(small)} {percent(by_descent.points[0])} instead of {percent(small)}"
    yield f"SGD reaches {percent(by_descent.at(10))} at σ = {short(large)} and"
    yield f"and {percent(by_descent.points[-1])} at {short(by_descent.points[-1])}"
    yield f"Adam {percent(by_adam.at(10))} and {percent(by_adam.points[-1])}"
    yield f"plain networks by SGD {percent(large)} and {percent(plain.points[-1])}"


def others(residual: Sweep, lenet: Sweep) -> Iterator[str]:
    """The residual network and LeNet."""
    dip, after = residual.at(3.2), residual.at(32)
    assert dip.test_accuracy == min(point.test_accuracy for point in residual.points)
    yield f"by Adam fall to {percent(dip)} at σ = {short(dip)} and are back at {percent(after)}"
    yield f"at {percent(after)} at {short(after)}"
    yield f"by SGD at {word(len(lenet.learned))} of its {word(len(lenet.points))} σ"
