"""Figures as slides of 16:9: rows of panels one at a time, with labels and legends that fit.

To be drawn and saved in the house style of slides, in which letters take more of a page.
"""

import textwrap
from collections.abc import Iterator, Sequence
from itertools import chain
from math import ceil

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.gridspec import GridSpec
from matplotlib.text import Text
from matplotlib.transforms import BboxBase

ROW_BY_ROW = frozenset({"accuracy_vs_sigma", "map", "signals", "before_after", "features"})
"""Figures, by name, whose rows of panels are read one by one."""

_LEGEND_LINE = 46
"""Characters, so that two entries of a legend stand side by side."""

Rows = Sequence[Sequence[Axes]]


def slides(name: str, figure: Figure) -> Iterator[tuple[str, Figure]]:
    """Turn a figure into slides; each comes with its name, and is to be saved before the next."""
    rows = _rows(figure)
    entries = _legend_entries(figure)
    if not rows:  # it says why there is no picture
        yield name, figure
        return
    if name not in ROW_BY_ROW or len(rows) == 1:
        _fit(figure, rows[-1], entries)
        yield name, figure
        return
    _say_in_each_row_what_is_said_once(figure, rows)
    _lay_upon_each_other(figure, rows)
    for number, row in enumerate(rows, start=1):
        for axes in chain(*rows):
            axes.set_visible(axes in row)
        elsewhere = set(chain(*map(_labels, rows))) - _labels(row)  # what is in none is for all
        _fit(figure, row, {name: entries[name] for name in entries if name not in elsewhere})
        yield f"{name}_{number}", figure


def _rows(figure: Figure) -> Rows:
    """The panels of each row, from above; what has no place in a grid, as a colour bar, is none."""
    rows: dict[int, list[Axes]] = {}
    for axes in figure.axes:
        if spec := axes.get_subplotspec():
            rows.setdefault(spec.rowspan.start, []).append(axes)
    return [rows[row] for row in sorted(rows)]


def _say_in_each_row_what_is_said_once(figure: Figure, rows: Rows) -> None:
    """Give each row the titles above the first and the labels below the last, if it has none."""
    middle, below_all = len(rows[0]) // 2, figure.get_supxlabel()
    if below_all:
        figure.supxlabel("")
        rows[-1][middle].set_xlabel(below_all)
    for row in rows:
        for axes, first, last in zip(row, rows[0], rows[-1], strict=True):
            for place in ("left", "center"):
                if (said := first.get_title(place)) and not axes.get_title(place):
                    axes.set_title(said, loc=place, fontsize=10)
            axes.set_xlabel(axes.get_xlabel() or last.get_xlabel())
            axes.tick_params(labelbottom=True)


def _lay_upon_each_other(figure: Figure, rows: Rows) -> None:
    grid = GridSpec(1, len(rows[0]), figure)
    for row in rows:
        for place, axes in enumerate(row):
            axes.set_subplotspec(grid[0, place])


def _labels(row: Sequence[Axes]) -> set[str]:
    """What curves of a row are called."""
    return {label for axes in row for label in axes.get_legend_handles_labels()[1]}


def _legend_entries(figure: Figure) -> dict[str, Artist]:
    """What the legends of the figure show, by label."""
    return {
        text.get_text(): handle
        for legend in figure.legends
        for text, handle in zip(legend.get_texts(), legend.legend_handles, strict=True)
        if handle is not None
    }


def _fit(figure: Figure, row: Sequence[Axes], entries: dict[str, Artist]) -> None:
    """Show a legend of `entries` that is no wider than the page, and fold labels of a row."""
    _fit_legend(figure, entries)
    boxes = _laid_out(figure, row)
    if _fold_labels(figure, row, boxes):
        boxes = _laid_out(figure, row)
    ends = [*(box.x0 for box in boxes[1:]), figure.bbox.x1]
    for title, box, end in zip(map(_title, row), boxes, ends, strict=True):
        _fold(title, title.get_window_extent().width, 0.97 * (end - box.x0))


def _fold_labels(figure: Figure, row: Sequence[Axes], boxes: Sequence[BboxBase]) -> bool:
    """Break labels that are longer than what they stand beside; whether there were any."""
    page, labelled = figure.bbox, sum(bool(axes.get_xlabel()) for axes in row)
    folded = []
    for bar in (axes for axes in figure.axes if axes.get_subplotspec() is None):
        across, up = bar.xaxis.label, bar.yaxis.label
        folded += [_fold(across, across.get_window_extent().width, 0.97 * page.width)]
        folded += [_fold(up, up.get_window_extent().height, 0.6 * page.height)]
    for axes, box in zip(row, boxes, strict=True):
        across, up = axes.xaxis.label, axes.yaxis.label
        room = 0.97 * page.width / max(labelled, 1)
        folded += [_fold(across, across.get_window_extent().width, room)]
        folded += [_fold(up, up.get_window_extent().height, 1.1 * box.height)]
    for text in figure.texts:
        if text.get_rotation():  # beside all panels
            folded += [_fold(text, text.get_window_extent().height, page.height / 2)]
            text.set_y((boxes[0].y0 + boxes[0].y1) / 2 / page.height)
    return any(folded)


def _fit_legend(figure: Figure, entries: dict[str, Artist]) -> None:
    """Replace the legend by one of as many columns as fit."""
    labels = [_folded(label, _LEGEND_LINE) for label in entries]
    for columns in range(len(entries), 0, -1):
        for legend in [*figure.legends]:
            legend.remove()
        legend = figure.legend(entries.values(), labels, loc="outside lower center", ncols=columns)
        if legend.get_window_extent().width <= figure.bbox.width:
            break


def _laid_out(figure: Figure, row: Sequence[Axes]) -> list[BboxBase]:
    """Where panels lie, in pixels, with the labels that they have now."""
    if layout := figure.get_layout_engine():
        layout.execute(figure)
    return [axes.get_window_extent() for axes in row]


def _title(axes: Axes) -> Text:
    """The text of its title, for which axes have no name where it begins at left."""
    said = axes.get_title() or axes.get_title("left")
    texts = [child for child in axes.get_children() if isinstance(child, Text)]
    return next(text for text in texts if text.get_text() == said)


def _fold(text: Text, length: float, room: float) -> bool:
    """Break a text `length` pixels long into as many lines as `room` asks for, if more than one."""
    label, lines = text.get_text(), ceil(length / room)
    if lines > 1:
        folded = (_folded(label, width) for width in range(len(label) // lines, len(label) + 1))
        text.set_text(next(fold for fold in folded if fold.count("\n") < lines))
    return lines > 1


def _folded(label: str, width: int) -> str:
    return textwrap.fill(label, width, break_on_hyphens=False, break_long_words=False)
