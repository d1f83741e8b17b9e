"""What the first layer looks for: weights of some units as images, before and after training."""

from collections.abc import Mapping
from itertools import pairwise
from math import ceil, log

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from numpy.typing import NDArray

from stages.analysis.accuracy import sigma_labels
from stages.analysis.captions import NOT_KEPT, first_layer, no_image
from stages.analysis.findings import Results
from stages.analysis.first_layer import AFTER, BEFORE
from stages.analysis.snapshots import Snapshots
from stages.analysis.tables import Table, layer_curve
from stages.analysis.wording import rounded
from stages.figures.style import GREY, new_figure, nothing, of_variant, title

Images = NDArray[np.float64]
"""Of units (units, rows, columns)."""

_COLUMNS = 5
"""Sigmas that are shown, at most."""

_REACH = 3
"""Root mean squares to which the scale of colours reaches, to both sides of 0."""


def features(
    snapshots: Snapshots | None, measured: Mapping[str, Table], results: Results
) -> Figure:
    """Draw the same units at some sigmas, a column each; `measured` is features.csv by moment."""
    setting = results.setting
    text = of_variant("What the first layer looks for", setting)
    if snapshots is None:
        return nothing(text, NOT_KEPT)
    if snapshots.features is None:
        return nothing(text, no_image(setting))
    weights = snapshots.features.weights
    sigmas, labels = snapshots.sigmas, sigma_labels(snapshots.sigmas)
    places = _some(len(sigmas), int(np.flatnonzero(sigmas == results.best.sigma)[0]))
    figure = new_figure(height=6.6)
    grid = figure.subplots(2, len(places), squeeze=False)
    moments = ((BEFORE, 0, "before training"), (AFTER, -1, f"after {setting.length}"))
    for row, (moment, epoch, name) in zip(grid, moments, strict=True):
        smooth = layer_curve(measured[moment], "autocorrelation")
        for axes, place in zip(row, places, strict=True):
            image = _draw(axes, weights[place, epoch], smooth.mean[place])
        row[0].set_ylabel(name)
    for axes, place in zip(grid[0], places, strict=True):
        axes.set_title(f"σ = {labels[sigmas[place]]}", fontsize=10, loc="center")
    _draw_scale(figure, grid, image)
    units = weights.shape[2]
    told = f"Each square holds {units} units, the same ones everywhere." if units > 1 else ""
    title(figure, text, [*first_layer(results, measured), told])
    return figure


def _some(count: int, best: int) -> list[int]:
    """Of `count` places both ends, the best, and the middles of the widest gaps between them."""
    chosen = {0, best, count - 1}
    while len(chosen) < min(count, _COLUMNS):
        low, high = max(pairwise(sorted(chosen)), key=lambda ends: ends[1] - ends[0])
        chosen.add((low + high) // 2)
    return sorted(chosen)


def _draw(axes: Axes, images: Images, smooth: float) -> AxesImage:
    """Draw units in shares of their root mean square, with that and their smoothness below."""
    size = float(np.sqrt(np.square(images).mean()))
    drawn = axes.imshow(
        _mosaic(images / size if size > 0 else images),
        cmap="RdBu_r",
        vmin=-_REACH,
        vmax=_REACH,
        interpolation="nearest",
    )
    axes.set(xticks=[], yticks=[], facecolor=GREY)
    told = [f"rms {size:.2g}", f"autocorrelation {rounded(smooth, 2)}"]
    axes.set_xlabel("overflowed" if np.isnan(size) else "\n".join(told), fontsize=9)
    return drawn


def _mosaic(images: Images) -> NDArray[np.float64]:
    """All images beside and below each other, with NaN between them.

    They lie about as wide as high, yet leave no place empty for the sake of a little more so.
    """
    units, rows, columns = images.shape

    def unsuited(across: int) -> float:
        down = ceil(units / across)
        oblong = abs(log(across * (columns + 1) / (down * (rows + 1))))
        return oblong + 2 * log(across * down / units)

    across = min(range(1, units + 1), key=unsuited)
    down = ceil(units / across)
    tiles = np.full((down * across, rows + 1, columns + 1), np.nan)
    tiles[:units, :rows, :columns] = images
    ordered = tiles.reshape(down, across, rows + 1, columns + 1).swapaxes(1, 2)
    return ordered.reshape(down * (rows + 1), -1)[:-1, :-1]


def _draw_scale(figure: Figure, grid: NDArray[np.object_], image: AxesImage) -> None:
    figure.colorbar(
        image,
        ax=grid.ravel().tolist(),
        location="bottom",
        aspect=50,
        extend="both",
        label="weight / its rms, the root mean square of a square's weights; "
        "red: looks for light, blue: for dark",
    )
