"""What the page that one touches knows: numbers, sentences and pictures of all sweeps, packed.

The page is one file of bounded size. Where all that was kept of the networks does not fit, pictures
of epochs in between are left out first, at last all pictures and histograms.
"""

import base64
import gzip
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache
from math import isfinite
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import vl_convert
from numpy.typing import NDArray

from stages.analysis.accuracy import best_window
from stages.analysis.findings import Results, headline
from stages.analysis.metrics import Metrics
from stages.analysis.moments import Stop, sentences, tour
from stages.analysis.snapshots import Snapshots
from stages.analysis.tables import Table
from stages.analysis.wording import data, length, network, optimiser, sigma_is
from stages.process.templates import filled

SOURCES = Path(__file__).resolve().parents[1] / "explore_page"
SCRIPTS = (
    "data.js",
    "state.js",
    "charts.js",
    "shared.js",
    "panels.js",
    "pictures.js",
    "legends.js",
    "drawing.js",
    "controls.js",
    "main.js",
)
LIMIT = 2_900_000
"""Bytes of the page."""

LEVELS = 7
"""Shades of a weight to both sides of 0; with 0 they fit into half a byte."""

_DIGITS = 5
"""Significant digits of what was measured in layers; charts and the table show three."""

Array = NDArray[Any]


class Detail(NamedTuple):
    """Of how many moments there are pictures of units, and histograms; None: of all."""

    units: int | None
    weights: int | None


_DETAILS = tuple(
    Detail(units, weights)
    for units, weights in ((None, None), (4, None), (3, None), (2, None), (0, 3), (0, 0))
)
"""Ever less, until the page fits."""


@dataclass
class Pixels:
    """All pictures in one array of bytes; equal ones, such as all normal starts, lie there once."""

    content: bytearray = field(default_factory=bytearray)
    known: dict[bytes, int] = field(default_factory=dict)

    def place(self, picture: bytes) -> int:
        """Where `picture` begins, put there now if it is new."""
        if picture not in self.known:
            self.known[picture] = len(self.content)
            self.content += picture
        return self.known[picture]


def page(metrics: Sequence[Metrics]) -> str:
    """The whole page, with as much detail as fits into LIMIT."""
    sweeps = [(_measured(of), of.snapshots()) for of in metrics]
    stops = [_stop(stop) for stop in tour([of.results() for of in metrics])]
    parts = {
        "style": _source("style.css"),
        "script": "\n".join(['"use strict";', *map(_source, SCRIPTS)]),
        "vega": _vega(),
    }
    for detail in _DETAILS:
        pixels = Pixels()
        content = {  # the `Page` of data.js
            "sweeps": [
                {**measured, **_looked_into(kept, pixels, detail)} for measured, kept in sweeps
            ],
            "tour": stops,
        }
        text = json.dumps(content, allow_nan=False, separators=(",", ":"))
        parts |= {"data": _packed(text.encode()), "pixels": _packed(bytes(pixels.content))}
        written = filled(_source("index.html"), parts)
        if len(written.encode()) <= LIMIT:
            break
    return written


def _source(name: str) -> str:
    return (SOURCES / name).read_text(encoding="utf-8")


@cache
def _vega() -> str:
    """Vega and what embeds its charts, the same in each page; to bundle it takes a second."""
    bundle = vl_convert.javascript_bundle()  # type: ignore[call-arg]  # by its text, there is a default
    return _packed(bundle.encode())


def _packed(content: bytes) -> str:
    """Gzipped, without the time, and in base64."""
    return base64.b64encode(gzip.compress(content, mtime=0)).decode()


def _stop(stop: Stop) -> dict[str, Any]:
    """A link's text, and the parts of its fragment as state.js reads it."""
    state = {
        "variant": stop.of.setting.variant,
        "sigma": str(stop.point.sigma),
        "epoch": str(stop.of.setting.records),
    }
    if stop.beside:
        of, point = stop.beside
        state |= {"pin": of.setting.variant, "pinsigma": str(point.sigma)}
    return {"text": stop.text, "state": state}


def _measured(metrics: Metrics) -> dict[str, Any]:
    """The `Sweep` of data.js, but for what `_looked_into` adds."""
    setting, results, probes = metrics.setting, metrics.results(), metrics.probes()
    points, best = results.points, results.best
    window = best_window(points)
    columns = ("sigma", "epoch", "test_accuracy", "train_accuracy")
    history = metrics.table("history.csv", *columns)
    untrained = [[point.untrained_test_accuracy] for point in points]
    test, training = (cube(history, name, "sigma", "epoch") for name in columns[2:])
    unknown = np.full((len(points), 1), np.nan)
    of_layers = {
        name: _numbers(cube(probes, column, "sigma", "epoch", "layer"))
        for name, column in (
            ("gradients", "gradient_norm"),
            ("activations", "activation_rms"),
            ("dead", "dead_units"),
            ("moved", "movement"),
        )
    }
    return {
        "name": setting.variant,
        "headline": headline(results),
        "about": f"{network(setting)}, on {data(setting)}, by {optimiser(setting)}, for "
        f"{length(setting)}. σ is the standard deviation of {sigma_is([setting])}.",
        "layers": [layer.name for layer in setting.layers],
        "moments": ["before training", *map(setting.moment, range(1, setting.records + 1))],
        "chance": setting.data.chance,
        "sigmas": [point.sigma for point in points],
        "labels": [point.label for point in points],
        "best": points.index(best),
        "window": None
        if results.all_at_chance
        else [points.index(window[0]), points.index(window[-1])],
        "final": {
            "test": [point.test_accuracy for point in points],
            **_spread(results),
            "diverged": [point.diverged for point in points],
        },
        "named": [
            {
                "name": baseline.initializer,
                "test": baseline.test_accuracy,
                "sigmas": _ends(sigma for sigma in baseline.layer_sigmas if sigma > 0),
            }
            for baseline in metrics.baselines()
        ],
        "test": _numbers(np.hstack([untrained, test])),
        "training": _numbers(np.hstack([unknown, training])),
        **of_layers,
        "theory": _theory(metrics),
        "sentences": sentences(results, probes),
    }


def _looked_into(kept: Snapshots | None, pixels: Pixels, detail: Detail) -> dict[str, Any]:
    """What of a sweep is left out where it is not kept, or the page would be too large."""
    return {
        "weights": _weights(kept, detail.weights),
        "units": _units(kept, pixels, detail.units),
        "digits": _digits(kept, pixels) if kept else None,
        "missing": _missing(kept),
    }


def _spread(results: Results) -> dict[str, Any]:
    """How far seeds move accuracies; where nothing is known of these, the test images alone."""
    of_seeds = [results.of_other_seeds(point) for point in results.points]
    if all(map(len, of_seeds)):
        low, high = ([float(end(seeds)) for seeds in of_seeds] for end in (np.min, np.max))
        return {"low": low, "high": high, "spread": f"range of {len(of_seeds[0])} seeds"}
    errors = [
        point.holdout.error(point.test_accuracy)
        if point.standard_error is None
        else point.standard_error
        for point in results.points
    ]
    ends = zip(results.points, errors, strict=True)
    around = np.array([(point.test_accuracy - e, point.test_accuracy + e) for point, e in ends])
    low, high = around.T.tolist()
    lone = "what the choice of the test images explains, one network each"
    return {
        "low": low,
        "high": high,
        "spread": f"± {'standard error' if results.best.n > 1 else lone}",
    }


def cube(table: Table, column: str, *axes: str) -> Array:
    """`column` over all values of the columns `axes`, each rising, a mean over replicates.

    NaN where there is no row. Rows without a sigma, those of named initialisers, do not count.
    """
    mine = np.isfinite(table["sigma"])
    ends, places = zip(
        *(np.unique(table[axis][mine], return_inverse=True) for axis in axes), strict=True
    )
    sums, counts = (np.zeros([len(end) for end in ends]) for _ in range(2))
    np.add.at(sums, places, table[column][mine])
    np.add.at(counts, places, 1)
    means: Array = np.divide(sums, counts, out=np.full(sums.shape, np.nan), where=counts > 0)
    return means


def _numbers(values: Array) -> Any:
    """As lists in lists; what is not finite is None, which JSON has."""
    if values.ndim > 1:
        return [_numbers(inner) for inner in values]
    return [_shortest(float(f"{v:.{_DIGITS}g}")) if isfinite(v) else None for v in values.tolist()]


def _shortest(number: float) -> float:
    """A whole number without its point, as JSON may have it."""
    return int(number) if number.is_integer() and abs(number) < 1e9 else number


def _ends(values: Iterable[float]) -> list[float] | None:
    known = list(values)
    return [min(known), max(known)] if known else None


def _theory(metrics: Metrics) -> dict[str, Any] | None:
    """What is predicted of each layer before training; None of networks without a theory."""
    table = metrics.table("theory.csv", "sigma", "layer", "activation_rms", "gradient_norm")
    if not table["sigma"].size:
        return None
    return {
        "activations": _numbers(cube(table, "activation_rms", "sigma", "layer")),
        "gradients": _numbers(cube(table, "gradient_norm", "sigma", "layer")),
    }


def _missing(kept: Snapshots | None) -> dict[str, str]:
    """Why a panel has no picture, if it has none."""
    if kept is None:
        why = (
            "Not kept: sweep.keep_weights is false in params.yaml. Set it to true, and dvc repro "
            "brings this picture."
        )
        return dict.fromkeys(("weights", "units", "digits"), why)
    left_out = "Left out: with it the page would be too large."
    no_image = "The first layer does not see whole images, so its weights are none."
    units = no_image if kept.features is None else left_out
    return {"weights": left_out, "units": units, "digits": ""}


def chosen(moments: int, most: int | None) -> list[int]:
    """Places of all moments, or of at most so many: the first and the last, the second, others."""
    if most is None or moments <= most:
        return list(range(moments))
    return [*range(most - 1), moments - 1]


def _weights(kept: Snapshots | None, most: int | None) -> dict[str, Any] | None:
    """The `Weights` of data.js."""
    if kept is None or most == 0:
        return None
    moments = chosen(kept.histograms.shape[1], most)
    return {
        "moments": moments,
        "deviations": _numbers(kept.deviations[:, moments]),
        "counts": kept.histograms[:, moments].tolist(),
    }


def _units(kept: Snapshots | None, pixels: Pixels, most: int | None) -> dict[str, Any] | None:
    """The `Units` of data.js."""
    if kept is None or kept.features is None or most == 0:
        return None
    moments = chosen(len(kept.features.epochs), most)
    images, scales = kept.features.images[:, moments], kept.features.scales[:, moments]
    return {
        "moments": kept.features.epochs[moments].tolist(),
        "shape": images.shape[-2:],
        "count": images.shape[2],
        "places": [[pixels.place(halved(of)) for of in of_sigma] for of_sigma in images],
        "scales": _numbers(scales),
    }


def halved(images: NDArray[np.int8]) -> bytes:
    """Weights in 127ths of the largest as shades 0 to 14, two in a byte, the first above."""
    shades = (np.rint(images.ravel() / 127 * LEVELS) + LEVELS).astype(np.uint8)
    pairs = np.append(shades, np.zeros(shades.size % 2, np.uint8)).reshape(-1, 2)
    return bytes((pairs[:, 0] << 4 | pairs[:, 1]).tobytes())


def _digits(kept: Snapshots, pixels: Pixels) -> dict[str, Any]:
    """The `Digits` of data.js."""
    return {
        "moments": list(range(kept.answers.shape[1])),
        "shape": kept.digits.shape[1:],
        "place": pixels.place(kept.digits.tobytes()),
        "labels": kept.labels.tolist(),
        "percent": _percent(kept.answers),
    }


def _percent(logits: NDArray[np.float32]) -> Any:
    """How sure a network is of each class, in whole percent; None where logits overflowed."""
    wide = logits.astype(np.float64)
    with np.errstate(invalid="ignore"):
        shares = np.exp(wide - wide.max(axis=-1, keepdims=True))
        shares /= shares.sum(axis=-1, keepdims=True)
    return _numbers(np.rint(100 * shares))
