"""studies/learning-rates/README.md."""

from collections.abc import Iterator

import numpy as np

from stages.analysis.edges import Edges, edges
from stages.analysis.grid import any_grid
from tests.claims.metrics import Sweep, percent, short, sweeps

GIVEN = {"2/λ₀": "a bound of theory", "took 5 minutes": "timed once"}


def claims() -> Iterator[str]:
    """Its numbers, in their sentences."""
    yield from of_adam()
    yield from upper_edge()
    yield from sharpness_moves()
    yield from left_border()


def foretold() -> tuple[Edges, Edges]:
    """Adam's right edge and the upper one of SGD."""
    grid = any_grid([sweep.results for sweep in sweeps("studies/learning-rates").values()])
    adam, sgd = edges(grid)
    assert adam
    assert sgd
    return adam, sgd


def of(optimizer: str, rate: float) -> Sweep:
    """The sweep of a rate."""
    return sweeps("studies/learning-rates")[f"{optimizer}-{rate:g}"]


def off(of_edges: Edges) -> tuple[str, str]:
    """Decades between what was foretold and what was measured: the median, and the largest."""
    assert of_edges.deviation
    return (
        f"{of_edges.deviation.median:.2f} decades",
        f"by {of_edges.deviation.largest:.2f} at most",
    )


def of_adam() -> Iterator[str]:
    """The edge of Adam beside the displacement of weights."""
    adam, _ = foretold()
    low, high = 0, int(np.flatnonzero(adam.places == 0.01)[0])
    ends = [(short(of[low]), short(of[high])) for of in (adam.foretold, adam.measured)]
    yield f"From rate {adam.places[low]:g} to {adam.places[high]:g} the displacement grows"
    yield f"grows from {ends[0][0]} to {ends[0][1]}"
    yield f"a point below the best of its rate) from {ends[1][0]} to {ends[1][1]}"
    median, largest = off(adam)
    assert adam.deviation
    yield f"They are off by {median} in the median of {adam.deviation.compared} rates"
    yield f"and {largest}, where σ are {adam.step:.2f} decades apart"
    ratios = adam.measured / adam.foretold
    [near] = adam.places[(ratios > 1) & (ratios < 1.5)]
    yield f"only near rate {near:g}"
    smaller = ratios[adam.places < near]
    yield f"bear starts {smaller.min():.0f} to {smaller.max():.0f} times as large"
    spoilt = [of("adam", rate) for rate in adam.places[-2:]]
    rates = [f"{rate:g}" for rate in adam.places[-2:]]
    yield f"at {rates[0]} Adam reaches {percent(spoilt[0].best)} at best"
    yield f"at {rates[1]} {percent(spoilt[1].best)}"


def upper_edge() -> Iterator[str]:
    """That of SGD beside the sharpness before training."""
    _, sgd = foretold()
    median, largest = off(sgd)
    yield f"each over {len(sgd.places)} σ"
    yield f"off by {median} in the median of {len(sgd.places)} σ and {largest}"
    yield f"where rates are {sgd.step:.2f} decades apart"
    small = sgd.places <= 0.032
    bounds, measured = sgd.foretold[small], sgd.measured[small]
    sharp = [f"{2 / bound:.2f}" for bound in (bounds.max(), bounds.min())]
    yield f"Up to σ = {short(sgd.places[small][-1])}, λ₀ is {sharp[0]} to {sharp[1]}"
    yield f"is a rate of {short(bounds.max())} down to {short(bounds.min())}"
    yield f"stop learning at {short(measured.min())} to {short(measured.max())}, whatever σ"
    large = (sgd.places > 0.2) & (sgd.places < 2)
    ratios = sgd.measured[large] / sgd.foretold[large]
    ends = [short(sgd.places[large][end]) for end in (0, -1)]
    yield f"From σ = {ends[0]} to {ends[1]} they learn at rates"
    yield f"at rates {ratios.min():.0f} to {ratios.max():.0f} times"


def sharpness_moves() -> Iterator[str]:
    """What becomes of the sharpness in the first epoch, at a rate that many sigmas bear."""
    slow = of("sgd", 0.01)
    rises, falls = slow.at(0.032), slow.at(0.56)
    told = [
        " to ".join(
            short(slow.inside(point, column), 3) for column in ("sharpness", "sharpness_epoch_1")
        )
        for point in (rises, falls)
    ]
    yield f"In the first epoch at rate {slow.setting.params['train']['lr']:g}"
    yield f"it rises from {told[0]} at σ = {short(rises)}"
    yield f"and falls from {told[1]} at σ = {short(falls)}"


def left_border() -> Iterator[str]:
    """Where small sigmas stop learning, at two rates."""
    slow, fast, adam = of("sgd", 0.01), of("sgd", 0.316), of("adam", 0.001)
    some, smallest = slow.at(0.00068), slow.points[0]
    rates = [f"{sweep.setting.params['train']['lr']:g}" for sweep in (slow, fast, adam)]
    yield f"At rate {rates[0]} SGD ends at {percent(some)} at σ = {short(some)}"
    yield f"at rate {rates[1]} at {percent(fast.at(some.sigma))}"
    yield f"{percent(fast.points[0])} even at σ = {smallest.label}"
    yield f"where Adam (rate {rates[2]}) has {percent(adam.points[0])}"
