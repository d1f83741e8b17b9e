"""Greyscale images with labels as four NumPy arrays, and what follows from them.

`parse_dataset` makes them of the contents of four IDX files and holds these against each other;
`read_dataset` reads those in a folder. Neither imports torch: reading costs no start-up time.
"""

import hashlib
import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from stages.process.sums import VerifiedFolder

RAW: Final = Path("data/raw")
"""Holds a folder for each data set, called as params.yaml calls it."""

TRAIN: Final = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte")
TEST: Final = ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")
RAW_FILES: Final = (*TRAIN, *TEST)
"""How a data set's files are called, as MNIST's were published: images, then labels."""

_IDX_UNSIGNED_BYTE: Final = 0x08
SHOWN: Final = 10
"""So many test images are shown, with what networks answer."""

_PART: Final = 2**16
"""Pixels of which squares are summed at once; they fit a processor's cache."""


class DataError(ValueError):
    """An IDX `file` that cannot be used, and its `fault`, half a line."""

    def __init__(self, file: str, fault: str) -> None:
        super().__init__(f"{file}: {fault}")
        self.file, self.fault = file, fault


@dataclass(frozen=True, eq=False)
class Dataset:
    """Images to train on and to test with.

    Images are uint8 [n, rows * columns], 0 to 255; labels are uint8 [n].
    """

    train_images: NDArray[np.uint8]
    train_labels: NDArray[np.uint8]
    test_images: NDArray[np.uint8]
    test_labels: NDArray[np.uint8]
    image_shape: tuple[int, int]  # rows, columns

    @cached_property
    def digest(self) -> str:
        """SHA-256 (hexadecimal) over the shapes and bytes of the four arrays, computed once.

        The shape of an image enters where it is no square, which the number of pixels tells.
        """
        hasher = hashlib.sha256()
        for array in (self.train_images, self.train_labels, self.test_images, self.test_labels):
            hasher.update(repr(array.shape).encode())
            hasher.update(np.ascontiguousarray(array).data)
        rows, columns = self.image_shape
        if rows != columns:
            hasher.update(repr(self.image_shape).encode())
        return hasher.hexdigest()

    @cached_property
    def classes(self) -> int:
        """Outputs of a network: one for each label from 0 to the largest."""
        return int(self.train_labels.max()) + 1

    @property
    def mean(self) -> float:
        """Mean pixel of the training images on the scale 0 to 1, to 4 decimals, as it is quoted."""
        total, _ = self._sums
        return round(total / self.train_images.size / 255, 4)

    @property
    def std(self) -> float:
        """Standard deviation of these pixels, to 4 decimals too."""
        n, (total, squares) = self.train_images.size, self._sums
        return round(math.sqrt(n * squares - total**2) / n / 255, 4)

    @cached_property
    def chance(self) -> float:
        """The accuracy of always answering the commonest label of the test images."""
        return int(np.bincount(self.test_labels).max()) / len(self.test_labels)

    @cached_property
    def shown(self) -> NDArray[np.intp]:
        """Indices (SHOWN,) of test images: the first of each class, then the second of each, ...

        Where there are fewer, they come again.
        """
        nth = np.empty(len(self.test_labels), dtype=np.intp)  # of its class
        for label in np.unique(self.test_labels):
            of_class = np.flatnonzero(self.test_labels == label)
            nth[of_class] = np.arange(len(of_class))
        return np.resize(np.lexsort((self.test_labels, nth)), SHOWN)

    @cached_property
    def _sums(self) -> tuple[int, int]:
        """Of the pixels of the training images and of their squares."""
        pixels, squares = self.train_images.reshape(-1), 0
        for start in range(0, pixels.size, _PART):
            part = pixels[start : start + _PART].astype(np.uint32)
            squares += int((part * part).sum(dtype=np.uint64))
        return int(pixels.sum(dtype=np.int64)), squares


def read_dataset(folder: Path) -> Dataset:
    """Read the four IDX files in `folder`, each held against its sum beside them.

    Raises InputError on one that is missing, altered, malformed or does not fit the others.
    """
    raw = VerifiedFolder(folder)
    try:
        return parse_dataset(raw.read)
    except DataError as error:
        raise raw.refusal(error.file, error.fault) from None


def parse_dataset(read: Callable[[str], bytes]) -> Dataset:
    """The data set in four IDX files, whose contents `read` gives by their names in RAW_FILES.

    Raises DataError on one that is malformed, does not fit the others or teaches nothing.
    """
    train_images, train_labels = _parse_split(read, TRAIN)
    test_images, test_labels = _parse_split(read, TEST)
    rows, columns = train_images.shape[1:]
    if test_images.shape[1:] != (rows, columns):
        sizes = "images of {} x {} pixels, those trained on have {} x {}"
        raise DataError(TEST[0], sizes.format(*test_images.shape[1:], rows, columns))
    learnt = np.unique(train_labels)
    if len(learnt) == 1:
        raise DataError(TRAIN[1], f"every label is {learnt[0]}, so there is nothing to tell apart")
    if unknown := set(test_labels.tolist()) - set(learnt.tolist()):
        raise DataError(TEST[1], f"label {min(unknown)} is none of those trained on")
    flat = (images.reshape(-1, rows * columns) for images in (train_images, test_images))
    dataset = Dataset(next(flat), train_labels, next(flat), test_labels, (rows, columns))
    if dataset.std == 0:
        raise DataError(TRAIN[0], "pixels hardly differ, so there is nothing to learn from")
    return dataset


def _parse_split(
    read: Callable[[str], bytes], names: tuple[str, str]
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Images uint8 [n, rows, columns] and labels uint8 [n] of the files called `names`."""
    images, labels = (parse_idx(name, read(name)) for name in names)
    if len(images) != len(labels):
        raise DataError(names[1], f"{len(labels):,} labels for {len(images):,} images")
    return images, labels


def parse_idx(name: str, content: bytes) -> NDArray[np.uint8]:
    """The array in an IDX file: [n, rows, columns] where its `name` is of images, else [n].

    It begins with 0, 0, the type of elements, the rank and a big-endian uint32 for each axis.
    Raises DataError where `content` is no such file, or holds nothing.
    """
    rank = 3 if "images" in name else 1
    header = 4 + 4 * rank
    values = np.frombuffer(bytearray(content), dtype=np.uint8)  # writable, as torch wants
    if values[:4].tolist() != [0, 0, _IDX_UNSIGNED_BYTE, rank]:
        raise DataError(name, f"not an IDX file of unsigned bytes of rank {rank}")
    if values.size < header:
        raise DataError(name, f"header of {values.size} bytes instead of {header}")
    shape: list[int] = values[4:header].view(">u4").tolist()
    if values.size - header != math.prod(shape):
        raise DataError(name, f"{values.size - header:,} bytes of data for the shape {shape}")
    if values.size == header:
        raise DataError(name, f"holds nothing: its shape is {shape}")
    return values[header:].reshape(shape)
