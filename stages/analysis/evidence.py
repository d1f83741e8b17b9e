"""What was measured inside the networks, and beside named initialisers, in sentences."""

from collections.abc import Mapping, Sequence
from math import log10

import numpy as np

from stages.analysis.accuracy import CHANCE_CEILING, Point
from stages.analysis.baselines import Baseline
from stages.analysis.noise import paired_factor
from stages.analysis.tables import Table, layer_curve
from stages.analysis.wording import in_points, percent, sigma


def named_initialisers(named: Sequence[Baseline]) -> list[str]:
    """Each named initialiser against the best sigma."""
    if not named:
        return []
    clauses = [
        f"{baseline.initializer} reaches {percent(baseline.test_accuracy)}, "
        f"{in_points(abs(baseline.difference))} "
        f"{'above' if baseline.difference > 0 else 'below'} "
        f"(± {100 * baseline.difference_error:.2f}, {_verdict(baseline)})"
        for baseline in named
    ]
    error = (
        "differences are paired: replicates share noise and batches"
        if named[0].n > 1
        else "± counts the test images alone"
    )
    best = f"the best σ, {named[0].best_sigma:.3g}"
    return [f"**Named initialisers.** Against {best}: {'; '.join(clauses)}. Here {error}."]


def vanishing_and_exploding(points: Sequence[Point], best: Point, probes: Table) -> list[str]:
    """How the first layer's gradient before training goes with sigma, and whether it mattered."""
    gradient = layer_curve(probes, "gradient_norm", layer=1, epoch=0)
    norm = dict(zip(gradient.sigma, gradient.mean, strict=True))
    sentences = []
    for end, failing in ((points[0], "vanish"), (points[-1], "explode")):
        ratio = norm[end.sigma] / norm[best.sigma]
        if end is best or not (np.isfinite(ratio) and ratio > 0):
            continue
        learned = "at chance" if end.test_accuracy <= CHANCE_CEILING else "which learned"
        sentences.append(
            f"At {sigma(end)} the gradient of the first layer's weights starts at "
            f"{norm[end.sigma]:.2g}, {abs(log10(ratio)):.1f} decades "
            f"{'below' if ratio < 1 else 'above'} the {norm[best.sigma]:.2g} at {sigma(best)}; "
            f"training ended at {percent(end.test_accuracy)}"
            f"{_stance(ratio, failing, learned)}."
        )
    return [f"**Gradients.** {' '.join(sentences)}"] if sentences else []


def movement(points: Sequence[Point], probes: Table) -> list[str]:
    """How far training moved the first layer, at both ends."""
    moved = layer_curve(probes, "movement", layer=1, epoch=probes["epoch"].max())
    of_sigma = dict(zip(moved.sigma, moved.mean, strict=True))
    ends = [points[0], points[-1]] if len(points) > 1 else [points[0]]
    told = [f"{of_sigma[p.sigma]:.3g} times its initial norm at {sigma(p)}" for p in ends]
    return [f"**Movement.** Training moved the first layer's weights by {' and '.join(told)}."]


def theory(errors: Mapping[str, Mapping[str, float | None]]) -> list[str]:
    """How well the wide-layer theory foretells what was measured before training."""
    told = []
    for quantity, name in (("activation_rms", "outputs"), ("gradient_norm", "gradients")):
        of_layers = [error for key, error in errors.items() if key.startswith(quantity)]
        means = [error["mean_abs_log10_error"] for error in of_layers]
        known = [f"{mean:.3f}" for mean in means if mean is not None]
        if known:
            told.append(f"{name} within {', '.join(known)} decades")
    if not told:
        return []
    return [
        f"**Theory.** The variance recursion foretells, from the first layer to the last, "
        f"{' and '.join(told)} (mean over σ)."
    ]


def _stance(ratio: float, failing: str, learned: str) -> str:
    expected = ratio < 1 if failing == "vanish" else ratio > 1
    if not expected:
        return ""
    if learned == "at chance":
        return f", chance: gradients {failing}"
    return f": gradients {failing}, and yet it learned"


def _verdict(baseline: Baseline) -> str:
    noise = paired_factor(baseline.n) * baseline.difference_error
    if abs(baseline.difference) <= noise:
        return "within noise"
    return "beyond noise" if baseline.n > 1 else "more than the test images explain"
