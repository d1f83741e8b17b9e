"""The few numbers that answer a sweep: the metrics of DVC, which it compares over experiments."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Metric:
    """A scalar of summary.json, and how people write it."""

    scalar: str
    form: str


ANSWER: Final = {
    "best_sigma": Metric("best_sigma", "{:.3g}"),
    "accuracy": Metric("best_accuracy", "{:.2%}"),
    "window": Metric("window_decades", "{:.1f}"),
    "at_chance": Metric("trials_at_chance", "{:.0f}"),
    "diverged": Metric("trials_diverged", "{:.0f}"),
}
"""By names short enough for columns."""


def answer(summary: Mapping[str, float]) -> dict[str, float]:
    """The content of answer.json."""
    return {name: summary[metric.scalar] for name, metric in ANSWER.items()}
