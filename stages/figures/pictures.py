"""All pictures of a folder of metrics, of one sweep or of variants side by side."""

from collections.abc import Sequence

from matplotlib.figure import Figure

from stages.analysis.metrics import Metrics
from stages.figures.accuracy_vs_sigma import accuracy_vs_sigma
from stages.figures.before_after import before_after
from stages.figures.epoch_map import epoch_map
from stages.figures.features import features
from stages.figures.map import variant_map
from stages.figures.signals import signals
from stages.figures.variants import variants
from stages.figures.weight_histograms import weight_histograms


def pictures(metrics: Sequence[Metrics]) -> dict[str, Figure]:
    """All of them, by the names of their files.

    Of variants, two compare all of them and the others look into the networks of the first.
    """
    first, results = metrics[0], [variant.results() for variant in metrics]
    compared = len(metrics) > 1
    return {
        "accuracy_vs_sigma": variants(results)
        if compared
        else accuracy_vs_sigma(results[0], first.baselines()),
        "map": variant_map(results) if compared else epoch_map(results[0]),
        **pictures_of_networks(first),
    }


def pictures_of_networks(metrics: Metrics) -> dict[str, Figure]:
    """Signals and weights; those of weights say why there are none where that is so."""
    setting, probes = metrics.setting, metrics.probes()
    layers = metrics.table("layers.csv", "sigma", "layer", "distance")
    theory = metrics.table("theory.csv", "sigma", "layer", "activation_rms", "gradient_norm")
    columns = ("sigma", "layer", "bin_center", "before", "after")
    return {
        "signals": signals(probes, layers, theory, setting),
        "weight_histograms": weight_histograms(metrics.histograms(), setting),
        "before_after": before_after(metrics.table("distributions.csv", *columns), setting),
        "features": features(metrics.snapshots(), metrics.features(), metrics.results()),
    }
