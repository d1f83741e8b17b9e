"""What follows from a data set, and which sets of IDX files are refused."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from stages.core.dataset import RAW_FILES, DataError, Dataset, parse_dataset, read_dataset
from stages.process.door import InputError
from stages.process.sums import sha256, write_sums
from tests.conftest import write_data, write_idx, write_raw

Arrays = dict[str, NDArray[np.uint8]]

TRAIN_IMAGES, TRAIN_LABELS, TEST_IMAGES, TEST_LABELS = RAW_FILES


def arrays(**changes: NDArray[np.uint8]) -> Arrays:
    """Six images of 2 x 3 pixels and three to test with, of three classes; some arrays changed."""
    pixels = np.arange(54, dtype=np.uint8).reshape(9, 2, 3)
    labels = np.array([0, 1, 2] * 3, np.uint8)
    usual = dict(zip(RAW_FILES, (pixels[:6], labels[:6], pixels[6:], labels[6:]), strict=True))
    return usual | changes


def write(folder: Path, content: Arrays) -> Path:
    for name, array in content.items():
        write_idx(folder / name, array)
    write_sums(folder, {name: sha256((folder / name).read_bytes()) for name in RAW_FILES})
    return folder


def test_mnist_and_its_key_in_the_cache_are_what_they_were(mnist_dir: Path) -> None:
    mnist = parse_dataset(lambda name: (mnist_dir / name).read_bytes())
    assert mnist.digest == "5a4d4600f9ae243d0ab9ee1ff6d948035e6f85a423fdfacf899262ac3ca6f325"
    assert (mnist.mean, mnist.std, mnist.chance) == (0.1307, 0.3081, 0.1135)
    assert (mnist.classes, mnist.image_shape) == (10, (28, 28))
    assert (len(mnist.train_images), len(mnist.test_images)) == (60_000, 10_000)


def test_fashion_mnist_has_the_numbers_that_it_is_quoted_with(fashion_mnist_dir: Path) -> None:
    fashion = parse_dataset(lambda name: (fashion_mnist_dir / name).read_bytes())
    assert (fashion.mean, fashion.std, fashion.chance) == (0.2860, 0.3530, 0.1)
    assert (fashion.classes, fashion.image_shape) == (10, (28, 28))


def test_oblong_images_come_back_row_by_row(tmp_path: Path) -> None:
    dataset = read_dataset(write(tmp_path, arrays()))
    assert dataset.train_images.tolist() == np.arange(36).reshape(6, 6).tolist()
    assert (dataset.image_shape, dataset.classes, dataset.chance) == ((2, 3), 3, 1 / 3)
    pixels = dataset.train_images / 255
    assert dataset.mean == round(pixels.mean(), 4)
    assert dataset.std == round(pixels.std(), 4)


def test_256_labels_are_as_many_classes(tmp_path: Path) -> None:
    labels = np.arange(256, dtype=np.uint8)
    images = np.arange(512, dtype=np.uint16).astype(np.uint8).reshape(256, 2, 1)
    content = dict(zip(RAW_FILES, (images, labels, images, labels), strict=True))
    assert read_dataset(write(tmp_path, content)).classes == 256


def test_the_commonest_label_of_the_test_images_is_chance(small_dataset: Dataset) -> None:
    labels = np.array([3] * 30 + [1] * 20, np.uint8)
    assert replace(small_dataset, test_labels=labels).chance == 0.6


def test_images_of_another_shape_or_content_are_another_data_set(small_dataset: Dataset) -> None:
    others = [
        replace(small_dataset, image_shape=(14, 56)),
        replace(small_dataset, image_shape=(56, 14)),
        replace(small_dataset, train_images=255 - small_dataset.train_images),
        replace(small_dataset, test_labels=small_dataset.test_labels[::-1].copy()),
    ]
    assert len({dataset.digest for dataset in (small_dataset, *others)}) == 5


def zeros(*shape: int) -> NDArray[np.uint8]:
    return np.zeros(shape, np.uint8)


@pytest.mark.parametrize(
    ("name", "array", "fault"),
    [
        (TEST_IMAGES, zeros(3, 3, 2), "images of 3 x 2 pixels, those trained on have 2 x 3"),
        (TEST_IMAGES, zeros(3, 2, 4), "images of 2 x 4 pixels, those trained on have 2 x 3"),
        (TRAIN_IMAGES, zeros(6, 2, 3), "pixels hardly differ"),
        (TRAIN_IMAGES, zeros(6, 2, 3) + np.uint8(200), "pixels hardly differ"),
        (TRAIN_IMAGES, zeros(0, 2, 3), "holds nothing: its shape is [0, 2, 3]"),
        (TRAIN_IMAGES, zeros(6, 0, 3), "holds nothing: its shape is [6, 0, 3]"),
        (TEST_IMAGES, zeros(0, 2, 3), "holds nothing: its shape is [0, 2, 3]"),
        (TEST_LABELS, zeros(0), "holds nothing: its shape is [0]"),
        (TRAIN_LABELS, zeros(5), "5 labels for 6 images"),
        (TEST_LABELS, zeros(4), "4 labels for 3 images"),
        (TRAIN_LABELS, zeros(6), "every label is 0, so there is nothing to tell apart"),
        (TEST_LABELS, zeros(3) + np.uint8(7), "label 7 is none of those trained on"),
        (TRAIN_IMAGES, zeros(6, 6), "not an IDX file of unsigned bytes of rank 3"),
        (TRAIN_LABELS, zeros(6, 1, 1), "not an IDX file of unsigned bytes of rank 1"),
    ],
)
def test_what_cannot_be_learnt_is_refused_in_one_line(
    tmp_path: Path, name: str, array: NDArray[np.uint8], fault: str
) -> None:
    write(tmp_path, arrays(**{name: array}))
    with pytest.raises(InputError) as refused:
        read_dataset(tmp_path)
    line = str(refused.value)
    assert line.startswith(f"{tmp_path / name}: {fault}")
    assert line.endswith("`dvc repro` mends it")
    assert "\n" not in line


def test_a_label_that_lies_between_but_was_never_trained_on_is_refused(tmp_path: Path) -> None:
    write(tmp_path, arrays(**{TRAIN_LABELS: np.array([0, 2] * 3, np.uint8)}))
    with pytest.raises(InputError, match="label 1 is none of those trained on"):
        read_dataset(tmp_path)


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda content: b"",
    "no header": lambda content: content[:3],
    "half a header": lambda content: content[:9],
    "cut": lambda content: content[:-1],
    "lengthened": lambda content: content + b"\0",
    "floats": lambda content: content[:2] + b"\x0d" + content[3:],
    "an endless shape": lambda content: content[:4] + b"\xff" * 12 + content[16:],
    "text": lambda content: b"<html>not found</html>",
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
@pytest.mark.parametrize("name", RAW_FILES)
def test_a_malformed_file_is_named(
    tmp_path: Path, name: str, damage: Callable[[bytes], bytes]
) -> None:
    write(tmp_path, arrays())
    files = {file: (tmp_path / file).read_bytes() for file in RAW_FILES}
    files[name] = damage(files[name])
    with pytest.raises(DataError) as refused:
        parse_dataset(files.__getitem__)
    assert refused.value.file == name
    assert "\n" not in str(refused.value)


def test_reads_what_was_written(tmp_path: Path, small_dataset: Dataset) -> None:
    oblong = replace(small_dataset, image_shape=(14, 56))
    write_data(tmp_path, oblong, "folder")
    assert read_dataset(tmp_path / "data" / "raw" / "folder").digest == oblong.digest
    write_raw(tmp_path / "square", small_dataset)
    parsed = parse_dataset(lambda name: (tmp_path / "square" / name).read_bytes())
    assert parsed.digest == small_dataset.digest
