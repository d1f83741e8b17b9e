"""Variants side by side: in what they differ, which is best, and what can be said of that.

Variants are held against each other only on the same data. Nothing is called a difference that the
judges of a single sweep would call noise.
"""

from collections.abc import Sequence
from typing import Any

from stages.analysis.accuracy import has_learned
from stages.analysis.findings import A_POINT, Results
from stages.analysis.noise import is_noise, verdict
from stages.analysis.setting import Data, differences
from stages.analysis.wording import data, in_points, percent, sigma, spelled, uncertain


def what_differs(results: Sequence[Results]) -> dict[str, list[str]]:
    """The parameters in which variants differ, by section.name: the value of each, for people."""
    return {
        name: [spelled(value) for value in values]
        for name, values in differences([of.setting for of in results]).items()
    }


def by_data(results: Sequence[Results]) -> list[list[Results]]:
    """The variants that are trained and tested on the same images, together."""
    groups: dict[tuple[Data, Any], list[Results]] = {}
    for of in results:
        groups.setdefault((of.setting.data, of.setting.params["data"]["path"]), []).append(of)
    return list(groups.values())


def leader(results: Sequence[Results]) -> Results:
    """The variant whose best sigma is highest."""
    return max(results, key=lambda of: of.best.test_accuracy)


def comparisons(results: Sequence[Results]) -> list[str]:
    """A paragraph for each finding, under a bold word that tells what it is about."""
    return [
        *(best_variant(group, len(by_data(results)) > 1) for group in by_data(results)),
        *windows(results),
        learning(results),
        *against_textbook(results),
    ]


def best_variant(results: Sequence[Results], named: bool) -> str:
    """The highest of the variants' best, and which of the others noise could put level with it."""
    first = leader(results)
    where = f"On {data(first.setting)}, " if named else ""
    topic = f"**Best.** {where}"
    if all(of.all_at_chance for of in results):
        return f"{topic}{'no' if where else 'No'} network learned."
    told = f"{first.setting.variant} reaches {uncertain(first.best)} at {sigma(first.best)}"
    others = sorted(
        (of for of in results if of is not first), key=lambda of: -of.best.test_accuracy
    )
    level = [of for of in others if is_noise(first.best, of.best)]
    behind = [of for of in others if of not in level]
    sentences = [f"{topic}{told}, the highest of all." if others else f"{topic}{told}."]
    if level:
        sentences.append(f"Within noise of that: {listed([of.setting.variant for of in level])}.")
    if behind:
        lags = [
            f"{of.setting.variant} by {in_points(first.best.test_accuracy - of.best.test_accuracy)}"
            for of in behind
        ]
        told = verdict(first.best, behind[0].best)
        sentences.append(f"Behind, {told}: {listed(lags)}.")
    if others:
        sentences.append(
            "Each is taken at its own best σ, chosen on the same numbers, which flatters all of "
            "them."
        )
    return " ".join(sentences)


def windows(results: Sequence[Results]) -> list[str]:
    """Over how many decades each comes near its own best."""
    learned = [of for of in results if not of.all_at_chance and of.others]
    if not learned:
        return []
    by_width = sorted(learned, key=lambda of: -of.summary["window_decades"])
    told = [
        f"{of.setting.variant} {of.summary['window_decades']:.1f}"
        if of.summary["window_decades"]
        else f"{of.setting.variant} at {sigma(of.best)} alone"
        for of in by_width
    ]
    return [f"**Window.** Decades of σ within {A_POINT} of a variant's own best: {listed(told)}."]


def learning(results: Sequence[Results]) -> str:
    """At how many sigmas the networks of each learned on average, and what diverged."""
    told = []
    for of in results:
        learned, all_of = sum(map(has_learned, of.points)), len(of.points)
        diverged = of.summary["trials_diverged"]
        overflowed = f", {diverged:g} of {of.summary['trials']:g} networks diverged" * bool(
            diverged
        )
        told.append(f"{of.setting.variant} at {learned} of {all_of} σ{overflowed}")
    return f"**Learning.** Above chance and above the start: {'; '.join(told)}."


def against_textbook(results: Sequence[Results]) -> list[str]:
    """The ends of sweeps at which networks learned though a textbook expects none to."""
    told = [
        f"{of.setting.variant} at "
        + " and ".join(f"{sigma(p)} ({percent(p.test_accuracy)})" for p in rescued)
        for of in results
        if not of.all_at_chance
        and (rescued := of.setting.textbook.rescued(of.points, of.best.test_accuracy))
    ]
    return [f"**Textbook.** Against it, these learned: {'; '.join(told)}."] if told else []


def listed(names: Sequence[str]) -> str:
    """One, two and three; of many the first and the number of the others."""
    if len(names) > MOST_NAMES + 1:
        return f"{', '.join(names[:MOST_NAMES])} and {len(names) - MOST_NAMES} others"
    return " and ".join([", ".join(names[:-1]), names[-1]] if names[1:] else names)


MOST_NAMES = 5
"""Variants that a sentence names."""
