"""studies/data-sets/README.md."""

from collections.abc import Iterator
from math import log10

from tests.claims.metrics import Sweep, short, sweeps, word

GIVEN = {
    "took 3 minutes": "timed once",
}


def claims() -> Iterator[str]:
    """Its numbers, in their sentences."""
    study = sweeps("studies/data-sets")
    points = study["mnist-adam"].points
    yield f"over {len(points)} σ, {word(points[0].n)} networks a σ"
    yield f"σ are {log10(points[1].sigma / points[0].sigma):.2f} decades apart"
    for name, sweep in study.items():
        yield row(name, sweep)
    yield from luck(study["fashion-adam"])
    for optimizer in ("adam", "sgd"):
        mnist, fashion = study[f"mnist-{optimizer}"], study[f"fashion-{optimizer}"]
        edges = [short(sweep.window[-1]) for sweep in (mnist, fashion)]
        yield f"right edge lies at σ = {edges[0]} on MNIST and {edges[1]} on Fashion-MNIST"
        lefts = [short(sweep.window[0]) for sweep in (mnist, fashion)]
        yield f"left edge at {lefts[0]} and {lefts[1]}"


def luck(fashion: Sweep) -> Iterator[str]:
    """The sigma whose networks differ most."""
    worst = max(fashion.points, key=lambda point: point.standard_error or 0)
    accuracies = sorted(100 * accuracy for accuracy in worst.accuracies)
    yield f"σ = {short(worst)} ends at {accuracies[0]:.0f} to {accuracies[-1]:.0f} %"
    of_lowest = worst.accuracies.index(min(worst.accuracies))
    dead = fashion.dead_units(worst)
    assert dead[of_lowest] == max(dead)
    yield f"{100 * max(dead):.0f} % of a hidden layer"


def row(name: str, sweep: Sweep) -> str:
    """A line of the table."""
    window = f"{short(sweep.window[0])} to {short(sweep.window[-1])}"
    learned = f"{short(sweep.learned[0])} to {short(sweep.learned[-1])}"
    return f"| {name} | {short(sweep.best)} | {sweep.reached(sweep.best)} | {window} | {learned} |"
