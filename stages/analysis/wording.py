"""Numbers, sigmas, shares and what was run, in words."""

from collections.abc import Sequence
from itertools import groupby
from math import log10
from typing import Any

from stages.analysis.accuracy import Point
from stages.analysis.setting import Setting
from stages.core.activations import ACTIVATIONS
from stages.core.optimizers import OPTIMIZERS
from stages.core.published import PUBLISHED
from stages.core.trial import USUAL_EPSILON
from stages.process.pace import counted

SPELLINGS = {name: activation.title for name, activation in ACTIVATIONS.items()} | {
    name: rule.title for name, rule in OPTIMIZERS.items()
}
"""Of names in params.yaml that papers write otherwise."""

_LONGEST_RUN = 3
"""So many equal layers in a row are written out."""


def spelled(value: Any) -> str:
    """A value of params.yaml as papers write it."""
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, list | tuple):
        return ("-" if all(isinstance(item, int) for item in value) else ", ").join(
            map(spelled, value)
        )
    if value is None:
        return "null"
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


def sigma_is(settings: Sequence[Setting]) -> str:
    """Of what σ is the standard deviation, where sweeps stand on one axis."""
    scaled = [setting.fan_in_scale for setting in settings]
    if any(scaled):
        return f"initial weights{'' if all(scaled) else ', or that'} times √fan-in"
    if any(setting.params["sweep"]["biases"] != "sigma" for setting in settings):
        return "initial weights"
    modules = not all(setting.sizes for setting in settings)
    return "all initial parameters" if modules else "all initial weights and biases"


def sigma_axis(settings: Sequence[Setting]) -> str:
    """The label of an axis as wide as a figure."""
    return f"σ, standard deviation of {sigma_is(settings)} (log scale)"


def sigma_of(setting: Setting) -> str:
    """The label of an axis below a panel."""
    return f"σ: {sigma_is([setting])}".replace("initial weights times", "weights times")


def units(setting: Setting) -> str:
    """The hidden layers of a perceptron, whatever their number; a module by its name."""
    _, *hidden, _ = setting.sizes or (0, 0)
    if len(set(hidden)) == 1:
        return f"{counted(hidden[0], 'unit')} a layer"
    return network(setting)


def length(setting: Setting) -> str:
    """How long a network trains."""
    return f"{setting.length} of {setting.params['train']['batch_size']} images a batch"


def optimiser(setting: Setting) -> str:
    """How a sweep trains."""
    train = setting.params["train"]
    told = f"{spelled(train['optimizer'])}, learning rate {train['lr']:g}"
    if train["optimizer"] == "adam" and train["adam_epsilon"] != USUAL_EPSILON:
        told += f", epsilon {train['adam_epsilon']:g}"
    return told


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


def rounded(number: float, decimals: int) -> str:
    """A number with so many decimals; a zero has no sign."""
    return f"{round(number, decimals) + 0.0:.{decimals}f}".replace("-", "\N{MINUS SIGN}")


def sigma(point: Point) -> str:
    """The sigma of `point` in words that fit no other of its sweep."""
    return f"σ = {point.label}"


def decades(low: float, high: float) -> str:
    """The width of a range on a logarithmic scale, from a tenth of a decade on with one decimal."""
    width = log10(high / low)
    return f"{width:.1f} decades" if width >= 0.1 else f"{width:.1g} decades"


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
