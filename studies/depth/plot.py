"""The plot door: trainability.csv in, the heat maps of trainability out."""

if __name__ == "__main__":
    if not __package__:
        raise SystemExit("in the project's folder, run: python -m studies.depth.plot")
    from stages.process.door import enter

    enter("studies.depth.plot")

import csv
import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullFormatter, NullLocator, ScalarFormatter
from numpy.typing import NDArray

from stages.analysis.meanfield import critical_sigma_w2, depth_scale
from stages.core.dataset import CHANCE_ACCURACY
from stages.figures.style import (
    GREY,
    VERMILION,
    house_style,
    legend_below,
    new_figure,
    panel_heading,
    save,
    title,
)
from stages.process.pace import counted
from studies.depth.params import Params, read_params

TABLE, PLOTS = Path("studies/depth/metrics/trainability.csv"), Path("studies/depth/plots")
SCALES = 6
"""Depth scales through which networks can be trained, as found by Schoenholz et al. 2017."""

TRAINED = 0.5
"""Test accuracy from which a network counts as trained."""

_LABELS = 14
"""Depths that are written beside the axis, at most."""

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Grid:
    """The networks of one activation; `accuracy` and `diverged` are (depths, sigma_w2s)."""

    depths: Array
    sigma_w2s: Array
    accuracy: Array
    diverged: Array


@dataclass(frozen=True)
class Theory:
    """What is known of an activation before anything is trained."""

    title: str
    critical: float  # sigma_w²
    depth_scale: Callable[[float], float]  # layers, as a function of sigma_w²


def main() -> None:
    """Write trainability.png."""
    params = read_params()
    PLOTS.mkdir(parents=True, exist_ok=True)
    with house_style():
        save(trainability(read_panels(params), params), PLOTS / "trainability.png")


def read_panels(params: Params) -> list[tuple[Grid, Theory]]:
    """What was measured of each activation, and what theory says of it."""
    titles = {"tanh": f"tanh, σ_b² = {params.sigma_b2:g}", "relu": "ReLU, σ_b = 0"}
    biases = {"tanh": params.sigma_b2, "relu": 0.0}
    return [
        (
            read_grid(TABLE, activation),
            Theory(
                titles[activation],
                critical_sigma_w2(activation, sigma_b2),
                partial(depth_scale, activation, sigma_b2=sigma_b2),
            ),
        )
        for activation, sigma_b2 in biases.items()
    ]


def read_grid(path: Path, activation: str) -> Grid:
    """The rows of one activation as arrays."""
    with path.open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["activation"] == activation]
    depths = sorted({int(row["depth"]) for row in rows})
    sigma_w2s = sorted({float(row["sigma_w2"]) for row in rows})
    accuracy, diverged = np.zeros((2, len(depths), len(sigma_w2s)))
    for row in rows:
        cell = depths.index(int(row["depth"])), sigma_w2s.index(float(row["sigma_w2"]))
        accuracy[cell], diverged[cell] = float(row["test_accuracy"]), float(row["diverged"])
    return Grid(np.array(depths, float), np.array(sigma_w2s), accuracy, diverged)


def trainability(panels: list[tuple[Grid, Theory]], params: Params) -> Figure:
    """Draw a heat map for each activation, and the theory over it."""
    figure = new_figure(height=5.8)
    row = figure.subplots(1, len(panels), sharey=True)
    for axes, (grid, theory) in zip(row, panels, strict=True):
        mesh = _draw_accuracy(axes, grid)
        _draw_theory(axes, grid, theory)
    row[0].set_ylabel("hidden layers (log scale)")
    figure.colorbar(mesh, ax=row, label="test accuracy (%)", pad=0.01)
    legend_below(figure, row, columns=3)
    title(figure, "How deep a network can be trained", trainability_caption(panels, params))
    return figure


def trainability_caption(panels: list[tuple[Grid, Theory]], params: Params) -> list[str]:
    """How networks were trained, what the lines mean, and how far theory foretold what learns."""
    sentences = [
        f"Each cell is one MNIST network of {counted(params.width, 'unit')} a layer after "
        f"{counted(params.steps, 'step')} of plain SGD (learning rate {params.lr:g}, batches of "
        f"{params.batch_size}). χ₁ is the factor by which a small difference of two inputs, squared"
        ", grows in a layer: at χ₁ = 1 neither order nor chaos. ξ is the number of layers in which "
        "what sets inputs apart (ReLU: the signal) changes by a factor of e."
    ]
    for grid, theory in panels:
        scales = np.array([theory.depth_scale(sigma_w2) for sigma_w2 in grid.sigma_w2s])
        shallow = grid.depths[:, None] < SCALES * scales
        trained = grid.accuracy >= TRAINED
        regions = ((shallow, f"shallower than {SCALES} ξ"), (~shallow, "that are deeper"))
        counts = [
            f"{(trained & region).sum()} of the {region.sum()} networks {where}"
            for region, where in regions
            if region.any()
        ]
        sentences.append(
            f"{theory.title.partition(',')[0]}: {' and '.join(counts)} reach {100 * TRAINED:g} %."
        )
    return sentences


def _draw_accuracy(axes: Axes, grid: Grid) -> QuadMesh:
    axes.grid(False)
    mesh = axes.pcolormesh(
        _edges(grid.sigma_w2s),
        np.exp(_edges(np.log(grid.depths))),
        100 * grid.accuracy,
        cmap="viridis",
        vmin=100 * CHANCE_ACCURACY,
        vmax=100,
    )
    if grid.diverged.any():
        depth, sigma_w2 = np.nonzero(grid.diverged)
        axes.plot(
            grid.sigma_w2s[sigma_w2],
            grid.depths[depth],
            "x",
            color=GREY,
            markersize=4,
            label="overflowed, counts as chance",
        )
    axes.set_yscale("log")
    labelled = grid.depths[:: math.ceil(len(grid.depths) / _LABELS)]
    axes.yaxis.set_major_locator(FixedLocator(labelled.tolist()))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(ScalarFormatter())
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel("σ_w², variance of initial weights times fan-in")
    return mesh


def _draw_theory(axes: Axes, grid: Grid, theory: Theory) -> None:
    x, y = axes.get_xlim(), axes.get_ylim()
    sigma_w2s = np.linspace(*x, 400)
    scales = np.array([theory.depth_scale(sigma_w2) for sigma_w2 in sigma_w2s])
    axes.plot(sigma_w2s, SCALES * scales, color=VERMILION, linewidth=2, label=f"{SCALES} ξ")
    axes.axvline(theory.critical, color=VERMILION, linestyle=":", label="χ₁ = 1")
    axes.set_xlim(x)
    axes.set_ylim(y)
    panel_heading(axes, theory.title, [])


def _edges(centres: Array) -> Array:
    """Borders halfway between the centres (n,) of cells, and as far beyond the outer ones."""
    steps = np.diff(centres)
    return np.concatenate(
        [centres[:1] - steps[:1] / 2, centres[:-1] + steps / 2, centres[-1:] + steps[-1:] / 2]
    )
