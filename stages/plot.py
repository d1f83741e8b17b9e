"""The plot door: metrics/ in, plots/ out."""

from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from stages.analysis.tables import (
    METRICS,
    read_baselines,
    read_points,
    read_probes,
    read_rows,
    read_summary,
    read_table,
    readable,
)
from stages.core.door import InputError, clear_exit, uncollected
from stages.core.processes import obey_parent
from stages.figures.accuracy_vs_sigma import accuracy_vs_sigma
from stages.figures.before_after import before_after
from stages.figures.signals import signals
from stages.figures.style import house_style, save
from stages.figures.weight_histograms import Histogram, weight_histograms

PLOTS = Path("plots")


def main() -> None:
    """Write the pictures."""
    summary, points = read_summary(), read_points()
    histograms = read_histograms()
    named = read_baselines()
    probes = read_probes()
    layers = read_table("layers.csv", "sigma", "layer", "distance")
    theory = read_table(
        "theory.csv",
        *("sigma", "layer", "activation_rms", "gradient_norm", "glorot_sigma", "he_sigma"),
    )
    distributions = read_table(
        "distributions.csv", "sigma", "layer", "bin_center", "before", "after"
    )
    PLOTS.mkdir(exist_ok=True)
    draw_side_by_side(
        {
            "signals.png": partial(signals, probes, layers, theory),
            "before_after.png": partial(before_after, distributions),
            "weight_histograms.png": partial(weight_histograms, histograms),
            "accuracy_vs_sigma.png": partial(accuracy_vs_sigma, points, summary, named),
        }
    )


def draw_side_by_side(pictures: dict[str, Callable[[], Figure]]) -> None:
    """Draw and write `pictures`, each in a process that inherits what this one imported."""
    with ProcessPoolExecutor(len(pictures), get_context("fork"), obey_parent) as pool:
        try:
            for drawn in [pool.submit(draw, *picture) for picture in pictures.items()]:
                drawn.result()
        except BrokenProcessPool:
            raise InputError("a drawing process was killed; run again") from None


def draw(name: str, make: Callable[[], Figure]) -> None:
    """Draw one picture and write it as `name` into plots/."""
    with uncollected(), house_style():
        save(make(), PLOTS / name)


def read_histograms() -> list[Histogram]:
    """The rows of histograms.csv, gathered by sigma."""
    bins: dict[float, list[tuple[float, float]]] = {}
    with readable(METRICS / "histograms.csv") as path:
        for row in read_rows(path):
            bin_of_sigma = float(row["bin_center"]), float(row["count"])
            bins.setdefault(float(row["sigma"]), []).append(bin_of_sigma)
    return [Histogram(sigma, *np.array(bins[sigma]).T) for sigma in sorted(bins)]


if __name__ == "__main__":
    with clear_exit("plot"):
        main()
