"""studies/seeds/README.md."""

from collections.abc import Iterator
from statistics import stdev

from stages.analysis.accuracy import Point
from stages.analysis.baselines import Baseline
from tests.claims.metrics import Sweep, percent, short, sweeps

GIVEN: dict[str, str] = {}

ROWS = (0.0001, 0.0011, 0.0083, 0.083, 0.22, 0.91, 10)
"""The sigmas of the table, beside the best."""


def claims() -> Iterator[str]:
    """Its numbers, in their sentences."""
    [sweep] = sweeps("studies/seeds").values()
    for sigma in ROWS:
        yield row(sweep, sweep.at(sigma), f"σ = {short(sweep.at(sigma))}")
    yield f"| σ = {short(sweep.best)} | {sweep.reached(sweep.best)} | {spread(sweep.best)} |"
    for named in sweep.results.named:
        yield row(sweep, named, f"`{named.initializer}`")
    yield from deviations(sweep)


def row(sweep: Sweep, start: Point | Baseline, name: str) -> str:
    """A line of the table."""
    found = sweep.beside_best(start)
    off = f"{100 * found.difference:.2f} ± {100 * found.error:.2f}"
    noise = "" if found.beyond_noise else ", within noise"
    return f"| {name} | {sweep.reached(start)} | {spread(start)} | {off}{noise} |"


def spread(start: Point | Baseline) -> str:
    """The standard deviation from seed to seed, in points."""
    return f"{100 * stdev(start.accuracies):.2f}"


def deviations(sweep: Sweep) -> Iterator[str]:
    """How far a second seed moves a network."""
    plateau = [100 * stdev(point.accuracies) for point in sweep.window]
    yield f"{sweep.best.n} networks for each σ and for each of {len(sweep.results.named)} named"
    yield f"deviates by {min(plateau):.2f} to {max(plateau):.2f} points"
    yield f"by {spread(sweep.points[-1])} at σ = {sweep.points[-1].label}"
    behind = [of for of in sweep.points if sweep.beside_best(of).beyond_noise]
    yield f"{len(behind)} of the other {len(sweep.points) - 1} σ are beyond noise below it"
    level = [of for of in sweep.points if of not in behind]
    yield f"σ = {short(level[0])} to {short(level[-1])}"
    yield f"{percent(*level, digits=2)}"
