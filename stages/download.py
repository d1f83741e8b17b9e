"""The download door: the four IDX files of MNIST into data/raw, each verified.

MNIST_DIR, where set, names a folder to take them from instead of the network. Files are fetched
and verified in data/.raw and then moved, so data/raw never holds a wrong or partial one.
"""

if __name__ == "__main__":
    if not __package__:
        raise SystemExit("in the project's folder, run: python -m stages.download")
    from stages.core.door import enter

    enter("stages.download")

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from filelock import FileLock

from stages.core.dataset import FILES, is_complete
from stages.core.sources import fetch

RAW: Final = Path("data/raw")
STAGING: Final = Path("data/.raw")


def main() -> None:
    """Fill data/raw; raises SourceError if no source can, OSError if the disk refuses."""
    if is_complete(RAW):
        print(f"{RAW}: four files verified")
        return
    RAW.parent.mkdir(exist_ok=True)
    with FileLock(STAGING.with_suffix(".lock")), staging() as folder:
        source = fetch(folder)
        RAW.mkdir(exist_ok=True)
        for name, file in FILES.items():
            (folder / name).replace(RAW / name)
            print(f"{RAW / name}: {file.size:,} bytes")
    print(f"{RAW}: four files verified, from {source}")


@contextmanager
def staging() -> Iterator[Path]:
    """An empty folder beside data/raw, without what a killed run left there; removed at the end."""
    shutil.rmtree(STAGING, ignore_errors=True)
    STAGING.mkdir()
    try:
        yield STAGING
    finally:
        shutil.rmtree(STAGING, ignore_errors=True)
