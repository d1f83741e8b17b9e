"""The slides door: every picture again, as pages of 16:9 that can be read from afar."""

from collections.abc import Iterator, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text
from PIL import Image

from stages.analysis.metrics import read_metrics
from stages.core.starts import SCHEMES
from stages.figures.pictures import pictures
from stages.figures.slides import slides
from stages.figures.style import house_style
from tests.conftest import PICTURES, run_stage, write_params
from tests.models import aggregated
from tests.readable import assert_readable
from tests.test_plot import SIGMAS, write_metrics

SMALLEST = 0.03
"""Size of the smallest letters in heights of the page: 16 points on a slide of 7.5 inches."""


ALL = sorted(Path(name).stem for name in PICTURES)


def drawn(folder: Path, names: Sequence[str]) -> Iterator[tuple[str, Figure]]:
    """The slides of these pictures of `folder`, each to be looked at before the next."""
    with house_style(slides=True):
        made = pictures(read_metrics(folder / "metrics"))
        for name in names:
            yield from slides(name, made[name])


def test_each_row_of_a_picture_is_a_slide_and_old_ones_vanish(tmp_path: Path) -> None:
    write_metrics(tmp_path, SIGMAS)
    (tmp_path / "slides").mkdir()
    (tmp_path / "slides" / "old.png").touch()
    output, errors = run_stage(tmp_path, "slides")
    written = {path.stem: path.read_bytes() for path in (tmp_path / "slides").iterdir()}
    assert (output.splitlines()[-1], errors) == (f"{len(written)} slides in slides/", "")
    assert {Image.open(BytesIO(slide)).size for slide in written.values()} == {(1920, 1080)}
    assert len({*written.values()}) == len(written)
    assert {f"signals_{row}" for row in (1, 2, 3, 4)} < written.keys()
    assert {f"{name.rstrip('_1234')}.png" for name in written} == PICTURES


LAYERS_AND_VARIANTS = {
    "model": {"hidden": [8], "depth": 12},
    "variants": {"adam": {}, "sgd": {"train": {"lr": 0.01}}},
}


@pytest.mark.parametrize(
    ("changes", "looked_at"),
    [
        pytest.param(
            {"sweep": {"sigmas": [0.05], "initializers": list(SCHEMES)}}, ALL, id="one sigma"
        ),
        pytest.param(LAYERS_AND_VARIANTS, ALL, id="many layers of variants"),
        pytest.param({}, ["accuracy_vs_sigma", "map"], id="many sigmas"),
    ],
)
def test_nothing_on_a_slide_is_cut_or_small(
    tmp_path: Path, changes: dict[str, Any], looked_at: Sequence[str]
) -> None:
    write_params(tmp_path, **changes)
    aggregated(tmp_path, lambda _, trial: [0.5, 0.9])
    for name, figure in drawn(tmp_path, looked_at):
        assert_readable(figure)
        texts = [t for t in figure.findobj(Text) if isinstance(t, Text) and t.get_text().strip()]
        sizes = [float(text.get_fontsize()) / 72 / figure.get_figheight() for text in texts]
        assert min(sizes) > SMALLEST, name
