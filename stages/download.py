"""The download door: four IDX files of each data set of params.yaml into data/raw/NAME, checked.

MNIST_DIR and FASHION_MNIST_DIR, where set, name a folder to take them from instead of the network.
Files are fetched and checked in a folder beside and then moved, so that data/raw/NAME never holds a
wrong or partial one. Their sums beside them tell the other stages that they are still the same.
"""

if __name__ == "__main__":
    if not __package__:
        raise SystemExit("in the project's folder, run: python -m stages.download")
    from stages.process.door import enter

    enter("stages.download", takes_folder=True)

from pathlib import Path

from stages.core.params import PARAMS_FILE, Data, Params, read_params
from stages.core.raw import bring


def main(folder: Path) -> None:
    """Bring what params.yaml in `folder` asks for into data/raw of the checkout.

    Raises SourceError if no source has it, OSError if the disk refuses.
    """
    for data in wanted(read_params(folder / PARAMS_FILE)):
        print(bring(data))


def wanted(params: Params) -> list[Data]:
    """The data sets that networks are trained on."""
    return list(dict.fromkeys(sweep.data for sweep in params.sweeps().values()))
