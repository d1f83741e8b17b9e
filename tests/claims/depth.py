"""studies/depth/README.md."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from stages.analysis.depth import SCALES, DepthTheory
from stages.analysis.deviation import Deviation
from stages.analysis.grid import Panel, any_grid
from stages.analysis.meanfield import critical_sigma_w2
from stages.analysis.trainability import TRAINED, Scales, scales, theories, trained
from tests.claims.metrics import Sweep, percent, sweeps

Array = NDArray[np.float64]

STEPS = 2000
"""Of the longer trainings."""

GIVEN = {
    ", figure 5": "the number of a figure in the paper",
    "6 ξ": "the line of that paper",
    "χ₁ = 1": "a definition",
    "nears 1": "a definition",
    "asked of 43 layers": "by another study",
    "took 6 minutes": "timed once",
    "ξ = -1/log": "a definition",
    "ξ = 1/|log": "a definition",
    "saw with 30 layers": "of that paper",
}


def claims() -> Iterator[str]:
    """Its numbers, in their sentences."""
    tanh, relu = of_activation("tanh"), of_activation("relu")
    yield f"{len(tanh) + len(relu)} variants, {len(tanh)} depths of tanh and of ReLU"
    yield f"with {len(tanh[0].points)} σ_w² each"
    biases = tanh[0].setting.deviation_of_biases or 0.0
    critical = critical_sigma_w2("tanh", biases**2), critical_sigma_w2("relu", 0)
    yield (
        f"at σ_w² = {critical[0]:.3f} for tanh with "
        f"σ_b² = {biases**2:.2f}, and at σ_w² = {critical[1]:g} for ReLU"
    )
    yield f"in the {depth(tanh[-1])} layers of the deepest networks"
    yield from signals()
    yield from counts()
    yield from critical_lines(critical)
    yield from longer(critical)
    yield from named(relu, critical[1])


def signals() -> Iterator[str]:
    """How far depth scales are from theory."""
    tanh, relu = (scales(panel, theory) for panel, theory in panels())
    assert tanh
    assert relu
    of_cosines, of_signals = (off(of, of.measured, of.foretold) for of in (tanh, relu))
    yield (
        f"cosines (tanh) to {of_cosines.median:.2f} decades in the median of "
        f"{of_cosines.compared} σ_w², at most {of_cosines.largest:.2f}"
    )
    yield (
        f"signals to {of_signals.median:.2f} of {of_signals.compared}, "
        f"at most {of_signals.largest:.2f}"
    )
    of_gradients = [off(of, of.of_gradients, of.foretold_of_gradients) for of in (tanh, relu)]
    of_tanh, of_relu = (f"{of.median:.2f} of {of.compared}" for of in of_gradients)
    at_most = [f"at most {of.largest:.2f}" for of in of_gradients]
    yield f"gradients to {of_tanh} for tanh, {at_most[0]}"
    yield f"and to {of_relu} for ReLU, {at_most[1]}"
    yield f"at which {tanh.depth:g} layers hold {SCALES} scales"


def off(of: Scales, measured: Array, foretold: Array) -> Deviation:
    """Over the sigmas that the picture's caption counts."""
    deep_enough = SCALES * foretold <= of.depth
    deviation = Deviation.of(measured[deep_enough], foretold[deep_enough])
    assert deviation
    return deviation


def counts() -> Iterator[str]:
    """What trains, on both sides of the line."""
    bar = f"{100 * TRAINED:g} %"
    tanh, relu = (trained(*panel) for panel in panels())
    shallow, deep = tanh
    yield f"within {SCALES} ξ"
    yield (
        f"{shallow.reached} of the {shallow.networks} tanh networks that are shallower reach {bar}"
    )
    yield f"and {deep.reached} of the {deep.networks} deeper ones does"
    yield f"For ReLU it is {relu[0]}, and {relu[1]}"


def critical_lines(critical: tuple[float, float]) -> Iterator[str]:
    """What ends learning where theory sets no limit."""
    yield f"{sweeps('studies/depth')['tanh-5'].setting.length} do"
    tanh = [on_line("tanh", layers, critical[0]) for layers in (57, 75, 98)]
    relu = [on_line("relu", layers, critical[1]) for layers in (25, 33, 43)]
    yield f"tanh at σ_w² = {critical[0]:.3f} falls from {tanh[0]} layers to {tanh[1]} and {tanh[2]}"
    yield f"ReLU at σ_w² = {critical[1]:g} from {relu[0]} layers to {relu[1]} and {relu[2]}"


def on_line(activation: str, layers: int, sigma_w2: float) -> str:
    """`84 % at 57`."""
    sweep = sweeps("studies/depth")[f"{activation}-{layers}"]
    return f"{percent(sweep.at(sigma_w2**0.5), digits=0)} at {layers}"


def longer(critical: tuple[float, float]) -> Iterator[str]:
    """What 2000 steps change, at the depths that were trained for both."""
    longest = [of_activation(name, STEPS) for name in ("tanh", "relu")]
    yield f"three depths of each for {longest[0][0].setting.length}"
    yield f"Of {longest[0][0].setting.length}"
    yield f"beyond reach {100 * TRAINED:g} %"
    assert all(sigma_w2 < border for sigma_w2, border in crossings(critical))
    yield f"(the longer ones with {len(longest[0][0].points)} and {len(longest[1][0].points)})"
    for name, of_long in zip(("tanh", "ReLU"), panels(STEPS), strict=True):
        within, beyond = trained(*of_long)
        yield f"of {name}, {within} networks within {SCALES} ξ and {beyond} beyond"
        alike = [of for of in of_activation(name.lower()) if depth(of) in depths(name)]
        brief = Panel("", depths(name), [sweep.results for sweep in alike])
        within, beyond = trained(brief, of_long[1])
        yield f"after {alike[0].setting.length} {within} and {beyond}"
    for name, sigma_w2 in zip(("tanh", "ReLU"), critical, strict=True):
        told = [
            f"{percent(sweep.at(sigma_w2**0.5), digits=0)} at {depth(sweep)}"
            for sweep in of_activation(name.lower(), STEPS)
        ]
        yield f"{name} at σ_w² = {sigma_w2:.4g} reaches {told[0]} layers, {told[1]} and {told[2]}"


def crossings(critical: tuple[float, float]) -> Iterator[tuple[float, float]]:
    """The sigma_w² of what learns beyond 6 ξ in the longer training, and the critical one."""
    for (panel, theory), border in zip(panels(STEPS), critical, strict=True):
        for layers, row in zip(panel.numbers, panel.rows, strict=True):
            for point in row.points:
                beyond = layers >= SCALES * theory.scale(point.sigma**2)
                if beyond and point.test_accuracy >= TRAINED:
                    yield point.sigma**2, border


def depths(name: str) -> list[float]:
    """Of the networks that were trained longer."""
    return [float(depth(sweep)) for sweep in of_activation(name.lower(), STEPS)]


def named(relu: list[Sweep], critical: float) -> Iterator[str]:
    """Glorot's and He's scale in ReLU networks."""
    shallow, deep = (sweep for sweep in relu if depth(sweep) in (9, 33))
    glorot, he = (
        [sweep.named(scheme) for sweep in (deep, shallow)]
        for scheme in ("xavier_normal", "kaiming_normal")
    )
    yield f"with {depth(deep)} ReLU layers `xavier_normal` ends at {percent(glorot[0])}"
    yield f"`kaiming_normal` at {percent(he[0])}"
    yield (
        f"with {depth(shallow)} they end at {percent(glorot[1]).removesuffix(' %')} and "
        f"{percent(he[1])}"
    )
    luck, layers = max(map(unlike, relu))
    yield f"`kaiming_normal` is σ_w² = {critical:g} with other noise"
    yield f"with {layers} layers {100 * luck:.1f} points away from it"


def unlike(relu: Sweep) -> tuple[float, int]:
    """How far apart two networks of He's scale end that differ in their noise, and their depth."""
    on_critical_line = relu.at(critical_sigma_w2("relu", 0) ** 0.5)
    he = relu.named("kaiming_normal")
    return abs(he.test_accuracy - on_critical_line.test_accuracy), depth(relu)


def panels(steps: int = 300) -> tuple[tuple[Panel, DepthTheory], tuple[Panel, DepthTheory]]:
    """Those of tanh and of ReLU, of networks trained for so many steps, and their theories."""
    grid = any_grid([sweep.results for sweep in sweeps("studies/depth").values()])
    found = {
        (setting.activation, setting.params["train"]["steps"]): (panel, theory)
        for panel, theory in zip(grid.panels, theories(grid), strict=True)
        if theory and (setting := panel.rows[0].setting)
    }
    return found["tanh", steps], found["relu", steps]


def of_activation(name: str, steps: int = 300) -> list[Sweep]:
    """By rising depth."""
    found = [
        sweep
        for sweep in sweeps("studies/depth").values()
        if sweep.setting.activation == name and sweep.setting.params["train"]["steps"] == steps
    ]
    return sorted(found, key=depth)


def depth(sweep: Sweep) -> int:
    """Hidden layers."""
    return len(sweep.setting.sizes) - 2
