"""What each figure and panel shows, in sentences made from its numbers."""

from collections.abc import Mapping, Sequence
from itertools import takewhile

import numpy as np
from numpy.typing import NDArray

from stages.analysis.accuracy import WINDOW_DISTANCE, learning_bar, sigma_labels
from stages.analysis.comparison import best_variants
from stages.analysis.evidence import first_layer_images
from stages.analysis.findings import A_POINT, Results, nothing_learned
from stages.analysis.grid import Grid
from stages.analysis.histograms import Histogram
from stages.analysis.predictions import predictions
from stages.analysis.setting import Setting
from stages.analysis.tables import Table, layer_curve
from stages.analysis.trainability import theories
from stages.analysis.wording import data, in_points, length, network, optimiser, sigma, units

Array = NDArray[np.float64]

NOT_KEPT = (
    "There is nothing to draw: params.yaml has sweep.keep_weights: false, so no weights were kept."
)
"""In place of a picture of weights."""

OUTGROWN = 2.0
"""From this ratio of standard deviation to sigma on, training has made the scale its own."""

KEPT = 0.05
"""Up to this relative difference of standard deviation and sigma, the draw's scale is kept."""

_FINE = 20
"""Bins from which on a histogram tells its standard deviation."""


def accuracy(results: Results) -> list[str]:
    """What the accuracies say against expectation, and how far to trust them."""
    points, best = results.points, results.best
    if results.all_at_chance:
        return [nothing_learned(points)]
    reached = [
        f"{sigma(point)} reaches {100 * point.test_accuracy:.1f} %"
        for point in results.setting.textbook.rescued(points, best.test_accuracy)
    ]
    sentences = []
    if reached:
        sentences.append(f"Against the textbook, {' and '.join(reached)}.")
    if best in results.ends.values():
        sentences.append("The best lies at an end of the sweep: a wider one may find better.")
    return [*sentences, *_of_seeds(results)]


def _of_seeds(results: Results) -> list[str]:
    """How far to trust lone networks."""
    if not results.others or results.best.n > 1:
        return []
    known = [seeds for point in results.points if len(seeds := results.of_other_seeds(point))]
    if known:
        ranges = [float(np.ptp(seeds)) for seeds in known]
        ends = dict.fromkeys(in_points(end) for end in (min(ranges), max(ranges)))
        return [
            f"One network for each σ: {len(known[0])} seeds lie {' to '.join(ends)} apart in the "
            "study of seeds."
        ]
    return ["One network for each σ: what another seed would change is not known."]


def variants_caption(results: Sequence[Results]) -> list[str]:
    """Which variant is highest, and how far to trust that."""
    return [sentence.removeprefix("**Best.** ") for sentence in best_variants(results)]


def milestones(results: Results) -> dict[str, float]:
    """Accuracies that tell how early a sigma learns; none where nothing was learned."""
    if results.all_at_chance:
        return {}
    best = results.best.test_accuracy
    return {
        "half way from chance to the best": learning_bar(best, results.setting.holdout),
        f"within {A_POINT} of the best": best - WINDOW_DISTANCE,
    }


def first_epochs(results: Results, bar: float) -> dict[float, int]:
    """After how many epochs the accuracy of a sigma first is `bar`, where it ever is."""
    return {
        sigma: min(reached)
        for sigma, course in results.courses.items()
        if (reached := [n for n, accuracy in enumerate(course, 1) if accuracy >= bar])
    }


def how_early(results: Results) -> list[str]:
    """When and at how many sigmas networks learn."""
    sigmas, told = np.array([*results.courses]), []
    for milestone, bar in milestones(results).items():
        if epochs := first_epochs(results, bar):
            where = _where(np.isin(sigmas, [*epochs]), sigmas)
            ends = dict.fromkeys((min(epochs.values()), max(epochs.values())))
            when = " to ".join(map(results.setting.moment, ends))
            told.append(f"{where} accuracy gets {milestone} ({100 * bar:.1f} %), after {when}.")
    return told or [nothing_learned(results.points)]


def no_image(setting: Setting) -> str:
    """Why there are no images of the first layer."""
    return (
        f"There is nothing to draw: the first layer of {network(setting)} sees no image, that is, "
        "neither all pixels nor the one channel; that of another model.network may."
    )


def first_layer(results: Results, features: Mapping[str, Table]) -> list[str]:
    """How smooth the weights of the first layer are, from features.csv."""
    told = first_layer_images(results, features)
    return [sentence.removeprefix("**First layer.** ") for sentence in told]


def map_caption(grid: Grid) -> list[str]:
    """How networks were trained, what the lines mean, and how far theory foretold what learns."""
    fewest, most = (end(row.best.n for row in grid.rows) for end in (min, max))
    several = f"{fewest} to {most}" if fewest < most else f"{most}"
    networks = f"the mean of {several} networks" if most > 1 else "one network"
    alike = [
        f"{what}{shared}"
        for what, of in (("", units), ("on ", data), ("after ", length), ("by ", optimiser))
        if (shared := _shared([of(row.setting) for row in grid.rows]))
    ]
    sentences = [f"Each cell is {', '.join([networks, *alike])}."]
    if any(theories(grid)):
        sentences.append(
            "χ₁ is the factor by which a small difference of two inputs, squared, grows in a "
            "layer: at χ₁ = 1 neither order nor chaos. ξ is the number of layers in which what "
            "sets inputs apart (where signals settle at no size, those) changes by a factor of e."
        )
    return [*sentences, *predictions(grid)]


def _shared(values: Sequence[str]) -> str:
    """What all have in common."""
    return values[0] if len(set(values)) == 1 else ""


def weights(histograms: Sequence[Histogram], setting: Setting) -> list[str]:
    """Where training and where the draw sets the scale of the parameters."""
    lost = sum(histogram.empty for histogram in histograms)
    sentences = [f"All parameters overflowed at {lost} of {len(histograms)} σ."] if lost else []
    if len(histograms[0].counts) < _FINE or setting.fan_in_scale:  # each layer has its own scale
        return sentences
    labels = sigma_labels(histogram.sigma for histogram in histograms)
    outgrown = list(takewhile(lambda h: h.deviation >= OUTGROWN * h.sigma, histograms))
    kept = list(takewhile(lambda h: abs(h.deviation / h.sigma - 1) <= KEPT, reversed(histograms)))
    if outgrown:
        deviations = [histogram.deviation for histogram in outgrown]
        ends = dict.fromkeys(f"{end:.2g}" for end in (min(deviations), max(deviations)))
        where = f"Up to σ = {labels[outgrown[-1].sigma]}"
        if len(outgrown) == len(histograms) > 1:
            where = "At every σ"
        elif len(outgrown) == 1:
            where = f"At σ = {labels[outgrown[0].sigma]}"
        sentences.append(
            f"{where}, training sets the scale: the standard deviation becomes {' to '.join(ends)}."
        )
    if kept:
        where = f"From σ = {labels[kept[-1].sigma]} on"
        if len(kept) == 1:
            where = f"At σ = {labels[kept[0].sigma]}"
        elif len(kept) == len(histograms):
            where = "At every σ"
        sentences.append(f"{where}, the standard deviation stays within {100 * KEPT:g} % of σ.")
    return sentences


def spread(table: Table, column: str, epoch: float) -> str:
    """Over how many decades `column` of probes.csv spreads at a moment, and what is left out."""
    mine = np.isfinite(table["sigma"]) & (table["epoch"] == epoch)
    values = table[column][mine]
    shown = values[np.isfinite(values) & (values > 0)]
    # Of a layer that does not run itself, as attention's out_proj, only gradients are known
    overflowed = ~np.isfinite(table["gradient_norm"][mine])
    zeros, lost = int((values == 0).sum()), int((~np.isfinite(values) & overflowed).sum())
    unmeasured = int((~np.isfinite(values) & ~overflowed).sum())
    left_out = [
        f"{number} of {len(values)} {what}"
        for number, what in ((zeros, "zero"), (lost, "overflowed"), (unmeasured, "not measured"))
        if number
    ]
    decades = np.log10(shown.max()) - np.log10(shown.min()) if shown.size else 0
    among = "σ and layers" if len(np.unique(table["sigma"][mine])) > 1 else "layers"
    told = [f"They span {decades:.1f} decades over {among}"] if shown.size else []
    return f"{'; '.join([*told, *left_out])}."


def silent_units(table: Table, setting: Setting, epoch: float) -> str:
    """Where most units of a hidden layer are 0 for all images, in probes.csv."""
    values, sigmas, layers = _hidden(table, epoch)
    known = np.isfinite(values)
    unknown = "" if known.all() else f" {(~known).sum()} of {len(values)} overflowed."
    if not known.any():
        return "All overflowed."
    most = int(np.nanargmax(values))
    if values[most] == 0:
        return f"No unit is 0 for every image.{unknown}"
    where = f"{_name(setting, layers[most])}, σ = {sigma_labels(sigmas)[sigmas[most]]}"
    return f"0 for every image: at most {100 * values[most]:.3g} % ({where}).{unknown}"


def _hidden(table: Table, epoch: float) -> tuple[Array, Array, Array]:
    """The dead units of all hidden layers at a moment, with their sigmas and layers."""
    mine = np.isfinite(table["sigma"]) & (table["epoch"] == epoch)
    mine &= table["layer"] < table["layer"].max()
    return table["dead_units"][mine], table["sigma"][mine], table["layer"][mine]


def outgrown(probes: Table, epoch: float) -> str:
    """At which sigmas the weights of a layer moved by more than their initial norm."""
    layers = np.unique(probes["layer"])
    curves = [layer_curve(probes, "movement", layer=layer, epoch=epoch) for layer in layers]
    sigmas, moved = curves[0].sigma, np.array([curve.mean for curve in curves])
    lost = int((~np.isfinite(moved)).any(axis=0).sum())
    far = (np.nan_to_num(moved, nan=0) > 1).any(axis=0)
    overflowed = f" Overflowed at {lost} of {len(sigmas)} σ." if lost else ""
    if not np.isfinite(moved).any():
        return "All overflowed."
    where = f"{_where(far, sigmas)} some layer" if far.any() else "No layer"
    return f"{where} by more than its initial norm.{overflowed}"


def _where(holds: NDArray[np.bool_], sigmas: Array) -> str:
    labels, count = sigma_labels(sigmas), int(holds.sum())
    if count == len(sigmas):
        return "At every σ" if count > 1 else f"At σ = {labels[sigmas[0]]}"
    if holds[:count].all():
        return f"Up to σ = {labels[sigmas[count - 1]]}"
    return f"At {count} of {len(sigmas)} σ"


def changed(layers: Table, setting: Setting) -> str:
    """Which weight matrix of layers.csv changed its distribution most, and which least."""
    mine = np.isfinite(layers["sigma"])
    distance, sigmas, layer = (layers[name][mine] for name in ("distance", "sigma", "layer"))
    if not distance.size:
        return "Not known: no weights were kept."
    if not np.isfinite(distance).any():
        return "All overflowed."
    labels = sigma_labels(sigmas)

    def told(place: int) -> str:
        name = _name(setting, layer[place])
        return f"{distance[place]:.2g} ({name}, σ = {labels[sigmas[place]]})"

    most, least = int(np.nanargmax(distance)), int(np.nanargmin(distance))
    if distance[most] == distance[least]:
        return f"{distance[most]:.2g} throughout."
    return f"{told(least)} to {told(most)}."


def _name(setting: Setting, layer: float) -> str:
    """Of a layer by its number, which counts from 1."""
    return setting.layers[int(layer) - 1].name


def widened(distributions: Table) -> str:
    """How far training widened all weights of the outermost sigmas of distributions.csv."""
    sigmas = np.unique(distributions["sigma"])
    labels = sigma_labels(sigmas)
    ends = dict.fromkeys((sigmas[0], sigmas[-1]))
    told = [f"{_ratio(distributions, sigma)} at σ = {labels[sigma]}" for sigma in ends]
    return f"Spread of weights after training, relative to before: {', '.join(told)}."


def _ratio(distributions: Table, sigma: float) -> str:
    """The standard deviation after training beside that before, by the bins of all layers."""
    mine = (distributions["sigma"] == sigma) & (distributions["layer"] == 0)
    centres = distributions["bin_center"][mine]
    before, after = (
        _deviation(centres, distributions[column][mine]) for column in ("before", "after")
    )
    if not (before > 0 and after > 0):
        return "overflowed"
    return f"{float(f'{after / before:.2g}'):g}"


def _deviation(centres: Array, counts: Array) -> float:
    """Root mean square, in units of the largest, so that no square overflows."""
    held = counts > 0
    if not held.any():
        return 0.0
    unit = np.abs(centres[held]).max()
    return float(unit * np.sqrt(np.average((centres[held] / unit) ** 2, weights=counts[held])))
