"""Why a sigma works: signals of each layer, what theory predicts, what training did."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize, to_hex
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from stages.analysis.captions import changed, outgrown, silent_units, spread
from stages.analysis.setting import Setting
from stages.analysis.tables import Table, layer_curve
from stages.analysis.wording import network, sigma_of
from stages.core.sampling import PROBE_IMAGES
from stages.figures.style import (
    BLUE,
    GREEN,
    GREY,
    INK,
    VERMILION,
    dark,
    new_figure,
    of_variant,
    panel_heading,
    scale_logarithmic,
    scale_sigmas,
    shortened,
    title,
)

_FEW_LAYERS = ((BLUE, "o"), (VERMILION, "s"), (GREEN, "^"), (INK, "D"))
"""Colour and marker of each layer, if there are no more."""

_NAME = 12
"""Characters of a layer's name in the legend."""

_SCALE_LENGTH, _SCALE_HEIGHT = 70 / 9.6, 0.156
"""Of the scale of colours: how many times as long as it is high by inch of the page, and inches."""

_ROOM = 6
"""Labelled ticks that fit below a panel."""


@dataclass(frozen=True)
class _Layers:
    """How layers are told apart: by colour and marker, or if they are many by a scale of colours.

    Layers count from 1.
    """

    setting: Setting

    @property
    def count(self) -> int:
        return len(self.setting.layers)

    def name(self, layer: int) -> str:
        """Short enough for the legend."""
        return shortened(self.setting.layers[layer - 1].name, _NAME)

    @property
    def many(self) -> bool:
        return self.count > len(_FEW_LAYERS)

    @cached_property
    def scale(self) -> ScalarMappable:
        return ScalarMappable(Normalize(1, self.count), dark("viridis"))

    def style(self, layer: int) -> tuple[str, str, float]:
        """Colour, marker and its size."""
        if self.many:
            return to_hex(self.scale.to_rgba(np.array([layer]))[0]), "o", 2.5
        return *_FEW_LAYERS[layer - 1], 4


def signals(probes: Table, layers: Table, theory: Table, setting: Setting) -> Figure:
    """Draw eight panels against sigma from probes.csv, layers.csv and theory.csv.

    The latter two may have no rows: no weights were kept, or theory knows nothing of the network.
    """
    looks = _Layers(setting)
    last = probes["epoch"].max()
    moments = ((0.0, "before training"), (last, f"after {setting.length}"))
    figure = new_figure(height=13)
    panels = figure.subplots(4, 2)
    rows = (
        ("gradient_norm", "Gradients", "Frobenius norm"),
        ("activation_rms", "Outputs of layers", "root mean square"),
    )
    for pair, (column, name, label) in zip(panels, rows, strict=False):
        for axes, (epoch, moment) in zip(pair, moments, strict=True):
            _curves(axes, probes, looks, column, epoch=epoch)
            panel_heading(axes, f"{name} {moment}", [spread(probes, column, epoch)])
            axes.set_ylabel(label)
        _predictions(pair[0], theory, looks, column)
        _share_logarithmic(*pair)
    _references(panels[0][0], looks)
    for axes, (epoch, moment) in zip(panels[2], moments, strict=True):
        _silent_units(axes, probes, looks, epoch, moment)
    _movement(panels[3][0], probes, looks, last)
    _distance(panels[3][1], layers, looks)
    for axes in panels.flat:
        axes.set_xlabel(sigma_of(setting))
        scale_sigmas(axes.xaxis, _sigmas(probes), _ROOM)
    predicted = theory["sigma"].size > 0
    _legend(figure, panels[0][0], looks, predicted)
    lines = ", lines are what theory predicts" if predicted else ""
    images = min(PROBE_IMAGES, setting.data.train_images)
    told = f"Points are measured on the first {images} training images{lines}."
    text = of_variant("Vanishing and exploding signals, measured", setting)
    title(figure, text, [f"{network(setting)}.", told])
    return figure


def _curves(axes: Axes, table: Table, looks: _Layers, column: str, **where: float) -> None:
    """Draw a point for each layer and sigma, with its standard error where there are replicates."""
    for layer in np.unique(table["layer"]):
        colour, marker, size = looks.style(int(layer))
        curve = layer_curve(table, column, layer=layer, **where)
        axes.plot(
            curve.sigma,
            curve.mean,
            marker,
            color=colour,
            markersize=size,
            label=looks.name(int(layer)),
        )
        if curve.error.any():
            axes.errorbar(curve.sigma, curve.mean, curve.error, fmt="none", ecolor=colour)


def _predictions(axes: Axes, theory: Table, looks: _Layers, column: str) -> None:
    for layer in np.unique(theory["layer"]):
        curve = layer_curve(theory, column, layer=layer)
        alone = "_" if len(curve.sigma) == 1 else None  # no line leads anywhere
        colour, *_ = looks.style(int(layer))
        axes.plot(curve.sigma, curve.mean, color=colour, linewidth=1.1, marker=alone, markersize=16)


def _references(axes: Axes, looks: _Layers) -> None:
    """Mark Glorot's and He's σ of each layer at the foot of the axes."""
    setting = looks.setting
    for number, layer in enumerate(setting.layers, start=1):
        for sigma, marker in ((setting.glorot(layer), "|"), (setting.he(layer), "x")):
            axes.plot(
                sigma,
                0.03,
                marker,
                color=looks.style(number)[0],
                markersize=8,
                transform=axes.get_xaxis_transform(),
            )


def _sigmas(probes: Table) -> list[float]:
    """Those of the sweep."""
    sigmas: list[float] = probes["sigma"][np.isfinite(probes["sigma"])].tolist()
    return sigmas


def _share_logarithmic(*pair: Axes) -> None:
    """Give both panels one logarithmic axis, unless neither has a point that it could show.

    It spans what was measured: predictions go on where 32-bit numbers have become 0.
    """
    lines = [line for axes in pair for line in axes.get_lines() if line.get_marker() != "None"]
    values = np.concatenate([np.zeros(0), *(np.asarray(line.get_ydata(), float) for line in lines)])
    shown = values[np.isfinite(values) & (values > 0)]
    for axes in pair:
        if shown.size:
            scale_logarithmic(axes, shown.min() / 2, shown.max() * 2)
        else:
            axes.set_yticks([])


def _silent_units(axes: Axes, probes: Table, looks: _Layers, epoch: float, moment: str) -> None:
    hidden = {
        name: column[probes["layer"] < looks.count] * (100 if name == "dead_units" else 1)
        for name, column in probes.items()
    }
    _curves(axes, hidden, looks, "dead_units", epoch=epoch)
    panel_heading(axes, f"Silent units {moment}", [silent_units(probes, looks.setting, epoch)])
    axes.set_ylabel("% of a hidden layer's units")
    axes.set_ylim(-4, 104)


def _movement(axes: Axes, probes: Table, looks: _Layers, last: float) -> None:
    _curves(axes, probes, looks, "movement", epoch=last)
    axes.axhline(1, color=GREY, linestyle="dashdot", linewidth=1)
    axes.set_ylabel("‖W - W₀‖ / ‖W₀‖")
    _share_logarithmic(axes)
    panel_heading(axes, "How far training moved the weights", [outgrown(probes, last)])


def _distance(axes: Axes, layers: Table, looks: _Layers) -> None:
    _curves(axes, layers, looks, "distance")
    axes.set_ylabel("Kolmogorov-Smirnov distance")
    axes.set_ylim(-0.04, 1.04)
    panel_heading(axes, "How far their distribution changed", [changed(layers, looks.setting)])


def _legend(figure: Figure, first: Axes, looks: _Layers, predicted: bool) -> None:
    """Name what marks and lines are; layers too, unless a scale of colours does."""
    named = [*zip(*first.get_legend_handles_labels(), strict=True)]
    if looks.many:
        named = [(Line2D([], [], color=GREY, marker="o", linestyle="none"), "measured")]
        figure.colorbar(
            looks.scale,
            ax=figure.axes,
            location="bottom",
            aspect=_SCALE_LENGTH * figure.get_figwidth(),
            fraction=_SCALE_HEIGHT / figure.get_figheight(),
            pad=0.01,
            label="layer",
            ticks=MaxNLocator(integer=True),
        )
    named += [(Line2D([], [], color=GREY), "theory, before training")] * predicted
    named += [
        (Line2D([], [], color=GREY, marker="|", linestyle="none"), "Glorot's σ of a layer"),
        (Line2D([], [], color=GREY, marker="x", linestyle="none"), "He's σ of a layer"),
    ]
    figure.legend(*zip(*named, strict=True), loc="outside lower center", ncols=len(named))
