"""Files that appear whole or not at all, and files that are read only in bounded size."""

import stat
from pathlib import Path

from stages.process.scratch import ScratchFolder


def write_atomically(path: Path, content: str | bytes) -> None:
    """Write `content`, text as UTF-8, so that a reader finds the old file or the new one.

    Raises OSError, which names `path`, if that cannot be done.
    """
    try:
        with ScratchFolder(path.parent, f".{path.name}") as scratch:
            unfinished = scratch / path.name
            unfinished.write_bytes(content.encode() if isinstance(content, str) else content)
            unfinished.replace(path)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from None


def read_bounded(path: Path, limit: int) -> bytes:
    """The content of a regular file of at most `limit` bytes.

    Raises ValueError (half a line) where it is a pipe, a device or larger, OSError as open() does.
    """
    status = path.stat()
    if not stat.S_ISREG(status.st_mode) or status.st_size > limit:  # opening a pipe would wait
        raise ValueError(f"{path.name} is not a file of at most {limit:,} bytes")
    with path.open("rb") as file:
        return file.read(status.st_size)
