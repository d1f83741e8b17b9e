"""One look for all figures, and PNG files whose bytes depend on the data alone.

Colours are those of Okabe and Ito, which colour-blind readers tell apart; every curve differs from
the others in line or marker too, so that a grey print keeps them apart.
"""

import math
import textwrap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import matplotlib.style
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

BLUE, SKY, GREEN, VERMILION = "#0072B2", "#56B4E9", "#009E73", "#D55E00"
INK, GREY = "#222222", "#666666"

_SETTINGS = {
    "axes.edgecolor": GREY,
    "axes.grid": True,
    "axes.labelcolor": INK,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 13,
    "axes.titleweight": "bold",
    "font.size": 10,
    "grid.alpha": 0.35,
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "savefig.dpi": 150,
    "text.color": INK,
    "xtick.color": GREY,
    "xtick.labelcolor": INK,
    "ytick.color": GREY,
    "ytick.labelcolor": INK,
}
_LINE_WIDTH = 110
"""Characters of a line below a title; so many fit into the width of a figure."""


@contextmanager
def house_style() -> Iterator[None]:
    """Draw and save inside this; a user's own matplotlibrc has no say."""
    with matplotlib.style.context(["default", _SETTINGS]):
        yield


def new_figure(height: float) -> Figure:
    """An empty figure, `height` inches high, as wide as all others."""
    return Figure(figsize=(9.6, height), layout="constrained")


def save(figure: Figure, path: Path) -> None:
    """Write a PNG without the version of its maker."""
    figure.savefig(path, metadata={"Software": None})


def heading(axes: Axes, title: str, sentences: Sequence[str]) -> None:
    """Put a title above `axes` and, below it in smaller type, what the data say."""
    lines = textwrap.wrap(" ".join(sentences), _LINE_WIDTH)
    axes.set_title(title, pad=8 + 14 * len(lines))
    axes.annotate(
        "\n".join(lines),
        (0, 1),
        xycoords="axes fraction",
        xytext=(0, 6),
        textcoords="offset points",
        color=GREY,
        linespacing=1.25,
        in_layout=False,  # the title reserves its height, and its width may reach past the axes
    )


def sigma_label(sigma: float) -> str:
    """Three significant digits."""
    return f"{sigma:.3g}"


def label_sigmas(axis: Axis, low: float, high: float) -> None:
    """Give a logarithmic `axis` that spans `low` to `high` as many labelled ticks as it holds."""
    decades = math.log10(high / low)
    subs = (1, 1.5, 2, 3, 4, 5, 7) if decades <= 1 else (1, 2, 5) if decades <= 3 else (1,)
    axis.set_major_locator(LogLocator(subs=subs))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(lambda sigma, _: f"{sigma:g}"))
