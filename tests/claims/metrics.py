"""The committed metrics, by what claims ask of them, and numbers as documents write them."""

import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from math import isclose, log
from pathlib import Path
from typing import Any, Final

from stages.analysis.accuracy import Point, best_window, has_learned
from stages.analysis.baselines import Baseline
from stages.analysis.findings import Results, reached
from stages.analysis.metrics import Metrics, read_metrics
from stages.analysis.noise import Comparison
from stages.analysis.seeds import read_seeds
from stages.analysis.setting import Setting
from tests.conftest import REPOSITORY

WORDS: Final = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


@dataclass(frozen=True)
class Sweep:
    """One variant of a study, or the main sweep."""

    metrics: Metrics
    folder: Path

    @cached_property
    def results(self) -> Results:
        """As report and figures see them, but without learning curves, which no study commits."""
        points, summary = self.metrics.points(), self.metrics.summary()
        named, seeds = self.metrics.baselines(), read_seeds()
        within = self.metrics.inside()
        return Results(points, summary, {}, self.setting, named, seeds, within)

    @property
    def setting(self) -> Setting:
        """Its parameters, network and data."""
        return self.metrics.setting

    @property
    def points(self) -> Sequence[Point]:
        """By rising sigma."""
        return self.results.points

    @property
    def best(self) -> Point:
        """Of the highest accuracy."""
        return self.results.best

    @property
    def window(self) -> list[Point]:
        """The points within a point of the best, around it."""
        return best_window(self.points)

    @property
    def learned(self) -> list[Point]:
        """The points whose networks did better than chance and than before training."""
        return [point for point in self.points if has_learned(point)]

    @property
    def at_chance(self) -> list[Point]:
        """The others."""
        return [point for point in self.points if not has_learned(point)]

    def at(self, sigma: float) -> Point:
        """The measured point that is rounded to `sigma`."""
        found = min(self.points, key=lambda point: abs(log(point.sigma / sigma)))
        assert isclose(found.sigma, sigma, rel_tol=0.05), f"σ = {sigma:g} was not measured"
        return found

    def after(self, point: Point) -> Point:
        """The point at the next larger sigma."""
        return self.points[self.points.index(point) + 1]

    def before(self, point: Point) -> Point:
        """The point at the next smaller sigma."""
        return self.points[self.points.index(point) - 1]

    def named(self, initializer: str) -> Baseline:
        """A named initialiser."""
        [found] = [of for of in self.results.named if of.initializer == initializer]
        return found

    def reached(self, start: Point | Baseline) -> str:
        """`97.36 ± 0.07 %`, where the error is known."""
        return reached(self.results, start)

    def beside_best(self, start: Point | Baseline) -> Comparison:
        """How far it is from the best sigma, and whether by more than noise."""
        return self.results.compared[start.sigma if isinstance(start, Point) else start.initializer]

    def below_best(self, start: Point | Baseline) -> str:
        """How far below the best sigma: `0.37 ± 0.04`, in points."""
        found = self.beside_best(start)
        return f"{100 * found.difference:.2f} ± {100 * found.error:.2f}"

    def inside(self, start: Point | Baseline, column: str) -> float:
        """A number of evidence.csv."""
        return self.measured("evidence.csv", start, column)

    def dead_units(self, point: Point) -> list[float]:
        """The share of a hidden layer that died, of each of its networks, from evidence.csv."""
        [row] = self._of("evidence.csv", point)
        return [*map(float, row["dead_units"].split())]

    def measured(self, table: str, start: Point | Baseline, column: str, **where: int) -> float:
        """A number of a table, the mean over the rows of `start` in which columns are `where`."""
        found = [
            float(row[column])
            for row in self._of(table, start)
            if all(int(row[name]) == value for name, value in where.items())
        ]
        return sum(found) / len(found)

    def _of(self, table: str, start: Point | Baseline) -> list[dict[str, str]]:
        """The rows of a start in a table."""
        return [
            row
            for row in _rows(self.folder / table)
            if row["variant"] == self.setting.variant and _is_of(row, start)
        ]


def _is_of(row: Mapping[str, str], start: Point | Baseline) -> bool:
    if isinstance(start, Baseline):
        return row["initializer"] == start.initializer
    return bool(row["sigma"]) and float(row["sigma"]) == start.sigma


@cache
def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


@cache
def sweeps(folder: str) -> Mapping[str, Sweep]:
    """Those of a folder, such as `studies/depth`, by variant."""
    metrics = REPOSITORY / folder / "metrics"
    return {of.setting.variant: Sweep(of, metrics) for of in read_metrics(metrics)}


def main() -> Sweep:
    """That of params.yaml as it was committed."""
    [sweep] = sweeps("").values()
    return sweep


def content(name: str) -> Any:
    """A JSON file of metrics/."""
    return json.loads((REPOSITORY / "metrics" / name).read_text(encoding="utf-8"))


def percent(*of_all: Point | Baseline, digits: int = 1) -> str:
    """`97.3 %`, or of several, the lowest and the highest: `96.3 to 96.7 %`."""
    accuracies = sorted(100 * of.test_accuracy for of in of_all)
    ends = dict.fromkeys(f"{accuracy:.{digits}f}" for accuracy in (accuracies[0], accuracies[-1]))
    return f"{' to '.join(ends)} %"


def short(number: Point | float, digits: int = 2) -> str:
    """A number, or the sigma of a point, with so many significant digits, zeros left out."""
    return f"{float(f'{number.sigma if isinstance(number, Point) else number:.{digits}g}'):.10g}"


def sizes(setting: Setting) -> str:
    """`784-128-64-10`."""
    return "-".join(map(str, setting.sizes))


def word(number: int) -> str:
    """A small number in words."""
    return WORDS[number]
