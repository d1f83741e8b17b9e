"""The explore door: metrics/ in, plots/explore.html out, the page on which one drags sigma."""

if __name__ == "__main__":
    if not __package__:
        raise SystemExit("in the project's folder, run: python -m stages.explore")
    from stages.process.door import enter

    enter("stages.explore", takes_folder=True)

from pathlib import Path

from stages.analysis.metrics import read_metrics
from stages.analysis.tables import METRICS
from stages.figures.explore import page
from stages.process.files import write_atomically

PAGE = Path("plots/explore.html")


def main(folder: Path) -> None:
    """Write `folder`/plots/explore.html from `folder`/metrics."""
    written = page(read_metrics(folder / METRICS))
    (folder / PAGE).parent.mkdir(exist_ok=True)
    write_atomically(folder / PAGE, written)
