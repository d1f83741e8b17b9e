"""What was measured inside the networks, and beside named initialisers, in sentences."""

from collections.abc import Mapping, Sequence
from math import inf, isfinite, isnan, log10

from stages.analysis.accuracy import Point, learning_bar
from stages.analysis.baselines import Baseline
from stages.analysis.noise import judge
from stages.analysis.tables import Table, layer_curve
from stages.analysis.wording import in_points, percent, sigma

FAR_OFF = 1
"""Decades from which on a gradient counts as vanishing or exploding."""


def named_initialisers(named: Sequence[Baseline]) -> list[str]:
    """Each named initialiser against the best sigma."""
    if not named:
        return []
    clauses = [
        f"{baseline.initializer} reaches {percent(baseline.test_accuracy)}, "
        f"{_compared(baseline.difference)} "
        f"(± {100 * baseline.difference_error:.2f}, "
        f"{judge(baseline.difference, baseline.difference_error, baseline.n)})"
        + (f", {baseline.diverged} of {baseline.n} diverged" if baseline.diverged else "")
        for baseline in named
    ]
    error = (
        "differences are paired: replicates share seed and batches"
        if named[0].n > 1
        else "± counts the test images alone"
    )
    best = f"the best σ, {named[0].best_sigma:.3g}"
    return [f"**Named initialisers.** Against {best}: {'; '.join(clauses)}. Here {error}."]


def vanishing_and_exploding(points: Sequence[Point], best: Point, probes: Table) -> list[str]:
    """How the first layer's gradient before training goes with sigma, and whether it mattered."""
    gradient = layer_curve(probes, "gradient_norm", layer=1, epoch=0)
    norm = dict(zip(gradient.sigma, gradient.mean, strict=True))
    bar = learning_bar(best.test_accuracy)
    told = [
        _gradient(end, norm[end.sigma], best, norm[best.sigma], end.test_accuracy > bar)
        for end in (points[0], points[-1])
        if end is not best
    ]
    return [f"**Gradients.** {' '.join(told)}"] if told else []


def movement(points: Sequence[Point], probes: Table) -> list[str]:
    """How far training moved the first layer, at both ends."""
    moved = layer_curve(probes, "movement", layer=1, epoch=probes["epoch"].max())
    of_sigma = dict(zip(moved.sigma, moved.mean, strict=True))
    ends = [points[0], points[-1]] if len(points) > 1 else [points[0]]
    told = [
        f"{of_sigma[end.sigma]:.3g} times its initial norm at {sigma(end)}"
        if isfinite(of_sigma[end.sigma])
        else f"further than numbers reach at {sigma(end)}"
        for end in ends
    ]
    return [f"**Movement.** Training moved the first layer's weights by {' and '.join(told)}."]


def theory(errors: Mapping[str, Mapping[str, float | None]]) -> list[str]:
    """How well the wide-layer theory foretells what was measured before training."""
    told = []
    for quantity, name in (("activation_rms", "outputs"), ("gradient_norm", "gradients")):
        of_layers = [error for key, error in errors.items() if key.startswith(quantity)]
        means = [error["mean_abs_log10_error"] for error in of_layers]
        known = ["unknown" if mean is None else f"{mean:.3f}" for mean in means]
        told.append(f"{', '.join(known)} decades for {name}")
    return [
        "**Theory.** The variance recursion is off, on average over σ and from the first layer to "
        f"the last, by {' and '.join(told)}."
    ]


def _compared(difference: float) -> str:
    if difference == 0:
        return "equal to it"
    return f"{in_points(abs(difference))} {'above' if difference > 0 else 'below'}"


def _gradient(end: Point, norm: float, best: Point, norm_of_best: float, learned: bool) -> str:
    """The gradient at an end of the sweep beside that at the best sigma."""
    starts = f"starts at {norm:.2g}" if isfinite(norm) else "overflows"
    decades, compared = inf if norm > 0 or isnan(norm) else -inf, ""
    if 0 < norm < inf and 0 < norm_of_best < inf:
        decades = log10(norm / norm_of_best)
        side = "below" if decades < 0 else "above"
        compared = f", {abs(decades):.1f} decades {side} the {norm_of_best:.2g} at {sigma(best)}"
    clause = (
        f"At {sigma(end)} the gradient of the first layer's weights {starts}{compared}; "
        f"training ended at {percent(end.test_accuracy)}"
    )
    if abs(decades) < FAR_OFF:
        return f"{clause}."
    outcome = "and yet it learned" if learned else "and it did not learn"
    return f"{clause}: gradients {'vanish' if decades < 0 else 'explode'}, {outcome}."
