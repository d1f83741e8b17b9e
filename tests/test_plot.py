"""The plot door on small metrics files, and the templates of `dvc plots` under real DVC."""

import copy
import json
import math
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from io import BytesIO
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import vl_convert
import yaml
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image
from safetensors.numpy import save

from stages import page, plot
from stages.analysis.accuracy import accuracy_points
from stages.analysis.captions import accuracy, weights
from stages.analysis.histograms import Histogram
from stages.analysis.metrics import read_metrics
from stages.core.records import Record
from stages.core.starts import SCHEMES
from stages.core.trial import Trial
from stages.figures import accuracy_vs_sigma, weight_histograms
from stages.figures.pictures import pictures
from stages.figures.style import LOOK_OF_SCHEME, house_style
from stages.figures.style import save as save_picture
from stages.process.door import InputError
from tests.conftest import (
    PICTURES,
    REPOSITORY,
    environment_of_dvc,
    fail_stage,
    run_stage,
    write_params,
)
from tests.models import MNIST, aggregated, baseline, record, results_of, setting_of

TEMPLATES = REPOSITORY / ".dvc" / "plots"
PLOTS = {
    "accuracy_vs_sigma": ("metrics/accuracy.csv", "sigma", "test_accuracy"),
    "learning_curves": ("metrics/history.csv", "epoch", "test_accuracy"),
    "weight_distributions": ("metrics/histograms.csv", "bin_center", "count"),
}
SIGMAS = [1e-4, 1e-2, 1.0]

Accuracy = Callable[[float, int], float]


def peaked(sigma: float, replicate: int) -> float:
    """Best at 0.01, at chance two decades off, and a little other in each replicate."""
    return max(MNIST.chance, 0.95 - 0.5 * abs(math.log10(sigma) + 2)) - 0.005 * replicate


def sweep(
    sigmas: Sequence[float],
    of: Accuracy = peaked,
    replicates: int = 1,
    diverged: frozenset[float] = frozenset(),
) -> list[Record]:
    return [
        record(sigma, [of(sigma, r) - 0.02, of(sigma, r)], r, sigma in diverged)
        for r in range(replicates)
        for sigma in sigmas
    ]


def accuracy_figure(
    sigmas: list[float],
    of: Accuracy = peaked,
    replicates: int = 1,
    diverged: frozenset[float] = frozenset(),
) -> tuple[Axes, list[str], list[str]]:
    """The axes of the figure, the labels of its legend, and the sentences below its title."""
    results = results_of(sweep(sigmas, of, replicates, diverged))
    with house_style():
        axes = accuracy_vs_sigma.accuracy_vs_sigma(results).axes[0]
    return axes, axes.get_legend_handles_labels()[1], accuracy(results)


def write_metrics(
    folder: Path, sigmas: Sequence[float], of: Accuracy = peaked, replicates: int = 1
) -> Path:
    """Write `folder`/metrics as aggregate does; weights are normal with sigma."""

    def course(_: str, trial: Trial) -> list[float]:
        final = of(trial.start.sigma or 0.1, trial.replicate)
        return [final - 0.02, final]

    asked = {"sigmas": list(sigmas), "replicates": replicates, "initializers": []}
    write_params(folder, sweep=asked, report={"final_epochs": 1})
    return aggregated(folder, course)


def normal_histogram(sigma: float, deviation: float | None = None) -> Histogram:
    values = np.random.default_rng(0).normal(size=5000) * (deviation or sigma)
    counts, edges = np.histogram(values, 20)
    return Histogram(sigma, (edges[:-1] + edges[1:]) / 2, counts.astype(np.float64))


def drawn_histograms(sigmas: Sequence[float]) -> Figure:
    return weight_histograms.weight_histograms([*map(normal_histogram, sigmas)], setting_of())


def weights_of_sweep(histograms: Sequence[Histogram]) -> list[str]:
    return weights(histograms, setting_of())


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The metrics of a sweep; nothing is to be changed in this folder."""
    return write_metrics(tmp_path_factory.mktemp("swept"), SIGMAS)


@pytest.fixture(scope="module")
def plotted(swept: Path) -> dict[str, bytes]:
    """The pictures of this sweep."""
    return plot_of(swept)


def plot_of(folder: Path) -> dict[str, bytes]:
    plot.main(folder)
    return drawn_in(folder)


def drawn_in(folder: Path) -> dict[str, bytes]:
    """The PNG files that plot wrote, by name."""
    drawn = {path.name: path.read_bytes() for path in (folder / "plots").iterdir()}
    assert drawn.keys() == PICTURES
    return drawn


def assert_they_show_something(pictures: Iterable[bytes]) -> None:
    for picture in pictures:
        pixels = np.asarray(Image.open(BytesIO(picture)).convert("RGB"))
        assert pixels.shape[1] == 1440
        assert pixels.shape[0] >= 700
        colored = np.ptp(pixels, axis=2) > 0.2 * 255  # neither paper, ink nor grid
        assert colored.sum() > 500


def test_all_pictures_of_a_sweep_and_of_one_sigma_show_something_and_differ(
    plotted: dict[str, bytes], tmp_path: Path
) -> None:
    of_one_sigma = plot_of(write_metrics(tmp_path, [0.05]))
    assert_they_show_something([*plotted.values(), *of_one_sigma.values()])
    assert not {name for name in PICTURES if plotted[name] == of_one_sigma[name]}


@pytest.mark.parametrize(
    ("accuracy", "replicates", "names"),
    [
        pytest.param(peaked, 3, ["accuracy_vs_sigma", "map", "signals"], id="replicates"),
        pytest.param(
            lambda *_: 0.1, 1, ["accuracy_vs_sigma", "map", "features"], id="all at chance"
        ),
    ],
)
def test_pictures_that_depend_on_them_show_replicates_and_chance(
    tmp_path: Path, accuracy: Accuracy, replicates: int, names: list[str]
) -> None:
    metrics = read_metrics(write_metrics(tmp_path, SIGMAS, accuracy, replicates) / "metrics")
    with house_style():
        made = pictures(metrics)
        for name in names:
            save_picture(made[name], tmp_path / f"{name}.png")
    assert_they_show_something((tmp_path / f"{name}.png").read_bytes() for name in names)


def test_same_numbers_make_the_same_bytes(
    swept: Path, plotted: dict[str, bytes], tmp_path: Path
) -> None:
    shutil.copytree(swept / "metrics", tmp_path / "metrics")
    assert run_stage(tmp_path, "plot")[1] == ""  # a process of its own, with another order of sets
    assert drawn_in(tmp_path) == plotted


@pytest.mark.parametrize("name", ["summary.json", "accuracy.csv", "histograms.csv"])
@pytest.mark.parametrize(
    ("content", "complaint"),
    [(None, "no such file"), ("", "dvc repro"), ("sigma\n0.1\n", "dvc repro")],
    ids=["missing", "empty", "other columns"],
)
def test_a_bad_metrics_file_is_one_line_and_no_picture(
    swept: Path, tmp_path: Path, name: str, content: str | None, complaint: str
) -> None:
    path = shutil.copytree(swept / "metrics", tmp_path / "metrics") / name
    path.unlink() if content is None else path.write_text(content)
    errors = fail_stage(tmp_path, "plot")
    assert errors.startswith(f"plot: metrics/{name}: ")
    assert complaint in errors
    assert not (tmp_path / "plots").exists()


@pytest.mark.parametrize("content", [None, b"", b"sigma\n0.1\n", save({})])
def test_bad_snapshots_are_one_line(swept: Path, tmp_path: Path, content: bytes | None) -> None:
    path = shutil.copytree(swept / "metrics", tmp_path / "metrics") / "snapshots.safetensors"
    path.unlink() if content is None else path.write_bytes(content)
    [metrics] = read_metrics(tmp_path / "metrics")
    with pytest.raises(InputError, match=r"snapshots\.safetensors: .*`dvc repro") as refusal:
        metrics.snapshots()
    assert "\n" not in str(refusal.value)


def test_dvc_and_the_page_know_the_pictures_of_the_stage() -> None:
    stages = yaml.safe_load((REPOSITORY / "dvc.yaml").read_text())["stages"]
    declared = {path: of for plot in stages["plot"]["plots"] for path, of in plot.items()}
    assert declared == {f"plots/{name}": {"cache": False} for name in PICTURES}
    assert {f"{name}.png" for name in page.PICTURES} == PICTURES


def test_points_survive_the_way_through_accuracy_csv(tmp_path: Path) -> None:
    [metrics] = read_metrics(write_metrics(tmp_path, SIGMAS, replicates=2) / "metrics")
    records = [replace(r, untrained_test_accuracy=0.1) for r in sweep(SIGMAS, peaked, 2)]
    expected = accuracy_points(records, 1, metrics.setting.holdout)
    assert metrics.results().points == [
        replace(p, train_accuracy=p.test_accuracy + 0.01) for p in expected
    ]


def test_the_door_loads_neither_torch_nor_pyplot() -> None:
    program = "import sys, stages.plot; print(*sys.modules)"
    run = subprocess.run(
        [sys.executable, "-c", program], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    assert not {"torch", "pydantic", "dvc", "matplotlib.pyplot"} & set(run.stdout.split())


def test_legend_names_what_is_drawn_and_nothing_else() -> None:
    _, labels, _ = accuracy_figure(SIGMAS)
    assert not any("diverged" in label or "±" in label for label in labels)
    assert any("11.35 %" in label for label in labels)
    axes, labels, _ = accuracy_figure(SIGMAS, replicates=3, diverged=frozenset([1.0]))
    assert any("diverged" in label for label in labels)
    assert any("mean of 3 ± standard error" in label for label in labels)
    (bars,) = axes.containers
    assert len(bars.get_children()[-1].get_segments()) == len(SIGMAS)  # type: ignore[attr-defined]


def test_best_and_window_are_named_with_their_numbers() -> None:
    def level(sigma: float, _: int) -> float:
        return 0.95 if sigma < 0.1 else 0.5

    for of, best, window in (
        (peaked, "best: σ = 0.01, 95.0 %", "σ = 0.01 alone"),
        (level, "best: σ = 0.0001, 95.0 %", "up to σ = 0.01"),
    ):
        axes, labels, _ = accuracy_figure(SIGMAS, of)
        assert best in [text.get_text() for text in axes.texts]
        assert f"within 1 point of the best: {window}" in labels


def test_no_best_and_no_window_where_all_is_chance() -> None:
    axes, labels, sentences = accuracy_figure(SIGMAS, lambda *_: 0.1)
    assert sentences == [
        "No network learned at any σ: each ended at chance (12.30 % or less) or no better than "
        "before training."
    ]
    assert not any("best" in text for text in [*labels, *(t.get_text() for t in axes.texts)])


def test_sentences_appear_only_where_they_are_true() -> None:
    def said(sigmas: list[float], accuracy: Accuracy, replicates: int = 1) -> str:
        return " ".join(accuracy_figure(sigmas, accuracy, replicates)[2])

    assert "textbook" not in said(SIGMAS, peaked)
    rescued = said(SIGMAS, lambda sigma, _: 0.974 if sigma < 0.1 else 0.2)
    assert "Against the textbook, σ = 0.0001 reaches 97.4 %." in rescued
    assert "textbook" not in said([0.01, 0.1], lambda *_: 0.974)
    assert "end of the sweep" in said(SIGMAS, lambda sigma, _: 0.5 + sigma / 10)
    assert "end of the sweep" not in said(SIGMAS, peaked)
    assert "what another seed would change is not known" in said(SIGMAS, peaked)
    assert "seed" not in said(SIGMAS, peaked, replicates=2)


def test_histogram_sentences_tell_learned_from_kept_scales() -> None:
    learned = [normal_histogram(1e-4, 0.08), normal_histogram(1e-2, 0.09)]
    kept = [normal_histogram(1.0), normal_histogram(10.0)]
    between = normal_histogram(0.1, 0.15)
    first, second = weights_of_sweep([*learned, between, *kept])
    assert first.startswith("Up to σ = 0.01, ")
    assert "0.08 to 0.09" in first
    assert second.startswith("From σ = 1 on, ")
    assert weights_of_sweep([between]) == []


def test_each_bin_is_drawn_where_it_lies_and_as_full_as_it_is() -> None:
    histogram = normal_histogram(0.5)
    assert len(histogram.edges) == 21
    np.testing.assert_allclose(np.diff(histogram.edges), np.diff(histogram.centers)[0])
    with house_style():
        whole, own, _ = weight_histograms.weight_histograms([histogram], setting_of()).axes
    for axes, unit in ((whole, 1.0), (own, histogram.reach)):
        (mesh,) = axes.collections
        edges = mesh.get_coordinates()[0, :, 0] * unit  # type: ignore[attr-defined]
        places = (edges[:-1] + edges[1:]) / 2
        drawn = np.asarray(mesh.get_array())[0]
        for centre, count in zip(histogram.centers, histogram.counts, strict=True):
            at = np.abs(places - centre).argmin()
            assert drawn[at] == pytest.approx(count / histogram.counts.max())
        assert axes.get_xlim() == pytest.approx((-histogram.reach / unit, histogram.reach / unit))


def test_parameters_that_all_overflowed_leave_an_empty_row() -> None:
    empty = Histogram(1e6, np.linspace(0.05, 0.95, 20), np.zeros(20))
    histograms = [normal_histogram(1.0), empty]
    with house_style():
        whole, *_ = weight_histograms.weight_histograms(histograms, setting_of()).axes
    (mesh,) = whole.collections
    drawn = mesh.get_array()
    assert drawn is not None
    shown = ~np.ma.getmaskarray(drawn)
    assert shown.reshape(2, -1).any(axis=1).tolist() == [True, False]
    assert "All parameters overflowed at 1 of 2 σ." in weights_of_sweep(histograms)


@pytest.mark.parametrize("sigmas", [[1e-30, 1e-8, 1e6], [0.05, 0.0500001], [1.0, 2.0, 5.0]])
def test_few_rows_carry_the_names_of_their_sigmas(sigmas: list[float]) -> None:
    with house_style():
        whole, *_ = weight_histograms.weight_histograms(
            [*map(normal_histogram, sigmas)], setting_of()
        ).axes
    whole.get_figure().draw_without_rendering()  # type: ignore[union-attr]
    for tick, sigma in zip(whole.yaxis.get_major_ticks(), sigmas, strict=True):
        assert tick.get_loc() == sigma
        assert float(tick.label1.get_text()) == sigma


def test_a_named_initialiser_has_one_colour_whatever_its_rank() -> None:
    def colours(ranking: Sequence[str]) -> dict[str, object]:
        named = [baseline(name, 0.9 + place / 100) for place, name in enumerate(ranking)]
        with house_style():
            figure = accuracy_vs_sigma.accuracy_vs_sigma(results_of(sweep(SIGMAS)), named)
        texts = figure.axes[1].texts
        return {t.get_text().split(",")[0]: t.get_color() for t in texts if "," in t.get_text()}

    schemes = list(SCHEMES)
    assert set(LOOK_OF_SCHEME) == set(schemes)
    assert len(set(LOOK_OF_SCHEME.values())) == len(schemes)
    drawn = {name: colour for name, colour in colours(schemes).items() if name in schemes}
    assert {n: c for n, c in colours(schemes[::-1]).items() if n in schemes} == drawn


@pytest.mark.parametrize("finals", [{"zeros": 0.1}, {"zeros": 0.1, "constant": 0.3}])
def test_named_initialisers_that_are_all_far_below_the_best_are_drawn(
    finals: dict[str, float],
) -> None:
    named = [baseline(name, final) for name, final in finals.items()]
    results = results_of(sweep(SIGMAS), named=named)
    with house_style():
        figure = accuracy_vs_sigma.accuracy_vs_sigma(results, named)
    names = {text.get_text() for text in figure.axes[1].texts}
    assert any(name.startswith("zeros, 10.00 %") for name in names)


def test_the_folder_of_own_data_is_drawn_as_it_is_written_however_long() -> None:
    folder = "/a long way/to my $alpha$ and $\\beta$ images"
    results = results_of(sweep(SIGMAS))
    params = {**results.setting.params, "data": {"name": "folder", "path": folder}}
    data = replace(results.setting.data, name="folder")
    results = replace(results, setting=replace(results.setting, params=params, data=data))
    with house_style():
        figure = accuracy_vs_sigma.accuracy_vs_sigma(results)
        figure.draw_without_rendering()
    [label] = [t for t in figure.legends[0].get_texts() if "chance" in t.get_text()]
    assert "\\$ images" in label.get_text()
    box = figure.legends[0].get_window_extent()
    assert 0 <= box.x0 < box.x1 <= figure.bbox.x1


def test_one_epoch_has_no_curve_of_the_first_epoch_and_no_name_for_it() -> None:
    _, labels, _ = accuracy_figure(SIGMAS)
    assert "test, after the first epoch" in labels
    records = [record(sigma, [peaked(sigma, 0)]) for sigma in SIGMAS]
    with house_style():
        axes = accuracy_vs_sigma.accuracy_vs_sigma(results_of(records)).axes[0]
    assert "test, after the first epoch" not in axes.get_legend_handles_labels()[1]


@pytest.mark.parametrize(
    ("low", "high"), [(1e-4, 10), (1e-4, 1e-3), (0.05, 0.0501), (1e-30, 1e30), (0.3, 0.3)]
)
def test_tick_labels_do_not_overlap(low: float, high: float) -> None:
    sigmas = [low, high] if high > low else [low]
    axes, _, _ = accuracy_figure(sigmas, lambda *_: 0.9)
    with house_style():
        distributions = weight_histograms.weight_histograms(
            [*map(normal_histogram, sigmas)], setting_of()
        )
    for figure in (axes.get_figure(), distributions):
        assert isinstance(figure, Figure)
        for boxes in tick_label_boxes(figure):
            assert all(left.x1 < right.x0 for left, right in pairwise(boxes))


def tick_label_boxes(figure: Figure) -> Iterator[list[Any]]:
    """For each x axis, the boxes of its visible tick labels from left to right, at least two."""
    figure.draw_without_rendering()
    for axes in figure.axes:
        if axes.get_label() != "<colorbar>":
            low, high = sorted(axes.get_xlim())
            boxes = [
                tick.label1.get_window_extent()
                for tick in axes.xaxis.get_major_ticks()
                if low <= tick.get_loc() <= high and tick.label1.get_text()
            ]
            assert len(boxes) >= 2
            yield sorted(boxes, key=lambda box: box.x0)


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """Each template as `dvc plots diff` fills it for a workspace of three sigmas and its HEAD."""
    folder = tmp_path_factory.mktemp("dvc")
    environment = environment_of_dvc()

    def run(*command: str) -> str:
        return subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, check=True
        ).stdout

    run("git", "init", "-q")
    run(sys.executable, "-m", "dvc", "init", "-q")
    shutil.copytree(TEMPLATES, folder / ".dvc" / "plots")
    plots = [
        {template: {"template": template, "x": x, "y": {file: y}}}
        for template, (file, x, y) in PLOTS.items()
    ]
    (folder / "dvc.yaml").write_text(yaml.safe_dump({"plots": plots}))
    write_metrics(folder, [0.02, 0.2], replicates=2)
    run("git", "add", ".")
    run("git", "commit", "-qm", "two sigmas")
    write_metrics(folder, SIGMAS)
    shown = json.loads(run(sys.executable, "-m", "dvc", "plots", "diff", "HEAD", "--json"))
    assert "errors" not in shown
    return {name: plot["content"] for name, (plot,) in shown["data"].items()}


def test_every_template_is_tried_here() -> None:
    of_the_page = {"parameters"}  # test_page.py looks at its table
    assert {path.stem for path in TEMPLATES.glob("*.json")} == set(PLOTS) | of_the_page


@pytest.mark.parametrize("template", PLOTS)
def test_dvc_fills_every_anchor_and_tells_revisions_apart(
    filled: dict[str, dict[str, Any]], template: str
) -> None:
    spec = filled[template]
    assert {row["rev"] for row in spec["data"]["values"]} == {"workspace", "HEAD"}
    without_data = json.dumps({**spec, "data": {**spec["data"], "values": []}})
    assert "<DVC_METRIC_" not in without_data
    assert re.search(r'"(color|facet)": \{"field": "(rev|panel)"', without_data)


@pytest.mark.parametrize("template", PLOTS)
def test_template_uses_only_fields_that_exist(
    filled: dict[str, dict[str, Any]], template: str
) -> None:
    spec = filled[template]
    columns = set(spec["data"]["values"][0])
    assert set(spec["data"]["format"]["parse"]) <= columns
    made = set(values_of(spec, "as"))
    text = json.dumps(values_of(spec, "calculate") + values_of(spec, "filter"))
    read = {*values_of(spec, "field"), *re.findall(r"datum\.(\w+)", text)}
    assert read
    assert read <= columns | made


def values_of(node: Any, key: str) -> list[str]:
    """All strings under `key` anywhere in `node`, without the data."""
    if isinstance(node, list):
        return [value for item in node for value in values_of(item, key)]
    if not isinstance(node, dict):
        return []
    here = [node[key]] if isinstance(node.get(key), str) else []
    inside = [value for k, v in node.items() if k != "values" for value in values_of(v, key)]
    return here + inside


def test_one_label_names_the_chance_levels_of_all_revisions(
    filled: dict[str, dict[str, Any]],
) -> None:
    spec = copy.deepcopy(filled["accuracy_vs_sigma"])
    for row in spec["data"]["values"]:
        row["chance"] = "0.2" if row["rev"] == "HEAD" else row["chance"]
    drawn = vl_convert.vegalite_to_svg(spec, "5.21")
    labels = re.findall(r">(chance, [^<]*)<", drawn)
    assert labels == ["chance, 10 to 20 %: always answering the commonest class"]


def test_template_draws_the_chance_level_of_the_data(filled: dict[str, dict[str, Any]]) -> None:
    chances = {row["chance"] for row in filled["accuracy_vs_sigma"]["data"]["values"]}
    assert chances == {str(30 / 300)}
