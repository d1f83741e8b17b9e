"""What a sweep found, in sentences; each number and each judgement comes from its data.

A difference is called noise unless it exceeds what seeds explain, and is not judged where that is
unknown. Where networks learn though a textbook expects them to fail, or fail though it expects them
to learn, that is said.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from stages.analysis.accuracy import (
    WINDOW_DISTANCE,
    Point,
    best_window,
    has_learned,
    learning_bar,
)
from stages.analysis.baselines import Baseline
from stages.analysis.holdout import Holdout
from stages.analysis.inside import Inside
from stages.analysis.noise import (
    FEWEST,
    LEVEL,
    UNKNOWN,
    Array,
    Comparison,
    ahead,
    compared,
    factor,
)
from stages.analysis.seeds import Seeds
from stages.analysis.setting import Setting
from stages.analysis.wording import (
    decades,
    in_points,
    percent,
    share,
    sigma,
    signed,
    span,
)
from stages.process.pace import counted

SAME = 1
"""So many replicates of the study of seeds, the first, may be the very networks that are judged by
it: its seed is the default."""

A_POINT = counted(100 * WINDOW_DISTANCE, "point")


@dataclass(frozen=True)
class Results:
    """A sweep as the metrics files tell it."""

    points: Sequence[Point]  # by rising sigma
    summary: Mapping[str, float]
    courses: Mapping[float, Sequence[float]]  # by sigma: test accuracy after each epoch
    setting: Setting
    named: Sequence[Baseline] = ()  # initialisers beside it
    seeds: Seeds | None = None  # what a committed study tells of them, maybe in another setting
    inside: Mapping[float, Inside] = field(default_factory=dict)  # by sigma; {}: not measured

    @property
    def best(self) -> Point:
        """The point of the highest final accuracy."""
        return next(p for p in self.points if p.sigma == self.summary["best_sigma"])

    @property
    def others(self) -> list[Point]:
        """All points but the best."""
        return [point for point in self.points if point is not self.best]

    @property
    def ends(self) -> dict[str, Point]:
        """The outermost points of a sweep of more than one."""
        return {"smallest": self.points[0], "largest": self.points[-1]} if self.others else {}

    @property
    def all_at_chance(self) -> bool:
        """Whether no network learned."""
        return self.summary["trials_at_chance"] == self.summary["trials"]

    @property
    def measured(self) -> Seeds | None:
        """What is known of seeds in this very setting."""
        return self.seeds if self.seeds and self.seeds.fits(self.setting) else None

    def of_other_seeds(self, of: Point | Baseline) -> Array:
        """What the study of seeds found of a network without replicates; empty where nothing."""
        if of.n > 1 or not self.measured:
            return np.empty(0)
        accuracies = self.measured.accuracies(_start(of))
        return accuracies[np.isfinite(accuracies)]

    @cached_property
    def compared(self) -> Mapping[float | str, Comparison]:
        """Each sigma, and each named initialiser by its name, beside the best sigma."""
        of_all: list[Point | Baseline] = [*self.points, *self.named]
        starts = [_start(of) for of in of_all]
        named = [isinstance(start, str) for start in starts]  # they may be better
        n, finest = min(of.n for of in of_all), self.setting.holdout.finest
        if n >= FEWEST:
            accuracies = accuracies_of(of_all, n)
            best = ahead(accuracies[: len(self.points)])
            found = compared(best, accuracies[:, 1:], finest, both_ways=named)
        elif self.measured:
            accuracies = np.array([self.measured.accuracies(start) for start in starts])
            best = accuracies[self.points.index(self.best)]
            found = compared(best[SAME:], accuracies[:, SAME:], finest, both_ways=named)
        else:
            return dict.fromkeys(starts, UNKNOWN)
        return dict(zip(starts, found, strict=True))

    @property
    def doubtful(self) -> list[Point]:
        """Points that noise could put into the window, or out of it, as far as that is known."""
        if not self.judged:
            return []
        if self.measured and self.best.n < FEWEST:
            best = self.measured.accuracies(self.best.sigma)
            inside = {
                point.sigma: best - self.measured.accuracies(point.sigma) <= WINDOW_DISTANCE
                for point in self.others
            }
            return [p for p in self.others if 0 < inside[p.sigma][SAME:].mean() < 1]
        edge = self.best.test_accuracy - WINDOW_DISTANCE
        return [
            point
            for point in self.others
            if abs(edge - point.test_accuracy) <= self.compared[point.sigma].margin
        ]

    @property
    def judged(self) -> bool:
        """Whether differences to the best can be told from noise."""
        return any(comparison.known for comparison in self.compared.values())


def _start(of: Point | Baseline) -> float | str:
    return of.sigma if isinstance(of, Point) else of.initializer


def accuracies_of(of_all: Sequence[Point | Baseline], n: int) -> Array:
    """The accuracies of the first `n` replicates of each, (K, n)."""
    return np.array([of.accuracies[:n] for of in of_all])


def reached(results: Results, of: Point | Baseline) -> str:
    """A final accuracy ± its standard error, or the range of other seeds, where that is known."""
    error, seeds = of.standard_error, results.of_other_seeds(of)
    known = f" ± {100 * error:.2f}" if error is not None else ""
    others = f" ({len(seeds)} seeds: {range_of(seeds)} %)" if len(seeds) else ""
    return f"{100 * of.test_accuracy:.2f}{known} %{others}"


def range_of(accuracies: Array) -> str:
    """From the lowest to the highest, in percent."""
    return f"{100 * accuracies.min():.2f} to {100 * accuracies.max():.2f}"


def beside_best(results: Results, of: Point | Baseline) -> str:
    """How far from the best, and whether noise explains it: a clause, where it can be judged."""
    found = results.compared[_start(of)]
    if not found.known:
        return ""
    verdict = "beyond noise" if found.beyond_noise else "within noise"
    off, error = 100 * found.difference, f"± {100 * found.error:.2f}"
    if f"{abs(off):.2f}" == "0.00" or (off < 0 and isinstance(of, Point)):
        return f", level with the best σ ({error} points, {verdict})"
    side = "below" if off > 0 else "above"
    return f", {abs(off):.2f} {error} points {side} the best σ, {verdict}"


def headline(results: Results) -> str:
    """The sweep in one or two sentences."""
    best, others = results.best, results.others
    if results.all_at_chance:
        return nothing_learned(results.points)
    if len({point.test_accuracy for point in results.points}) == 1:
        everywhere = " at every σ" if others else ""
        return f"Final test accuracy is {percent(best.test_accuracy)}{everywhere}."
    at_ends = [
        f"{percent(end.test_accuracy)} at {sigma(end)}, the {which}"
        for which, end in results.ends.items()
        if end is not best
    ]
    return (
        f"Final test accuracy is highest at {sigma(best)}, with {percent(best.test_accuracy)}"
        f"{_but(results)}. It is {', and '.join(at_ends)}."
    )


def _but(results: Results) -> str:
    """How many others the best may owe to noise that it is highest."""
    others = results.others
    if not others:
        return ""
    if not results.judged:
        return ", though that may be noise"
    ties = sum(not results.compared[other.sigma].beyond_noise for other in others)
    tied = f"{ties} of the other {len(others)} σ are"
    if ties == len(others):
        tied = f"each of the other {ties} σ is" if ties > 1 else "the other σ is"
    return f", though {tied} within noise of that" if ties else ""


def nothing_learned(points: Sequence[Point]) -> str:
    """What is to be said of a sweep in which no network learned."""
    chance = at_chance(points[0].holdout)
    if sum(point.n for point in points) == 1:
        return f"The network did not learn: it ended {chance}."
    where = " at any σ" if points[1:] else f" at {sigma(points[0])}"
    return f"No network learned{where}: each ended {chance}."


def at_chance(holdout: Holdout) -> str:
    """What is called no learning."""
    return f"at chance ({percent(holdout.ceiling)} or less) or no better than before training"


def uncertainty(results: Results) -> str:
    """How far to trust the numbers, and what is called noise."""
    return " ".join([precision(results), *_judging(results), images(results)])


def precision(results: Results) -> str:
    """What stands after ±, and where nothing does, why."""
    best = results.best
    if best.n > 1:
        return f"± is the standard error of the mean of {best.n} networks, which shows seed noise."
    lone = "There is one network for each σ." if results.others else "There is one network."
    if len(seeds := results.of_other_seeds(best)):
        return (
            f"{lone} What other seeds reach stands beside it, at {sigma(best)} "
            f"{range_of(seeds)} %: the lowest and the highest of {len(seeds)} networks in the "
            "study of seeds. The best is chosen on the same numbers, which flatters it."
        )
    known = "was measured in another setting only" if results.seeds else "is not known"
    return (
        f"{lone} How far a second seed would move it {known}: that takes replicates "
        "(`sweep.replicates`). Until then no difference is called more than noise."
    )


def _judging(results: Results) -> list[str]:
    """When a difference counts as more than noise."""
    n, k = results.best.n, len(results.compared)
    if k == 1 or results.all_at_chance:
        return []
    if n >= FEWEST:
        among = f"{k} comparisons, paired by replicate"
        return [LUCK.format("the σ that was"), beyond_noise(among, factor(n - 2, k))]
    if results.measured:
        seeds = results.measured.networks - SAME
        among = f"{k} comparisons, paired by seed"
        return [ELSEWHERE.format(seeds), beyond_noise(among, factor(seeds - 1, k))]
    return [TOO_FEW] if n > 1 else []


LUCK = (
    "Each replicate but the first is compared with {} best on the replicates before it, so that "
    "none has a say in what it is compared with, and the best owes nothing to luck."
)
ELSEWHERE = (
    "How far one lies below the best σ is the mean over {} other seeds of that study, paired by "
    "seed, ± its standard error."
)
TOO_FEW = f"{FEWEST - 1} are too few to call a difference more than noise; 5 or more can."


def beyond_noise(among: str, errors: float) -> str:
    """What that means of a difference among others; so many standard errors are enough."""
    return (
        f"Beyond noise is a difference such as noise alone makes nowhere among {among}, in "
        f"{100 * (1 - LEVEL):g} % of cases or more (Student's t, Holm's correction): "
        f"{errors:.1f} standard errors are always enough."
    )


def images(results: Results) -> str:
    """What the number of test images leaves open."""
    accuracy, holdout = results.best.test_accuracy, results.setting.holdout
    return (
        f"An accuracy of {percent(accuracy)} on {holdout.images:,} test images has a binomial "
        f"standard error of {in_points(holdout.error(accuracy))}, which is not counted, as all "
        "networks share the images."
    )


def findings(results: Results) -> list[str]:
    """A paragraph for each finding, under a bold word that tells what it is about."""
    if results.all_at_chance:
        return [failures(results), textbook(results)]
    return [
        best_sigma(results),
        *window(results),
        *ends(results),
        *speed(results),
        overfitting(results),
        failures(results),
        textbook(results),
    ]


def best_sigma(results: Results) -> str:
    """The best, its lead, and whether a wider sweep may find better."""
    best = results.best
    sentences = [f"**Best.** {sigma(best)} reaches {reached(results, best)}."]
    if not has_learned(best):
        sentences.append(f"Before training it had {percent(best.untrained_test_accuracy)} already.")
    for which, end in results.ends.items():
        if end is best:
            sentences.append(f"It is the {which} σ of the sweep: beyond it may be better.")
    sentences += _unsettled(results, best)
    if results.others:
        second = max(results.others, key=lambda point: point.test_accuracy)
        then = f"{reached(results, second)}{beside_best(results, second)}"
        sentences.append(
            f"Next is {sigma(second)} with {then}."
            if best.test_accuracy > second.test_accuracy
            else f"As much is reached at {sigma(second)}."
        )
    return " ".join(sentences)


def window(results: Results) -> list[str]:
    """The unbroken range of sigmas near the best; a lone sigma has none."""
    inside = best_window(results.points)
    near = f"within {A_POINT} of the best"
    if not results.others:
        return []
    if len(inside) == 1:
        alone = f"No neighbour of {sigma(inside[0])} comes {near}."
        return [f"**Window.** {alone}{_doubtful(results)}"]
    at_ends = [f"the {which}" for which, end in results.ends.items() if end in inside]
    within = f"{len(inside)} of {len(results.points)} σ"
    if len(inside) == len(results.points):
        within = f"all {len(inside)} σ"
    wider = f" It takes in {' and '.join(at_ends)} σ and may reach further." if at_ends else ""
    return [
        f"**Window.** {span(inside, results.points)}, {within} "
        f"over {decades(inside[0].sigma, inside[-1].sigma)}, are {near}.{wider}"
        f"{_doubtful(results)}"
    ]


def ends(results: Results) -> list[str]:
    """The smallest and the largest sigma, unless it is the best."""
    best = results.best
    return [
        " ".join(
            [
                f"**{which.capitalize()} σ.** {sigma(end)} reaches {reached(results, end)}"
                + (
                    f"{beside_best(results, end)}."
                    if best.test_accuracy > end.test_accuracy
                    else ", as much as the best."
                ),
                *_unsettled(results, end),
            ]
        )
        for which, end in results.ends.items()
        if end is not best
    ]


def speed(results: Results) -> list[str]:
    """What the first epoch achieved, unless it was the last too."""
    points = results.points
    if len(results.courses[points[0].sigma]) == 1:
        return []
    first = max(points, key=lambda point: point.first_epoch_test_accuracy)
    top = first.first_epoch_test_accuracy
    if not results.others:
        return [f"**Speed.** The first epoch alone reaches {percent(top)}."]
    if all(point.first_epoch_test_accuracy == top for point in points):
        return [f"**Speed.** The first epoch alone reaches {percent(top)} at every σ."]
    near = [p for p in points if p.first_epoch_test_accuracy >= top - WINDOW_DISTANCE]
    at_ends = [
        f"{sigma(end)} reaches {percent(end.first_epoch_test_accuracy)}"
        for end in results.ends.values()
        if end is not first
    ]
    return [
        f"**Speed.** After the first epoch {sigma(first)} is highest with {percent(top)}; "
        f"{span(near, points)} {'are' if near[1:] else 'alone is'} within "
        f"{A_POINT} of that; {' and '.join(at_ends)}."
    ]


def overfitting(results: Results) -> str:
    """The gap between training and test accuracy, at the best and where it is more than a point
    smaller or larger."""

    def gap(point: Point) -> float:
        return point.train_accuracy - point.test_accuracy

    best, by_gap = results.best, sorted(results.points, key=gap)
    gaps = [f"{signed(gap(best))} points at {sigma(best)}"] + [
        f"{signed(gap(point))} at {sigma(point)}, the {extreme} gap"
        for extreme, point in (("smallest", by_gap[0]), ("largest", by_gap[-1]))
        if abs(gap(point) - gap(best)) > WINDOW_DISTANCE
    ]
    return (
        f"**Overfitting.** Training minus test accuracy is {'; '.join(gaps)}. Training accuracy is "
        "taken while the epoch trains, test accuracy after it, which tends to understate the gap."
    )


def failures(results: Results) -> str:
    """How many networks diverged or stayed at chance, and where."""
    points, summary = results.points, results.summary
    diverged = [point for point in points if point.diverged]
    chance = [point for point in points if not has_learned(point)]
    sentences = [
        f"{share(summary['trials_diverged'], summary['trials'])} diverged (overflowed)"
        f"{_where(diverged, points)}.",
        f"{share(summary['trials_at_chance'], summary['trials'])} failed to learn, that is, ended "
        f"{at_chance(results.setting.holdout)}"
        f"{_where(chance, points) if _n(chance) == summary['trials_at_chance'] else ''}.",
    ]
    best = results.best
    if best.diverged and results.others and not results.all_at_chance:
        sentences.append(f"At the best σ, {share(best.diverged, best.n).lower()} diverged.")
    return f"**Failures.** {' '.join(sentences)}"


def textbook(results: Results) -> str:
    """What a textbook expects, and where the data are against it."""
    points = results.points
    top = results.summary["best_accuracy"]
    holdout, book = results.setting.holdout, results.setting.textbook
    bar = learning_bar(top, holdout)
    meaning = "half way from chance to the best" if bar > holdout.ceiling else "chance"
    regions = _, moderate, _ = book.regions(points, top)
    expects = f"It expects learning between σ = {book.low:g} and σ = {book.high:g}"
    if results.all_at_chance:
        but = ", but none learned there: σ alone does not explain that"
        return f"**Textbook.** {expects}{but if moderate.failed else '; here are only others'}."
    if any(point.test_accuracy > bar and not has_learned(point) for point in points):
        meaning += ", or no better than before training"
    clauses: dict[str, list[str]] = {"Against that": [], "In line with that": []}
    for region in regions:
        learned, failed = _reached(region.learned, points), _stayed(region.failed, points)
        clauses["In line with that"] += learned if region.expected else failed
        clauses["Against that"] += failed if region.expected else learned
    return " ".join(
        [
            f"**Textbook.** {expects}, and outside little or none, here up to {percent(bar)} "
            f"({meaning}).",
            *(f"{stance}, {'; '.join(told)}." for stance, told in clauses.items() if told),
        ]
    )


def _unsettled(results: Results, point: Point) -> list[str]:
    """A sentence if the second half of training changed accuracy by more than the window."""
    course = results.courses[point.sigma]
    half = len(course) // 2
    change = course[-1] - course[half - 1] if half else 0
    if abs(change) <= WINDOW_DISTANCE:
        return []
    moved = f"{'rose' if change > 0 else 'fell'} by {in_points(abs(change))}"
    last = results.setting.moment(len(course))
    since = f"from epoch {half} to {last.removeprefix('epoch ')}"
    return [f"Its accuracy {moved} {since}: training had not settled."]


def _doubtful(results: Results) -> str:
    """Which points noise could put into the window, or out of it."""
    if not results.judged:
        return " Noise may move its edges."
    points, doubtful = results.points, results.doubtful
    return f" Within noise, {span(doubtful, points)} may or may not belong." if doubtful else ""


def _where(chosen: Sequence[Point], points: Sequence[Point]) -> str:
    return f", at {span(chosen, points)}" if 0 < len(chosen) < len(points) else ""


def _n(points: Sequence[Point]) -> int:
    return sum(point.n for point in points)


def _reached(learned: Sequence[Point], points: Sequence[Point]) -> list[str]:
    if not learned:
        return []
    least = percent(min(point.test_accuracy for point in learned))
    return [f"{span(learned, points)} {'reach at least' if learned[1:] else 'reaches'} {least}"]


def _stayed(failed: Sequence[Point], points: Sequence[Point]) -> list[str]:
    if not failed:
        return []
    most = percent(max(point.test_accuracy for point in failed))
    return [f"{span(failed, points)} {'stay at or below' if failed[1:] else 'stays at'} {most}"]
