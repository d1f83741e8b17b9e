"""Every figure and the report of sweeps at the edges of what params.yaml allows."""

import re
import shutil
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from stages import aggregate, report, train
from stages.analysis.metrics import read_metrics
from stages.analysis.tables import METRICS
from stages.core.dataset import RAW, Dataset
from stages.core.facts import FACTS
from stages.figures.pictures import pictures
from stages.figures.style import house_style
from stages.process.sums import sha256, write_sums
from tests.conftest import open_doors, write_data, write_params
from tests.readable import assert_readable

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
    "train": {"epochs": 1, "lr": 1e-37},
}
TWELVE_LAYERS: Case = {
    "model": {"hidden": [16] * 12},
    "sweep": {"num_points": 2, "sigma_min": 0.05, "sigma_max": 0.5, "replicates": 2},
    "train": {"epochs": 1},
}
HUNDRED_LAYERS_OF_ALL_SCALES: Case = {
    "model": {"hidden": [4] * 100},
    "sweep": {"num_points": 3, "sigma_min": 1e-30, "sigma_max": 1e6},
    "train": {"epochs": 1},
}
NEIGHBOURS: Case = {
    "sweep": {"num_points": 13, "sigma_min": 0.05, "sigma_max": 0.050003, "initializers": []},
    "train": {"epochs": 1},
}
CASES = {
    "all-diverged": DIVERGED,
    "one-sigma": LONE_SIGMA,
    "untrained": UNTRAINED,
    "twelve-layers": TWELVE_LAYERS,
    "hundred-layers-of-all-scales": HUNDRED_LAYERS_OF_ALL_SCALES,
    "neighbours": NEIGHBOURS,
}


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, small_dataset: Dataset) -> Path:
    """A workspace in which the networks of all cases are trained at once, as variants."""
    workspace = write_data(tmp_path_factory.mktemp("trained"), small_dataset)
    variants = {
        name: {section: of for section, of in case.items() if section != "report"}
        for name, case in CASES.items()
    }
    write_params(workspace, variants=variants, runtime={"workers": 1})
    with open_doors(workspace):
        train.main(Path())
    return workspace


@pytest.fixture(params=CASES)
def extreme(request: pytest.FixtureRequest, trained: Path, tmp_path: Path) -> Iterator[str]:
    """An extreme by its name; it is told in the current folder as if it had been trained alone.

    A warning of a stage is an error.
    """
    write_params(tmp_path, **CASES[request.param])
    shutil.copytree(trained / RAW, tmp_path / RAW)
    made, models = trained / aggregate.MODELS, tmp_path / aggregate.MODELS
    shutil.copytree(made / request.param, models)
    shutil.copy(made / FACTS, models)
    files = [path for path in models.rglob("*") if path.is_file()]
    write_sums(models, {str(f.relative_to(models)): sha256(f.read_bytes()) for f in files})
    with open_doors(tmp_path), house_style(), warnings.catch_warnings():
        warnings.simplefilter("error")
        aggregate.main(Path())
        report.main(Path())
        yield request.param


def test_all_figures_are_drawn_and_the_report_is_true(extreme: str) -> None:
    for figure in pictures(read_metrics(METRICS)).values():
        assert_readable(figure)
    assert_sensible(Path("metrics/report.md").read_text(encoding="utf-8"), extreme)


NONSENSE = (
    r"\bnan\b|\binf\b|unknown, unknown|\b1 (epochs|networks|points|layers|steps)\b"
    r"|Each of the 1\b|\b0\.00 points|\b0\.0 decades|-0\.00|None|[a-z.,;:]  "
)


def assert_sensible(report: str, name: str) -> None:
    assert not re.findall(NONSENSE, report)
    few = "twelve-layers"  # 50 test images tell little of what they learn
    random = name in ("all-diverged", "untrained", "hundred-layers-of-all-scales", few)
    assert ("No network learned at any σ" in report) == random
    assert not (random and re.search("yet it learned|\\*\\*Best|best σ|Against that", report))
    if name == "all-diverged":
        assert "Each of the 2 networks diverged (overflowed)." in report
        assert "orthogonal ends at" in report
    if name == "neighbours":
        rows = re.findall(r"^\| \**(0\.05\d*)\** \|", report, re.MULTILINE)
        assert len(set(rows)) == 13
