"""What is foretold of a map from theory and from inside networks, and how well: in sentences."""

from stages.analysis.depth import SCALES
from stages.analysis.edges import edges
from stages.analysis.grid import Grid, Panel, biases
from stages.analysis.trainability import TRAINED, scales, theories, trained
from stages.analysis.wording import spelled


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
    if not pairs:
        return []
    counts = "; ".join(
        f"{panel.title}: {' and '.join(map(str, trained(panel, theory)))}"
        for panel, theory in pairs
    )
    told = [
        f"Of networks shallower than {SCALES} ξ, and of deeper ones, so many reach "
        f"{100 * TRAINED:g} %: {counts}."
    ]
    by_depth = sorted(pairs, key=lambda pair: pair[0].numbers[-1])
    deepest = {theory: panel for panel, theory in by_depth}
    measured = [
        f"{_start(panel)}: {found.told}"
        for theory in dict.fromkeys(theory for _, theory in pairs)
        if (found := scales(panel := deepest[theory], theory))
    ]
    where = f"Measured before training, where the deepest networks are {SCALES} scales deep"
    return [*told, *([f"{where}: {'. '.join(measured)}."] if measured else [])]


def _start(panel: Panel) -> str:
    """What theory knows of a panel: however long its networks train."""
    setting = panel.rows[0].setting
    return f"{spelled(setting.activation)}, {biases(setting.params['sweep']['biases'])}"
