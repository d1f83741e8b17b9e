"""The page on which one drags sigma, in a real browser without network, beside its metrics files.

Made of made-up networks, so that it takes seconds. Screenshots stay in pytest's temporary folder.
"""

import csv
import math
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from numpy.typing import NDArray
from playwright.sync_api import Browser, Page
from safetensors.numpy import load_file, save_file

from stages import explore
from stages.analysis.metrics import read_metrics
from stages.analysis.moments import sentences
from stages.core.trial import Trial
from stages.figures.explore import LIMIT
from tests.browser import Heard, chromium
from tests.conftest import fail_stage, run_stage, write_params
from tests.models import aggregated, module_of

SIGMAS = [1e-4, 0.03, 10.0]
EPOCHS = 3
VARIANTS = {"Adam": {}, "SGD": {"train": {"optimizer": "sgd", "lr": 0.01}}}

READ = """() => {
  const text = selector => document.querySelector(selector).textContent;
  const value = cell => cell.dataset.value === "" ? null : Number(cell.dataset.value);
  const { test, training } = document.querySelector("#readout").dataset;
  return {
    shown: document.documentElement.dataset.shown,
    sigma: document.querySelector("#sigma").getAttribute("aria-valuetext"),
    epoch: document.querySelector("#epoch").getAttribute("aria-valuetext"),
    test: Number(test), training: Number(training),
    sentence: text("#sentence"),
    layers: [...document.querySelectorAll("#numbers tbody tr")].map(row => Object.fromEntries(
      [...row.querySelectorAll("td")].map(cell => [cell.dataset.of, value(cell)]))),
    answers: [...document.querySelectorAll("#digits li")].map(item =>
      item.querySelector("p").innerText),
  };
}"""
"""What the page tells of the chosen moment."""

Rows = list[dict[str, str]]
Shown = dict[str, Any]


def course(variant: str, trial: Trial) -> list[float]:
    """Adam learns everywhere, SGD at the middle sigma alone; other numbers at each moment."""
    sigma = trial.start.sigma or 0.03
    final = 0.95 if variant == "Adam" or sigma == 0.03 else 0.1
    return [final - 0.03 * (trial.records - epoch) for epoch in range(1, trial.records + 1)]


def make_page(folder: Path, course: Any = course, **params: Any) -> Path:
    """The page of made-up networks; `params` are those of `write_params`."""
    made = {name: params.pop(name) for name in ("modules", "diverged") if name in params}
    write_params(folder, **{"report": {"final_epochs": 1}, **params})
    aggregated(folder, course, **made)
    explore.main(folder)
    return folder / explore.PAGE


@dataclass(frozen=True)
class Opened:
    """A page in the browser."""

    page: Page
    heard: Heard

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)
        self.settle()

    def settle(self) -> None:
        """Wait until the page has drawn what it was told."""
        frames = "new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
        self.page.evaluate(frames)

    def read(self) -> Shown:
        shown: Shown = self.page.evaluate(READ)
        return shown

    def state(self) -> dict[str, Any]:
        state: dict[str, Any] = self.page.evaluate("state")
        return state

    def go(self, fragment: str) -> None:
        """Follow a link within the page."""
        self.page.evaluate("fragment => { location.hash = fragment; }", fragment)
        self.page.wait_for_function(
            "new URLSearchParams(location.hash.slice(1)).get('epoch') === String(state.moment)"
        )
        self.settle()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two variants of three sigmas and three epochs."""
    folder = tmp_path_factory.mktemp("explore")
    train = {"epochs": EPOCHS}
    sweep = {"sigmas": SIGMAS, "initializers": ["xavier_normal"], "replicates": 2}
    make_page(folder, train=train, sweep=sweep, variants=VARIANTS, model={"hidden": [18, 6]})
    return folder


VIOLATIONS = {"resultTypes": ["violations"]}
"""Of an audit, which also tells at length what passed."""

Open = Callable[..., Opened]
MEDIA: dict[str, Any] = {"color_scheme": "light", "reduced_motion": "no-preference"}


@pytest.fixture(scope="module")
def tabs() -> list[Opened]:
    """What was opened by earlier tests and is closed: a new tab costs a second."""
    return []


@pytest.fixture
def open_page(browser: Browser, tabs: list[Opened]) -> Iterator[Open]:
    """Opens a page, waits until it is drawn, and sees that it asks for and complains of nothing."""
    used = []

    def opened(
        path: Path, fragment: str = "", size: tuple[int, int] = (1280, 800), **media: Any
    ) -> Opened:
        tab = tabs.pop() if tabs else new_tab(browser)
        used.append((tab, path))
        width, height = size
        tab.page.set_viewport_size({"width": width, "height": height})
        tab.page.emulate_media(**{**MEDIA, **media})
        tab.heard.clear()
        tab.page.goto(path.as_uri() + fragment)
        try:
            tab.page.wait_for_function("document.documentElement.dataset.shown", timeout=20_000)
        except Exception:
            pytest.fail(f"not drawn: {tab.heard.complaints}")
        return tab

    yield opened
    for tab, path in used:
        tab.page.mouse.move(0, 0)
        tab.page.goto("about:blank")
        tabs.append(tab)
        assert tab.heard.complaints == []
        assert {request.partition("#")[0] for request in tab.heard.requests} == {path.as_uri()}


def new_tab(browser: Browser) -> Opened:
    tab = Opened(browser.new_context(offline=True).new_page(), Heard())
    tab.heard.listen(tab.page)
    return tab


@pytest.fixture
def opened(open_page: Open, folder: Path) -> Opened:
    return open_page(folder / explore.PAGE)


def rows(folder: Path, name: str, variant: str) -> Rows:
    """The rows of a table that are of sigmas."""
    with (folder / "metrics" / name).open(newline="") as file:
        return [r for r in csv.DictReader(file) if r["variant"] == variant and r["sigma"]]


def mean(table: Rows, column: str, **where: float) -> float | None:
    """Of the rows with these values; None where there are none, or where a value is not known."""
    found = [row for row in table if all(float(row[k]) == v for k, v in where.items())]
    known = [float(row[column]) for row in found if row[column]]
    return sum(known) / len(known) if known and len(known) == len(found) else None


def test_every_moment_is_reached_by_keys_and_its_numbers_are_those_of_the_files(
    opened: Opened, folder: Path
) -> None:
    metrics = read_metrics(folder / "metrics")
    tensors = load_file(folder / "metrics" / "snapshots.safetensors")
    seen = set()
    for place, (variant, of) in enumerate(zip(VARIANTS, metrics, strict=True)):
        opened.page.locator("#choices label").nth(place).click()
        opened.page.evaluate("document.activeElement.blur()")
        told = sentences(of.results(), of.probes())
        opened.press(*["ArrowLeft"] * len(SIGMAS))
        for i, sigma in enumerate(SIGMAS):
            opened.press(*["Shift+ArrowLeft"] * EPOCHS)
            for epoch in range(EPOCHS + 1):
                shown = opened.read()
                seen.add(shown["shown"])
                assert shown["sigma"] == f"σ = {sigma:g}"
                assert shown["epoch"] == (f"after epoch {epoch}" if epoch else "before training")
                assert shown["sentence"] == told[i][epoch]
                check_accuracies(shown, folder, variant, sigma, epoch)
                check_layers(shown, folder, variant, sigma, epoch)
                check_snapshot(shown, tensors, variant, i, epoch)
                opened.press("Shift+ArrowRight")
            opened.press("ArrowRight")
    assert len(seen) == len(VARIANTS) * len(SIGMAS) * (EPOCHS + 1)


def check_accuracies(shown: Shown, folder: Path, variant: str, sigma: float, epoch: int) -> None:
    where = {"sigma": sigma, "epoch": epoch}
    if epoch == 0:
        untrained = mean(
            rows(folder, "accuracy.csv", variant), "untrained_test_accuracy", sigma=sigma
        )
        assert shown["test"] == pytest.approx(untrained)
        return
    history = rows(folder, "history.csv", variant)
    for name in ("test", "train"):
        expected = mean(history, f"{name}_accuracy", **where)
        assert shown[name if name == "test" else "training"] == pytest.approx(expected)


def check_layers(shown: Shown, folder: Path, variant: str, sigma: float, epoch: int) -> None:
    probes, theory = (rows(folder, name, variant) for name in ("probes.csv", "theory.csv"))
    columns = {
        "outputs": "activation_rms",
        "gradient": "gradient_norm",
        "silent units": "dead_units",
        "moved": "movement",
    }
    assert len(shown["layers"]) == 3
    for layer, of_layer in enumerate(shown["layers"], start=1):
        for title, column in columns.items():
            expected = mean(probes, column, sigma=sigma, epoch=epoch, layer=layer)
            assert of_layer[title] == pytest.approx(expected, rel=1e-4)
        for title in ("outputs", "gradient"):
            if epoch == 0:
                expected = mean(theory, columns[title], sigma=sigma, layer=layer)
                assert of_layer[f"{title}, theory"] == pytest.approx(expected, rel=1e-4)
            else:
                assert f"{title}, theory" not in of_layer


def check_snapshot(
    shown: Shown, tensors: Mapping[str, NDArray[Any]], variant: str, place: int, epoch: int
) -> None:
    deviations = tensors[f"{variant}/deviations"][place, epoch]
    spreads = [of_layer["spread of weights"] for of_layer in shown["layers"]]
    assert spreads == pytest.approx(deviations.tolist(), rel=1e-4)
    logits = tensors[f"{variant}/answers"][place, epoch].astype(np.float64)
    shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    labels = tensors[f"{variant}/labels"]
    for answer, of_image, label in zip(shown["answers"], shares, labels, strict=True):
        sign, said, sure, unit = answer.split()
        assert of_image[int(said)] == pytest.approx(of_image.max(), abs=0.005)
        assert float(sure) == pytest.approx(100 * of_image.max(), abs=0.51)
        assert (sign == "✓") == (int(said) == label)
        assert unit == "%"


def test_charts_draw_what_the_files_say(opened: Opened, folder: Path) -> None:
    opened.go("variant=Adam&sigma=0.0001&epoch=2")
    lines = opened.page.evaluate(
        "Object.fromEntries(Object.entries(charts).map(([k, c]) => [k, c.view.data('lines')]))"
    )
    probes = rows(folder, "probes.csv", "Adam")
    for panel, column in (("gradients", "gradient_norm"), ("activations", "activation_rms")):
        drawn = sorted(
            (line["x"], line["y"]) for line in lines[panel] if line["colour"] == "var(--layer-1)"
        )
        expected = [
            (epoch, mean(probes, column, sigma=1e-4, epoch=epoch, layer=2)) for epoch in range(4)
        ]
        assert np.array(drawn) == pytest.approx(np.array(expected, dtype=float), rel=1e-4)
    accuracy = rows(folder, "accuracy.csv", "Adam")
    final = [
        (line["x"], line["y"]) for line in lines["accuracy"] if line["colour"] == "var(--test)"
    ]
    ends = [(float(row["sigma"]), 100 * float(row["test_accuracy"])) for row in accuracy]
    assert np.array(final) == pytest.approx(np.array(ends))


def test_the_band_of_lone_networks_is_what_test_images_explain(
    tmp_path: Path, open_page: Open
) -> None:
    opened = open_page(make_page(tmp_path))
    areas = opened.page.evaluate("charts.accuracy.view.data('areas')")
    band = [(row["y"] - row["y2"]) / 2 for row in areas if row["fill"] == "var(--test)"]
    images = read_metrics(tmp_path / "metrics")[0].setting.data.test_images
    shares = np.array([float(row["test_accuracy"]) for row in rows(tmp_path, "accuracy.csv", "")])
    assert np.array(band) == pytest.approx(100 * np.sqrt(shares * (1 - shares) / images))
    assert "one network each" in opened.page.inner_text("#key")


def test_counts_and_images_are_those_that_were_kept(opened: Opened, folder: Path) -> None:
    tensors = load_file(folder / "metrics" / "snapshots.safetensors")
    counts = opened.page.evaluate("sweeps.map(sweep => sweep.weights.counts)")
    for variant, of_variant in zip(VARIANTS, counts, strict=True):
        assert (np.array(of_variant) == tensors[f"{variant}/histograms"]).all()
    shades = opened.page.evaluate(
        """() => {
          const { units } = sweeps[0], length = units.count * units.shape[0] * units.shape[1];
          return units.places.map(places => places.map(place => Array.from({ length }, (_, i) => {
            const byte = pixels[place + (i >> 1)];
            return (i & 1 ? byte & 15 : byte >> 4) - LEVELS;
          })));
        }"""
    )
    kept = tensors["Adam/features"]
    levels = np.rint(kept / 127 * 7).astype(int)
    assert (np.array(shades) == levels.reshape(*kept.shape[:2], -1)).all()
    opened.go("variant=Adam&sigma=0.03&epoch=3")
    painted, colours = opened.page.evaluate(
        """() => {
          const canvas = document.querySelectorAll("#units canvas")[1];
          const { width, height } = canvas;
          const { data } = canvas.getContext("2d").getImageData(0, 0, width, height);
          const rows = Array.from({ length: height }, (_, y) => Array.from({ length: width },
            (_, x) => [...data.slice(4 * (y * width + x), 4 * (y * width + x) + 3)]));
          return [rows, palette()];
        }"""
    )
    rows_of, columns_of = kept.shape[-2:]
    for unit, image in enumerate(levels[1, -1]):
        top, left = unit // 8 * (rows_of + 1), unit % 8 * (columns_of + 1)
        part = np.array(painted)[top : top + rows_of, left : left + columns_of]
        assert part == pytest.approx(np.array(colours)[image + 7], abs=1)


def test_the_slider_lies_below_the_chart_and_is_dragged_to_every_sigma(opened: Opened) -> None:
    page = opened.page
    for place, sigma in enumerate(SIGMAS):
        x = page.evaluate(
            """sigma => element("accuracy").getBoundingClientRect().left + PADDING.left +
            charts.accuracy.view.scale("x")(sigma)""",
            sigma,
        )
        box = page.locator("#sigma").bounding_box()
        assert box is not None
        page.mouse.click(x, box["y"] + box["height"] / 2)
        opened.settle()
        assert opened.state()["sigma"] == place
        value = float(page.locator("#sigma").input_value())
        assert value == pytest.approx(math.log10(sigma))
        slider = page.evaluate("[element('sigma').min, element('sigma').max].map(Number)")
        share = (value - slider[0]) / (slider[1] - slider[0])
        assert box["x"] + 8 + share * (box["width"] - 16) == pytest.approx(x, abs=1.5)
    page.locator("#accuracy").click(position={"x": 60, "y": 60})
    opened.settle()
    assert opened.state()["sigma"] == 0


def test_arrows_move_the_slider_that_has_the_focus(opened: Opened) -> None:
    opened.page.locator("#sigma").focus()
    opened.press("Home", "ArrowUp")
    assert opened.state()["sigma"] == 1
    opened.press("End")
    assert opened.state()["sigma"] == 2
    opened.page.locator("#epoch").focus()
    opened.press("Home", "ArrowRight", "ArrowRight", "ArrowLeft")
    assert opened.state()["moment"] == 1
    assert opened.state()["sigma"] == 2


def test_space_plays_the_epochs_to_the_last_and_pauses(opened: Opened) -> None:
    button = opened.page.locator("#play")
    opened.press(" ")
    assert opened.state()["moment"] == 0
    assert button.get_attribute("aria-label") == "Pause"
    opened.page.wait_for_function("state.moment === 1")
    opened.press(" ")
    assert button.get_attribute("aria-label") == "Play the epochs"
    stopped = opened.state()["moment"]
    opened.page.wait_for_timeout(1000)
    assert opened.state()["moment"] == stopped
    button.click()
    opened.page.wait_for_function(f"state.moment === {EPOCHS} && playing === undefined")


def test_who_wants_little_motion_gets_it(folder: Path, opened: Opened, open_page: Open) -> None:
    calm = open_page(folder / explore.PAGE, reduced_motion="reduce")
    assert calm.page.evaluate("STEP") > opened.page.evaluate("STEP")
    for page in (calm.page, opened.page):
        assert page.evaluate("document.getAnimations().length") == 0
        assert page.evaluate("playing === undefined")


def test_a_pinned_sigma_leaves_its_ghost_in_every_panel(opened: Opened) -> None:
    opened.go("variant=Adam&sigma=0.0001&epoch=2")
    before = drawings(opened)
    opened.press("p")
    opened.press("ArrowRight")
    after = drawings(opened)
    assert "Dashed: Adam, σ = 0.0001" in opened.page.locator("#pinned").inner_text()
    for panel, dashed in after["dashed"].items():
        assert dashed > before["dashed"][panel], panel
    assert after["images"] == before["images"] + 1
    assert before["pinned_answers"] == [""] * 10
    assert all("%" in text for text in after["pinned_answers"])
    opened.page.locator("#pin").click()
    opened.settle()
    assert drawings(opened)["dashed"] == before["dashed"]


def drawings(opened: Opened) -> dict[str, Any]:
    """How many dashed lines each chart has, and what else a pin adds."""
    drawn: dict[str, Any] = opened.page.evaluate(
        """() => ({
          dashed: Object.fromEntries(Object.entries(charts).map(([name, chart]) => [name, new Set(
            ["lines", "areas"].flatMap(data => chart.view.data(data).filter(row => row.dash)
              .map(row => `${data} ${row.series}`))).size])),
          images: document.querySelectorAll("#units canvas").length,
          pinned_answers: [...document.querySelectorAll("#digits .pinned")].map(p => p.textContent),
        })"""
    )
    return drawn


def test_the_address_is_a_link_to_the_moment(opened: Opened, folder: Path, open_page: Open) -> None:
    opened.page.locator("#choices label").nth(1).click()
    opened.page.evaluate("document.activeElement.blur()")
    opened.press("ArrowLeft", "Shift+ArrowLeft", "p", "ArrowLeft")
    state = opened.state()
    opened.page.wait_for_function("location.hash === fragment(state, sweeps)")
    fragment = opened.page.evaluate("location.hash")
    linked = open_page(folder / explore.PAGE, fragment)
    assert linked.state() == state
    assert state["pin"] == {"variant": 1, "sigma": 0}
    assert linked.read() == opened.read()


@pytest.mark.parametrize(
    "fragment",
    ["#sigma=0&epoch=99", "#variant=no&sigma=x&epoch=-1&pin=&pinsigma=-2", "#%", "#pinsigma=1e999"],
)
def test_a_misspelt_link_shows_a_moment_all_the_same(
    fragment: str, folder: Path, open_page: Open
) -> None:
    state = open_page(folder / explore.PAGE, fragment).state()
    assert state["variant"] == 0
    assert state["moment"] in (0, EPOCHS)
    assert state["pin"] is None


def test_the_first_link_shows_one_sigma_with_two_fates(opened: Opened) -> None:
    link = opened.page.locator("#tour a").first
    assert "two fates: σ = 0.0001 ends at 10.00 %" in link.inner_text()
    link.click()
    opened.page.wait_for_function("state.pin !== null")
    opened.settle()
    assert opened.state() == {
        "variant": 1,
        "sigma": 0,
        "moment": EPOCHS,
        "pin": {"variant": 0, "sigma": 0},
    }
    assert "SGD has moved these weights" in opened.read()["sentence"]


def test_a_variant_is_chosen_at_the_same_sigma(opened: Opened) -> None:
    opened.go("variant=Adam&sigma=10&epoch=1")
    assert opened.page.locator("#choices label").all_inner_texts() == list(VARIANTS)
    opened.page.locator("#choices label").nth(1).click()
    opened.settle()
    assert opened.state() == {"variant": 1, "sigma": 2, "moment": 1, "pin": None}
    assert "by SGD, learning rate 0.01" in opened.page.locator("#about").inner_text()


def test_the_sweeps_of_another_page_stand_beside_these(
    opened: Opened, folder: Path, tmp_path: Path
) -> None:
    sweep = {"sigmas": [1e-3, 0.1], "initializers": []}
    other = make_page(tmp_path, sweep=sweep, train={"epochs": 2}, model={"hidden": [4, 3]})
    opened.page.locator("#file").set_input_files(other)
    opened.page.wait_for_function("sweeps.length === 3")
    opened.settle()
    names = [*VARIANTS, "explore"]
    assert opened.page.locator("#choices label").all_inner_texts() == names
    opened.page.locator("#choices label").nth(2).click()
    opened.page.locator("#sigma").focus()
    opened.press("End")
    assert opened.state()["variant"] == 2
    shown = opened.read()
    assert shown["epoch"] == "after epoch 2"
    check_accuracies(shown, tmp_path, "", 0.1, 2)
    check_layers(shown, tmp_path, "", 0.1, 2)
    check_snapshot(shown, load_file(tmp_path / "metrics/snapshots.safetensors"), "", 1, 2)
    opened.page.locator("#file").set_input_files(folder / "metrics" / "accuracy.csv")
    opened.page.wait_for_function("element('added').textContent !== ''")
    assert "accuracy.csv is no page" in opened.page.locator("#added").inner_text()


@pytest.mark.parametrize("size", [(1920, 1080), (1280, 800), (390, 844)])
def test_an_audit_finds_nothing_serious_and_nothing_is_cut_off(
    size: tuple[int, int], folder: Path, open_page: Open, tmp_path: Path
) -> None:
    fragment = "#variant=Adam&sigma=0.0001&epoch=1&pin=Adam&pinsigma=10"
    opened = open_page(folder / explore.PAGE, fragment, size, color_scheme="dark")
    opened.page.locator("#numbers summary").click()
    for scheme in ("dark", "light"):
        opened.page.emulate_media(color_scheme=scheme)
        opened.page.screenshot(path=tmp_path / f"{scheme}.png", full_page=True)
        found = Axe().run(opened.page, options=VIOLATIONS).response["violations"]
        grave = [of for of in found if of["impact"] in ("serious", "critical")]
        assert [(of["id"], [node["html"][:200] for node in of["nodes"]]) for of in grave] == []
    assert opened.page.evaluate("document.documentElement.scrollWidth") <= size[0]
    lines = opened.page.eval_on_selector_all(
        "article > p:not(.missing)",
        "texts => texts.map(p => p.textContent && Math.round((() => { const range = "
        "document.createRange(); range.selectNodeContents(p); return "
        "range.getBoundingClientRect().height / parseFloat(getComputedStyle(p).lineHeight); })()))",
    )
    assert len(lines) == 8
    assert all(1 <= number <= 2 for number in lines), lines
    cut = opened.page.evaluate(
        """() => [...document.querySelectorAll(".chart")].flatMap(chart => {
          const box = chart.getBoundingClientRect();
          return [...chart.querySelectorAll("text")].filter(text => {
            const { left, right, top, bottom } = text.getBoundingClientRect();
            return text.textContent && (left < box.left - 1 || right > box.right + 1 ||
              top < box.top - 1 || bottom > box.bottom + 1);
          }).map(text => `${chart.parentElement.id}: ${text.textContent}`);
        })"""
    )
    assert cut == []


def diverges(_: str, trial: Trial) -> bool:
    return True


UNUSUAL: dict[str, dict[str, Any]] = {
    "one sigma": {"sweep": {"sigmas": [0.05], "initializers": []}},
    "one epoch": {"train": {"epochs": 1}},
    "steps": {"train": {"epochs": 1, "steps": 7}},
    "all diverged": {"diverged": diverges},
    "nothing learned": {"course": lambda _, trial: [0.1] * trial.records},
    "12 layers": {"model": {"hidden": [5], "depth": 11}},
    "fan-in scale": {"sweep": {"scale": "fan_in", "biases": "zero"}},
    "without weights": {"sweep": {"keep_weights": False, "initializers": ["kaiming_normal"]}},
    "unlike variants": {
        "variants": {
            "deep": {"model": {"depth": 9, "hidden": [4]}, "sweep": {"sigmas": [1e-3, 1.0]}},
            "short": {"train": {"epochs": 1}, "sweep": {"keep_weights": False}},
        }
    },
    "a module": {
        "model": {"network": "networks/small.py:Small"},
        "sweep": {"initializers": []},
        "modules": {("networks/small.py:Small", "mnist"): module_of()},
    },
}


@pytest.mark.parametrize("changes", UNUSUAL.values(), ids=UNUSUAL.keys())
def test_an_unusual_sweep_is_drawn_too(
    changes: dict[str, Any], tmp_path: Path, open_page: Open
) -> None:
    opened = open_page(make_page(tmp_path, **changes))
    for place in range(opened.page.evaluate("sweeps.length")):
        opened.page.evaluate(f"chooseVariant({place})")
        opened.press("p", "ArrowLeft", "Shift+ArrowLeft", "Shift+ArrowLeft", "ArrowRight", "p")
        shown = opened.read()
        assert shown["sentence"].endswith(".")
        assert "NaN" not in opened.page.locator("body").inner_text()
        assert "undefined" not in opened.page.locator("body").inner_text()
        missing = opened.page.locator("#weights .missing").inner_text()
        kept = opened.page.evaluate("current().weights !== null")
        assert ("sweep.keep_weights is false" in missing) != kept


def test_a_page_that_would_be_too_large_keeps_the_ends_of_what_was_recorded(
    folder: Path, tmp_path: Path, open_page: Open
) -> None:
    """Images of 150 x 150 pixels take 5 MB; without those between the ends they fit."""
    (tmp_path / "metrics").mkdir()
    for path in (folder / "metrics").iterdir():
        (tmp_path / "metrics" / path.name).symlink_to(path)
    tensors = load_file(folder / "metrics" / "snapshots.safetensors")
    rng = np.random.default_rng(0)
    for variant in VARIANTS:
        kept = tensors[f"{variant}/features"]
        noise = rng.normal(0, 40, (*kept.shape[:2], 16, 150, 150)).clip(-127, 127)
        tensors[f"{variant}/features"] = noise.astype(np.int8)
    (tmp_path / "metrics" / "snapshots.safetensors").unlink()
    save_file(tensors, tmp_path / "metrics" / "snapshots.safetensors")
    explore.main(tmp_path)
    page = tmp_path / explore.PAGE
    assert page.stat().st_size <= LIMIT < 3_000_000
    opened = open_page(page, "#sigma=0.0001&epoch=1")
    moments = opened.page.evaluate(
        "sweeps.map(({ units, weights }) => [units, weights]).flat().map(({ moments }) => moments)"
    )
    assert moments == [[0, 3], [0, 1, 2, 3]] * 2


def test_text_of_a_file_stays_text(folder: Path, tmp_path: Path, open_page: Open) -> None:
    (tmp_path / "metrics").mkdir()
    for path in (folder / "metrics").iterdir():
        (tmp_path / "metrics" / path.name).symlink_to(path)
    facts = (folder / "metrics" / "facts.json").read_text()
    (tmp_path / "metrics" / "facts.json").unlink()
    name = "</script><img src=x onerror=alert(1)>"
    (tmp_path / "metrics" / "facts.json").write_text(facts.replace("layer 1", name))
    explore.main(tmp_path)
    opened = open_page(tmp_path / explore.PAGE)
    assert opened.page.locator("#gradients .legend li").first.inner_text() == name
    assert opened.page.locator("img").count() == 0


def test_the_same_metrics_make_the_same_bytes(folder: Path) -> None:
    before = (folder / explore.PAGE).read_bytes()
    run_stage(folder, "explore")
    assert (folder / explore.PAGE).read_bytes() == before
    assert len(before) < LIMIT


def test_a_damaged_file_is_one_line_and_leaves_the_old_page(tmp_path: Path) -> None:
    page = make_page(tmp_path)
    before = page.read_bytes()
    (tmp_path / "metrics" / "probes.csv").write_text("variant,sigma\n")
    assert "metrics/probes.csv" in fail_stage(tmp_path, "explore")
    assert page.read_bytes() == before


def test_show_opens_the_page_or_says_where_it_is(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser = tmp_path / "browser"
    browser.write_text(
        f"#!{sys.executable}\nimport sys\nprint('opened', sys.argv[1], flush=True)\n"
    )
    browser.chmod(0o755)
    page = (folder / explore.PAGE).resolve()
    monkeypatch.setenv("BROWSER", f"{browser} %s")
    assert run_stage(folder, "show")[0] == f"opened {page.as_uri()}\n"
    for name in ("BROWSER", "DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    assert run_stage(folder, "show")[0] == f"{page}\n"
    assert "make explore" in fail_stage(tmp_path, "show")
