"""Curves of accuracy against sigma, as several figures draw them."""

from collections.abc import Sequence

from matplotlib.axes import Axes

from stages.analysis.accuracy import Point
from stages.analysis.setting import Setting
from stages.analysis.wording import data
from stages.figures.style import BLUE, GREY, INK, SKY, shortened, verbatim


def draw_curves(axes: Axes, points: Sequence[Point]) -> None:
    """Draw test accuracies, at the end and after the first epoch, and training accuracy."""
    sigma = [point.sigma for point in points]
    train = [100 * point.train_accuracy for point in points]
    first = [100 * point.first_epoch_test_accuracy for point in points]
    draw_test(axes, points)
    if any(point.n > 1 for point in points):
        single = [(point.sigma, 100 * share) for point in points for share in point.accuracies]
        axes.plot(*zip(*single, strict=True), ".", color=BLUE, alpha=0.4, label="each network")
    if any(p.first_epoch_test_accuracy != p.test_accuracy for p in points):  # the end is later
        axes.plot(sigma, first, "s--", color=SKY, markersize=4, label="test, after the first epoch")
    axes.plot(
        sigma, train, "^:", color=GREY, markersize=3, linewidth=1, label="training, at the end"
    )


def draw_test(axes: Axes, points: Sequence[Point]) -> None:
    """Draw test accuracies at the end, with the standard error where there are replicates."""
    sigma = [point.sigma for point in points]
    test = [100 * point.test_accuracy for point in points]
    error = [100 * (point.standard_error or 0) for point in points]
    replicates = max(point.n for point in points)
    spread = f", mean of {replicates} ± standard error" if replicates > 1 else ""
    axes.plot(
        sigma,
        test,
        "o-",
        color=BLUE,
        linewidth=2,
        markersize=5,
        zorder=3,
        label=f"test, at the end{spread}",
    )
    if replicates > 1:
        axes.errorbar(sigma, test, error, fmt="none", ecolor=BLUE, capsize=3)


_DATA = 13
"""Characters of the name of a data set in a legend: Fashion-MNIST; paths may be long."""


def draw_chance(axes: Axes, setting: Setting) -> None:
    """Mark the accuracy of always answering the commonest class."""
    chance = 100 * setting.data.chance
    axes.axhline(
        chance,
        color=GREY,
        linestyle="dashdot",
        linewidth=1,
        label=f"chance on {verbatim(shortened(data(setting), _DATA))}, {chance:.4g} %: "
        "always answering its commonest class",
    )


def draw_diverged(axes: Axes, points: Sequence[Point], size: float = 10) -> None:
    """Mark sigmas of which a network overflowed."""
    diverged = [point for point in points if point.diverged]
    if diverged:
        axes.plot(
            [point.sigma for point in diverged],
            [100 * point.test_accuracy for point in diverged],
            "X",
            color=INK,
            markersize=size,
            zorder=4,
            label="with a network that diverged",
        )
