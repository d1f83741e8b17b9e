"""The plot door of the study: the accuracies of Adam and of SGD in, one picture out."""

from pathlib import Path

from stages.analysis.tables import METRICS, read_points
from stages.core.door import clear_exit
from stages.figures.regimes import regimes
from stages.figures.style import house_style, save

STUDY = Path("studies/sgd")


def main() -> None:
    """Write regimes.png."""
    sweeps = {
        "Adam, learning rate 0.001": read_points(),
        "SGD, learning rate 0.01": read_points(STUDY / METRICS),
    }
    (STUDY / "plots").mkdir(exist_ok=True)
    with house_style():
        save(regimes(sweeps), STUDY / "plots" / "regimes.png")


if __name__ == "__main__":
    with clear_exit("plot"):
        main()
