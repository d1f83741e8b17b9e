"""What a reader needs of every figure."""

from itertools import combinations

from matplotlib.figure import Figure
from matplotlib.text import Text

SPACE = 3
"""Pixels, of 960, between a number below an axis and the edge of the page."""


def assert_readable(figure: Figure) -> None:
    """Nothing is cut, no labels of an axis touch, no two entries of a legend are the same."""
    figure.draw_without_rendering()
    page = figure.bbox
    panels = [axes for axes in figure.axes if axes.get_visible()]
    hidden = {text for axes in figure.axes if axes not in panels for text in axes.findobj(Text)}
    texts = [t for t in figure.findobj(Text) if isinstance(t, Text) and t.get_text().strip()]
    ticks = {
        label
        for axes in panels
        for axis in (axes.xaxis, axes.yaxis)
        for label in axis.get_ticklabels(which="both")
    }
    for text in set(texts) - ticks - hidden:
        if text.get_visible():
            box = text.get_window_extent()
            assert page.x0 - 1 <= box.x0, text
            assert box.x1 <= page.x1 + 1, text
            assert page.y0 - 1 <= box.y0, text
            assert box.y1 <= page.y1 + 1, text
    for axes in panels:
        low, high = sorted(axes.get_xlim())
        boxes = [
            tick.label1.get_window_extent()
            for tick in axes.xaxis.get_major_ticks()
            if low <= tick.get_loc() <= high and tick.label1.get_visible()
        ]
        assert all(page.x0 + SPACE <= box.x0 and box.x1 <= page.x1 - SPACE for box in boxes), axes
        assert not any(one.overlaps(other) for one, other in combinations(boxes, 2)), axes
    for legend in figure.legends:
        labels = [text.get_text() for text in legend.get_texts()]
        assert len(labels) == len(set(labels))
        assert len(labels) <= 8
