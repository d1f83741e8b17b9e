"""Variants, modules, other data and networks without weights, from made-up models to the report."""

import csv
import json
import math
import re
from itertools import combinations, pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text

from stages import report
from stages.analysis.comparison import comparisons
from stages.analysis.depth import depth_theory
from stages.analysis.findings import findings
from stages.analysis.grid import find_grid
from stages.analysis.metrics import read_metrics
from stages.core.trial import Trial
from stages.figures.map import variant_map
from stages.figures.pictures import pictures
from stages.figures.slides import slides
from stages.figures.style import house_style
from stages.figures.variants import spread_out
from stages.figures.variants import variants as draw_variants
from tests.conftest import PICTURES, run_stage, write_params, write_raw
from tests.maps import RATES, inside, over_rates, row_of
from tests.models import (
    aggregated,
    module_of,
    record,
    results_of,
    setting_of,
    small_data,
    write_models,
)
from tests.readable import assert_readable

OPTIMISERS: dict[str, Any] = {
    "adam": {},
    "sgd": {"train": {"optimizer": "sgd", "lr": 0.01}},
    "momentum": {"train": {"optimizer": "momentum", "lr": 0.01}},
}
TINY: dict[str, Any] = {"hidden": [4, 3]}


def narrow(variant: str, trial: Trial) -> list[float]:
    """Adam learns everywhere, the others near 0.03 alone."""
    distance = abs(math.log10((trial.start.sigma or 0.03) / 0.03))
    return [0.95 if variant == "adam" else max(0.1, 0.93 - 0.6 * distance)] * trial.records


def told(folder: Path) -> str:
    """Report `folder`; the report."""
    report.main(folder)
    return (folder / "metrics" / "report.md").read_text(encoding="utf-8")


def figures_of(folder: Path) -> dict[str, Figure]:
    """All pictures, not yet drawn."""
    with house_style():
        figures = pictures(read_metrics(folder / "metrics"))
    assert {f"{name}.png" for name in figures} == PICTURES
    return figures


def words(figure: Figure) -> str:
    texts = (text.get_text() for text in figure.findobj(Text) if isinstance(text, Text))
    return " ".join(texts).replace("\n", " ")


def rows(folder: Path, name: str) -> list[dict[str, str]]:
    with (folder / "metrics" / name).open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def optimisers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a study, which the doors of all later stages were given."""
    project = tmp_path_factory.mktemp("optimisers")
    study = project / "study"
    study.mkdir()
    write_params(study, model=TINY, variants=OPTIMISERS)
    write_models(study, narrow)
    (project / "data").mkdir()
    (study / "data" / "raw").rename(project / "data" / "raw")
    for stage in ("aggregate", "plot", "report"):
        run_stage(project, stage, "study")
    return study


def test_every_table_names_the_variant_first(optimisers: Path) -> None:
    tables = {path.name for path in (optimisers / "metrics").glob("*.csv")}
    assert len(tables) == 10
    for name in tables - {"baselines.csv"}:
        found = rows(optimisers, name)
        assert next(iter(found[0])) == "variant"
        assert list(dict.fromkeys(row["variant"] for row in found)) == list(OPTIMISERS)
    summary = json.loads((optimisers / "metrics" / "summary.json").read_text())
    assert list(summary) == list(OPTIMISERS)
    assert summary["adam"]["best_accuracy"] == pytest.approx(0.95)


def test_variants_are_compared_in_one_picture_and_one_report(optimisers: Path) -> None:
    text = (optimisers / "metrics" / "report.md").read_text(encoding="utf-8")
    assert "9 networks (12-4-3-10, ReLU) were trained on MNIST, in 3 variants that" in text
    assert "differ in `train.lr` and `train.optimizer`." in text
    assert re.search(r"\| sgd \| 0.01 \| SGD \| 0.0316 \| 91\.\d\d% \|", text)
    assert "adam reaches 95.00 % at σ = 0.001, the highest of all." in text
    figures = figures_of(optimisers)
    looked_into = {n for n, figure in figures.items() if ": adam " in f"{words(figure)} "}
    assert looked_into == {"signals", "weight_histograms", "before_after", "features"}
    answers = json.loads((optimisers / "metrics" / "answer.json").read_text())
    assert {name: answer["at_chance"] for name, answer in answers.items()} == {
        "adam": 0,
        "sgd": 2,
        "momentum": 2,
    }


def test_the_doors_take_the_folder_of_a_study(optimisers: Path) -> None:
    assert {path.name for path in (optimisers / "plots").iterdir()} == PICTURES
    assert {path.name for path in optimisers.parent.iterdir()} == {"study", "data"}


def test_variants_on_other_data_are_not_held_against_each_other(tmp_path: Path) -> None:
    write_params(tmp_path, model=TINY, variants={"a": {}, "b": {"data": {"name": "fashion_mnist"}}})
    data = {"mnist": small_data(), "fashion_mnist": small_data(classes=4)}
    text = told(aggregated(tmp_path, narrow, data=data))
    assert "were trained on MNIST and Fashion-MNIST" in text
    assert "On MNIST, a reaches" in text
    assert "On Fashion-MNIST, b reaches" in text
    assert "highest of all" not in text
    assert "On Fashion-MNIST, b reaches" in words(figures_of(tmp_path)["accuracy_vs_sigma"])
    chances = {row["variant"]: float(row["chance"]) for row in rows(tmp_path, "accuracy.csv")}
    assert chances == {"a": 0.1, "b": 0.25}


def test_chance_and_wording_are_those_of_the_data(tmp_path: Path) -> None:
    folder = {"name": "folder", "path": "my/a_b"}
    write_params(tmp_path, model={**TINY, "activation": "tanh"}, data=folder)
    models = {"folder": small_data(classes=3, chance=0.7)}
    write_raw(tmp_path / "my" / "a_b", models["folder"])
    text = told(aggregated(tmp_path, lambda *_: [0.74, 0.74], data=models))
    assert "No network learned at any σ: each ended at chance (77.94 % or less)" in text
    assert "(12-4-3-3, tanh)" in text
    assert "trained on my/a&#95;b." in text
    figures = figures_of(tmp_path)
    assert "No network learned at any σ" in words(figures["map"])
    assert "12-4-3-3, tanh" in words(figures["signals"])
    assert not re.search("MNIST|ReLU", " ".join([text, *map(words, figures.values())]))


def test_a_module_has_names_of_layers_and_no_theory(tmp_path: Path) -> None:
    module = module_of((5, 3, 2, 2))  # its first layer sees no image
    write_params(tmp_path, model={"network": module.path}, sweep={"biases": "zero"})
    aggregated(tmp_path, narrow, modules={(module.path, "mnist"): module})
    text = told(tmp_path)
    assert rows(tmp_path, "theory.csv") == []
    assert "(Small of networks/small.py)" in text
    assert "weights from N(0, σ²), biases 0, gains of normalisation 1" in text
    assert "Theory" not in text
    assert "theory" not in text
    setting = read_metrics(tmp_path / "metrics")[0].setting
    fans = [(layer.name, layer.fan_in, layer.fan_out) for layer in setting.layers]
    assert fans == [("conv", 12, 20), ("out", 20, 10)]
    figures = figures_of(tmp_path)
    assert {"conv", "out"} <= {t.get_text() for t in figures["signals"].legends[0].get_texts()}
    assert "first layer of Small" in words(figures["features"])
    for name in ("signals", "features"):
        assert_readable(figures[name])


def test_without_weights_pictures_of_them_say_why_and_the_report_has_none(tmp_path: Path) -> None:
    asked = {"keep_weights": False, "initializers": ["orthogonal"]}
    write_params(tmp_path, model=TINY, sweep=asked)
    text = told(aggregated(tmp_path, narrow))
    figures = figures_of(tmp_path)
    of_weights = {n for n, figure in figures.items() if "keep_weights: false" in words(figure)}
    assert of_weights == {"weight_histograms", "before_after", "features"}
    for name in of_weights:
        assert_readable(figures[name])
    for name in ("histograms.csv", "layers.csv", "distributions.csv", "theory.csv"):
        assert rows(tmp_path, name) == []
    linked = set(re.findall(r"\(\.\./plots/(.+?)\.png\)", text))
    assert linked == set(figures) - of_weights
    assert "orthogonal ends at" in text


def test_steps_shorter_than_an_epoch_are_told_as_steps(tmp_path: Path) -> None:
    def course(_: str, trial: Trial) -> list[float]:
        return [0.8] * trial.records

    write_params(tmp_path, model=TINY, train={"steps": 3})  # of 5 in an epoch
    text = told(aggregated(tmp_path, course))
    assert "| training | 3 steps, batches of 64 |" in text
    assert "| final accuracy | at step 3 |" in text
    assert "first epoch" not in text.split("## Numbers")[1]
    setting = read_metrics(tmp_path / "metrics")[0].setting
    assert setting.length == "3 steps"
    figures = figures_of(tmp_path)
    assert all("after 3 steps" in words(figures[name]) for name in ("signals", "features"))


def test_an_unfinished_epoch_is_told_as_its_step() -> None:
    records = [record(sigma, [0.5, 0.8]) for sigma in (0.01, 0.1)]
    results = results_of(records, train={"steps": 1500})  # of 938 in an epoch
    assert "rose by 30.00 points from epoch 1 to step 1500" in " ".join(findings(results))


def test_with_fan_in_scale_layers_are_measured_in_units_of_their_own(tmp_path: Path) -> None:
    write_params(
        tmp_path, model=TINY, sweep={"scale": "fan_in", "initializers": ["kaiming_normal"]}
    )
    aggregated(tmp_path, narrow)
    [setting] = [metrics.setting for metrics in read_metrics(tmp_path / "metrics")]
    assert [setting.he(layer) for layer in setting.layers] == pytest.approx([math.sqrt(2)] * 3)
    assert (setting.textbook.low, setting.textbook.high) == (0.1, 10)
    [named] = rows(tmp_path, "baselines.csv")
    # Made-up weights of a scheme have the deviation 1 / √fan-in.
    assert [*map(float, named["layer_sigmas"].split())] == pytest.approx([1.0] * 3, rel=0.5)
    assert "standard deviation of initial weights times √fan-in" in told(tmp_path)
    figures = figures_of(tmp_path)
    for name in ("accuracy_vs_sigma", "map", "signals", "weight_histograms"):
        assert "times √fan-in" in words(figures[name])


def test_a_textbook_speaks_of_the_network_at_hand() -> None:
    shipped = setting_of().textbook
    assert (shipped.low, shipped.high) == (0.001, 1.0)
    wide = setting_of(model={"hidden": [100_000]}).textbook
    assert wide.low < shipped.low


DEPTHS = {
    f"{activation}-{depth}": {
        "model": {"depth": depth, "activation": activation, "hidden": [4]},
        "sweep": {"biases": biases},
    }
    for activation, biases in (("tanh", 0.2236068), ("relu", "zero"))
    for depth in (2, 5, 11)
}
EVEN = [float(f"{math.sqrt(x):.8g}") for x in np.linspace(1, 4, 4)]


def test_depths_and_activations_make_a_map_with_theory(tmp_path: Path) -> None:
    asked = {"sigmas": EVEN, "scale": "fan_in", "keep_weights": False, "initializers": []}
    write_params(tmp_path, sweep=asked, variants=DEPTHS)
    text = told(aggregated(tmp_path, narrow))
    assert "../plots/map.png" in text
    results = [metrics.results() for metrics in read_metrics(tmp_path / "metrics")]
    grid = find_grid(results)
    assert grid is not None
    assert grid.parameter == "model.depth"
    assert grid.of_variance
    assert {panel.title: tuple(panel.numbers) for panel in grid.panels} == {
        "tanh, σ_b = 0.224": (2, 5, 11),
        "ReLU, σ_b = 0": (2, 5, 11),
    }
    relu = depth_theory(grid.panels[1].rows[0].setting)
    assert relu is not None
    assert relu.critical == pytest.approx(2)
    assert relu.scale(1.0) == pytest.approx(1 / math.log(2))
    figure = figures_of(tmp_path)["map"]
    assert_readable(figure)
    lines = {"6 ξ", "6 / |log χ₁|", "χ₁ = 1"}
    marks = {"6 ξ, measured", "6 / |log χ₁|, measured"}
    assert {text.get_text() for text in figure.legends[0].get_texts()} == lines | marks
    assert "Measured before training, where the deepest networks are 6 scales deep: tanh" in text


def test_depths_of_two_lengths_and_activations_are_four_panels() -> None:
    results = [
        row_of(
            EVEN,
            lambda _: 0.9,
            lambda _: inside(gradient_growth=0.2, cosine_decay=0.2, signal_growth=0.2),
            f"{activation}-{steps}-{depth}",
            train={"steps": steps},
            model={"depth": depth, "activation": activation, "hidden": [128]},
            sweep={"scale": "fan_in", "biases": "zero"},
        )
        for activation in ("tanh", "relu")
        for steps in (300, 2000)
        for depth in (5, 11, 25)
    ]
    for slide in (False, True):
        with house_style(slides=slide):
            figure = variant_map(results)
            shown = list(slides("map", figure)) if slide else []
            assert_readable(figure)
    panels = {axes.get_title("left"): axes for axes in figure.axes if axes.get_subplotspec()}
    titles = [f"{name}, {steps} steps" for name in ("tanh", "ReLU") for steps in (300, 2000)]
    assert list(panels) == titles
    assert len(shown) == 2
    marks = [line.get_label() for line in panels["ReLU, 300 steps"].get_lines()]
    assert marks == ["6 ξ", "χ₁ = 1", "6 ξ, measured", "6 / |log χ₁|, measured"]


def test_edges_over_learning_rates_are_drawn_where_they_lie() -> None:
    results = [
        *over_rates("adam", lambda lr: 85 * lr, RATES["adam"]),
        *over_rates("sgd", lambda _: 0.1, RATES["sgd"]),
        *over_rates("momentum", lambda _: 0.1, RATES["momentum"]),
    ]
    with house_style():
        figure = variant_map(results)
        assert_readable(figure)
    adam, sgd, momentum = (
        {str(line.get_label()): line.get_xydata() for line in axes.get_lines()}
        for axes in figure.axes[:3]
    )
    sigmas, rates = np.transpose(adam["foretold: displacement of weights"])
    assert sigmas[:8] == pytest.approx(85 * rates[:8])
    sigmas, rates = np.transpose(adam["measured: 1 point below the best"])
    assert np.abs(np.log10(sigmas / (85 * rates))).max() < 0.25
    for panel, rate in ((sgd, 0.1), (momentum, 0.19)):
        foretold = panel["foretold: 2 (1 + momentum) / sharpness"]
        assert np.transpose(foretold)[1] == pytest.approx(np.full(21, rate))
        assert np.shape(panel["measured: half way to the best"]) == (21, 2)
    assert len(figure.legends[0].get_texts()) == 4
    assert [axes.get_ylim()[1] > 1 for axes in figure.axes[:3]] == [False, True, True]


def test_a_report_says_how_well_edges_were_foretold(tmp_path: Path) -> None:
    rates = {f"{lr:g}": {"train": {"lr": lr}} for lr in (0.0001, 0.001)}

    def course(_: str, trial: Trial) -> list[float]:
        return [0.9 if trial.start.sigma == 0.01 else 0.5] * trial.records

    write_params(tmp_path, model=TINY, sweep={"sigmas": [0.01, 0.1, 1]}, variants=rates)
    report = told(aggregated(tmp_path, course))  # whose weights moved by 0.1 an epoch
    assert (
        "**Foretold.** The right edge of Adam (1 point below the best of a learning rate) is"
        in report
    )
    assert "(2 of 2 learning rates; σ are 1.00 decades apart)." in report


@pytest.mark.parametrize(
    ("variants", "parameter"),
    [
        ({f"lr-{lr:g}": {"train": {"lr": lr}} for lr in (0.001, 0.01, 0.1)}, "train.lr"),
        (OPTIMISERS, None),
        ({"tanh": {"model": {"activation": "tanh"}}, "relu": {}}, None),
    ],
    ids=["learning rates", "optimisers", "words"],
)
def test_a_map_is_by_the_number_in_which_variants_differ_or_else_by_their_names(
    variants: dict[str, Any], parameter: str | None
) -> None:
    results = [
        results_of([record(sigma, [0.9]) for sigma in (0.01, 0.1)], name, **overrides)
        for name, overrides in variants.items()
    ]
    grid = find_grid(results)
    assert (grid.parameter if grid else None) == parameter
    with house_style():
        figure = variant_map(results)
        assert_readable(figure)
    axes = figure.axes[0]
    assert axes.get_ylabel().startswith("learning rate" if parameter else "variant")
    beside = [label.get_text() for label in axes.get_yticklabels()]
    assert beside == (["0.001", "0.01", "0.1"] if parameter else list(variants)[::-1])


EXTREMES: dict[str, tuple[int, list[float], float, bool]] = {
    "one sigma": (3, [0.05], 0.9, False),
    "all diverged": (3, [1e5, 1e6], 0.098, True),
    "all at chance": (4, [0.01, 0.1], 0.1135, False),
    "ten decades": (9, [1e-30, 1e-8, 1e6], 0.9, False),
    "neighbours": (2, [0.05, 0.0500001, 0.0500002], 0.9, False),
    "forty": (40, [0.01, 0.1, 1.0], 0.9, False),
    "hundred": (100, [0.01, 0.1], 0.5, True),
}


@pytest.mark.parametrize("name", EXTREMES)
@pytest.mark.parametrize("by", ["words", "numbers"])
def test_extremes_of_variants_are_readable(name: str, by: str) -> None:
    count, sigmas, accuracy, diverged = EXTREMES[name]
    results = [
        results_of(
            [record(sigma, [accuracy - i / 1000], diverged=diverged) for sigma in sigmas],
            f"a-variant-with-a-rather-long-name-{i}",
            train={"lr": 0.001 * (i + 1)} if by == "numbers" else {},
            model={} if by == "numbers" else {"hidden": [i + 1, 3]},
        )
        for i in range(count)
    ]
    with house_style():
        figure = draw_variants(results)
        assert_readable(figure)
        assert_names_do_not_touch(figure)
        assert_readable(variant_map(results))
    text = " ".join(comparisons(results))
    assert not re.search(r"\bnan\b|\binf\b|\b1 others\b|0\.00 points", text)
    assert ("no network learned" in text.lower()) == (accuracy < 0.2)


def assert_names_do_not_touch(figure: Figure) -> None:
    texts = [t for t in figure.findobj(Text) if isinstance(t, Text)]
    names = [t for t in texts if re.fullmatch("\\S+name-\\d+", t.get_text())]
    assert len(names) > 1 or figure.axes[1:]  # a scale of colours
    boxes = [Text.get_window_extent(name) for name in names]  # without the line to it
    assert not any(one.overlaps(other) for one, other in combinations(boxes, 2))


def test_the_lines_of_few_variants_differ_in_colour_and_kind() -> None:
    results = [
        results_of([record(s, [0.9]) for s in (0.01, 0.1)], f"v{i}", model={"hidden": [i + 1]})
        for i in range(9)
    ]
    with house_style():
        axes = draw_variants(results).axes[0]
    lines = axes.get_lines()[:9]
    assert len({(line.get_color(), line.get_linestyle()) for line in lines}) == 9
    assert len({line.get_marker() for line in lines}) == 9


def test_places_are_spread_out_and_stay_within() -> None:
    for places in ([0.5, 0.5, 0.5], [0.97, 0.98, 0.99], [0.0, 0.01, 0.9]):
        moved = spread_out(places, 0.1)
        assert all(b - a > 0.0999 for a, b in pairwise(moved))
        assert moved[0] >= 0
        assert moved[-1] <= 1
