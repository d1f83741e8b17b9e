"""Every figure and the report of sweeps at the edges of what params.yaml allows."""

import re
import warnings
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text
from stages.figures.regimes import regimes
from studies.depth.params import read_params
from studies.sgd import plot as sgd

from stages import aggregate, report, train
from stages.analysis.tables import METRICS, read_points
from stages.figures.style import house_style
from stages.plot import figures
from studies.depth import plot as depth
from tests.conftest import REPOSITORY, open_doors, write_params

SPACE = 3
"""Pixels, of 960, between a number below an axis and the edge of the page."""

Case = dict[str, dict[str, Any]]

DIVERGED: Case = {
    "sweep": {"num_points": 2, "sigma_min": 1e5, "sigma_max": 1e6, "initializers": ["orthogonal"]},
    "train": {"epochs": 1, "optimizer": "sgd", "lr": 1e30},
}
LONE_SIGMA: Case = {
    "sweep": {"num_points": 1, "sigma_min": 0.05, "sigma_max": 0.05},
    "train": {"epochs": 1},
    "report": {"histogram_bins": 1},
}
UNTRAINED: Case = {
    "sweep": {"num_points": 3, "sigma_min": 0.5, "sigma_max": 10.0},
    "train": {"epochs": 1, "lr": 5e-324},
}
TWELVE_LAYERS: Case = {
    "model": {"hidden": [16] * 12},
    "sweep": {"num_points": 2, "sigma_min": 0.05, "sigma_max": 0.5, "replicates": 2},
    "train": {"epochs": 1},
}
HUNDRED_LAYERS_OF_ALL_SCALES: Case = {
    "model": {"hidden": [4] * 100},
    "sweep": {"num_points": 5, "sigma_min": 1e-30, "sigma_max": 1e6},
    "train": {"epochs": 1},
}
NEIGHBOURS: Case = {
    "sweep": {"num_points": 13, "sigma_min": 0.05, "sigma_max": 0.050003, "initializers": []},
    "train": {"epochs": 1},
}
CASES = {
    "all diverged": DIVERGED,
    "one sigma": LONE_SIGMA,
    "untrained": UNTRAINED,
    "twelve layers": TWELVE_LAYERS,
    "hundred layers of all scales": HUNDRED_LAYERS_OF_ALL_SCALES,
    "neighbours": NEIGHBOURS,
}


@pytest.fixture(params=CASES)
def extreme(request: pytest.FixtureRequest, workspace: Path) -> Iterator[str]:
    """An extreme by its name; its workspace is the current folder, where it is trained and told.

    A warning of a stage is an error.
    """
    write_params(workspace, **CASES[request.param], runtime={"workers": 1})
    with open_doors(workspace), house_style(), warnings.catch_warnings():
        train.main(Path())
        warnings.simplefilter("error")
        aggregate.main(Path())
        report.main()
        yield request.param


def test_all_figures_are_drawn_and_the_report_is_true(extreme: str) -> None:
    for figure in figures().values():
        assert_readable(figure)
    assert_readable(regimes(2 * [("SGD", read_points())]))
    assert_sensible(Path("metrics/report.md").read_text(encoding="utf-8"), extreme)


def test_the_pictures_of_the_studies_are_readable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(REPOSITORY)
    sweeps = [(folder.name, read_points(folder / METRICS)) for folder in (sgd.ADAM, sgd.STUDY)]
    params = read_params()
    with house_style():
        assert_readable(regimes(sweeps))
        assert_readable(depth.trainability(depth.read_panels(params), params))


def assert_readable(figure: Figure) -> None:
    """Nothing is cut, no labels of an axis touch, no two entries of a legend are the same."""
    figure.draw_without_rendering()
    page = figure.bbox
    texts = [t for t in figure.findobj(Text) if isinstance(t, Text) and t.get_text().strip()]
    ticks = {
        label
        for axes in figure.axes
        for axis in (axes.xaxis, axes.yaxis)
        for label in axis.get_ticklabels(which="both")
    }
    for text in texts:
        box = text.get_window_extent()
        if text.get_visible() and text not in ticks:
            assert page.x0 - 1 <= box.x0, text
            assert box.x1 <= page.x1 + 1, text
            assert page.y0 - 1 <= box.y0, text
            assert box.y1 <= page.y1 + 1, text
    for axes in figure.axes:
        low, high = sorted(axes.get_xlim())
        boxes = [
            tick.label1.get_window_extent()
            for tick in axes.xaxis.get_major_ticks()
            if low <= tick.get_loc() <= high and tick.label1.get_visible()
        ]
        assert all(page.x0 + SPACE <= box.x0 and box.x1 <= page.x1 - SPACE for box in boxes), axes
        assert not any(one.overlaps(other) for one, other in combinations(boxes, 2)), axes
    for legend in figure.legends:
        labels = [text.get_text() for text in legend.get_texts()]
        assert len(labels) == len(set(labels))
        assert len(labels) <= 8


NONSENSE = (
    r"\bnan\b|\binf\b|unknown, unknown|\b1 (epochs|networks|points|layers|steps)\b"
    r"|Each of the 1\b|\b0\.00 points|\b0\.0 decades|-0\.00|None"
)


def assert_sensible(report: str, name: str) -> None:
    assert not re.findall(NONSENSE, report)
    random = name in ("all diverged", "untrained", "hundred layers of all scales")
    assert ("No network learned at any σ" in report) == random
    assert not (random and re.search("yet it learned|\\*\\*Best|best σ|Against that", report))
    if name == "all diverged":
        assert "Each of the 2 networks diverged (overflowed)." in report
        assert "orthogonal ends at" in report
    if name == "neighbours":
        rows = re.findall(r"^\| \**(0\.05\d*)\** \|", report, re.MULTILINE)
        assert len(set(rows)) == 13
