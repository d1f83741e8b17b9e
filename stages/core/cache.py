"""The trial cache: a content-addressed store of finished trials, shared by all of a checkout.

An entry is a folder <key>/<length> that appears whole, by one rename, or not at all; what comes
beside a lone record counts from when the manifest names it. That carries the SHA-256 of each file,
so that what was damaged later is noticed, and trained again.
"""

import errno
import json
import os
import re
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from filelock import BaseFileLock, FileLock

from stages.core.records import FILES, RECORD, largest, parse_json, verify_files
from stages.core.trial import Provenance, Trial, trial_key
from stages.process.checkout import checkout
from stages.process.door import InputError
from stages.process.files import read_bounded
from stages.process.scratch import ScratchFolder, remove, sweep
from stages.process.sums import sha256

LENGTH = re.compile(r"[1-9][0-9]*|(0|[1-9][0-9]*)\+[1-9][0-9]*", re.ASCII)
"""The name of an entry: epochs, and steps of an unfinished one."""

SCRATCH = "unfinished"

_MANIFEST = "manifest.json"
_LARGEST_MANIFEST = 2**16

_NO_FAULT_OF_THE_ENTRY = {errno.EMFILE, errno.ENFILE, errno.ENOMEM}


def cache_root() -> Path:
    """The folder of the trial cache of this checkout, which may not be there yet.

    Raises InputError if something else has its name.
    """
    root = checkout() / "data" / "cache"
    if os.path.lexists(root) and not root.is_dir():
        raise InputError(f"{root} is not a folder, as the trial cache needs it; move it away")
    return root


def key_lock(root: Path, key: str) -> BaseFileLock:
    """The lock of the entries under a key, for `HeldLocks`.

    It falls free when its process dies.
    """
    locks = root / "locks"
    locks.mkdir(parents=True, exist_ok=True)
    return FileLock(locks / f"{key}.lock", thread_local=False)


class TrialCache:
    """Finished trials under `root`; `provenance_of` tells how a trial is trained now."""

    def __init__(self, root: Path, provenance_of: Callable[[Trial], Provenance]) -> None:
        self._root = root
        self._provenance_of = provenance_of

    @classmethod
    def of_checkout(cls, provenance_of: Callable[[Trial], Provenance]) -> "TrialCache":
        """The cache of this checkout, without what killed runs left unfinished in it."""
        root = cache_root()
        for place in scratch_places(root):
            sweep(*place)
        return cls(root, provenance_of)

    def find(self, trial: Trial, whole: bool = True) -> dict[str, bytes] | None:
        """The files of a trial, by name; None where there are none or they are damaged.

        Unless `whole`, its record is enough. A damaged entry is reported on stderr and removed;
        InputError where that is not allowed. The time of an entry is its last use.
        """
        entry = self._entry(trial)
        try:
            files = self._read(entry, trial)
        except (OSError, ValueError) as fault:
            if damaged := _in_the_way(entry, fault):
                report_and_remove(damaged, fault)
            return None
        with suppress(OSError):  # pruning goes by it; a read-only cache does without
            os.utime(entry)
        return None if whole and len(files) < len(FILES) else files

    def lengths(self, trial: Trial) -> list[int]:
        """After how many whole epochs the training of this trial has been kept."""
        try:
            names = [path.name for path in self._entry(trial).parent.iterdir()]
        except OSError:
            return []
        return sorted(int(name) for name in names if LENGTH.fullmatch(name) and "+" not in name)

    def start(self, trial: Trial) -> int:
        """The epoch after which the training of this trial can begin: the last kept, or 0.

        What is damaged of shorter trainings is reported and removed.
        """
        for epochs in reversed(self.lengths(trial)):
            shorter = trial.after(epochs)
            if epochs < trial.records and shorter != trial and self.find(shorter) is not None:
                return epochs
        return 0

    def store(self, trial: Trial, files: dict[str, bytes]) -> None:
        """Add the files of a trial to those that are held; these stay, as another's are equal.

        Raises InputError if these are not files of `trial`: its key would then be a lie.
        """
        try:
            verify_files(files, trial, self._provenance_of(trial))
        except ValueError as fault:
            label = trial.start.label
            raise InputError(f"what came back for {label} is not stored: {fault}") from None
        held = self.find(trial, whole=False) or {}
        if files.keys() <= held.keys():
            return
        entry, files = self._entry(trial), {**files, **held}
        entry.parent.mkdir(parents=True, exist_ok=True)
        with ScratchFolder(self._root, SCRATCH) as scratch:
            fresh = scratch / "entry"
            fresh.mkdir()
            manifest = {name: sha256(content) for name, content in files.items()}
            for name, content in {**files, _MANIFEST: json.dumps(manifest).encode()}.items():
                _write_durably(fresh / name, content)
            if held:  # a lone record, which the entry remains until its manifest is replaced
                for name in [*(name for name in files if name not in held), _MANIFEST]:
                    (fresh / name).replace(entry / name)
                return
            try:
                fresh.rename(entry)
            except OSError:
                if not entry.exists():
                    raise

    def lock(self, trial: Trial) -> BaseFileLock:
        """The lock of a trial: who holds it trains it.

        Raises PermissionError where the trial could not be stored.
        """
        entry = self._entry(trial)
        folder = next(folder for folder in entry.parents if os.access(folder, os.F_OK))
        if not os.access(folder, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(folder))
        return key_lock(self._root, entry.parent.name)

    def _entry(self, trial: Trial) -> Path:
        key = trial_key(trial, self._provenance_of(trial))
        return self._root / key[:2] / key / trial.length

    def _read(self, entry: Path, trial: Trial) -> dict[str, bytes]:
        """The files of an entry; ValueError, or OSError, if they are not sound and of `trial`."""
        manifest = parse_json(read_bounded(entry / _MANIFEST, _LARGEST_MANIFEST))
        if not isinstance(manifest, dict) or set(manifest) not in ({*FILES}, {RECORD}):
            raise ValueError(f"{_MANIFEST} does not name the files of a trial")
        files = {name: read_bounded(entry / name, largest(name, trial)) for name in manifest}
        for name, content in files.items():
            if manifest[name] != sha256(content):
                raise ValueError(f"{name} has another SHA-256")
        verify_files(files, trial, self._provenance_of(trial))
        return files


def scratch_places(root: Path) -> list[tuple[Path, str]]:
    """Where in the cache at `root`, and under which prefix, killed runs may leave something."""
    return [(root, SCRATCH), (root / "locks", "")]


def _in_the_way(entry: Path, fault: OSError | ValueError) -> Path | None:
    """What of an entry's path has to go after reading it failed; None where nothing is there.

    Raises `fault` where that is not of the entry, but of this process or machine.
    """
    if isinstance(fault, OSError) and fault.errno in _NO_FAULT_OF_THE_ENTRY:
        raise fault
    for folder in (entry.parent.parent, entry.parent):
        if os.path.lexists(folder) and not folder.is_dir():
            return folder
    missing = isinstance(fault, FileNotFoundError) and not os.path.lexists(entry)
    return None if missing else entry


def report_and_remove(damaged: Path, fault: OSError | ValueError) -> None:
    """Say on stderr what of a cache is damaged, and remove it.

    Raises InputError where that is not allowed.
    """
    reason = str(fault)
    if isinstance(fault, OSError):
        reason = f"{Path(str(fault.filename)).name}: {fault.strerror}"
    try:
        remove(damaged)
    except OSError as error:
        raise InputError(
            f"trial cache: {damaged} is damaged ({reason}) and cannot be removed "
            f"({error.strerror}); remove it by hand"
        ) from None
    print(f"trial cache: {damaged} is damaged ({reason}); it is trained again", file=sys.stderr)


def _write_durably(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
