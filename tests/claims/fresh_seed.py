"""studies/fresh-seed/README.md."""

from collections.abc import Iterator
from math import log10

from tests.claims import seeds
from tests.claims.metrics import Sweep, percent, short, sweeps, word

GIVEN = {"took 6 minutes": "timed once"}


def claims() -> Iterator[str]:
    """Its numbers, in their sentences."""
    [fresh] = sweeps("studies/fresh-seed").values()
    yield f"{word(fresh.best.n)} networks for each"
    smallest, largest, best = fresh.points[0], fresh.points[-1], fresh.best
    yield f"{fresh.reached(smallest)} at σ = {smallest.label}"
    yield f"{fresh.reached(best)} at σ = {short(best)}"
    yield f"{fresh.reached(largest)} at σ = {largest.label}"
    yield f"from {fresh.window[0].label} to {short(fresh.window[-1])}"
    gradients = [fresh.inside(point, "first_gradient") for point in (smallest, best)]
    yield f"{log10(gradients[1] / gradients[0]):.0f} decades below"
    moved = fresh.inside(smallest, "first_displacement")
    yield f"by {short(moved)}, {moved / smallest.sigma:.0f} times their σ"
    yield f"{100 * fresh.inside(smallest, 'damped_start'):.0f} % at first and"
    yield f"and {100 * fresh.inside(smallest, 'damped_epoch_1'):.0f} % after an epoch"
    yield from named(fresh)
    yield from fates(fresh)
    below = fresh.beside_best(smallest)
    yield f"{100 * below.difference:.2f} ± {100 * below.error:.2f} points below"


def named(fresh: Sweep) -> Iterator[str]:
    """The three schemes of params.yaml."""
    yield f"they end at {percent(*fresh.results.named, digits=2)}"
    behind = [of for of in fresh.results.named if fresh.beside_best(of).beyond_noise]
    yield f"{word(len(behind))} of the {word(len(fresh.results.named))} beyond noise"


def fates(fresh: Sweep) -> Iterator[str]:
    """Whether networks die where sigma is large."""
    for point in fresh.points:
        if min(point.accuracies) < sorted(point.accuracies)[point.n // 2] - seeds.COLLAPSED:
            accuracies = ", ".join(f"{100 * a:.0f}" for a in sorted(point.accuracies))
            yield f"σ = {short(point)}: {accuracies} %"
