"""What the trial cache holds, who uses it, and how entries leave it."""

import io
import json
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import Timeout
from pydantic import ValidationError

from stages.core import strict_yaml
from stages.core.cache import key_lock
from stages.core.door import InputError
from stages.core.params import PARAMS_FILE, Params
from stages.core.records import RECORD
from stages.core.trial import Trial, sweep_trials


@dataclass(frozen=True)
class Entry:
    """One finished trial in the cache."""

    path: Path
    size: int  # bytes
    last_used: float  # seconds since 1970

    @property
    def trial(self) -> Trial | None:
        """None where other versions of this code wrote it, or it is damaged."""
        try:
            fields: dict[str, Any] = json.loads((self.path / RECORD).read_bytes())["trial"]
            return Trial(**{**fields, "sizes": tuple(fields["sizes"])})
        except (OSError, ValueError, TypeError, KeyError):
            return None


def entries(root: Path) -> list[Entry]:
    """All entries under `root`, in no order."""
    return [_entry(path) for path in root.glob("??/*/[0-9]*")]


def remove(root: Path, entry: Entry) -> bool:
    """Remove an entry, whole or not at all; False where a run is just training its trial."""
    lock = key_lock(root, entry.path.parent.name)
    try:
        with lock.acquire(blocking=False), tempfile.TemporaryDirectory(dir=root) as scratch:
            entry.path.rename(Path(scratch) / "entry")
    except Timeout:
        return False
    return True


def trials_of_all_revisions(checkout: Path) -> set[Trial]:
    """The trials that any commit, experiment or the workspace of `checkout` asks for.

    Raises OSError and CalledProcessError where git cannot be asked.
    """
    texts = [(checkout / PARAMS_FILE).read_bytes(), *_committed(checkout, PARAMS_FILE)]
    sweeps = filter(None, map(_parsed, set(texts)))
    return {trial for params in sweeps for trial in sweep_trials(params)}


def _entry(path: Path) -> Entry:
    size = sum(file.stat().st_size for file in path.iterdir())
    return Entry(path, size, path.stat().st_mtime)


def _parsed(text: bytes) -> Params | None:
    """None for parameters that no run of this code would accept."""
    try:
        return Params.model_validate(strict_yaml.parse(text))
    except (InputError, ValidationError):
        return None


def _committed(checkout: Path, file: Path) -> Iterator[bytes]:
    """Every version of `file` in any commit; experiments of DVC are commits under refs/exps.

    Versions too large for parameters are left out.
    """

    def git(*arguments: str, stdin: Iterable[bytes] = ()) -> bytes:
        command = ["git", "-C", str(checkout), *arguments]
        asked = b"".join(line + b"\n" for line in stdin)
        return subprocess.run(command, input=asked, stdout=subprocess.PIPE, check=True).stdout

    revisions = git("rev-list", "--all").split()
    named = [revision + f":./{file}".encode() for revision in revisions]
    versions: set[bytes] = set()
    for answer in git("cat-file", "--batch-check", stdin=named).splitlines():
        match answer.split():
            case [version, b"blob", size] if int(size) <= strict_yaml.LARGEST_FILE:
                versions.add(version)
    texts = io.BytesIO(git("cat-file", "--batch", stdin=versions))
    while header := texts.readline():
        yield texts.read(int(header.split()[-1]))
        texts.readline()  # the end of the line that the text ends in
