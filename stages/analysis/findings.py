"""What a sweep found, in sentences; each number and each judgement comes from its data.

A difference is called noise unless it exceeds what uncertainty explains. Where networks learn
though a textbook expects them to fail, or fail though it expects them to learn, that is said.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from stages.analysis.accuracy import (
    CHANCE_CEILING,
    LARGE_SIGMA,
    SMALL_SIGMA,
    WINDOW_DISTANCE,
    Point,
    best_window,
    learning_bar,
)
from stages.analysis.noise import (
    TEST_IMAGES,
    binomial_error,
    is_noise,
    noise,
    paired_factor,
    verdict,
)
from stages.analysis.wording import in_points, percent, share, sigma, span, uncertain
from stages.core.dataset import CHANCE_ACCURACY

A_POINT = f"{100 * WINDOW_DISTANCE:g} point"


@dataclass(frozen=True)
class Results:
    """A sweep as the metrics files tell it."""

    points: Sequence[Point]  # by rising sigma
    summary: Mapping[str, float]
    courses: Mapping[float, Sequence[float]]  # by sigma: test accuracy after each epoch

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
        """Whether no network does better than chance."""
        return self.summary["trials_at_chance"] == self.summary["trials"]


def headline(results: Results) -> str:
    """The sweep in one or two sentences."""
    best, others = results.best, results.others
    if results.all_at_chance:
        return f"No σ does better than chance, which is {percent(CHANCE_ACCURACY)}."
    if not others:
        return f"Final test accuracy is {percent(best.test_accuracy)}."
    ties = sum(is_noise(best, other) for other in others)
    but = f", though {ties} of the other {len(others)} σ are within noise of that" if ties else ""
    at_ends = [
        f"{percent(end.test_accuracy)} at {sigma(end)}, the {which}"
        for which, end in results.ends.items()
        if end is not best
    ]
    return (
        f"Final test accuracy is highest at {sigma(best)}, with {percent(best.test_accuracy)}{but}."
        f" It is {', and '.join(at_ends)}."
    )


def uncertainty(results: Results) -> str:
    """How far to trust the numbers, and what is called noise."""
    best = results.best
    images = (
        f"accuracy of {percent(best.test_accuracy)} on {TEST_IMAGES:,} test images has a binomial "
        f"standard error of {in_points(binomial_error(best.test_accuracy))}"
    )
    if best.n == 1:
        return (
            f"There is one network for each σ. An {images}; this is what stands after ±. Seed "
            "noise comes on top, and only replicates would show it. Within noise is a difference "
            "of up to twice its standard error."
        )
    return (
        f"± is the standard error of the mean of {best.n} networks, which shows seed noise. Within "
        f"noise is a difference of up to {paired_factor(best.n):.2f} times its standard error "
        f"(95 %, Student's t), taken over pairs of networks that share noise and batches. An "
        f"{images}; it is not counted, as all networks share the images."
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
    sentences = [f"**Best.** {sigma(best)} reaches {uncertain(best)}."]
    if results.others:
        second = max(results.others, key=lambda point: point.test_accuracy)
        lead = in_points(best.test_accuracy - second.test_accuracy)
        sentences.append(f"Its lead of {lead} over {sigma(second)} is {verdict(best, second)}.")
    for which, end in results.ends.items():
        if end is best:
            sentences.append(f"It is the {which} σ of the sweep: beyond it may be better.")
    return " ".join([*sentences, *_unsettled(results, best)])


def window(results: Results) -> list[str]:
    """The unbroken range of sigmas near the best; a lone sigma has none."""
    inside = best_window(results.points)
    near = f"within {A_POINT} of the best"
    if not results.others:
        return []
    if len(inside) == 1:
        doubt = _doubtful(results, inside)
        return [f"**Window.** No neighbour of {sigma(inside[0])} comes {near}.{doubt}"]
    at_ends = [f"the {which}" for which, end in results.ends.items() if end in inside]
    wider = f" It takes in {' and '.join(at_ends)} σ and may reach further." if at_ends else ""
    return [
        f"**Window.** {span(inside, results.points)}, {len(inside)} of {len(results.points)} σ "
        f"over {results.summary['window_decades']:.1f} decades, are {near}.{wider}"
        f"{_doubtful(results, inside)}"
    ]


def ends(results: Results) -> list[str]:
    """The smallest and the largest sigma, unless it is the best."""
    best = results.best
    return [
        " ".join(
            [
                f"**{which.capitalize()} σ.** {sigma(end)} reaches {uncertain(end)}.",
                f"The {in_points(best.test_accuracy - end.test_accuracy)} to the best are "
                f"{verdict(best, end)}.",
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
    near = [p for p in points if p.first_epoch_test_accuracy >= top - WINDOW_DISTANCE]
    behind = [
        f"{sigma(end)} is {in_points(top - end.first_epoch_test_accuracy)} behind"
        for end in results.ends.values()
        if end is not first
    ]
    return [
        f"**Speed.** After the first epoch {sigma(first)} is highest with {percent(top)}; "
        f"{span(near, points)} {'are' if near[1:] else 'alone is'} within "
        f"{A_POINT} of that, {' and '.join(behind)}."
    ]


def overfitting(results: Results) -> str:
    """The gap between training and test accuracy, at the best and where it is extreme."""

    def gap(point: Point) -> float:
        return point.train_accuracy - point.test_accuracy

    best, by_gap = results.best, sorted(results.points, key=gap)
    gaps = [f"{100 * gap(best):+.2f} points at {sigma(best)}"] + [
        f"{100 * gap(point):+.2f} at {sigma(point)}, the {extreme}"
        for extreme, point in (("smallest", by_gap[0]), ("largest", by_gap[-1]))
        if point is not best
    ]
    return (
        f"**Overfitting.** Training minus test accuracy is {'; '.join(gaps)}. Training accuracy is "
        "taken while the epoch trains, test accuracy after it, which tends to understate the gap."
    )


def failures(results: Results) -> str:
    """How many networks diverged or stayed at chance, and where."""
    points, summary = results.points, results.summary
    diverged = [point for point in points if point.diverged]
    chance = [point for point in points if point.test_accuracy <= CHANCE_CEILING]
    sentences = [
        f"{share(summary['trials_diverged'], summary['trials'])} diverged (overflowed)"
        f"{_where(diverged, points)}.",
        f"{share(summary['trials_at_chance'], summary['trials'])} ended at chance "
        f"({percent(CHANCE_CEILING)} or less)"
        f"{_where(chance, points) if _n(chance) == summary['trials_at_chance'] else ''}.",
    ]
    if results.best.diverged and not results.all_at_chance:
        sentences.append("The best is among the diverged.")
    return f"**Failures.** {' '.join(sentences)}"


def textbook(results: Results) -> str:
    """What a textbook expects, and where the data are against it."""
    points = results.points
    bar = learning_bar(results.summary["best_accuracy"])
    meaning = "half way from chance to the best" if bar > CHANCE_CEILING else "chance"
    regions = [
        ([p for p in points if p.sigma <= SMALL_SIGMA], False),
        ([p for p in points if SMALL_SIGMA < p.sigma < LARGE_SIGMA], True),
        ([p for p in points if p.sigma >= LARGE_SIGMA], False),
    ]
    clauses: dict[str, list[str]] = {"Against that": [], "In line with that": []}
    for region, expected in regions:
        learned = [point for point in region if point.test_accuracy > bar]
        failed = [point for point in region if point.test_accuracy <= bar]
        clauses["In line with that" if expected else "Against that"] += _reached(learned, points)
        clauses["Against that" if expected else "In line with that"] += _stayed(failed, points)
    return " ".join(
        [
            f"**Textbook.** It expects learning between σ = {SMALL_SIGMA:g} and σ = "
            f"{LARGE_SIGMA:g}, and outside little or none, here up to {percent(bar)} ({meaning}).",
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
    return [f"Its accuracy {moved} from epoch {half} to {len(course)}: training had not settled."]


def _doubtful(results: Results, inside: Sequence[Point]) -> str:
    """Which points of the window, or next to it, noise could put on its other side."""
    points, best = results.points, results.best
    first, last = points.index(inside[0]), points.index(inside[-1])
    doubtful = [
        point
        for point in points[max(first - 1, 0) : last + 2]
        if point is not best
        and abs(best.test_accuracy - point.test_accuracy - WINDOW_DISTANCE) <= noise(best, point)
    ]
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
