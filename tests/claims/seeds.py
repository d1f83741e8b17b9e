"""studies/seeds/README.md."""

from collections.abc import Iterable, Iterator
from math import isclose
from statistics import median, stdev

from stages.analysis.accuracy import Point
from stages.analysis.baselines import Baseline
from tests.claims.metrics import Sweep, percent, short, sweeps, word

GIVEN = {
    "the 512 images": "PROBE_IMAGES",
    "not ten times": "of the expectation",
    "took 16 minutes": "timed once",
}

ROWS = (0.0001, 0.0011, 0.012, 0.051, 0.13, 0.22, 0.56, 1.5, 3.8, 10)
"""The sigmas of the table."""

Fate = tuple[float, float]
"""Of one network: its accuracy, and the share of a hidden layer that is dead at the end."""

COLLAPSED = 0.2
"""So far below the median of its sigma."""


def claims() -> Iterator[str]:
    """Its numbers, in their sentences."""
    [sweep] = sweeps("studies/seeds").values()
    for sigma in ROWS:
        yield row(sweep, sweep.at(sigma), f"σ = {short(sweep.at(sigma))}")
    for named in sweep.results.named:
        yield row(sweep, named, f"`{named.initializer}`")
    yield from plateau(sweep)
    yield from luck(sweep)
    yield from schemes(sweep)


def row(sweep: Sweep, start: Point | Baseline, name: str) -> str:
    """A line of the table."""
    noise = "" if sweep.beside_best(start).beyond_noise else ", within noise"
    beside = "the best" if start is sweep.best else f"{sweep.below_best(start)}{noise}"
    reached = sweep.reached(start).removesuffix(" %")
    return f"| {name} | {reached} | {spread(start)} | {beside} |"


def spread(start: Point | Baseline) -> str:
    """The standard deviation from seed to seed, in points."""
    return f"{100 * stdev(start.accuracies):.2f}"


def plateau(sweep: Sweep) -> Iterator[str]:
    """What a second seed moves, and which differences are more."""
    spreads = [100 * stdev(point.accuracies) for point in sweep.window]
    named = word(len(sweep.results.named))
    yield f"{sweep.best.n} networks for each σ and for each of {named} named"
    yield f"With {sweep.best.n} of each"
    yield f"the mean of the {sweep.best.n} networks"
    yield f"σ = {short(sweep.window[0])} to {short(sweep.window[-1])}"
    yield f"deviates by {min(spreads):.2f} to {max(spreads):.2f} points"
    level = [of for of in sweep.points if not sweep.beside_best(of).beyond_noise]
    *some, last = map(short, level)
    yield f"σ = {', '.join(some)} and {last} are not told apart, at {percent(*level, digits=2)}"
    yield f"the other {len(sweep.points) - len(level)} are below it"
    smallest = sweep.points[0]
    yield f"σ = {smallest.label} by {sweep.below_best(smallest)} points"


def luck(sweep: Sweep) -> Iterator[str]:
    """The networks that die where sigma is large."""
    worst, fallen, living = fates(sweep)
    yield f"At σ = {short(worst)}"
    yield f"{len(fallen)} of the {worst.n} networks end at {ends(a for a, _ in fallen)} %"
    yield f"the others at {ends(a for a, _ in living)} %"
    yield f"{ends(d for _, d in fallen)} % of the units of a hidden layer"
    yield f"in the others at most {100 * max(d for _, d in living):.0f} %"
    collapsing = [point for point in sweep.points if below_median(point)]
    yield f"From σ = {short(collapsing[0])} to {short(collapsing[-1])}"
    yield f"{100 * COLLAPSED:.0f} points below the median of its σ"
    of_sigma = {point: len(below_median(point)) for point in collapsing}
    draws = len(fallen_draws(sweep))
    assert [point for point, fell in of_sigma.items() if fell == draws] == [worst]
    yield f"the same {draws} draws, of all four only at σ = {short(worst)}"
    yield f"none is among the first {min(fallen_draws(sweep))}"
    largest = sweep.points[-1]
    five = sweeps("studies/optimisers")["Adam"]
    yield f"{five.reached(five.at(10))} at σ = {largest.label}"
    yield f"they are {sweep.reached(largest)}"
    ratio = stdev(worst.accuracies) / stdev(sweep.best.accuracies)
    yield f"deviate {ratio:.0f} times as far as those of the best σ"


def fates(sweep: Sweep) -> tuple[Point, list[Fate], list[Fate]]:
    """The sigma whose networks differ most; those far below its median, and the others."""
    worst = max(sweep.points, key=lambda point: stdev(point.accuracies))
    networks = [*zip(worst.accuracies, sweep.dead_units(worst), strict=True)]
    fallen, living = below_median(worst), {*range(worst.n)} - below_median(worst)
    return worst, [networks[number] for number in fallen], [networks[n] for n in living]


def fallen_draws(sweep: Sweep) -> set[int]:
    """The replicates that fell at any sigma."""
    return set().union(*map(below_median, sweep.points))


def below_median(point: Point) -> set[int]:
    """The replicates that are far below the median of their sigma."""
    bar = median(point.accuracies) - COLLAPSED
    return {number for number, accuracy in enumerate(point.accuracies) if accuracy < bar}


def ends(shares: Iterable[float]) -> str:
    """`24 to 41`, in percent."""
    known = sorted(shares)
    return f"{100 * known[0]:.0f} to {100 * known[-1]:.0f}"


def schemes(sweep: Sweep) -> Iterator[str]:
    """Named initialisers beside the best sigma."""
    learned = learning(sweep)
    behind = [of for of in learned if sweep.beside_best(of).beyond_noise]
    off = [100 * sweep.beside_best(of).difference for of in behind]
    yield f"{len(behind)} of the {len(learned)} schemes that learn are beyond noise below"
    yield f"by {min(off):.2f} to {max(off):.2f} points"
    zeros, constant = sweep.named("zeros"), sweep.named("constant")
    assert isclose(zeros.test_accuracy, sweep.setting.data.chance)
    yield f"`zeros` ends at {100 * zeros.test_accuracy:.2f} %"
    yield f"`constant` at {sweep.reached(constant)}"


def learning(sweep: Sweep) -> list[Baseline]:
    """The schemes whose units differ, so that they learn."""
    return [of for of in sweep.results.named if of.initializer not in ("zeros", "constant")]
