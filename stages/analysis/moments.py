"""One sentence for each network at each moment: its gradients, how far its weights have moved, and
how far it has come. And which moments are worth a look first.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import permutations
from math import inf, isfinite, isnan, log10

import numpy as np

from stages.analysis.accuracy import Point, has_learned, learned
from stages.analysis.evidence import FAR_OFF, LEVEL, distance, incomparable
from stages.analysis.findings import Results, beside_best
from stages.analysis.setting import Setting, differences
from stages.analysis.tables import Table, layer_curve
from stages.analysis.wording import percent, sigma
from stages.core.optimizers import OPTIMIZERS, Rule

FATES = 0.5
"""From this difference of final accuracies on, two networks of one sigma have met two fates."""

A_BIT = 0.05
"""Differences of final accuracies that are smaller by no more than this are about as large."""


@dataclass(frozen=True)
class FirstLayer:
    """The first layer of the networks of a sigma: a number for each moment, from 0 on."""

    gradients: list[float]  # norms
    moved: list[float]  # distance from the start, relative to the initial norm
    displaced: list[float]  # the same as it is, root mean square over weights
    damped: list[float]  # share of weights whose steps Adam's epsilon halves or more; else NaN


@dataclass(frozen=True)
class Stop:
    """A moment to look at, beside another sigma or variant."""

    text: str
    of: Results
    point: Point
    beside: tuple[Results, Point] | None = None


def sentences(results: Results, probes: Table) -> list[list[str]]:
    """By rising sigma, for each moment from 0, before training, to the last record."""
    layers = _first_layers(results, probes)
    best = None if incomparable(results) else results.best
    return [
        [
            _sentence(results, point, best, layers, moment)
            for moment in range(results.setting.records + 1)
        ]
        for point in results.points
    ]


def _first_layers(results: Results, probes: Table) -> dict[float, FirstLayer]:
    """By sigma, means over replicates."""
    moments = range(results.setting.records + 1)
    measured = [
        np.transpose([layer_curve(probes, column, layer=1, epoch=e).mean for e in moments])
        for column in ("gradient_norm", "movement", "displacement", "damped")
    ]
    return {
        point.sigma: FirstLayer(*(of_sigmas[place].tolist() for of_sigmas in measured))
        for place, point in enumerate(results.points)
    }


def _sentence(
    results: Results,
    point: Point,
    best: Point | None,
    layers: dict[float, FirstLayer],
    moment: int,
) -> str:
    layer = layers[point.sigma]
    of_best = layers[best.sigma] if best and best is not point else None
    clauses = [
        _gradients(layer, of_best, point, best, moment),
        _steps(results.setting, layer, of_best, moment),
        _outcome(results, point, best, moment),
    ]
    told = "; ".join(filter(None, clauses))
    return f"{told[0].upper()}{told[1:]}."


def _gradients(
    layer: FirstLayer, of_best: FirstLayer | None, point: Point, best: Point | None, moment: int
) -> str:
    """Those of the first layer, beside the best sigma at the same moment and at the start."""
    start, now = layer.gradients[0], layer.gradients[moment]
    if not isfinite(now):
        return "numbers have overflowed: the network has diverged"
    subject = "gradients of the first layer"
    if of_best is None or best is None:
        at_best = ", the best of the sweep" if best else ""
        when = "start" if moment == 0 else "started"
        return f"at {sigma(point)}{at_best}, {subject} {when} at {start:.2g}"
    begun = _gap(start, of_best.gradients[0])
    against = f"{'those ' * (abs(begun) < LEVEL)}at the best σ ({best.label})"
    if moment == 0:
        return f"{subject} start {_compared(begun)} {against}"
    clause = f"{subject} started {_compared(begun)} {against}"
    still = _gap(now, of_best.gradients[moment])
    if now == 0:
        return f"{clause} and now are 0"
    if abs(begun) >= FAR_OFF and abs(still) >= FAR_OFF:
        return f"{clause} and {'still' if begun * still > 0 else 'now'} are {_far(still)}"
    return clause


def _steps(setting: Setting, layer: FirstLayer, of_best: FirstLayer | None, moment: int) -> str:
    """How far the optimiser has moved the weights; where gradients are far off, beside the best."""
    rule = OPTIMIZERS[setting.params["train"]["optimizer"]]
    begun = _gap(layer.gradients[0], of_best.gradients[0]) if of_best else 0.0
    far_off = abs(begun) >= FAR_OFF
    if moment == 0:
        return _first_step(rule, layer, begun) if far_off else ""
    moved = f"{rule.title} has moved these weights {distance(layer.moved[moment])}"
    if not (of_best and far_off):
        return moved
    gap = _gap(layer.displaced[moment], of_best.displaced[moment])
    return f"{moved}, a distance {_compared(gap)} that at the best σ"


def _first_step(rule: Rule, layer: FirstLayer, begun: float) -> str:
    """What the optimiser is about to make of gradients by so many decades off."""
    if rule.momentum is not None:  # a learning rate times the gradient
        return f"{rule.title}'s first step is as much {'smaller' if begun < 0 else 'larger'}"
    if not isfinite(damped := 100 * layer.damped[0]):
        return ""
    return f"epsilon at least halves {rule.title}'s first step in {damped:.3g} % of these weights"


def _outcome(results: Results, point: Point, best: Point | None, moment: int) -> str:
    """The test accuracy at a moment, and how good that is; differences are judged at the end."""
    setting = results.setting
    if moment == 0:
        return f"untrained, it guesses and gets {percent(point.untrained_test_accuracy)} right"
    accuracy = results.courses[point.sigma][moment - 1]
    told = f"after {setting.moment(moment)} it gets {percent(accuracy)} right"
    if not learned(accuracy, point.untrained_test_accuracy, setting.holdout):
        return f"{told}, no better than guessing"
    if best is None or best is point:
        return told
    other = results.courses[best.sigma][moment - 1]
    judged = beside_best(results, point) if moment == setting.records else ""
    return f"{told}{judged or f', the best σ {percent(other)}'}"


def _gap(norm: float, norm_of_best: float) -> float:
    """By how many decades a norm exceeds another; infinite where one of them is 0 or overflowed."""
    if 0 < norm < inf and 0 < norm_of_best < inf:
        return log10(norm / norm_of_best)
    if norm == norm_of_best:
        return 0.0
    return inf if norm > norm_of_best or isnan(norm) else -inf


def _compared(gap: float) -> str:
    if abs(gap) < LEVEL:
        return "level with"
    return f"{_far(gap)} than"


def _far(gap: float) -> str:
    side = "smaller" if gap < 0 else "larger"
    return f"{abs(gap):.1f} decades {side}" if isfinite(gap) else f"far {side}"


def tour(results: Sequence[Results]) -> list[Stop]:
    """Moments to look at first: two fates of one sigma, then the ends of the first sweep."""
    first = results[0]
    stops = [*_two_fates(results)]
    for which, end in first.ends.items():
        if end is not first.best:
            text = f"The {which} σ beside the best"
            stops.append(Stop(_named(text, first, results), first, end, (first, first.best)))
    return [*stops, Stop(_named("The best σ", first, results), first, first.best)]


def _two_fates(results: Sequence[Results]) -> Iterator[Stop]:
    """A sigma at which two variants end far apart: the smallest at which they end about as far
    apart as at any.
    """
    pairs = [
        (q.test_accuracy - p.test_accuracy, one, p, other, q)
        for one, other in permutations(results, 2)
        if one.setting.data == other.setting.data
        for p in one.points
        for q in other.points
        if p.sigma == q.sigma and has_learned(q)
    ]
    furthest = max((pair[0] for pair in pairs), default=0.0)
    if furthest < FATES:
        return
    about = [pair for pair in pairs if pair[0] > furthest - A_BIT]
    _, one, p, other, q = min(about, key=lambda pair: pair[2].sigma)
    changed = {name.partition(".")[0] for name in differences([one.setting, other.setting])}
    same = "The same σ" if changed & {"model", "sweep"} else "The same start"
    yield Stop(
        f"{same}, two fates: {sigma(p)} ends at {percent(p.test_accuracy)} with "
        f"{one.setting.variant}, at {percent(q.test_accuracy)} with {other.setting.variant}",
        one,
        p,
        (other, q),
    )


def _named(text: str, of: Results, results: Sequence[Results]) -> str:
    return f"{of.setting.variant}: {text[0].lower()}{text[1:]}" if len(results) > 1 else text
