"""SHA-256 sums of what a stage wrote, in a file beside it that the next stage verifies.

The format is that of the command `sha256sum`, which can check it, too.
"""

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path

from stages.process.door import InputError
from stages.process.files import write_atomically

SUMS = "SHA256SUMS"

_LINE = re.compile(r"([0-9a-f]{64})  (.+)")


def sha256(content: bytes) -> str:
    """The SHA-256 of `content` in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def write_sums(folder: Path, sums: Mapping[str, str]) -> None:
    """Write the SHA-256 sums (hexadecimal) of files by their path in `folder`."""
    lines = [f"{digest}  {name}\n" for name, digest in sorted(sums.items())]
    write_atomically(folder / SUMS, "".join(lines))


def read_sums(folder: Path) -> dict[str, str]:
    """The SHA-256 sums by path; raises ValueError, or OSError, if they cannot be read."""
    lines = [_LINE.fullmatch(line) for line in (folder / SUMS).read_text("utf-8").splitlines()]
    return {line[2]: line[1] for line in lines if line}


class VerifiedFolder:
    """Reads files of a folder, and refuses those that are not as their stage wrote them.

    All raises are InputErrors, which say that `mended_by`, a command, makes it good.
    """

    def __init__(self, folder: Path, mended_by: str = "dvc repro") -> None:
        self._folder = folder
        self._mended_by = mended_by
        self._sums: dict[str, str] | None = None

    def read(self, name: str) -> bytes:
        """The content of the file `name`."""
        content = self._content(name)
        if self._sums is None:
            self._sums = self._read_sums()
        if self._sums.get(name) != sha256(content):
            raise self.refusal(name, f"is not what {SUMS} beside it says")
        return content

    def refusal(self, name: str, fault: str) -> InputError:
        """What to raise for a `fault` of the file `name`."""
        return InputError(f"{self._folder / name}: {fault}; `{self._mended_by}` mends it")

    def _content(self, name: str) -> bytes:
        try:
            return (self._folder / name).read_bytes()
        except OSError as error:
            raise self.refusal(name, error.strerror or "cannot be read") from None

    def _read_sums(self) -> dict[str, str]:
        try:
            return read_sums(self._folder)
        except (OSError, ValueError) as error:
            fault = getattr(error, "strerror", None) or "is not a list of sums"
            raise self.refusal(SUMS, fault) from None
