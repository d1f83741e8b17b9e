"""The slides door: every picture again, as pages of 16:9 that can be read from afar."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from matplotlib.figure import Figure
from matplotlib.image import imread
from matplotlib.text import Text

from stages.analysis.metrics import read_metrics
from stages.core.starts import SCHEMES
from stages.figures.pictures import pictures
from stages.figures.slides import slides
from stages.figures.style import house_style
from tests.conftest import run_stage, write_params
from tests.models import aggregated
from tests.readable import assert_readable
from tests.test_plot import SIGMAS, write_metrics

SMALLEST = 0.03
"""Size of the smallest letters in heights of the page: 16 points on a slide of 7.5 inches."""


def drawn(folder: Path) -> Iterator[tuple[str, Figure]]:
    """All slides of the metrics in `folder`, each to be looked at before the next."""
    with house_style(slides=True):
        for name, figure in pictures(read_metrics(folder / "metrics")).items():
            yield from slides(name, figure)


def test_each_row_of_a_picture_is_a_slide_and_old_ones_vanish(tmp_path: Path) -> None:
    write_metrics(tmp_path, SIGMAS)
    (tmp_path / "slides").mkdir()
    (tmp_path / "slides" / "old.png").touch()
    output, errors = run_stage(tmp_path, "slides")
    written = {path.stem: imread(path) for path in (tmp_path / "slides").iterdir()}
    assert (output.splitlines()[-1], errors) == (f"{len(written)} slides in slides/", "")
    assert {picture.shape[:2] for picture in written.values()} == {(1080, 1920)}
    assert len({picture.tobytes() for picture in written.values()}) == len(written)
    assert {f"signals_{row}" for row in (1, 2, 3, 4)} < written.keys()
    drawn_once = pictures(read_metrics(tmp_path / "metrics"))
    assert {name.rstrip("_1234") for name in written} == set(drawn_once)


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"sweep": {"sigmas": [0.05], "initializers": list(SCHEMES)}}, id="one sigma"),
        pytest.param({"model": {"hidden": [8], "depth": 12}}, id="many layers"),
        pytest.param({"variants": {"adam": {}, "sgd": {"train": {"lr": 0.01}}}}, id="variants"),
    ],
)
def test_nothing_on_a_slide_is_cut_or_small(tmp_path: Path, changes: dict[str, Any]) -> None:
    write_params(tmp_path, **changes)
    aggregated(tmp_path, lambda _, trial: [0.5, 0.9])
    for name, figure in drawn(tmp_path):
        assert_readable(figure)
        texts = [t for t in figure.findobj(Text) if isinstance(t, Text) and t.get_text().strip()]
        sizes = [float(text.get_fontsize()) / 72 / figure.get_figheight() for text in texts]
        assert min(sizes) > SMALLEST, name
