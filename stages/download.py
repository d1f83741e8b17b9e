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

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from stages.core.dataset import RAW, RAW_FILES, read_dataset
from stages.core.params import PARAMS_FILE, Data, Params, read_params
from stages.core.published import FOLDER, PUBLISHED, is_complete
from stages.core.sources import copy_published, fetch
from stages.process.checkout import checkout
from stages.process.scratch import scratch_folder
from stages.process.sums import sha256, write_sums

T = TypeVar("T")


def main(folder: Path) -> None:
    """Bring what params.yaml in `folder` asks for into data/raw of the checkout.

    Raises SourceError if no source has it, OSError if the disk refuses.
    """
    for data in wanted(read_params(folder / PARAMS_FILE)):
        if data.name == FOLDER:
            copy(data)
        else:
            provide(data)


def wanted(params: Params) -> list[Data]:
    """The data sets that networks are trained on."""
    return list(dict.fromkeys(sweep.data for sweep in params.sweeps().values()))


def provide(data: Data) -> None:
    """Have a published data set; an experiment in a temporary folder leaves it to its checkout."""
    published, raw = PUBLISHED[data.name], RAW / data.name
    kept, came_from = checkout() / raw, ""
    if not is_complete(raw, published.files):
        if not is_complete(kept, published.files):
            came_from = f", from {fetch_into(kept, data)}"
        if kept != raw:
            fill(raw, lambda folder: copy_published(published, str(kept), folder))
    write_sums(raw, {name: file.sha256 for name, file in published.files.items()})
    print(f"{raw}: four files verified{came_from}")


def copy(data: Data) -> None:
    """Copy the user's own data, also where it was copied before: it may be other data now."""
    raw = RAW / data.name
    came_from = fetch_into(raw, data)
    dataset = read_dataset(raw)
    print(
        f"{raw}: {len(dataset.train_images):,} images to train on, {len(dataset.test_images):,} to "
        f"test with, {dataset.image_shape[0]} x {dataset.image_shape[1]} pixels, "
        f"{dataset.classes} classes, from {came_from}"
    )


def fetch_into(raw: Path, data: Data) -> str:
    """Fill `raw` from a source of `data`; the name of that."""
    return fill(raw, lambda folder: fetch(data.name, data.path, folder))


def fill(raw: Path, put: Callable[[Path], T]) -> T:
    """Move the four files that `put` puts into a folder to `raw`, with their sums; its result."""
    with scratch_folder(raw.parent, f".{raw.name}") as folder:
        result = put(folder)
        sums = {name: sha256((folder / name).read_bytes()) for name in RAW_FILES}
        raw.mkdir(exist_ok=True)
        for name in RAW_FILES:
            print(f"{raw / name}: {(folder / name).stat().st_size:,} bytes")
            (folder / name).replace(raw / name)
    write_sums(raw, sums)
    return result
