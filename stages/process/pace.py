"""What is left of work, in words, and when to say so: work that is soon done says nothing."""

import sys
import time
from collections.abc import Iterable, Iterator
from math import ceil
from typing import TypeVar

from tqdm import tqdm

T = TypeVar("T")

_RAREST_SECONDS = 300
_SILENT_SECONDS = 2

_TELLING = 10
"""Items, or else a share of them, after which their pace foretells: the first also loads code."""


def in_words(seconds: float) -> str:
    """A duration for people: in seconds, minutes, hours or days."""
    if seconds < 100:
        return f"{ceil(seconds)} s"
    if seconds < 100 * 60:
        return f"{seconds / 60:.0f} min"
    if seconds < 48 * 3600:
        return f"{seconds / 3600:.2g} h"
    return f"{seconds / 86400:.0f} days"


def counted(number: float, noun: str) -> str:
    """A number of things, with their noun in the right form."""
    ending = "es" if noun.endswith("s") else "s"
    return f"{number:.12g} {noun}{'' if number == 1 else ending}"


def gigabytes(size: float) -> str:
    """A size in bytes as so many GB, to two digits."""
    return f"{float(f'{size / 1e9:.2g}'):,.12g}"


class Reminder:
    """When the next line is due: after `first` seconds, then ever more rarely."""

    def __init__(self, first: float) -> None:
        self._next = first

    def is_due(self, elapsed: float) -> bool:
        """Whether a line is due `elapsed` seconds after the start."""
        return elapsed >= self._next

    def said(self, elapsed: float) -> None:
        """A line was printed, due or not."""
        self._next = max(self._next, elapsed + min(elapsed, _RAREST_SECONDS))


def following(items: Iterable[T], what: str, total: int) -> Iterator[T]:
    """Yield the `total` items; if that takes long, say how far they have come."""
    if sys.stderr.isatty():
        layout = "{desc} |{bar:16}| {n_fmt}/{total_fmt}, {remaining} left"
        yield from tqdm(
            items,
            what,
            total,
            leave=False,
            delay=_SILENT_SECONDS,
            bar_format=layout,
            file=sys.stderr,
        )
        return
    start, reminder = time.monotonic(), Reminder(_SILENT_SECONDS)
    for number, item in enumerate(items):
        elapsed = time.monotonic() - start
        if number and reminder.is_due(elapsed):
            left = f", about {in_words(elapsed / number * (total - number))} left"
            telling = number >= min(_TELLING, total / _TELLING)
            print(f"{what}: {number}/{total}{left * telling}", flush=True)
            reminder.said(elapsed)
        yield item
