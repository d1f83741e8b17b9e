"""What was measured inside the networks, and beside named initialisers, in sentences."""

from collections.abc import Mapping, Sequence
from math import inf, isfinite, isnan, log10

from stages.analysis.accuracy import Point, has_learned, learned, learned_well
from stages.analysis.baselines import Baseline
from stages.analysis.findings import Results, beside_best, reached
from stages.analysis.first_layer import AFTER, BEFORE
from stages.analysis.holdout import Holdout
from stages.analysis.tables import Table, layer_curve, standard_error
from stages.analysis.wording import percent, rounded, sigma
from stages.process.pace import counted

FAR_OFF, LEVEL = 1, 0.05
"""Decades from which on a gradient counts as vanishing or exploding, and below which as equal."""

SMOOTH, ROUGH = 0.5, 0.1
"""Spatial autocorrelation from which on images are called smooth, and below which noise."""

FEW = 4
"""Layers of which each has its number in a sentence; of more only the extremes."""


def named_initialisers(results: Results) -> list[str]:
    """Each named initialiser against the best sigma, where that has learned."""
    holdout = results.setting.holdout
    if not results.named:
        return []
    comparable = not incomparable(results)
    told = [
        f"{named.initializer} ends at {reached(results, named)}"
        + beside_best(results, named) * comparable
        + _troubles(named, holdout)
        for named in results.named
    ]
    but = "" if comparable else _but_the_best(results)
    return [f"**Named initialisers.** {'; '.join(told)}{but}."]


def vanishing_and_exploding(results: Results, probes: Table) -> list[str]:
    """How the first layer's gradient before training goes with sigma, and whether it mattered."""
    points, best = results.points, results.best
    gradient = layer_curve(probes, "gradient_norm", layer=1, epoch=0)
    norm = dict(zip(gradient.sigma, gradient.mean, strict=True))
    if incomparable(results):
        starts = [
            f"{_starts(norm[end.sigma])} at {sigma(end)}"
            for end in dict.fromkeys((points[0], points[-1]))
        ]
        first = "**Gradients.** The gradient of the first layer's weights"
        nothing = "; no network learned" if results.all_at_chance else _but_the_best(results)
        return [f"{first} {' and '.join(starts)}{nothing}."]
    told = [
        _gradient(end, norm[end.sigma], best, norm[best.sigma])
        for end in (points[0], points[-1])
        if end is not best
    ]
    return [f"**Gradients.** {' '.join(told)}"] if told else []


def movement(points: Sequence[Point], probes: Table) -> list[str]:
    """How far training moved the first layer, at both ends."""
    last = probes["epoch"].max()
    relative, absolute = (
        layer_curve(probes, column, layer=1, epoch=last) for column in ("movement", "displacement")
    )
    of_sigma = {
        sigma: _moved(norm, size)
        for sigma, norm, size in zip(relative.sigma, relative.mean, absolute.mean, strict=True)
    }
    ends = dict.fromkeys([points[0], points[-1]])
    told = [f"{of_sigma[end.sigma]} at {sigma(end)}" for end in ends]
    return [f"**Movement.** Training moved the first layer's weights {' and '.join(told)}."]


def _moved(relative: float, absolute: float) -> str:
    """Both distances, the latter a root mean square over weights."""
    known = f" (a root mean square of {absolute:.2g})" if 0 < absolute < inf else ""
    return f"{distance(relative)}{known}"


def first_layer_images(results: Results, features: Mapping[str, Table]) -> list[str]:
    """How smooth the weights of first-layer units are as images, before and after training.

    At the ends of the sweep and at its best; nothing where features.csv has no rows.
    """
    if not features[AFTER]["sigma"].size:
        return []
    best = [] if incomparable(results) else [results.best]
    points = dict.fromkeys([results.points[0], *best, results.points[-1]])
    told = [
        _smoothened(point, *(_autocorrelation(features[m], point.sigma) for m in (BEFORE, AFTER)))
        for point in points
    ]
    return [
        "**First layer.** Spatial autocorrelation of a unit's weights (Moran's I; 1: smooth, "
        "0: noise), its mean over all units before training and after, ± standard error: "
        f"{'; '.join(told)}."
    ]


def _autocorrelation(features: Table, of_sigma: float) -> tuple[float, float]:
    """Its mean, and the error of that: over replicates, or over the units of a lone network."""
    mine = features["sigma"] == of_sigma
    values, errors = (features[name][mine] for name in ("autocorrelation", "standard_error"))
    error = standard_error(values) if len(values) > 1 else errors[0]
    return float(values.mean()), float(error)


def _smoothened(point: Point, before: tuple[float, float], after: tuple[float, float]) -> str:
    """Both means with the error of the latter, and what they mean."""
    if isnan(before[0]) or isnan(after[0]):
        return f"unknown at {sigma(point)}, where weights overflowed"
    judged = ""
    if max(abs(before[0]), abs(after[0])) < ROUGH:
        judged = ", noise remains"
    elif before[0] < SMOOTH <= after[0]:
        judged = ", smooth patterns grow"
    error = f" ± {after[1]:.3f}" * isfinite(after[1])
    means = " and ".join(rounded(mean, 3) for mean, _ in (before, after))
    return f"{means}{error} at {sigma(point)}{judged}"


def theory(errors: Mapping[str, Mapping[str, float | None]]) -> list[str]:
    """How well the wide-layer theory foretells what was measured, where it says anything."""
    if not errors:
        return []
    told = []
    quantities = (
        ("activation_rms", "outputs"),
        ("gradient_norm", "gradients"),
        ("cosine", "cosines between outputs for two images"),
    )
    for quantity, name in quantities:
        of_layers = [error for key, error in errors.items() if key.startswith(quantity)]
        told.append(_theory_error(name, [error["mean_abs_log10_error"] for error in of_layers]))
    return [
        "**Theory.** From the first layer to the last, and on average over σ, the variance "
        f"recursion is off before training: {'; '.join(told)}."
    ]


def incomparable(results: Results) -> bool:
    """Whether nothing is to be compared with the best: it is best by chance, as it was before."""
    return results.all_at_chance or not has_learned(results.best)


def _but_the_best(results: Results) -> str:
    """Why nothing is compared with the best though some network learned."""
    if results.all_at_chance:
        return ""
    best = results.best
    return f"; the best, {sigma(best)}, did not learn, so that nothing is compared with it"


def _theory_error(name: str, means: Sequence[float | None]) -> str:
    """The errors of all layers, in decades; None where nothing could be compared."""
    known = [mean for mean in means if mean is not None]
    if not known:
        return f"{name} cannot be compared, as all overflowed or are zero"
    if len(known) > FEW:
        off = f"{min(known):.3f} to {max(known):.3f} decades in {len(known)} layers"
    else:
        off = f"{', '.join(f'{mean:.3f}' for mean in known)} decades"
    missing = len(means) - len(known)
    left_out = f", with {counted(missing, 'other layer')} not to be compared" if missing else ""
    return f"{name} by {off}{left_out}"


def distance(movement: float) -> str:
    """How far weights moved, relative to their initial norm."""
    if movement == 0:
        return "not at all"
    if not isfinite(movement):
        return "further than numbers reach"
    return f"by {float(f'{movement:.3g}'):,.12g} times their initial norm"


def _troubles(baseline: Baseline, holdout: Holdout) -> str:
    """What is to be added of a baseline that did not learn, or diverged."""
    ends = baseline.test_accuracy, baseline.untrained_test_accuracy
    no_learning = not learned(*ends, holdout)
    return (", which is no learning" if no_learning else "") + (
        f", {baseline.diverged} of {baseline.n} diverged" if baseline.diverged else ""
    )


def _starts(norm: float) -> str:
    return f"starts at {norm:.2g}" if isfinite(norm) else "overflows"


def _gradient(end: Point, norm: float, best: Point, norm_of_best: float) -> str:
    """The gradient at an end of the sweep beside that at the best sigma."""
    decades, compared = inf if norm > 0 or isnan(norm) else -inf, ""
    if 0 < norm < inf and 0 < norm_of_best < inf:
        decades = log10(norm / norm_of_best)
        side = "below" if decades < 0 else "above"
        distance = f"{abs(decades):.1f} decades {side}"
        if abs(decades) < LEVEL:
            distance = "level with"
        compared = f", {distance} the {norm_of_best:.2g} at {sigma(best)}"
    clause = (
        f"At {sigma(end)} the gradient of the first layer's weights {_starts(norm)}{compared}; "
        f"training ended at {percent(end.test_accuracy)}"
    )
    if abs(decades) < FAR_OFF:
        return f"{clause}."
    outcome = (
        "and yet it learned"
        if learned_well(end, best.test_accuracy)
        else "and it learned little"
        if has_learned(end)
        else "and it did not learn"
    )
    return f"{clause}: gradients {'vanish' if decades < 0 else 'explode'}, {outcome}."
