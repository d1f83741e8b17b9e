"""Data sets in data/raw, each whole and with sums by which later stages know it again.

DVC removes a data set that params.yaml no longer names. So what was downloaded is kept beside the
trial cache, where all experiments find it, also those in temporary folders.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeVar

from stages.core.cache import cache_root
from stages.core.dataset import RAW, RAW_FILES, Dataset, read_dataset
from stages.core.params import Data
from stages.core.published import FOLDER, PUBLISHED, is_complete
from stages.core.sources import copy_published, fetch
from stages.process.files import write_atomically
from stages.process.scratch import ScratchFolder
from stages.process.sums import sha256, write_sums

KEPT: Final = "raw"
"""The folder of the cache in which downloaded data sets are kept."""

_SOURCE: Final = "SOURCE"
"""Beside copied files: the path in params.yaml that they were copied from."""

T = TypeVar("T")


def bring(data: Data) -> str:
    """Have `data` in its folder of RAW; what is there now, and where it came from, in one line.

    Raises SourceError if no source has it, OSError if the disk refuses.
    """
    return _copy(data) if data.name == FOLDER else _provide(data)


def read(data: Data) -> Dataset:
    """The data set that `bring` has brought, or brings now.

    DVC keeps that of `data.name` alone: those of variants may be missing, or a user's own be there
    that was copied from another path. Raises InputError where it is damaged.
    """
    raw, source = RAW / data.name, RAW / data.name / _SOURCE
    copied = data.name == FOLDER and source.exists() and source.read_text() == f"{data.path}\n"
    if not (copied or (data.name != FOLDER and raw.exists())):
        print(bring(data), flush=True)
    return read_dataset(raw)


def _provide(data: Data) -> str:
    """A published data set, whose files are known to be right wherever they lie."""
    published, raw, kept = PUBLISHED[data.name], RAW / data.name, cache_root() / KEPT / data.name
    came_from = ""
    if not is_complete(raw, published.files):
        if not is_complete(kept, published.files):
            came_from = f", from {_fetch_into(kept, data)}"
        _fill(raw, lambda folder: copy_published(published, str(kept.resolve()), folder))
    write_sums(raw, {name: file.sha256 for name, file in published.files.items()})
    return f"{raw}: four files verified{came_from}"


def _copy(data: Data) -> str:
    """The user's own data, also where it was copied before: it may be other data now."""
    raw = RAW / data.name
    came_from = _fetch_into(raw, data)
    write_sums(raw, {name: sha256((raw / name).read_bytes()) for name in RAW_FILES})
    write_atomically(raw / _SOURCE, f"{data.path}\n")
    dataset = read_dataset(raw)
    images = f"{len(dataset.train_images):,} and {len(dataset.test_images):,} images"
    size = "{} x {}".format(*dataset.image_shape)
    return f"{raw}: {images} of {size} pixels, {dataset.classes} classes, from {came_from}"


def _fetch_into(folder: Path, data: Data) -> str:
    """Fill `folder` from a source of `data`; the name of that."""
    return _fill(folder, lambda scratch: fetch(data.name, data.path, scratch))


def _fill(folder: Path, put: Callable[[Path], T]) -> T:
    """Let `put` put the four files into a scratch folder, move them to `folder`; its result."""
    with ScratchFolder(folder.parent, f".{folder.name}") as scratch:
        result = put(scratch)
        folder.mkdir(exist_ok=True)
        for name in RAW_FILES:
            (scratch / name).replace(folder / name)
    return result
