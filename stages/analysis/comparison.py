"""Variants side by side: in what they differ, which is best, and what can be said of that.

Variants are held against each other only on the same data, and judged as the sigmas of one sweep
are.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from stages.analysis.accuracy import has_learned
from stages.analysis.activation_scales import foretold, scales_of_activations
from stages.analysis.findings import (
    A_POINT,
    LUCK,
    TOO_FEW,
    Results,
    accuracies_of,
    beyond_noise,
    reached,
)
from stages.analysis.noise import FEWEST, UNKNOWN, Comparison, ahead, compared, factor
from stages.analysis.setting import Data, differences
from stages.analysis.wording import data, percent, sigma, spelled


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
        *best_variants(results),
        *windows(results),
        learning(results),
        *against_textbook(results),
        *scales_of_activations(results),
    ]


def best_variants(results: Sequence[Results]) -> list[str]:
    """The best on each data set, whose name is told where there are several."""
    groups, of_leader = by_data(results), beside_leader(results)
    return [_best_variant(group, of_leader, named=len(groups) > 1) for group in groups]


def beside_leader(results: Sequence[Results]) -> Mapping[str, Comparison]:
    """Each variant, at its own best sigma, beside the best on the same data."""
    groups, sets = by_data(results), _sets(results)
    told = dict.fromkeys((of.setting.variant for of in results), UNKNOWN)
    for group in groups:
        replicated = [of for of in group if of.best.n >= FEWEST]
        if len(replicated) > 1:
            n = min(of.best.n for of in replicated)
            sweeps = [accuracies_of(of.points, n) for of in replicated]
            leader, series = ahead(np.concatenate(sweeps)), np.stack([*map(ahead, sweeps)])
            finest = group[0].setting.holdout.finest
            for of, found in zip(replicated, compared(leader, series, finest), strict=True):
                corrected = min(sets * found.probability, 1.0)  # Bonferroni
                told[of.setting.variant] = replace(found, probability=corrected)
    return told


def _sets(results: Sequence[Results]) -> int:
    """How many sets of comparisons share the chance of a false one: one for each data set.

    Where the σ of each activation are compared too, that takes the other half of the chance.
    """
    return len(by_data(results)) * (2 if foretold(results) else 1)


def judging(results: Sequence[Results]) -> list[str]:
    """When a difference between variants counts as more than noise."""
    of_leader = beside_leader(results)
    judged = [of for of in results if of_leader[of.setting.variant].known]
    if not judged:
        return [TOO_FEW] if {of.best.n for of in results} & {*range(2, FEWEST)} else []
    n, most = min(of.best.n for of in judged), max(map(len, by_data(judged)))
    among = f"{len(judged)} variants, paired by replicate"
    enough = factor(n - 2, _sets(results) * most)
    return [LUCK.format("the variant and the σ that were"), beyond_noise(among, enough)]


def _best_variant(
    group: Sequence[Results], of_leader: Mapping[str, Comparison], named: bool
) -> str:
    """The highest of the variants' best, and which of the others noise could put level with it."""
    first = leader(group)
    where = f"On {data(first.setting)}, " if named else ""
    topic = f"**Best.** {where}"
    if all(of.all_at_chance for of in group):
        return f"{topic}{'no' if where else 'No'} network learned."
    others = sorted((of for of in group if of is not first), key=lambda of: -of.best.test_accuracy)
    of_all = ", the highest of all" if others else ""
    at_best = f"{reached(first, first.best)} at {sigma(first.best)}"
    sentences = [f"{topic}{first.setting.variant} reaches {at_best}{of_all}."]
    level, behind, unknown = [], [], []
    for of in others:
        name, found = of.setting.variant, of_leader[of.setting.variant]
        if not (found.known and of_leader[first.setting.variant].known):
            unknown.append(f"{name} {reached(of, of.best)}")
        elif found.beyond_noise:
            off = f"{100 * found.difference:.2f} ± {100 * found.error:.2f} points"
            behind.append(f"{name} by {off}")
        else:
            level.append(name)
    if level:
        sentences.append(f"Within noise of that: {listed(level)}.")
    if behind:
        sentences.append(f"Behind, beyond noise: {listed(behind)}.")
    if unknown:
        sentences.append(
            f"Not judged, for want of replicates: {listed(unknown)}. Each is taken at the σ that "
            "is best on the same numbers, which flatters all."
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
    return [
        f"**Window.** Decades of σ within {A_POINT} of a variant's own best: {listed(told)}. Noise "
        "may move their edges."
    ]


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
