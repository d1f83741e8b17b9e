"""Variants as a map: where they differ in one number, or in that and in words."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from stages.analysis.findings import Results
from stages.analysis.setting import Setting, differences
from stages.analysis.wording import spelled

RANGE = {
    f"sweep.{name}"
    for name in ("sigma_min", "sigma_max", "num_points", "sigmas", "initializers", "seed")
}
"""What a map shows by itself, or what sets no network apart."""

MOST_PANELS = 4
"""That fit into a figure."""

MOST_OF_AXIS = 0.75
"""A panel whose numbers take up less has an axis of its own."""

WIDE = 8
"""Ratio of the largest number to the smallest."""

EVEN = 1.5
"""Up to this ratio of the largest step to the smallest, an axis shows σ² better than its logarithm.
"""


@dataclass(frozen=True)
class Panel:
    """Variants that differ in one number, by that number, rising."""

    title: str  # the values in which other panels differ
    numbers: Sequence[float]
    rows: Sequence[Results]


@dataclass(frozen=True)
class Grid:
    """All variants, in panels."""

    parameter: str  # the number in which rows differ, as section.name; VARIANT: they are counted
    panels: Sequence[Panel]

    @property
    def rows(self) -> list[Results]:
        """The variants of all panels."""
        return [row for panel in self.panels for row in panel.rows]

    @property
    def numbers(self) -> list[float]:
        """Those of all rows."""
        return [number for panel in self.panels for number in panel.numbers]

    @property
    def shares_axis(self) -> bool:
        """Whether one axis of numbers serves all panels: each takes up most of it."""
        ends = np.array([(min(panel.numbers), max(panel.numbers)) for panel in self.panels])
        places = np.log(ends) if wide(self.numbers) else ends
        return bool((np.ptp(places, axis=1) >= MOST_OF_AXIS * np.ptp(places)).all())

    @property
    def labels(self) -> dict[float, str]:
        """What stands beside rows, by their numbers, rising."""
        if self.parameter == VARIANT:
            return {n: of.setting.variant for n, of in zip(self.numbers, self.rows, strict=True)}
        return {number: f"{number:g}" for number in sorted(set(self.numbers))}

    @property
    def of_variance(self) -> bool:
        """Whether x is σ² times 1 / fan-in, in even steps, and not the logarithm of σ."""
        return all(row.setting.fan_in_scale and _even(row) for row in self.rows)


VARIANT = "variant"

_SPOKEN = {
    VARIANT: "variant",
    "model.depth": "hidden layers",
    "train.lr": "learning rate",
    "sweep.biases": "σ of biases",
}


def spoken(parameter: str) -> str:
    """The name of a number, for people."""
    return _SPOKEN.get(parameter, parameter.partition(".")[2].replace("_", " "))


def wide(numbers: Sequence[float]) -> bool:
    """Whether they are better shown by their logarithms."""
    return min(numbers) > 0 and max(numbers) >= WIDE * min(numbers)


def find_grid(results: Sequence[Results]) -> Grid | None:
    """The map of fewest panels that these variants make; None if they make none."""
    values = {
        name: of
        for name, of in differences([result.setting for result in results]).items()
        if name not in RANGE
    }
    grids = [
        grid
        for parameter, numbers in values.items()
        if all(_is_number(number) for number in numbers)
        and (grid := _grid(parameter, results, values))
    ]
    return min(grids, key=lambda grid: len(grid.panels), default=None)


def any_grid(results: Sequence[Results]) -> Grid:
    """The map that these variants make, or else a row for each, the first on top."""
    listed = Panel("", [float(place) for place in range(len(results))], results[::-1])
    return find_grid(results) or Grid(VARIANT, [listed])


def _grid(
    parameter: str, results: Sequence[Results], values: dict[str, tuple[Any, ...]]
) -> Grid | None:
    """The map with rows by `parameter`, if there are few panels, each with several rows."""
    others = {name: of for name, of in values.items() if name != parameter}
    panels: dict[str, list[int]] = {}
    for place in range(len(results)):
        kind = json.dumps([of[place] for of in others.values()])
        panels.setdefault(kind, []).append(place)
    numbers = values[parameter]
    ordered = [sorted(places, key=lambda place: numbers[place]) for places in panels.values()]
    if len(ordered) > MOST_PANELS or any(
        len({numbers[place] for place in places}) < max(len(places), 2) for places in ordered
    ):
        return None
    return Grid(
        parameter,
        [
            Panel(
                _title({n: of[places[0]] for n, of in others.items()}, results[places[0]].setting),
                [float(numbers[place]) for place in places],
                [results[place] for place in places],
            )
            for places in ordered
        ],
    )


def _title(values: dict[str, Any], setting: Setting) -> str:
    """`tanh, 300 steps, σ_b = 0.224`: words speak for themselves, numbers with names of theirs."""
    told = (
        setting.length
        if name in ("train.steps", "train.epochs")
        else biases(value)
        if name == "sweep.biases"
        else spelled(value)
        if isinstance(value, str)
        else f"{name.partition('.')[2]} {spelled(value)}"
        for name, value in values.items()
    )
    return ", ".join(dict.fromkeys(told))


def biases(value: float | str) -> str:
    """How biases begin."""
    if value == "sigma":
        return "biases as weights"
    return "σ_b = 0" if value == "zero" else f"σ_b = {value:.3g}"


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _even(row: Results) -> bool:
    steps = np.diff(np.array([point.sigma for point in row.points]) ** 2)
    return bool(steps.size and steps.max() <= EVEN * steps.min())
