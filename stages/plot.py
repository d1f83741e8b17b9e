"""The plot door: metrics/ in, plots/ out."""

if __name__ == "__main__":
    if not __package__:
        raise SystemExit("in the project's folder, run: python -m stages.plot")
    from stages.process.door import enter

    enter("stages.plot")

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
from stages.figures.accuracy_vs_sigma import accuracy_vs_sigma
from stages.figures.before_after import before_after
from stages.figures.signals import signals
from stages.figures.style import house_style, save
from stages.figures.weight_histograms import Histogram, weight_histograms
from stages.process.door import uncollected
from stages.process.pace import following

PLOTS = Path("plots")


def main() -> None:
    """Write the pictures."""
    with uncollected(), house_style():
        drawn = figures()
        PLOTS.mkdir(exist_ok=True)
        for name, figure in following(drawn.items(), f"drawing {PLOTS}", len(drawn)):
            save(figure, PLOTS / f"{name}.png")


def figures() -> dict[str, Figure]:
    """All figures of metrics/, by the names of their files."""
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
    return {
        "accuracy_vs_sigma": accuracy_vs_sigma(points, summary, named),
        "weight_histograms": weight_histograms(histograms),
        "signals": signals(probes, layers, theory),
        "before_after": before_after(distributions),
    }


def read_histograms() -> list[Histogram]:
    """The rows of histograms.csv, gathered by sigma."""
    bins: dict[float, list[tuple[float, float]]] = {}
    with readable(METRICS / "histograms.csv") as path:
        for row in read_rows(path):
            bin_of_sigma = float(row["bin_center"]), float(row["count"])
            bins.setdefault(float(row["sigma"]), []).append(bin_of_sigma)
    return [Histogram(sigma, *np.array(bins[sigma]).T) for sigma in sorted(bins)]
