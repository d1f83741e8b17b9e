"""The plot door: metrics/ in, plots/ out."""

if __name__ == "__main__":
    if not __package__:
        raise SystemExit("in the project's folder, run: python -m stages.plot")
    from stages.process.door import enter

    enter("stages.plot", takes_folder=True)

from collections.abc import Sequence
from pathlib import Path

from matplotlib.figure import Figure

from stages.analysis.metrics import Metrics, read_metrics
from stages.analysis.tables import METRICS
from stages.figures.accuracy_vs_sigma import accuracy_vs_sigma
from stages.figures.before_after import before_after
from stages.figures.map import variant_map
from stages.figures.signals import signals
from stages.figures.style import house_style, save
from stages.figures.variants import variants
from stages.figures.weight_histograms import weight_histograms
from stages.process.door import uncollected
from stages.process.pace import following
from stages.process.scratch import remove, scratch_folder

PLOTS = Path("plots")


def main(folder: Path) -> None:
    """Replace `folder`/plots by the pictures of `folder`/metrics."""
    with uncollected(), house_style():
        drawn = figures(read_metrics(folder / METRICS))
        with scratch_folder(folder, f".{PLOTS}") as scratch:
            fresh = scratch / PLOTS
            fresh.mkdir()
            for name, figure in following(drawn.items(), f"drawing {PLOTS}", len(drawn)):
                save(figure, fresh / f"{name}.png")
            remove(folder / PLOTS)
            fresh.rename(folder / PLOTS)


def figures(metrics: Sequence[Metrics]) -> dict[str, Figure]:
    """All figures, by the names of their files: of one sweep, or of variants side by side."""
    if len(metrics) == 1:
        return figures_of_sweep(metrics[0])
    results = [variant.results() for variant in metrics]
    drawn = {"variants": variants(results)}
    grids = variant_map(results)
    return {**drawn, "map": grids} if grids else drawn


def figures_of_sweep(metrics: Metrics) -> dict[str, Figure]:
    """Accuracies and signals; weights too, where they were kept."""
    setting, probes = metrics.setting, metrics.probes()
    layers = metrics.table("layers.csv", "sigma", "layer", "distance")
    theory = metrics.table("theory.csv", "sigma", "layer", "activation_rms", "gradient_norm")
    drawn = {
        "accuracy_vs_sigma": accuracy_vs_sigma(metrics.results(), metrics.baselines()),
        "signals": signals(probes, layers, theory, setting),
    }
    if histograms := metrics.histograms():
        drawn["weight_histograms"] = weight_histograms(histograms, setting)
    columns = ("sigma", "layer", "bin_center", "before", "after")
    distributions = metrics.table("distributions.csv", *columns)
    if distributions["sigma"].size:
        drawn["before_after"] = before_after(distributions, setting)
    return drawn
