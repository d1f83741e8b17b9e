"""What is foretold of an activation's sigma, and what is said of the measured one beside it."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure

from stages.analysis.activation_scales import foretold, scales_of_activations
from stages.analysis.comparison import beside_leader, comparisons, judging
from stages.analysis.findings import Results
from stages.analysis.metrics import read_metrics
from stages.core.activations import ACTIVATIONS
from stages.figures.accuracy_vs_sigma import accuracy_vs_sigma
from stages.figures.slides import slides
from stages.figures.style import house_style
from stages.figures.variants import variants
from stages.report import read_evidence
from tests.conftest import write_params
from tests.models import aggregated, record, results_of, with_accuracies
from tests.readable import assert_readable
from tests.test_variants import narrow

SIGMAS = (0.1, 0.3162278, 1.0, 3.162278, 10.0)
FAN_IN = {"scale": "fan_in", "biases": "zero"}


def sweep(
    activation: str,
    finals: Sequence[float],
    variant: str | None = None,
    **changes: Any,
) -> Results:
    """Lone networks of one epoch, upon SIGMAS."""
    records = [record(sigma, [final]) for sigma, final in zip(SIGMAS, finals, strict=True)]
    changes.setdefault("sweep", FAN_IN)
    model = {"activation": activation, **changes.pop("model", {})}
    name = activation if variant is None else variant
    return results_of(records, name, model=model, **changes)


def peak(best: int) -> list[float]:
    return [0.96 - 0.02 * abs(place - best) for place in range(len(SIGMAS))]


def told(*results: Results) -> str:
    text = " ".join(scales_of_activations(results))
    assert "  " not in text
    return text


def test_the_best_sigma_stands_beside_both_that_were_foretold() -> None:
    text = told(sweep("relu", peak(2)), sweep("tanh", peak(4)), sweep("gelu", peak(0)))
    assert "on a grid of 0.50 decades" in text
    assert "**relu** is best at σ = 1, 0.15 decades below 1.41 (its critical σ and PyT" in text
    assert "**tanh** is best at σ = 10, the largest of the sweep, 1.00 decades above 1 (its" in text
    assert "0.78 decades above 1.67 (PyTorch's gain)" in text
    assert "below 1.47 (its critical σ, where χ₁ jumps from 0.54 to 1.08)" in text
    assert "below 1.53 (its gain, 1/√E[φ(z)²])" in text  # PyTorch has none for GELU
    # |log10| of 1/1.414, 10/1 and 0.1/1.468
    assert "below the critical σ in 2 of 3 and 1.00 decades off in the median" in text
    assert "at most 1.17 (gelu)" in text
    assert "Noise may have decided which σ is best." in text
    assert "within noise" not in text


def test_replicates_tell_which_sigmas_are_level_with_the_best() -> None:
    rng = np.random.default_rng(1)
    means = {"relu": [0.9, 0.97, 0.97, 0.8, 0.5], "sigmoid": [0.5, 0.9, 0.97, 0.9, 0.5]}
    made = [
        with_accuracies(
            sweep(name, of), np.array(of)[:, None] + 0.0005 * rng.standard_normal((5, 8))
        )
        for name, of in means.items()
    ]
    relu, sigmoid = scales_of_activations(made)[1:]
    assert "σ = 0.316 to 1 are within noise of that. Nothing beyond noise is lost at the σ " in relu
    assert "More than noise" not in relu
    assert "No other σ is within noise of that. Nothing beyond noise is lost at the σ " in sigmoid
    assert "nearest to its gain. More than noise is lost at the σ nearest to its crit" in sigmoid
    assert "each probability taken 4 times" in told(*made)


def test_one_sweep_is_told_as_well() -> None:
    alone = sweep("silu", peak(1), variant="")
    text = told(alone)
    assert "**SiLU** is best at σ = 0.316" in text
    assert "in the median" not in text
    assert "taken" not in text


def test_where_biases_start_as_weights_do_only_the_gain_is_foretold() -> None:
    [of] = foretold([sweep("tanh", peak(2), sweep={"scale": "fan_in", "biases": "sigma"})])
    assert list(of.scales) == ["gain"]
    [of] = foretold([sweep("tanh", peak(2), sweep={"scale": "fan_in", "biases": 0.2236068})])
    assert of.scales["critical σ"] ** 2 == pytest.approx(1.761, abs=5e-4)


OTHERS: dict[str, list[Results]] = {
    "equal activations": [sweep("relu", peak(2), f"v{lr}", train={"lr": lr}) for lr in (0.1, 1)],
    "one σ for all layers": [sweep(a, peak(2), sweep={}) for a in ("relu", "tanh")],
    "no learning": [sweep(a, [0.1] * 5) for a in ("relu", "tanh")],
    "a map": [
        sweep(a, peak(2), f"{a}{d}", model={"depth": d, "hidden": [8]})
        for a in ("relu", "tanh")
        for d in range(1, 6)
    ],
}


@pytest.mark.parametrize("name", OTHERS)
def test_of_others_nothing_is_foretold(name: str) -> None:
    assert scales_of_activations(OTHERS[name]) == []
    with house_style():
        labels = legend(variants(OTHERS[name]))
    assert not any("gain" in label for label in labels if name != "no learning")


def legend(figure: Figure) -> set[str]:
    return {text.get_text() for text in figure.legends[0].get_texts()}


def test_each_activation_has_a_row_with_marks_in_the_picture_and_on_a_slide() -> None:
    results = [sweep(name, peak(place % 5)) for place, name in enumerate(ACTIVATIONS)]
    with house_style():
        figure = variants(results)
        assert_readable(figure)
    axes = figure.axes[1]
    assert [label.get_text() for label in axes.get_yticklabels()] == [*ACTIVATIONS]
    marks: dict[str, list[float]] = {"|": [], "D": [], "*": []}
    for line in axes.get_lines():
        if (kind := line.get_marker()) in marks and len(xs := np.asarray(line.get_xdata())):
            marks[str(kind)].append(float(xs[0]))
    assert marks["D"] == [ACTIVATIONS[name].gain for name in ACTIVATIONS]
    assert marks["|"] == pytest.approx([1.414, 1.414, 1, 10.149, 1.468, 1.559, 1], abs=1e-3)
    assert marks["*"] == [SIGMAS[place % 5] for place in range(len(ACTIVATIONS))]
    expected = {"best σ", "critical σ of theory, where χ₁ = 1", "gain of Kaiming's scheme"}
    assert expected <= legend(figure)
    with house_style(slides=True):
        for _, slide in slides("accuracy_vs_sigma", variants(results)):
            assert_readable(slide)


def test_one_sweep_has_both_as_lines() -> None:
    with house_style():
        figure = accuracy_vs_sigma(sweep("tanh", peak(2), variant=""))
        assert_readable(figure)
    assert "critical σ of theory, where χ₁ = 1: σ = 1" in legend(figure)
    assert "gain of Kaiming's scheme: σ = 1.67" in legend(figure)


def test_equal_activations_are_hardly_ever_said_to_differ() -> None:
    """Neither among variants nor among the sigmas of one, in all that a report says."""
    rng, claims = np.random.default_rng(0), 0
    flat = [sweep(name, [0.97] * 5) for name in ("relu", "tanh", "silu")]
    for _ in range(200):
        noise = 0.0015 * rng.standard_normal((3, 5, 6))
        made = [with_accuracies(of, 0.97 + z) for of, z in zip(flat, noise, strict=True)]
        between = any(found.beyond_noise for found in beside_leader(made).values())
        claims += between or any(len(of.within_noise) < len(SIGMAS) for of in foretold(made))
    assert claims <= 19  # 5 % of 200, and three deviations of that


def test_so_many_standard_errors_are_enough_for_all_sets_of_comparisons() -> None:
    rng = np.random.default_rng(0)
    made = [
        with_accuracies(sweep(name, peak(2)), 0.9 + 0.01 * rng.standard_normal((5, 5)))
        for name in ("relu", "tanh", "silu")
    ]
    [_, judged] = judging(made)
    # Student's t, 3 degrees of freedom: 1 - 0.05 / (2 * 3 variants * 2 sets)
    assert "6.2 standard errors are always enough" in judged
    assert re.search(r"\*\*Activations\.\*\*", " ".join(comparisons(made)))


def test_the_report_of_one_sweep_has_it(tmp_path: Path) -> None:
    write_params(tmp_path, model={"hidden": [4, 3]}, sweep=FAN_IN)
    [metrics] = read_metrics(aggregated(tmp_path, narrow) / "metrics")
    assert any("**ReLU** is best at" in text for text in read_evidence(metrics, metrics.results()))
