"""MNIST as four NumPy arrays.

`verify` holds a raw IDX file against its published size and SHA-256; `read_dataset` parses the four
files. Neither imports torch, so that reading costs no start-up time.
"""

import hashlib
import math
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from stages.process.sums import VerifiedFolder

MEAN: Final = 0.1307
"""Mean pixel of the training images, on the scale 0 to 1."""

STD: Final = 0.3081
"""Standard deviation of the pixels of the training images, on the scale 0 to 1."""

CLASSES: Final = 10

CHANCE_ACCURACY: Final = 0.1135
"""Share of the commonest digit (the 1) in the test set: the score of always answering 1."""

IMAGE_SHAPE: Final = (28, 28)
"""Rows and columns of an image, in pixels."""

IDX_UNSIGNED_BYTE: Final = 0x08


KNOWN: Final = ("mnist", "fashion_mnist")
FOLDER: Final = "folder"


class RawFile(NamedTuple):
    """What an uncompressed IDX file must be: its size in bytes and its SHA-256 in hexadecimal."""

    size: int
    sha256: str


FILES: Final[dict[str, RawFile]] = {
    "train-images-idx3-ubyte": RawFile(
        47_040_016, "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db"
    ),
    "train-labels-idx1-ubyte": RawFile(
        60_008, "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5"
    ),
    "t10k-images-idx3-ubyte": RawFile(
        7_840_016, "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7"
    ),
    "t10k-labels-idx1-ubyte": RawFile(
        10_008, "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2"
    ),
}


@dataclass(frozen=True, eq=False)
class Dataset:
    """The 60,000 training and 10,000 test digits.

    Images are uint8 [n, 784], 0 is background and 255 is ink; labels are uint8 [n], 0 to 9.
    """

    train_images: NDArray[np.uint8]
    train_labels: NDArray[np.uint8]
    test_images: NDArray[np.uint8]
    test_labels: NDArray[np.uint8]

    image_shape: tuple[int, int] = IMAGE_SHAPE
    classes: int = CLASSES
    mean: float = MEAN
    std: float = STD
    chance: float = CHANCE_ACCURACY

    @cached_property
    def digest(self) -> str:
        """SHA-256 (hexadecimal) over the shapes and bytes of the four arrays, computed once."""
        hasher = hashlib.sha256()
        for array in (self.train_images, self.train_labels, self.test_images, self.test_labels):
            hasher.update(repr(array.shape).encode())
            hasher.update(np.ascontiguousarray(array).data)
        return hasher.hexdigest()


def verify(path: Path) -> None:
    """Check that the IDX file `path` is the published one of its name.

    Raises ValueError (one line) if it is missing or its size or SHA-256 is wrong, OSError if it
    cannot be read, KeyError if its name is none of FILES.
    """
    expected = FILES[path.name]
    if not path.is_file():
        raise ValueError(f"{path.name}: no such file")
    size = path.stat().st_size
    if size != expected.size:
        raise ValueError(f"{path.name}: {size:,} bytes instead of {expected.size:,}")
    with path.open("rb") as stream:
        sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
    if sha256 != expected.sha256:
        raise ValueError(f"{path.name}: SHA-256 {sha256[:12]}… instead of {expected.sha256[:12]}…")


def is_complete(folder: Path) -> bool:
    """Whether `folder` holds all four IDX files, each verified."""
    try:
        for name in FILES:
            verify(folder / name)
    except (OSError, ValueError):
        return False
    return True


def read_dataset(raw_dir: Path) -> Dataset:
    """Read the four IDX files in `raw_dir`, each held against its sum beside them.

    Raises InputError on one that is missing, altered or malformed.
    """
    raw = VerifiedFolder(raw_dir)
    return Dataset(*_read_split(raw, "train"), *_read_split(raw, "t10k"))


def _read_split(raw: VerifiedFolder, split: str) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Images uint8 [n, 784] and labels uint8 [n] of the split called "train" or "t10k"."""
    images_name, labels_name = f"{split}-images-idx3-ubyte", f"{split}-labels-idx1-ubyte"
    images = _read_idx(raw, images_name, dimensions=3)
    labels = _read_idx(raw, labels_name, dimensions=1)
    if images.shape[1:] != IMAGE_SHAPE:
        raise raw.refusal(images_name, f"images of {images.shape[1:]} pixels, not {IMAGE_SHAPE}")
    if len(images) != len(labels):
        raise raw.refusal(labels_name, f"{len(labels)} labels for {len(images)} images")
    if (labels >= CLASSES).any():
        raise raw.refusal(labels_name, f"label {labels.max()} is not a digit")
    return images.reshape(-1, math.prod(IMAGE_SHAPE)), labels


def _read_idx(raw: VerifiedFolder, name: str, dimensions: int) -> NDArray[np.uint8]:
    """Parse an IDX file: 0, 0, element type, rank, a big-endian uint32 per axis, then the bytes."""
    content = np.frombuffer(bytearray(raw.read(name)), dtype=np.uint8)  # writable, as torch wants
    header = 4 + 4 * dimensions
    if content[:4].tolist() != [0, 0, IDX_UNSIGNED_BYTE, dimensions]:
        raise raw.refusal(name, f"not an IDX file of unsigned bytes of rank {dimensions}")
    if content.size < header:
        raise raw.refusal(name, f"header of {content.size} bytes instead of {header}")
    shape: list[int] = content[4:header].view(">u4").tolist()
    if content.size - header != math.prod(shape):
        raise raw.refusal(name, f"{content.size - header:,} bytes of data for the shape {shape}")
    return content[header:].reshape(shape)
