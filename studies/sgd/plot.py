"""The plot door of the study: the accuracies of Adam and of SGD in, one picture out."""

if __name__ == "__main__":
    if not __package__:
        raise SystemExit("in the project's folder, run: python -m studies.sgd.plot")
    from stages.process.door import enter

    enter("studies.sgd.plot")

from pathlib import Path

from stages.analysis.tables import METRICS, read_points
from stages.analysis.wording import OPTIMISERS
from stages.core.params import PARAMS_FILE, read_params
from stages.figures.regimes import regimes
from stages.figures.style import house_style, save

STUDY = Path("studies/sgd")
ADAM = STUDY / "adam"


def main() -> None:
    """Write regimes.png."""
    sweeps = [(described(folder), read_points(folder / METRICS)) for folder in (ADAM, STUDY)]
    (STUDY / "plots").mkdir(exist_ok=True)
    with house_style():
        save(regimes(sweeps), STUDY / "plots" / "regimes.png")


def described(folder: Path) -> str:
    """The optimiser of the experiment in `folder`."""
    train = read_params(folder / PARAMS_FILE).train
    return f"{OPTIMISERS[train.optimizer]}, learning rate {train.lr:g}"
