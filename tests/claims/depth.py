"""studies/depth/README.md."""

from collections.abc import Iterator
from itertools import takewhile

from stages.analysis.meanfield import critical_sigma_w2, depth_scale
from stages.analysis.trainability import TRAINED
from tests.claims.metrics import Sweep, percent, sweeps

GIVEN = {
    ", figure 5": "the number of a figure in the paper",
    "6 ξ": "the line of that paper",
    "χ₁ = 1": "a definition",
    "ξ = -1/log": "a definition",
    "ξ = 1/|log": "a definition",
    "9 of the 546 networks fell on the other side": "the metrics of an earlier version",
}
SCALES = 6


def claims() -> Iterator[str]:
    """Its numbers, in their sentences."""
    tanh, relu = of_activation("tanh"), of_activation("relu")
    bar = f"{100 * TRAINED:g} %"
    yield f"{len(tanh) + len(relu)} variants, {len(tanh)} depths of tanh and of ReLU"
    biases = tanh[0].setting.deviation_of_biases or 0.0
    yield (
        f"at σ_w² = {critical_sigma_w2('tanh', biases**2):.3f} for tanh with "
        f"σ_b² = {biases**2:.2f}, and at σ_w² = {critical_sigma_w2('relu', 0):g} for ReLU"
    )
    (shallow, of_shallow), (deep, of_deep) = trained("tanh")
    yield f"{shallow} of the {of_shallow} tanh networks shallower than {SCALES} ξ reach {bar}"
    yield f"and {deep} of the {of_deep} deeper ones do"
    (shallow, of_shallow), (deep, of_deep) = trained("relu")
    yield f"For ReLU it is {shallow} of {of_shallow}, and {deep} of {of_deep}"
    yield from critical_line(tanh)
    best = {depth(sweep): sweep.best.test_accuracy for sweep in relu}
    none_from = min(d for d in best if all(best[e] <= TRAINED for e in best if e >= d))
    yield f"ReLU has no network above {bar} from {none_from} layers on"
    yield f"other side of {bar}"


def critical_line(tanh: list[Sweep]) -> Iterator[str]:
    """What ends learning where theory sets no limit."""
    critical = {depth(sweep): sweep.at(1.75**0.5) for sweep in tanh}
    learned = [*takewhile(lambda d: critical[d].test_accuracy > TRAINED, critical)]
    yield f"{tanh[0].setting.length} do"
    last_but_one, last = learned[-2:]
    yield (
        f"tanh at σ_w² = {critical[last].sigma ** 2:.3g} falls from "
        f"{percent(critical[last_but_one], digits=0)} at {last_but_one} layers to "
        f"{percent(critical[last], digits=0)} at {last}"
    )
    beyond = [sweep for sweep in tanh if depth(sweep) > last]
    best = max((sweep.best for sweep in beyond), key=lambda point: point.test_accuracy)
    yield (
        f"from {depth(beyond[0])} layers on no network learns much "
        f"(best: {percent(best, digits=0)})"
    )


def of_activation(name: str) -> list[Sweep]:
    """By rising depth."""
    found = [of for of in sweeps("studies/depth").values() if of.setting.activation == name]
    return sorted(found, key=depth)


def depth(sweep: Sweep) -> int:
    """Hidden layers."""
    return len(sweep.setting.sizes) - 2


def trained(activation: str) -> tuple[tuple[int, int], tuple[int, int]]:
    """Of networks shallower than 6 ξ, and of deeper ones: those trained, and all."""
    counts = {True: [0, 0], False: [0, 0]}
    for sweep in of_activation(activation):
        biases = sweep.setting.deviation_of_biases or 0.0
        for point in sweep.points:
            scale = depth_scale(activation, point.sigma**2, biases**2)
            of_side = counts[depth(sweep) < SCALES * scale]
            of_side[0] += sum(accuracy >= TRAINED for accuracy in point.accuracies)
            of_side[1] += point.n
    return (counts[True][0], counts[True][1]), (counts[False][0], counts[False][1])
