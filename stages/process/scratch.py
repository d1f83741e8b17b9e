"""Scratch folders, and what killed processes left of them.

A scratch folder lies beside what it becomes part of by a rename. The lock beside it is held as long
as its process lives, and taken before the folder is made: one whose lock is free or missing is
nobody's, and may be removed.
"""

import os
import re
import shutil
from contextlib import suppress
from pathlib import Path
from secrets import token_hex

from filelock import FileLock

from stages.process.interrupts import short_lived
from stages.process.locks import discard, take

HIDDEN = "."
"""As a prefix of leftovers: whatever hidden name `ScratchFolder` made, as in .gitignore."""

_LOCK = ".lock"


class ScratchFolder:
    """An empty folder in `parent`, called `prefix` and more; it is removed at the end.

    What dead processes left there under `prefix` is removed first. An interrupt that comes while it
    is made or removed waits until that is done, see `interrupts`: a function with @contextmanager
    could be left before it has begun to clean up.
    """

    def __init__(self, parent: Path, prefix: str) -> None:
        self._parent, self._prefix = parent, prefix

    def __enter__(self) -> Path:
        self._parent.mkdir(parents=True, exist_ok=True)
        sweep(self._parent, self._prefix)
        self._folder = self._parent / f"{self._prefix}-{token_hex(4)}"
        self._lock = _lock_of(self._folder)
        try:
            take(self._lock)
            self._folder.mkdir()
            short_lived.add(self._folder)
        except BaseException:
            self.__exit__()
            raise
        return self._folder

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)
        short_lived.discard(self._folder)
        discard(self._lock)


def leftovers(parent: Path, prefix: str) -> list[Path]:
    """What dead processes left in `parent` under `prefix`, the locks included."""
    return [
        path
        for name in _names(parent, prefix)
        for path in (name, _lock_file(name))
        if os.path.lexists(path) and not _is_held(name)
    ]


def sweep(parent: Path, prefix: str) -> None:
    """Remove what dead processes left in `parent` under `prefix`, as far as that is allowed."""
    for name in _names(parent, prefix):
        lock = _lock_of(name)
        with suppress(OSError):  # also a Timeout: the lock is held
            take(lock, blocking=False)
            try:
                remove(name)
            finally:
                discard(lock)


def remove(path: Path) -> None:
    """Remove a file, a link or a folder with all it holds, if it is there.

    Raises OSError if it cannot be removed.
    """
    with suppress(FileNotFoundError):
        if path.is_dir() and not path.is_symlink():
            with suppress(PermissionError):
                path.chmod(0o700)  # an unreadable folder of our own can be removed, too
            shutil.rmtree(path)
        else:
            path.unlink()


def _names(parent: Path, prefix: str) -> list[Path]:
    """Scratch folders under `prefix`, also those of which only the lock is there."""
    found = [path.name.removesuffix(_LOCK) for path in parent.iterdir()] if parent.is_dir() else []
    patterns = {"": ".*", HIDDEN: r"\..+-[0-9a-f]{8}"}
    as_once = rf"{re.escape(prefix)}(-\w+|\.\d+)"  # .4711
    ours = re.compile(patterns.get(prefix, as_once))
    return [parent / name for name in sorted(set(filter(ours.fullmatch, found)))]


def _lock_file(name: Path) -> Path:
    return name.with_name(name.name + _LOCK)


def _lock_of(name: Path) -> FileLock:
    return FileLock(_lock_file(name), thread_local=False)


def _is_held(name: Path) -> bool:
    """Whether a living process holds the lock; also where that cannot be told."""
    if not _lock_file(name).exists():
        return False
    try:
        with _lock_of(name).acquire(blocking=False):
            return False
    except OSError:
        return True
