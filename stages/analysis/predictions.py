"""What is foretold of a map from theory and from inside networks, and how well: in sentences."""

from stages.analysis.depth import SCALES
from stages.analysis.edges import edges
from stages.analysis.grid import Grid
from stages.analysis.trainability import foretold, scales, theories


def predictions(grid: Grid) -> list[str]:
    """Of edges over learning rates, of depth; nothing of other maps."""
    return [*_of_edges(grid), *_of_depth(grid)]


def _of_edges(grid: Grid) -> list[str]:
    return [found.told for found in edges(grid) if found]


def _of_depth(grid: Grid) -> list[str]:
    """What trains, panel by panel; then the measured scales, once for panels that start alike."""
    pairs = [
        (panel, theory) for panel, theory in zip(grid.panels, theories(grid), strict=True) if theory
    ]
    starts = {theory: panel for panel, theory in reversed(pairs)}
    measured = [
        f"{panel.title}: {found.told}"
        for theory, panel in reversed(starts.items())
        if (found := scales(panel, theory))
    ]
    off = (
        f"Measured before training, where the deepest hold {SCALES} scales: {'. '.join(measured)}."
    )
    return [*(foretold(panel, theory) for panel, theory in pairs), *[off] * bool(measured)]
