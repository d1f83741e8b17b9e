"""Why a sigma works: signals of each layer, what theory predicts, what training did."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from stages.analysis.tables import Table, layer_curve
from stages.figures.style import BLUE, GREEN, GREY, VERMILION, label_sigmas, new_figure

_LAYERS = ((BLUE, "o"), (VERMILION, "s"), (GREEN, "^"), (GREY, "D"))
"""Colour and marker of each layer; of a fifth and later ones those of the first again."""


def signals(probes: Table, layers: Table, theory: Table) -> Figure:
    """Draw six panels against sigma from probes.csv, layers.csv and theory.csv."""
    figure = new_figure(height=10.5)
    (gradients, gradients_after), (activations, dead), (movement, distance) = figure.subplots(3, 2)
    last = probes["epoch"].max()
    _curves(gradients, probes, "gradient_norm", epoch=0)
    _predictions(gradients, theory, "gradient_norm")
    _references(gradients, theory)
    _finish(gradients, "Gradient of each weight matrix, before training", "Frobenius norm")
    _curves(gradients_after, probes, "gradient_norm", epoch=last)
    _finish(gradients_after, f"… and after {last:g} epochs", "Frobenius norm")
    _curves(activations, probes, "activation_rms", epoch=0)
    _predictions(activations, theory, "activation_rms")
    _finish(activations, "Output of each layer, before training", "root mean square")
    _dead_units(dead, probes, last)
    _curves(movement, probes, "movement", epoch=last)
    movement.axhline(1, color=GREY, linestyle="dashdot", linewidth=1)
    _finish(movement, "How far training moved the weights", "‖W - W₀‖ / ‖W₀‖")
    _curves(distance, layers, "distance")
    _finish(distance, "Distributions before and after", "Kolmogorov-Smirnov distance", log=False)
    distance.set_ylim(0, 1)
    handles, labels = gradients.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3)
    figure.suptitle(
        "Vanishing and exploding signals, measured", x=0.01, ha="left", weight="bold", fontsize=13
    )
    return figure


def _curves(axes: Axes, table: Table, column: str, **where: float) -> None:
    for layer in np.unique(table["layer"]):
        colour, marker = _LAYERS[int(layer - 1) % len(_LAYERS)]
        curve = layer_curve(table, column, layer=layer, **where)
        axes.plot(
            curve.sigma,
            curve.mean,
            marker,
            color=colour,
            markersize=4,
            label=f"layer {layer:g}, measured",
        )
        axes.fill_between(
            curve.sigma,
            curve.mean - curve.error,
            curve.mean + curve.error,
            color=colour,
            alpha=0.25,
        )


def _predictions(axes: Axes, theory: Table, column: str) -> None:
    for layer in np.unique(theory["layer"]):
        colour, _ = _LAYERS[int(layer - 1) % len(_LAYERS)]
        curve = layer_curve(theory, column, layer=layer)
        axes.plot(curve.sigma, curve.mean, color=colour, linewidth=1.2, label="… in theory")


def _references(axes: Axes, theory: Table) -> None:
    """Mark Glorot's and He's standard deviation of each layer at the foot of the axes."""
    for layer in np.unique(theory["layer"]):
        colour, _ = _LAYERS[int(layer - 1) % len(_LAYERS)]
        for scheme, marker in (("glorot", "|"), ("he", "x")):
            axes.plot(
                layer_curve(theory, f"{scheme}_sigma", layer=layer).mean[0],
                0.03,
                marker,
                color=colour,
                markersize=8,
                transform=axes.get_xaxis_transform(),
                label=f"σ of {scheme.capitalize()}, each layer" if layer == 1 else None,
            )


def _dead_units(axes: Axes, probes: Table, last: float) -> None:
    hidden = int(probes["layer"].max()) - 1
    rows = [(layer, epoch) for layer in range(1, hidden + 1) for epoch in (0.0, float(last))]
    curves = [layer_curve(probes, "dead_units", layer=layer, epoch=epoch) for layer, epoch in rows]
    image = axes.pcolormesh(
        _cell_edges(curves[0].sigma),
        np.arange(len(rows) + 1) - 0.5,
        [100 * curve.mean for curve in curves],
        cmap="cividis",
        vmin=0,
        vmax=100,
    )
    axes.set_yticks(
        range(len(rows)),
        [f"layer {layer}, {'after' if epoch else 'before'}" for layer, epoch in rows],
    )
    axes.figure.colorbar(image, ax=axes, label="% of units")
    _finish(axes, "Dead units: 0 for all images", "", log=False)
    axes.grid(visible=False)


def _cell_edges(sigmas: NDArray[np.float64]) -> NDArray[np.float64]:
    """Where cells around rising `sigmas` meet, and both outer edges, on a logarithmic axis."""
    places = np.log10(sigmas)
    half = np.diff(places) / 2 if len(places) > 1 else np.array([0.5])
    inner = places[:-1] + half
    return 10 ** np.array([places[0] - half[0], *inner, places[-1] + half[-1]])


def _finish(axes: Axes, title: str, y_label: str, log: bool = True) -> None:
    axes.set_title(title, fontsize=11)
    axes.set_ylabel(y_label)
    axes.set_xlabel("σ of the initial weights and biases")
    axes.set_xscale("log")
    if log and any(np.any(np.asarray(line.get_ydata()) > 0) for line in axes.get_lines()):
        axes.set_yscale("log")
    label_sigmas(axes.xaxis, *axes.get_xlim())
