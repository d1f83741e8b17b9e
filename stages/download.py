"""The download door: the four IDX files of MNIST into data/raw, each verified.

MNIST_DIR, where set, names a folder to take them from instead of the network. Files are fetched
and verified in a folder beside data/raw and then moved, so this never holds a wrong or partial one.
Their sums beside them tell the other stages that they are still the same.
"""

if __name__ == "__main__":
    if not __package__:
        raise SystemExit("in the project's folder, run: python -m stages.download")
    from stages.process.door import enter

    enter("stages.download")

from pathlib import Path
from typing import Final

from stages.core.dataset import FILES, is_complete
from stages.core.sources import fetch
from stages.process.scratch import scratch_folder
from stages.process.sums import write_sums

RAW: Final = Path("data/raw")


def main() -> None:
    """Fill data/raw; raises SourceError if no source can, OSError if the disk refuses."""
    came_from = "" if is_complete(RAW) else f", from {fill()}"
    write_sums(RAW, {name: file.sha256 for name, file in FILES.items()})
    print(f"{RAW}: four files verified{came_from}")


def fill() -> str:
    """Move four fetched and verified files into data/raw; the name of their source."""
    with scratch_folder(RAW.parent, f".{RAW.name}") as folder:
        source = fetch(folder)
        RAW.mkdir(exist_ok=True)
        for name, file in FILES.items():
            (folder / name).replace(RAW / name)
            print(f"{RAW / name}: {file.size:,} bytes")
    return source
