"""The page of `dvc plots` in a real browser without network: each chart draws all of its CSV file.

Three sweeps of different ranges, whose networks are made up, `dvc plots show` and `dvc plots diff`,
and an installed Chromium. The screenshots stay in pytest's temporary folder.
"""

import csv
import math
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import pytest
from playwright.sync_api import Browser, Page

from stages import check
from stages.core.trial import Trial
from tests.browser import Heard, chromium
from tests.conftest import PICTURES, environment_of_dvc, open_doors
from tests.models import aggregated
from tests.pipeline.conftest import Clone, make_clone

EXPERIMENTS = {
    "tiny": ("1e-6", "1e-2", "1"),
    "middle": ("1e-4", "10", "1"),
    '<b>huge&"#%': ("0.1", "100", "2"),
}
"""The smallest and the largest sigma of each, and its replicates; git allows such a name."""

EPOCHS = 2
CHARTS = ["Accuracy against sigma", "Learning curves", "Weight distributions"]
PANELLED = {"Learning curves": "epoch", "Weight distributions": "weight or bias after training"}
"""The charts with a panel for each revision, and the title of their x axis."""
HARMLESS = "The compiled spec uses Vega v5, but current version is v6"
"""Vega-Lite 5 runs on Vega 6. No other warning may pass: Vega only warns of a misspelt field."""

DESCRIBE = """shapes => shapes.map(shape => {
  const box = shape.getBoundingClientRect();
  return {
    text: shape.getAttribute("aria-label") ?? shape.textContent,
    colour: shape.getAttribute("stroke") ?? shape.getAttribute("fill"),
    dash: shape.getAttribute("stroke-dasharray") ?? "",
    outline: shape.getAttribute("d") ?? "",
    opacity: Number(getComputedStyle(shape).opacity),
    vertices: (shape.getAttribute("d") ?? "").split("L").length,
    x: box.x, y: box.y, width: box.width, height: box.height,
  };
})"""

Rows = list[dict[str, str]]
Row = tuple[Any, ...]


@dataclass(frozen=True)
class Metrics:
    """What the three CSV files of a revision say."""

    accuracy: Rows
    history: Rows
    histograms: Rows
    named: Rows  # of the accuracies those of named initialisers

    @property
    def sigmas(self) -> list[float]:
        return [float(row["sigma"]) for row in self.accuracy]


@dataclass(frozen=True)
class Written:
    """A page that DVC wrote, and the revisions that it shows."""

    html: Path
    revisions: dict[str, Metrics]


@dataclass(frozen=True)
class Shape:
    """Something drawn: Vega's words for a screen reader tell the values behind a mark."""

    text: str
    colour: str | None
    dash: str
    outline: str
    opacity: float
    vertices: int
    x: float
    y: float
    width: float
    height: float

    def value(self, name: str) -> str:
        found = re.search(rf"(?:^|; ){re.escape(name)}: ([^;]*)", self.text)
        assert found, f"no {name} in {self.text!r}"
        return found[1]

    def number(self, name: str) -> float:
        return float(self.value(name).rstrip("%"))

    def touches(self, other: "Shape") -> bool:
        return (
            self.x < other.x + other.width
            and other.x < self.x + self.width
            and self.y < other.y + other.height
            and other.y < self.y + self.height
        )


@dataclass(frozen=True)
class Opened:
    """A page in the browser, what it asked for and what it complained of."""

    page: Page
    written: Written
    heard: Heard

    @property
    def revisions(self) -> dict[str, Metrics]:
        return self.written.revisions

    def shapes(self, selector: str) -> list[Shape]:
        """The matches that can be seen."""
        found = self.page.eval_on_selector_all(selector, DESCRIBE)
        return [s for s in (Shape(**shape) for shape in found) if s.width and s.opacity]

    def marks(self, layer: str) -> list[Shape]:
        """What a layer of a template drew."""
        return self.shapes(f".{layer}_marks > path")


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory, mnist_dir: Path) -> Clone:
    """A clone whose user had a setting of his own before the page was installed."""
    clone = make_clone(
        tmp_path_factory.mktemp("clone"), environment_of_dvc(MNIST_DIR=str(mnist_dir))
    )
    clone.dvc("config", "--local", "plots.auto_open", "false")
    clone.run(sys.executable, "-m", "stages.page")
    return clone


def course(_: str, trial: Trial) -> list[float]:
    """Best near 0.05, and other numbers at each sigma, epoch and replicate."""
    distance = abs(math.log10((trial.start.sigma or 0.1) / 0.05))
    final = 0.95 - 0.17 * distance - 0.003 * trial.replicate
    return [final - 0.02 * (EPOCHS - epoch) for epoch in range(1, EPOCHS + 1)]


@pytest.fixture(scope="module")
def experiments(installed: Clone) -> dict[str, Metrics]:
    """Three sweeps of three sigmas, each a tag; the last one stays in the workspace.

    The page asks no more of a revision than its files in git; the pictures are the shipped ones.
    """
    results: dict[str, Metrics] = {}
    for name, (low, high, replicates) in EXPERIMENTS.items():
        sweep = {"sigma_min": low, "sigma_max": high, "replicates": replicates, "num_points": "3"}
        settings = [f"sweep.{key}={value}" for key, value in sweep.items()]
        named = "[xavier_normal,orthogonal]" if name == "middle" else "[]"
        settings += [f"train.epochs={EPOCHS}", f"sweep.initializers={named}", "runtime.workers=1"]
        installed.set_params(*settings)
        aggregated(installed.path, course)
        with open_doors(installed.path):
            check.main()
        installed.run("git", "add", "-A")
        installed.run("git", "commit", "-qm", name)
        installed.run("git", "tag", name)
        results[name] = read_metrics(installed)
    return results


def read_metrics(clone: Clone) -> Metrics:
    def rows(name: str) -> Rows:
        with (clone.path / "metrics" / name).open(newline="") as file:
            return list(csv.DictReader(file))

    starts = rows("accuracy.csv")
    return Metrics(
        [row for row in starts if row["initializer"] == "normal"],
        rows("history.csv"),
        rows("histograms.csv"),
        [row for row in starts if row["initializer"] != "normal"],
    )


@pytest.fixture(scope="module", params=["show", "diff"])
def written(
    request: pytest.FixtureRequest,
    installed: Clone,
    experiments: dict[str, Metrics],
    tmp_path_factory: pytest.TempPathFactory,
) -> Written:
    """`show` of a workspace in which a network diverged; `diff` of all, outside the checkout."""
    if request.param == "diff":
        folder = tmp_path_factory.mktemp("elsewhere")
        installed.dvc("plots", "diff", *experiments, "--out", str(folder))
        return Written(folder / "index.html", experiments)
    say_that_a_network_diverged(installed.path / "metrics" / "accuracy.csv")
    installed.dvc("plots", "show")
    html = installed.path / "dvc_plots" / "index.html"
    return Written(html, {"workspace": read_metrics(installed)})


def say_that_a_network_diverged(accuracy: Path) -> None:
    with accuracy.open(newline="") as file:
        rows = list(csv.DictReader(file))
    rows[-1]["diverged"] = "1"
    with accuracy.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[-1])
        writer.writeheader()
        writer.writerows(rows)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def opened(
    browser: Browser, written: Written, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Opened]:
    """The page with its three charts drawn."""
    context = browser.new_context(offline=True, viewport={"width": 1400, "height": 900})
    opened = Opened(context.new_page(), written, Heard(HARMLESS))
    opened.heard.listen(opened.page)
    opened.page.goto(written.html.as_uri())
    menus = "document.querySelectorAll('.vega-embed > details').length"  # come when all is drawn
    try:
        opened.page.wait_for_function(f"{menus} === 3", timeout=20_000)
    except Exception:
        pytest.fail(f"not all charts were drawn: {opened.heard.complaints}")
    screenshot = tmp_path_factory.mktemp("screenshot") / "page.png"
    opened.page.screenshot(path=screenshot, full_page=True)
    yield opened
    context.close()


def test_the_page_needs_no_network_and_complains_of_nothing(opened: Opened) -> None:
    pictures = [
        f"static/{quote(revision, safe='')}_plots_{picture}"
        for revision in opened.revisions
        for picture in PICTURES
    ]
    folder = opened.written.html.parent.as_uri()
    expected = [f"{folder}/{name}" for name in ["index.html", *pictures]]
    assert sorted(opened.heard.requests) == sorted(expected)
    assert opened.heard.complaints == []


def test_each_row_of_the_accuracies_is_a_point_that_tells_it(opened: Opened) -> None:
    columns = {
        "sigma": ("sigma", 1),
        "test, at the end": ("test_accuracy", 100),
        "test, after the first epoch": ("first_epoch_test_accuracy", 100),
        "training, at the end": ("train_accuracy", 100),
        "networks": ("n", 1),
        "of them diverged": ("diverged", 1),
    }
    drawn = [(m.value("revision"), *map(m.number, columns)) for m in opened.marks("points")]
    rows = [
        (revision, *(scale * float(row[column]) for column, scale in columns.values()))
        for revision, metrics in opened.revisions.items()
        for row in metrics.accuracy
    ]
    assert_same(drawn, rows)


def test_each_revision_has_a_line_of_its_colour_and_a_diamond_at_its_best(opened: Opened) -> None:
    lines, diamonds = opened.marks("means"), opened.marks("best")
    assert [line.value("rev") for line in lines] == list(opened.revisions)
    assert [line.vertices for line in lines] == [len(m.sigmas) for m in opened.revisions.values()]
    assert len({line.colour for line in lines}) == len(lines)
    best = [
        (revision, max(100 * float(row["test_accuracy"]) for row in metrics.accuracy))
        for revision, metrics in opened.revisions.items()
    ]
    assert_same([(d.value("rev"), d.number("accuracy (%)")) for d in diamonds], best)


def test_a_band_opens_where_there_are_replicates_and_only_there(opened: Opened) -> None:
    lines, bands = opened.marks("means"), opened.marks("bands")
    assert len(bands) == len(lines)
    pairs = zip(bands, lines, strict=True)
    wide = {band.value("rev") for band, line in pairs if band.height > line.height + 1}
    known = {
        revision
        for revision, metrics in opened.revisions.items()
        if any(row["standard_error"] for row in metrics.accuracy)
    }
    assert wide == known
    assert known


def test_a_cross_marks_each_sigma_at_which_a_network_diverged(opened: Opened) -> None:
    rows = [row for metrics in opened.revisions.values() for row in metrics.accuracy]
    diverged = [row["sigma"] for row in rows if row["diverged"] != "0"]
    assert len(opened.marks("diverged")) == len(diverged)
    assert len(diverged) == ("workspace" in opened.revisions)


def test_a_named_initialiser_is_a_rule_over_the_sigmas_of_its_layers(opened: Opened) -> None:
    rules = opened.shapes(".named_marks > line")
    drawn = [
        (
            rule.value("initializer"),
            *map(rule.number, ("test, at the end", "smallest sigma of a layer")),
        )
        for rule in rules
    ]
    rows = [
        (row["initializer"], 100 * float(row["test_accuracy"]), float(row["layer_sigma_low"]))
        for metrics in opened.revisions.values()
        for row in metrics.named
    ]
    assert len(drawn) == len(rows) == (2 if "middle" in opened.revisions else 0)
    for ours, theirs in zip(sorted(drawn), sorted(rows), strict=True):
        assert ours[0] == theirs[0]
        assert ours[1:] == pytest.approx(theirs[1:], rel=6e-3)
    assert all(rule.width > 10 for rule in rules)


def test_each_epoch_of_each_sigma_is_a_dot_on_a_curve(opened: Opened) -> None:
    dots = opened.marks("dots")
    numbers = ["sigma", "epoch", "test accuracy (%)", "networks"]
    drawn = [(dot.value("revision"), *map(dot.number, numbers)) for dot in dots]
    rows = []
    for revision, metrics in opened.revisions.items():
        of_point: dict[tuple[float, float], list[float]] = {}
        for row in metrics.history:
            point = float(row["sigma"]), float(row["epoch"])
            of_point.setdefault(point, []).append(100 * float(row["test_accuracy"]))
        rows += [(revision, *p, sum(v) / len(v), float(len(v))) for p, v in of_point.items()]
    assert_same(drawn, rows)
    curves = opened.marks("curves")
    assert len(curves) == len(all_sigmas(opened))
    assert {curve.vertices for curve in curves} == {EPOCHS}


def test_a_colour_means_the_same_sigma_in_every_revision(opened: Opened) -> None:
    curves = opened.marks("curves")
    meanings = {(curve.colour, curve.number("sigma")) for curve in curves}
    sigmas = set(all_sigmas(opened))
    assert len(meanings) == len({colour for colour, _ in meanings}) == len(sigmas)


def test_each_histogram_is_a_ridge(opened: Opened) -> None:
    ridges = opened.marks("ridges")
    drawn = [(ridge.value("revision"), ridge.number("sigma")) for ridge in ridges]
    assert_same(drawn, [(r, s) for r, m in opened.revisions.items() for s in m.sigmas])
    rows = sum(len(metrics.histograms) for metrics in opened.revisions.values())
    assert sum(ridge.vertices for ridge in ridges) >= rows
    assert all(ridge.height > 20 for ridge in ridges)


def all_sigmas(opened: Opened) -> list[float]:
    """Of each revision its sigmas, as often as they occur."""
    return [sigma for metrics in opened.revisions.values() for sigma in metrics.sigmas]


def assert_same(drawn: Iterable[Row], rows: Iterable[Row]) -> None:
    """The same rows in any order, to the digits that a chart tells."""
    for ours, theirs in zip(sorted(drawn), sorted(rows), strict=True):
        assert ours[0] == theirs[0]
        assert ours[1:] == pytest.approx(theirs[1:], rel=6e-4)


def test_every_chart_and_picture_has_a_heading_and_an_explanation_in_words(
    opened: Opened,
) -> None:
    headings = [heading.text for heading in opened.shapes("h2")]
    differences = ["What differs between the revisions"] * (len(opened.revisions) > 1)
    assert headings[: -len(PICTURES)] == [*differences, *CHARTS]
    assert len(set(headings)) == len(headings)
    assert not [heading for heading in headings if re.search(r"[_/]|\.png", heading)]
    explanations = [paragraph.text for paragraph in opened.shapes("section > p")]
    assert len(explanations) == len(headings)
    assert all(len(text.split()) > 3 for text in explanations)


def test_panels_and_legend_name_the_revisions_where_there_are_several(opened: Opened) -> None:
    named = list(opened.revisions) if len(opened.revisions) > 1 else []
    panels = [shape.text for shape in opened.shapes(".role-title-text text")]
    assert panels == len(PANELLED) * named
    legend = [shape.text for shape in opened.shapes(".role-legend-label text")]
    assert legend[: len(named)] == named
    assert all(re.fullmatch(r"[\d.]+", label) for label in legend[len(named) :])  # of the colours


def test_a_table_names_the_parameters_that_differ_and_only_those(opened: Opened) -> None:
    rows = opened.page.eval_on_selector_all(
        "table tr", "all => all.map(row => [...row.cells].map(cell => cell.innerText.trim()))"
    )
    if len(opened.revisions) == 1:
        assert rows == []
        return
    columns = ["sigma_min", "sigma_max", "replicates", "initializers"]
    assert rows[0] == ["", "revision", *(f"sweep.{column}" for column in columns)]
    for row, (name, (low, high, replicates)) in zip(rows[1:], EXPERIMENTS.items(), strict=True):
        assert row[1] == name
        assert [*map(float, row[2:5])] == [float(low), float(high), float(replicates)]
        assert ("orthogonal" in row[5]) == (name == "middle")
    changed = opened.page.locator("td.changed").all_inner_texts()
    assert len(changed) == 2 + 1 + 3  # of "middle" and of "huge", all unlike the first


def test_revisions_differ_in_dash_and_shape_and_the_table_is_their_key(opened: Opened) -> None:
    revisions = list(opened.revisions)
    lines, points = opened.marks("means"), opened.marks("points")
    shapes = {r: {p.outline for p in points if p.value("revision") == r} for r in revisions}
    assert len({line.dash for line in lines}) == len(revisions)
    assert len(set().union(*shapes.values())) == len(revisions)
    assert all(len(of_revision) == 1 for of_revision in shapes.values())
    if len(revisions) > 1:
        keys = [(k.colour, k.dash.replace(" ", ",")) for k in opened.shapes("td svg line")]
        assert keys == [(line.colour, line.dash) for line in lines]
        assert len({mark.outline for mark in opened.shapes("td svg path")}) == len(revisions)


def test_a_named_initialiser_has_the_colour_and_the_dash_of_its_revision(opened: Opened) -> None:
    looks = {line.value("rev"): (line.colour, line.dash) for line in opened.marks("means")}
    for rule in opened.shapes(".named_marks > line"):
        assert (rule.colour, rule.dash) == looks[rule.value("revision")]


@pytest.mark.parametrize("width", [1400, 390])
def test_every_panel_has_its_x_axis_under_it(opened: Opened, width: int) -> None:
    set_width(opened, width)
    for chart, title in PANELLED.items():
        inside = f"section:has(> h2:text-is('{chart}'))"
        several = ".cell >" if len(opened.revisions) > 1 else ""
        panels = opened.shapes(f"{inside} {several} .background")
        titles = [s for s in opened.shapes(f"{inside} .role-axis-title text") if s.text == title]
        labels = opened.shapes(f"{inside} .role-axis-label text")
        for panel in (p for p in panels if p.height > 100):
            below = [s for s in [*titles, *labels] if is_under(s, panel)]
            assert sum(s.text == title for s in below) == 1
            assert len(below) > 1
        assert len(titles) == len(opened.revisions)


def is_under(shape: Shape, panel: Shape) -> bool:
    below = 0 <= shape.y - (panel.y + panel.height) < 40
    return below and panel.x - 20 <= shape.x + shape.width / 2 <= panel.x + panel.width + 20


def test_sigma_and_errors_have_logarithmic_axes(opened: Opened) -> None:
    set_width(opened, 1400)
    points, dots = opened.marks("points"), opened.marks("dots")
    sigmas = [point.number("sigma") for point in points]
    assert_logarithmic(sigmas, [point.x + point.width / 2 for point in points])
    errors = [100 - dot.number("test accuracy (%)") for dot in dots]
    assert_logarithmic(errors, [dot.y + dot.height / 2 for dot in dots])


def assert_logarithmic(values: list[float], pixels: list[float]) -> None:
    line = np.polynomial.Polynomial.fit(np.log(values), pixels, 1)
    np.testing.assert_allclose(line(np.log(values)), pixels, atol=1)
    assert np.ptp(pixels) > 200


def test_labels_of_an_axis_do_not_overlap(opened: Opened) -> None:
    axes = opened.page.locator(".role-axis-label").count()
    assert axes >= 6
    for axis in range(axes):
        labels = opened.shapes(f":nth-match(.role-axis-label, {axis + 1}) text")
        assert [(a.text, b.text) for a, b in combinations(labels, 2) if a.touches(b)] == []


@pytest.mark.parametrize("width", [1400, 700, 390])
def test_the_page_is_no_wider_than_the_window_and_its_text_no_smaller(
    opened: Opened, width: int
) -> None:
    set_width(opened, width)
    assert opened.page.evaluate("document.documentElement.scrollWidth") <= width
    for shape in opened.shapes("svg.marks, img"):
        assert 0 <= shape.x < shape.x + shape.width <= width
    assert min(chart.width for chart in opened.shapes("svg.marks")) > 300
    sizes = opened.page.eval_on_selector_all(
        "svg.marks text",
        """all => all.map(text => {
          const { a, b } = text.getScreenCTM();
          return parseFloat(getComputedStyle(text).fontSize) * Math.hypot(a, b);
        })""",
    )
    assert min(sizes) >= 10


def set_width(opened: Opened, width: int) -> None:
    """Resize the window and wait until each chart is drawn for the place that it has now."""
    opened.page.set_viewport_size({"width": width, "height": 900})
    opened.page.wait_for_function(
        """() => {
          const places = [...document.querySelectorAll("[data-drawn]")];
          return places.length === 3
            && places.every(place => Number(place.dataset.drawn) === place.clientWidth);
        }"""
    )


def test_pictures_say_what_they_show_and_stand_side_by_side(opened: Opened) -> None:
    set_width(opened, 1400)
    images = opened.page.eval_on_selector_all(
        "img", "all => all.map(img => [img.naturalWidth, img.alt, img.getBoundingClientRect().y])"
    )
    assert [width for width, _, _ in images] == [1440] * len(PICTURES) * len(opened.revisions)
    texts = [text for _, text, _ in images]
    assert len(set(texts)) == len(texts)
    for text, revision in zip(texts, [*opened.revisions] * len(PICTURES), strict=True):
        what, _, of = text.partition(": ")
        assert of == revision
        assert len(what.split()) > 5
    rows = len({y for _, _, y in images})
    assert rows == (len(PICTURES) if len(opened.revisions) > 1 else len(PICTURES) / 2)
    least = 400 if len(opened.revisions) > 1 else 600
    assert min(picture.width for picture in opened.shapes("img")) > least


def test_a_picture_is_enlarged_by_mouse_or_keyboard_and_escape_closes_it(opened: Opened) -> None:
    set_width(opened, 390)
    page, button = opened.page, opened.page.locator("figure button").first
    for by_keyboard in (False, True):
        if by_keyboard:
            button.press("Enter")
        else:
            button.click()
        [large] = opened.shapes("dialog[open] img")
        assert large.width == 960
        assert page.locator("dialog img").get_attribute("alt") == button.locator(
            "img"
        ).get_attribute("alt")
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        page.keyboard.press("Escape")
        page.locator("dialog").wait_for(state="detached")
    button.click()
    page.get_by_role("button", name="Close").click()
    page.locator("dialog").wait_for(state="detached")
    set_width(opened, 1400)


def test_the_name_of_an_experiment_is_text_and_never_html(opened: Opened) -> None:
    assert opened.page.locator("main b").count() == 0
    shown = opened.page.locator("main").inner_text()
    assert all(revision in shown for revision in opened.revisions if revision != "workspace")


def test_pointing_at_a_point_tells_its_numbers(opened: Opened) -> None:
    point = opened.marks("points")[0]
    opened.page.locator(".points_marks > path").first.hover()
    tooltip = opened.page.locator("#vg-tooltip-element.visible").inner_text()
    for name in ["revision", "sigma", "test, at the end", "its standard error", "networks"]:
        assert re.search(rf"{name}\s+{re.escape(point.value(name))}(\s|$)", tooltip)


def test_pointing_at_a_dot_singles_out_the_curves_of_its_sigma(opened: Opened) -> None:
    dot = opened.marks("dots")[0]
    assert {curve.opacity for curve in opened.marks("curves")} == {1}
    opened.page.locator(".dots_marks > path").first.hover()
    for curve in opened.marks("curves"):
        assert (curve.opacity == 1) == (curve.number("sigma") == dot.number("sigma"))
    opened.page.mouse.move(0, 0)


def test_every_choice_changes_its_chart(opened: Opened) -> None:
    choices = opened.page.locator(".vega-bind select")
    assert choices.count() == 3
    for choice in choices.all():
        chart = choice.locator(
            "xpath=ancestor::*[contains(@class, 'vega-embed')]//*[@class='marks']"
        )
        options = [option.get_attribute("value") for option in choice.locator("option").all()]
        drawn = set()
        for option in options:
            choice.select_option(option)
            drawn.add(chart.inner_html())
        assert len(drawn) == len(options) > 1
    assert opened.heard.complaints == []


def test_the_page_is_not_in_git_and_leaves_other_settings_alone(installed: Clone) -> None:
    settings = installed.dvc("config", "--local", "--list")
    assert "plots.auto_open=false" in settings
    assert "plots.html_template=plots_page.html" in settings
    changed = installed.run("git", "status", "--porcelain")
    assert "plots_page" not in changed
    assert "config" not in changed


def test_the_page_names_no_file_of_another_host(written: Written) -> None:
    html = written.html.read_text()
    assert html.count("<script") > 3
    assert re.findall(r"<(?:script|link|img|iframe)[^>]+(?:src|href)=\W*https?:[^>]*", html) == []
