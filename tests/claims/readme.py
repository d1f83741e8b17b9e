"""README.md."""

from collections.abc import Iterator
from math import log10

from tests.claims.depth import trained
from tests.claims.metrics import content, main, percent, short, sizes, sweeps

GIVEN = {
    "Python 3.11 or newer": "pyproject.toml refuses older ones",
    "6.5 GB of disk": "PyTorch's size",
    "A lesson of 45 minutes": "docs/teach.md says so",
    "took 2 min 4 s": "one run from a fresh clone, timed once",
    "72 s of that for training": "one run from a fresh clone, timed once",
}


def claims() -> Iterator[str]:
    """Its numbers, in their sentences."""
    yield from start()
    yield from adam()
    yield from others()


def start() -> Iterator[str]:
    sweep = main()
    points = sweep.points
    yield (
        f"trained from N(0, σ²) for {len(points)} σ from {points[0].label} to {points[-1].label}"
    )
    yield f"The network is {sizes(sweep.setting)} with ReLU"
    [notebook] = [row for row in content("benchmark.json")["rows"] if row["way"] == "notebook"]
    yield f"{notebook['to_ours']:.0f} times as fast"


def adam() -> Iterator[str]:
    sweep = main()
    smallest, largest, best = sweep.points[0], sweep.points[-1], sweep.best
    gradient = {
        point.sigma: sweep.measured("probes.csv", point, "gradient_norm", layer=1, epoch=0)
        for point in (smallest, largest, best)
    }
    last = sweep.setting.records
    moved = [
        sweep.measured("probes.csv", point, "movement", layer=layer, epoch=last)
        for point in (smallest, largest)
        for layer in range(1, len(sweep.setting.layers) + 1)
    ]
    below, above = (log10(gradient[p.sigma] / gradient[best.sigma]) for p in (smallest, largest))
    yield f"σ = {smallest.label} ends at {percent(smallest)}"
    yield f"that of the first layer starts {-below:.0f} decades below that at the best σ"
    yield f"moves the first layer's weights by {short(moved[0])} times their first norm"
    yield f"within {sweep.setting.length}"
    yield f"to {percent(largest)} at σ = {largest.label}"
    yield f"where gradients start {above:.0f} decades above those at the best σ"
    of_layers = sorted(100 * of for of in moved[len(moved) // 2 :])
    yield f"moves the weights of a layer by {of_layers[0]:.0f} to {of_layers[-1]:.0f} %"
    window, edge = sweep.window, sweep.at(0.083)
    beyond = [point.test_accuracy for point in sweep.points if point.sigma >= edge.sigma]
    assert beyond == sorted(beyond, reverse=True)
    yield f"Beyond σ = {short(edge, 1)} accuracy falls with every step"
    yield f"From {window[0].label} to {window[-1].label} all are within a point of the best"
    yield f"of the best, {percent(best)} at σ = {short(best)}"
    yield f"Named initialisers end at {percent(*sweep.results.named)} with Adam"


def others() -> Iterator[str]:
    sgd = sweeps("studies/optimisers")["SGD"]
    first, fails, best = sgd.learned[0], sgd.after(sgd.learned[-1]), sgd.best
    yield f"Below σ = {short(first, 1)} and from {short(fails)} on it does not learn"
    yield f"a decade around {short(best, 1)} comes within a point of its best, {percent(best)}"
    yield f"at {percent(*sgd.results.named)}, where the best σ has {percent(best)}"
    off = {
        quantity: [
            of["mean_abs_log10_error"]
            for name, of in content("theory.json").items()
            if name.startswith(quantity)
        ]
        for quantity in ("activation_rms", "gradient_norm")
    }
    gradients = off["gradient_norm"]
    yield f"to {min(gradients):.2f} to {max(gradients):.2f} decades on average"
    yield f"and outputs of layers to {max(off['activation_rms']):.2f}"
    (shallow, of_shallow), (deep, of_deep) = trained("tanh")
    yield f"{shallow} of {of_shallow} learn, of the deeper ones {deep} of {of_deep}"
