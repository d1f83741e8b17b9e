"""studies/data-sets/README.md."""

from collections.abc import Iterator
from math import log10

from tests.claims.metrics import Sweep, percent, short, sweeps, word

GIVEN = {
    "deviation 1": "a definition",
    "took 6 minutes": "timed once",
}


def claims() -> Iterator[str]:
    """Its numbers, in their sentences."""
    study = sweeps("studies/data-sets")
    points = study["mnist-adam"].points
    yield f"over {len(points)} σ, {word(points[0].n)} networks a σ"
    yield f"σ are {log10(points[1].sigma / points[0].sigma):.2f} decades apart"
    for name, sweep in study.items():
        yield row(name, sweep)
    for optimizer in ("adam", "sgd"):
        mnist, fashion = study[f"mnist-{optimizer}"], study[f"fashion-{optimizer}"]
        edges = [short(sweep.window[-1]) for sweep in (mnist, fashion)]
        yield f"right edge lies at σ = {edges[0]} on MNIST and {edges[1]} on Fashion-MNIST"
        ends = [percent(sweep.points[-1]) for sweep in (mnist, fashion)]
        yield f"σ = {points[-1].label} ends at {ends[0]} and {ends[1]}"


def row(name: str, sweep: Sweep) -> str:
    """A line of the table."""
    window = f"{short(sweep.window[0])} to {short(sweep.window[-1])}"
    learned = f"{short(sweep.learned[0])} to {short(sweep.learned[-1])}"
    return f"| {name} | {short(sweep.best)} | {sweep.reached(sweep.best)} | {window} | {learned} |"
