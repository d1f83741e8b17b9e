"""Where learning ends over sigma and learning rate: as foretold from inside networks, and measured.

Adam moves weights by a distance that its learning rate sets, whatever sigma (as far as gradients
exceed epsilon). A start that is smaller is forgotten; one that is larger stays, with its noise: so
the edge is foretold where the root mean square of all weights before training equals that of what
training adds. All weights, since the start of a network counts as far as all of it is left; of one
sigma the first layer, most of all weights, decides both.

Gradient descent is unstable on a quadratic whose largest curvature exceeds 2 / learning rate, with
momentum β (Polyak's heavy ball) 2 (1 + β) / learning rate: Cohen et al. 2021 ("Gradient Descent on
Neural Networks Typically Occurs at the Edge of Stability", arXiv 2103.00065). That speaks of full
batches and of where training starts; noise of batches and how curvature changes are left out.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stages.analysis.accuracy import WINDOW_DISTANCE, Point, learned_well, learning_bar
from stages.analysis.deviation import Deviation
from stages.analysis.findings import A_POINT, Results
from stages.analysis.grid import Grid, Panel
from stages.analysis.wording import spelled
from stages.core.optimizers import OPTIMIZERS
from stages.process.pace import counted

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Edges:
    """The edge of a panel at each learning rate, or at each sigma; NaN where the grid has none."""

    optimizer: str
    places: Array  # rising: learning rates of Adam, sigmas of gradient descent
    foretold: Array  # there: a sigma for Adam, a learning rate for gradient descent
    measured: Array
    step: float  # decades between neighbours of the grid along the edge's coordinate

    @property
    def of_adam(self) -> bool:
        """Whether edges are sigmas, by learning rate."""
        return OPTIMIZERS[self.optimizer].momentum is None

    @property
    def prediction(self) -> str:
        """What foretells, in a few words."""
        if self.of_adam:
            return "displacement of weights"
        return "2 (1 + momentum) / sharpness"

    @property
    def measurement(self) -> str:
        """What is measured, in a few words."""
        return f"{A_POINT} below the best" if self.of_adam else "half way to the best"

    def curve(self, edges: Array) -> tuple[Array, Array]:
        """Sigmas and learning rates of `edges`, which are `foretold` or `measured`."""
        return (edges, self.places) if self.of_adam else (self.places, edges)

    @property
    def deviation(self) -> Deviation | None:
        """How well the foretold edge is the measured one."""
        return Deviation.of(self.measured, self.foretold)

    @property
    def told(self) -> str:
        """What was foretold, and how far that is off, in a sentence."""
        if self.of_adam:
            foretold = (
                f"The right edge of Adam ({A_POINT} below the best of a learning rate) is foretold "
                "where σ equals the root mean square by which training moves weights"
            )
            places, neighbours = counted(len(self.places), "learning rate"), "σ"
        else:
            foretold = (
                f"The upper edge of {spelled(self.optimizer)} (half way from chance to the best) "
                f"is foretold at a learning rate of {_bound(self.optimizer):g} / sharpness before "
                "training, where full-batch descent on a quadratic turns unstable (Cohen et al. "
                "2021)"
            )
            places, neighbours = f"{len(self.places)} σ", "rates"
        if not self.deviation:
            return f"{foretold}: at none of {places} does the grid show both."
        return (
            f"{foretold}: measured at {self.deviation.told} ({self.deviation.compared} of {places};"
            f" {neighbours} are {self.step:.2f} decades apart)."
        )


def edges(grid: Grid) -> list[Edges | None]:
    """Those of each panel; none unless rows differ in learning rate and were looked into."""
    if grid.parameter != "train.lr" or not all(row.inside for row in grid.rows):
        return [None] * len(grid.panels)
    return [_edges(panel) for panel in grid.panels]


def last_fall(places: Array, heights: Array, level: float) -> float:
    """Where `heights` over rising `places` fall below `level` and stay, on a line over log places.

    NaN where they do not, are below everywhere, or are unknown on either side.
    """
    reached = np.flatnonzero(heights >= level)
    if not reached.size or reached[-1] + 1 == len(heights):
        return math.nan
    before, after = reached[-1], reached[-1] + 1
    share = (heights[before] - level) / (heights[before] - heights[after])
    return float(places[before] * (places[after] / places[before]) ** share)


def _edges(panel: Panel) -> Edges | None:
    """Nothing of gradient descent in deep networks, whose sharpness is not measured."""
    optimizer = str(panel.rows[0].setting.params["train"]["optimizer"])
    best = max(row.best.test_accuracy for row in panel.rows)
    rates = np.array(panel.numbers)
    sigmas = np.unique([point.sigma for row in panel.rows for point in row.points])
    if OPTIMIZERS[optimizer].momentum is None:
        foretold = [_outweighed(row) for row in panel.rows]
        measured = [_right_edge(row, best) for row in panel.rows]
        return Edges(optimizer, rates, np.array(foretold), np.array(measured), _step(sigmas))
    columns = [_Column.of(sigma, panel) for sigma in sigmas.tolist()]
    if all(math.isnan(column.sharpness) for column in columns):
        return None
    foretold = [_bound(optimizer) / column.sharpness for column in columns]
    measured = [column.upper_edge(best) for column in columns]
    return Edges(optimizer, sigmas, np.array(foretold), np.array(measured), _step(rates))


def _bound(optimizer: str) -> float:
    """Largest stable product of learning rate and sharpness, of gradient descent."""
    return 2 * (1 + (OPTIMIZERS[optimizer].momentum or 0))


def _step(places: Array) -> float:
    """Between neighbours, in decades."""
    return float(np.median(np.diff(np.log10(places)))) if len(places) > 1 else math.nan


def _outweighed(row: Results) -> float:
    """The sigma from which on weights start larger than what training adds to them."""
    sigmas = np.array([point.sigma for point in row.points])
    known = [row.inside[sigma] for sigma in sigmas]
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = np.log([of.displacement for of in known]) - np.log([of.weight_rms for of in known])
    return last_fall(sigmas, ratios, 0.0)


def _right_edge(row: Results, best_of_panel: float) -> float:
    """The sigma from which on accuracy is a point below the row's best, where that learned well."""
    if not learned_well(row.best, best_of_panel):
        return math.nan
    sigmas, accuracies = np.array([(p.sigma, p.test_accuracy) for p in row.points]).T
    return last_fall(sigmas, accuracies, row.best.test_accuracy - WINDOW_DISTANCE)


@dataclass(frozen=True)
class _Column:
    """The networks of one sigma, by rising learning rate."""

    rates: Array
    points: Sequence[Point]
    sharpness: float  # before training: the same whatever the learning rate

    @classmethod
    def of(cls, sigma: float, panel: Panel) -> "_Column":
        cells = [
            (rate, point, row.inside[sigma].sharpness)
            for rate, row in zip(panel.numbers, panel.rows, strict=True)
            for point in row.points
            if point.sigma == sigma
        ]
        rates, points, sharpness = zip(*cells, strict=True)
        return cls(np.array(rates), points, float(np.mean(sharpness)))

    def upper_edge(self, best_of_panel: float) -> float:
        """The learning rate from which on they do not come half way from chance to the best."""
        accuracies = np.array([point.test_accuracy for point in self.points])
        bar = learning_bar(best_of_panel, self.points[0].holdout)
        return last_fall(self.rates, accuracies, bar)
