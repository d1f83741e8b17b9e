"""One look for all figures, and PNG files whose bytes depend on the data alone.

Colours are those of Okabe and Ito, which colour-blind readers tell apart; every curve differs from
the others in line or marker too, so that a grey print keeps them apart.
"""

import io
import math
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import cycle
from pathlib import Path
from typing import TypeVar

import matplotlib.style
import numpy as np
from matplotlib import colormaps, rcParams
from matplotlib.axes import Axes
from matplotlib.axis import XAxis, YAxis
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure, SubFigure
from matplotlib.ticker import FixedFormatter, FixedLocator, MaxNLocator, NullLocator
from numpy.typing import NDArray
from PIL import Image

from stages.analysis.setting import Setting
from stages.core.starts import SCHEMES
from stages.process.files import write_atomically

T = TypeVar("T")

BLUE, SKY, GREEN, VERMILION = "#0072B2", "#56B4E9", "#009E73", "#D55E00"
ORANGE, PURPLE = "#E69F00", "#CC79A7"
INK, GREY = "#222222", "#666666"

_LOOKS = (
    (INK, "solid"),
    (GREEN, "solid"),
    (ORANGE, "dashed"),
    (VERMILION, "solid"),
    (PURPLE, "dashed"),
    (GREY, "dashdot"),
    (SKY, "dotted"),
    (BLUE, "dotted"),
    (ORANGE, "solid"),
    (PURPLE, "solid"),
)
LOOK_OF_SCHEME = dict(zip(SCHEMES, cycle(_LOOKS), strict=False))
"""Colour and line of each named initialiser, wherever it is drawn."""

_WIDTH = 9.6
"""Inches of a figure that is read from near."""

_SETTINGS = {
    "axes.edgecolor": GREY,
    "axes.grid": True,
    "axes.labelcolor": INK,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 13,
    "axes.titleweight": "bold",
    "figure.figsize": (_WIDTH, 5.4),
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
_SLIDE = {"figure.figsize": (7.2, 4.05), "savefig.dpi": 1920 / 7.2}
"""A figure for a projector: its letters have as many points as others, and so are larger on it."""

_FIGURE_WIDTH, _LINE_WIDTH = 120, 110
"""Characters of a line below a title; so many fit into the width of a figure, and of its axes."""

_SLIDE_LINES = 4
"""Below the title of a slide, whose panels need the rest of it."""

_PANEL_WIDTH = 56
"""Characters of a line below the title of one of two panels side by side."""

_NAME = 40
"""Characters of a variant's name that fit into a title."""

_WIDE = 9
"""Ticks; an axis with room for as many has room for numbers like 0.0001."""

_DECADES = 1000
"""Ratio of the ends of an axis on which three powers of ten lie."""

_FEW = 3
"""Ticks from which on a reader sees the scale."""


@contextmanager
def house_style(slides: bool = False) -> Iterator[None]:
    """Draw and save inside this, `slides` or figures; a user's own matplotlibrc has no say."""
    with matplotlib.style.context(["default", _SETTINGS, _SLIDE if slides else {}]):
        yield


def new_figure(height: float) -> Figure:
    """An empty figure, `height` inches high, as wide as all others; all slides have one size."""
    width, height_of_slide = rcParams["figure.figsize"]
    is_slide = width < _WIDTH
    return Figure(figsize=(width, height_of_slide if is_slide else height), layout="constrained")


def _width_of(figure: Figure | SubFigure) -> float:
    """In units of that of a figure, for which numbers of letters and ticks are stated here."""
    return figure.bbox.width / figure.dpi / _WIDTH


def save(figure: Figure, path: Path) -> None:
    """Write a PNG with a palette: git keeps each one, and without it is three times as large.

    `Figure.savefig` would draw twice, the first time for nothing but the layout.
    """
    usual, dpi = figure.dpi, rcParams["savefig.dpi"]
    figure.dpi = usual if dpi == "figure" else dpi
    canvas, content = FigureCanvasAgg(figure), io.BytesIO()
    canvas.draw()
    image = Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")
    image.quantize(dither=Image.Dither.NONE).save(content, "png")
    figure.dpi = usual
    write_atomically(path, content.getvalue())


def title(figure: Figure, text: str, sentences: Sequence[str]) -> None:
    """Put a title above all panels and, below it in smaller type, what holds for all of them.

    A slide has room for the first of many sentences.
    """
    lines = _wrapped(sentences, width := int(_FIGURE_WIDTH * _width_of(figure)))
    while figure.get_figwidth() < _WIDTH and len(lines) > _SLIDE_LINES and len(sentences) > 1:
        sentences = sentences[:-1]
        lines = _wrapped(sentences, width)
    inches = figure.get_figheight()
    figure.text(0.01, 1 - 0.06 / inches, text, weight="bold", fontsize=13, va="top")
    figure.text(0.01, 1 - 0.32 / inches, "\n".join(lines), color=GREY, linespacing=1.25, va="top")
    height = (0.4 + 0.18 * len(lines)) / inches
    figure.set_layout_engine("constrained", rect=(0, 0, 0.99, 1 - height))


def of_variant(text: str, setting: Setting) -> str:
    """A title with the name of the variant that is shown, if it has one."""
    return f"{text}: {shortened(setting.variant, _NAME)}" if setting.variant else text


def nothing(text: str, why: str) -> Figure:
    """A figure without a picture: its title, and why there is none."""
    figure = new_figure(height=1)
    title(figure, text, [why])
    return figure


def heading(axes: Axes, text: str, sentences: Sequence[str]) -> None:
    """Put a title above `axes` and, below it in smaller type, what the data say."""
    _head(axes, text, sentences, _LINE_WIDTH, 13, 10)


def panel_heading(axes: Axes, text: str, sentences: Sequence[str]) -> None:
    """The same above one of two panels side by side."""
    _head(axes, text, sentences, _PANEL_WIDTH, 11, 9)


def _head(
    axes: Axes, text: str, sentences: Sequence[str], width: int, size: float, small: float
) -> None:
    lines = _wrapped(sentences, int(width * _width_of(axes.figure)))
    text, *lines = map(verbatim, [text, *lines])
    axes.set_title(text, fontsize=size, pad=8 + 1.4 * small * len(lines))
    axes.annotate(
        "\n".join(lines),
        (0, 1),
        xycoords="axes fraction",
        xytext=(0, 6),
        textcoords="offset points",
        color=GREY,
        fontsize=small,
        linespacing=1.25,
        in_layout=False,  # the title reserves its height, and its width may reach past the axes
    )


def _wrapped(sentences: Sequence[str], width: int) -> list[str]:
    """Lines of so many characters; a number keeps its percent sign."""
    text = " ".join(sentences).replace(" %", "\N{NO-BREAK SPACE}%")
    lines = textwrap.wrap(text, width, break_on_hyphens=False)
    return [line.replace("\N{NO-BREAK SPACE}", " ") for line in lines]


def even_choice(values: Sequence[T], most: int) -> Sequence[T]:
    """`values` at even distances, the first among them, so that they are at most so many."""
    return values[:: -(-len(values) // most)]


def verbatim(text: str) -> str:
    """`text` with its dollars drawn: matplotlib takes what stands between two for a formula."""
    return text.replace("$", r"\$")


def shortened(text: str, length: int) -> str:
    """`text` with its beginning left out where it is longer than `length` characters."""
    return text if len(text) <= length else f"…{text[1 - length :]}"


def legend_below(figure: Figure, panels: Sequence[Axes], columns: int) -> None:
    """Name each kind of curve once below all `panels`, in whichever of them it is."""
    legends = [zip(*axes.get_legend_handles_labels(), strict=True) for axes in panels]
    handles = {label: handle for legend in legends for handle, label in legend}
    figure.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=columns)


def scale_sigmas(axis: XAxis | YAxis, sigmas: Iterable[float], room: int) -> None:
    """Make `axis` logarithmic, with room around `sigmas` and at most `room` ticks, all labelled."""
    if isinstance(axis, XAxis):
        room = int(room * _width_of(axis.axes.figure))
    different = list(sigmas)
    low, high = min(different), max(different)
    margin = (high / low) ** 0.03 if high > low else 3
    scale, limit = (
        (axis.axes.set_xscale, axis.axes.set_xlim)
        if isinstance(axis, XAxis)
        else (axis.axes.set_yscale, axis.axes.set_ylim)
    )
    scale("log")
    limit(low / margin, high * margin)
    slack = 1.0001 if high > low else margin
    ticks = _ticks(low / slack, high * slack, room)
    labels = [f"{tick:.8g}" for tick in ticks]
    powers = all(math.log10(tick).is_integer() for tick in ticks)
    if powers and (room < _WIDE or not 1e-4 <= ticks[0] < ticks[-1] <= 1e4):
        labels = [f"$10^{{{math.log10(tick):.0f}}}$" for tick in ticks]
    axis.set_major_locator(FixedLocator(ticks))
    axis.set_major_formatter(FixedFormatter(labels))
    axis.set_minor_locator(NullLocator())


def _ticks(low: float, high: float, room: int) -> list[float]:
    """Round numbers from `low` to `high`: powers of ten, or what lies between if that is few."""
    first, last = math.ceil(math.log10(low)), math.floor(math.log10(high))
    powers = [float(f"1e{exponent}") for exponent in range(first, last + 1)]
    if len(powers) >= _FEW:
        return powers[:: math.ceil(len(powers) / room)]
    for factors in ((1, 3), (1, 2, 5), (1, 1.5, 2, 3, 5, 7)):
        ticks = [f * float(f"1e{e}") for e in range(first - 1, last + 1) for f in factors]
        inside = [tick for tick in ticks if low <= tick <= high]
        if _FEW <= len(inside) <= room:
            return inside
    spaced = MaxNLocator(min(room - 1, 4)).tick_values(low, high)
    return [float(tick) for tick in spaced if low <= tick <= high]


def scale_logarithmic(axes: Axes, low: float, high: float) -> None:
    """Make the y axis logarithmic, with ticks at powers of ten alone if there are some of them."""
    axes.set_ylim(low, high)  # first: there may be nothing to scale
    axes.set_yscale("log", subs=() if high / low > _DECADES else None)


def scale_signed(axes: Axes, linear: float, limit: float, label: float) -> None:
    """Make the x axis linear within ± `linear` and logarithmic beyond, to ± `limit`.

    Labels 0 and as many powers of ten as fit if each takes the share `label` of the axis.
    """
    axes.set_xscale("asinh", linear_width=linear)
    axes.set_xlim(-limit, limit)
    end = math.asinh(limit / linear)
    gap, sizes, free = 2 * end * label / _width_of(axes.figure), [], 0.9 * end
    for exponent in range(math.floor(math.log10(limit)), math.floor(math.log10(linear)) - 1, -1):
        size = float(f"1e{exponent}")
        place = math.asinh(size / linear)
        if 0.7 * gap <= place <= free:  # a 0 is narrow
            sizes.append(size)
            free = place - gap
    ticks = [*(-size for size in sizes), 0.0, *sizes[::-1]]
    axes.xaxis.set_major_locator(FixedLocator(ticks))
    axes.xaxis.set_major_formatter(FixedFormatter([*map(_signed_label, ticks)]))
    axes.xaxis.set_minor_locator(NullLocator())


def _signed_label(tick: float) -> str:
    """0, or a power of ten of either sign."""
    if tick == 0 or 0.01 <= abs(tick) <= 100:
        return f"{tick:g}".replace("-", "\N{MINUS SIGN}")
    return f"${'-' if tick < 0 else ''}10^{{{math.log10(abs(tick)):.0f}}}$"


def sigma_edges(sigmas: NDArray[np.float64]) -> NDArray[np.float64]:
    """Where cells around rising `sigmas` meet, and both outer edges, on a logarithmic axis."""
    places = np.log10(sigmas)
    half = np.diff(places) / 2 if len(places) > 1 else np.array([0.5])
    inner = places[:-1] + half
    edges: NDArray[np.float64] = 10 ** np.array(
        [places[0] - half[0], *inner, places[-1] + half[-1]]
    )
    return edges


def dark(name: str) -> ListedColormap:
    """A colormap without its light end, which fades on white paper."""
    return ListedColormap(colormaps[name](np.linspace(0, 0.88, 256)))
