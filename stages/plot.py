"""The plot door: metrics/ in, the pictures of plots/ out, the same files whatever was run."""

if __name__ == "__main__":
    if not __package__:
        raise SystemExit("in the project's folder, run: python -m stages.plot")
    from stages.process.door import enter

    enter("stages.plot", takes_folder=True)

from pathlib import Path

from stages.analysis.metrics import read_metrics
from stages.analysis.tables import METRICS
from stages.figures.pictures import pictures
from stages.figures.style import house_style, save
from stages.process.door import uncollected
from stages.process.pace import following

PLOTS = Path("plots")


def main(folder: Path) -> None:
    """Write the pictures of `folder`/metrics into `folder`/plots; none unless all can be drawn."""
    with uncollected(), house_style():
        drawn = pictures(read_metrics(folder / METRICS))
        for name, figure in following(drawn.items(), f"drawing {PLOTS}", len(drawn)):
            save(figure, folder / PLOTS / f"{name}.png")
