"""Numbers, sigmas, shares and what was run, in words."""

from collections.abc import Sequence
from itertools import groupby
from math import log10
from typing import Any

from stages.analysis.accuracy import Point
from stages.analysis.noise import error
from stages.analysis.setting import Setting
from stages.core.published import PUBLISHED

SPELLINGS = {
    "adam": "Adam",
    "sgd": "SGD",
    "momentum": "SGD with momentum 0.9",
    "relu": "ReLU",
    "leaky_relu": "leaky ReLU",
    "gelu": "GELU",
    "silu": "SiLU",
}
"""Of names in params.yaml that papers write otherwise."""

_LONGEST_RUN = 3
"""So many equal layers in a row are written out."""


def spelled(value: Any) -> str:
    """A value of params.yaml as papers write it."""
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, list | tuple):
        return "-".join(map(spelled, value))
    return SPELLINGS.get(value, str(value)) if isinstance(value, str) else str(value)


def network(setting: Setting) -> str:
    """The network of a sweep: its units and activation, or its class and file."""
    if not setting.sizes:
        path, _, name = setting.params["model"]["network"].rpartition(":")
        return f"{name} of {path}"
    runs = [(units, len(list(run))) for units, run in groupby(setting.sizes)]
    parts = [
        f"{length}×{units}" if length > _LONGEST_RUN else "-".join([str(units)] * length)
        for units, length in runs
    ]
    return f"{'-'.join(parts)}, {spelled(setting.activation)}"


def data(setting: Setting) -> str:
    """The data set of a sweep: its name, or the folder it lies in."""
    name = setting.data.name
    return PUBLISHED[name].title if name in PUBLISHED else str(setting.params["data"]["path"])


def start(setting: Setting) -> str:
    """How parameters begin, as a noun."""
    variance = "σ²/fan-in" if setting.fan_in_scale else "σ²"
    of_weights = f"from N(0, {variance})"
    biases, module = setting.params["sweep"]["biases"], not setting.sizes
    if biases == "sigma":
        return f"{'all parameters' if module else 'weights and biases'} {of_weights}"
    other = "0" if biases == "zero" else f"from N(0, {biases:g}²)"
    gains = ", gains of normalisation 1" if module else ""
    return f"weights {of_weights}, biases {other}{gains}"


def sigma_scales(settings: Sequence[Setting]) -> str:
    """What σ is the standard deviation of, where sweeps are drawn on one axis."""
    if all(setting.fan_in_scale for setting in settings):
        return "σ; initial weights have the standard deviation σ / √fan-in"
    if any(setting.fan_in_scale for setting in settings):
        return "σ, standard deviation of initial weights, or that times √fan-in"
    if all(setting.params["sweep"]["biases"] == "sigma" for setting in settings):
        return "σ, standard deviation of all initial weights and biases"
    return "σ, standard deviation of all initial weights"


def optimiser(setting: Setting) -> str:
    """How a sweep trains."""
    train = setting.params["train"]
    return f"{spelled(train['optimizer'])}, learning rate {train['lr']:g}"


def percent(accuracy: float) -> str:
    """An accuracy with the two decimals that 10,000 test images give."""
    return f"{100 * accuracy:.2f} %"


def in_points(difference: float) -> str:
    """A difference of accuracies in percentage points."""
    return f"{100 * difference:.2f} points"


def signed(difference: float) -> str:
    """A difference of accuracies in percentage points, with its sign; a zero has none."""
    points = f"{100 * difference:+.2f}"
    return points if float(points) else "0.00"


def sigma(point: Point) -> str:
    """The sigma of `point` in words that fit no other of its sweep."""
    return f"σ = {point.label}"


def decades(low: float, high: float) -> str:
    """The width of a range on a logarithmic scale, from a tenth of a decade on with one decimal."""
    width = log10(high / low)
    return f"{width:.1f} decades" if width >= 0.1 else f"{width:.1g} decades"


def uncertain(point: Point) -> str:
    """The final accuracy of `point` ± its standard error."""
    return f"{100 * point.test_accuracy:.2f} ± {percent(error(point))}"


def span(chosen: Sequence[Point], among: Sequence[Point]) -> str:
    """The sigmas of `chosen`, which are some of `among`; both by rising sigma."""
    first, last = chosen[0], chosen[-1]
    if len(chosen) == 1:
        return sigma(first)
    if list(among[among.index(first) : among.index(last) + 1]) == list(chosen):
        return f"{sigma(first)} to {last.label}"
    return f"{len(chosen)} σ between {first.label} and {last.label}"


def share(trials: float, total: float) -> str:
    """How many of all networks, as the subject of a sentence in the past tense."""
    if total == 1:
        return "The network" if trials else "No network"
    if trials in (0, total):
        return f"Each of the {total:g} networks" if trials else "No network"
    return f"{trials:g} of {total:g} networks"
