"""The trial cache: a content-addressed store of finished trials, shared by all of a checkout.

An entry is a folder <key>/<epochs> that appears whole, by one rename, or not at all. It carries the
SHA-256 of each of its files, so that what was damaged later is noticed, and trained again.
"""

import contextlib
import hashlib
import json
import os
import shutil
import sys
import tempfile
from pathlib import Path

from filelock import BaseFileLock, FileLock

from stages.core.trial import Provenance, Trial, trial_key

_MANIFEST = "manifest.json"


def cache_root() -> Path:
    """The folder of the trial cache of this checkout.

    DVC names the original checkout in DVC_ROOT, also where it runs an experiment in a temporary
    copy of it, so that all experiments share one cache.
    """
    return Path(os.environ.get("DVC_ROOT", ".")) / "data" / "cache"


def key_lock(root: Path, key: str) -> BaseFileLock:
    """The lock of the entries under a key. It falls free when its process dies."""
    locks = root / "locks"
    locks.mkdir(parents=True, exist_ok=True)
    return FileLock(locks / f"{key}.lock", thread_local=False)


class TrialCache:
    """Finished trials of one provenance under `root`."""

    def __init__(self, root: Path, provenance: Provenance) -> None:
        self._root = root
        self._provenance = provenance

    @classmethod
    def of_checkout(cls, provenance: Provenance) -> "TrialCache":
        """The cache of this checkout."""
        return cls(cache_root(), provenance)

    def find(self, trial: Trial) -> dict[str, bytes] | None:
        """The files of a trial, by name; None where there are none or they are damaged.

        A damaged entry is reported on stderr and removed. The time of an entry is its last use.
        """
        entry = self._entry(trial)
        try:
            manifest = json.loads((entry / _MANIFEST).read_bytes())
            files = {name: (entry / name).read_bytes() for name in manifest}
            damaged = [name for name, digest in manifest.items() if digest != _sha256(files[name])]
        except FileNotFoundError as missing:
            if not entry.exists():
                return None
            damaged = [Path(missing.filename).name]
        except (ValueError, AttributeError):
            damaged = [_MANIFEST]
        if damaged:
            print(
                f"trial cache: {entry} is damaged ({', '.join(damaged)}); it is trained again",
                file=sys.stderr,
            )
            shutil.rmtree(entry, ignore_errors=True)
            return None
        with contextlib.suppress(OSError):  # pruning goes by it; a read-only cache does without
            os.utime(entry)
        return files

    def lengths(self, trial: Trial) -> list[int]:
        """After how many epochs the training of this trial has been kept, whatever its own."""
        return sorted(int(entry.name) for entry in self._entry(trial).parent.glob("[0-9]*"))

    def start(self, trial: Trial) -> int:
        """The epoch after which the training of this trial can begin: the last kept, or 0."""
        return max((n for n in self.lengths(trial) if n < trial.epochs), default=0)

    def store(self, trial: Trial, files: dict[str, bytes]) -> None:
        """Add the files of a trial; where another process was first, its equal entry stays."""
        entry = self._entry(trial)
        entry.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self._root, prefix="unfinished-") as scratch:
            fresh = Path(scratch) / "entry"
            fresh.mkdir()
            manifest = {name: _sha256(content) for name, content in files.items()}
            for name, content in {**files, _MANIFEST: json.dumps(manifest).encode()}.items():
                _write_durably(fresh / name, content)
            try:
                fresh.rename(entry)
            except OSError:
                if not entry.exists():
                    raise

    def lock(self, trial: Trial) -> BaseFileLock:
        """The lock of a trial: who holds it trains it."""
        return key_lock(self._root, trial_key(trial, self._provenance))

    def _entry(self, trial: Trial) -> Path:
        key = trial_key(trial, self._provenance)
        return self._root / key[:2] / key / str(trial.epochs)


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _write_durably(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
