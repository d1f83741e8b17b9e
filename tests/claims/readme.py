"""README.md."""

from collections.abc import Iterator
from math import log10

from stages.analysis.trainability import TRAINED, trained
from tests.claims import seeds
from tests.claims.depth import panels
from tests.claims.metrics import content, main, percent, short, sizes, sweeps

GIVEN = {
    "22 to 57 by processor and work": "the tables of docs/speed.md",
    "Python 3.11 or newer": "pyproject.toml refuses older ones",
    "6.5 GB of disk": "PyTorch's size",
    "A lesson of 45 minutes": "docs/teach.md says so",
    "took 1 min 42 s": "one run from a fresh clone, timed once",
    "49 s of that for training": "one run from a fresh clone, timed once",
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
    [sweep] = sweeps("studies/seeds").values()
    smallest, largest, best, window = sweep.points[0], sweep.points[-1], sweep.best, sweep.window
    yield f"σ = {smallest.label} ends at {sweep.reached(smallest)}"
    gradients = [sweep.inside(point, "first_gradient") for point in (smallest, best)]
    below = log10(gradients[1] / gradients[0])
    yield f"that of the first layer starts {below:.0f} decades below that at the best σ"
    moved = sweep.inside(smallest, "first_displacement")
    yield f"by {short(moved)} (root mean square), {moved / smallest.sigma:.0f} times their σ"
    yield f"From {window[0].label} to {short(window[-1])} all are within a point of the best"
    yield f"of the best, {sweep.reached(best)} at σ = {short(best)}"
    yield f"Accuracy falls, to {sweep.reached(largest)} at σ = {largest.label}"
    worst, fallen, living = seeds.fates(sweep)
    yield f"of {worst.n} draws {len(fallen)} lose most of a hidden layer"
    assert min(dead for _, dead in fallen) > 1 / 2 > max(dead for _, dead in living)
    yield f"at σ = {short(worst)} these end at {seeds.ends(a for a, _ in fallen)} %"
    yield f"the others at {seeds.ends(a for a, _ in living)} %"
    learning = seeds.learning(sweep)
    yield f"end at {percent(*learning, digits=2)} with Adam"
    most = max(sweep.beside_best(of).difference for of in learning)
    yield f"or up to {100 * most:.2f} points below"


def others() -> Iterator[str]:
    sgd = sweeps("studies/optimisers")["SGD"]
    last, fails = sgd.before(sgd.learned[0]), sgd.after(sgd.learned[-1])
    yield f"at a rate of {sgd.setting.params['train']['lr']:g}"
    yield f"Up to σ = {short(last)} and from {short(fails)} on it does not learn"
    yield f"a decade around {short(sgd.best, 1)} comes within a point of its best"
    yield f"its best, {sgd.reached(sgd.best)}"
    assert all(of.test_accuracy > sgd.best.test_accuracy for of in sgd.results.named)
    yield f"at {percent(*sgd.results.named, digits=2)}, above it"
    off = {
        quantity: [
            of["mean_abs_log10_error"]
            for name, of in content("theory.json").items()
            if name.startswith(quantity)
        ]
        for quantity in ("activation_rms", "gradient_norm")
    }
    gradients = off["gradient_norm"]
    yield f"gradients to {min(gradients):.2f} to {max(gradients):.2f} decades on average"
    yield f"and outputs of layers to {max(off['activation_rms']):.2f}"
    tanh, _ = panels()
    shallow, deep = trained(*tanh)
    yield f"{shallow} reach {100 * TRAINED:g} %, of the deeper ones {deep}"
