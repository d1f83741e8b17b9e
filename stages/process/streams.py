"""Standard streams that a stage survives: closed ones, a full disk, a reader that went away."""

import errno
import io
import os
import sys
from typing import Any


def use_lasting_streams() -> None:
    """Make print work, a line at a time, whatever stdin, stdout and stderr are."""
    _open_closed_ones()
    sys.stdin = sys.stdin or os.fdopen(0)
    sys.stdout, sys.stderr = _lasting(sys.stdout, 1), _lasting(sys.stderr, 2)


def _open_closed_ones() -> None:
    """Otherwise the next file that is opened would be taken for stdout or stderr."""
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(descriptor, True)
    os.close(descriptor)


def _lasting(stream: io.TextIOBase | Any, descriptor: int) -> io.TextIOWrapper:
    return io.TextIOWrapper(
        io.BufferedWriter(_Lasting(descriptor, "w", closefd=False)),
        encoding=stream.encoding if stream else "utf-8",
        errors="backslashreplace",
        line_buffering=True,
    )


class _Lasting(io.FileIO):
    """Becomes /dev/null where it cannot be written: results are in files, and they go on."""

    def write(self, data: Any, /) -> int:
        try:
            return super().write(data) or 0
        except OSError as error:
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, self.fileno())
            os.close(null)
            if self.fileno() == 1 and error.errno != errno.EPIPE:
                print(f"what is printed from here on is lost: {error.strerror}", file=sys.stderr)
            return len(data)
