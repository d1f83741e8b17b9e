"""What the trial cache holds, who uses it, and how entries leave it."""

import io
import stat
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from filelock import Timeout
from pydantic import ValidationError

from stages.core import strict_yaml
from stages.core.cache import EPOCHS, SCRATCH, key_lock, scratch_places
from stages.core.params import PARAMS_FILE, Params
from stages.core.records import RECORD, parse_trial
from stages.core.trial import Trial, sweep_trials
from stages.process.door import InputError
from stages.process.scratch import discard, leftovers, remove, scratch_folder, sweep


@dataclass(frozen=True)
class Entry:
    """One finished trial in the cache, or what lies damaged in its place."""

    path: Path
    size: int  # bytes
    last_used: float  # seconds since 1970

    @property
    def trial(self) -> Trial | None:
        """None where other versions of this code wrote it, or it is damaged."""
        try:
            return parse_trial((self.path / RECORD).read_bytes())
        except (OSError, ValueError):
            return None


def entries(root: Path) -> list[Entry]:
    """All entries under `root`, in no order."""
    paths = (path for path in root.glob("??/*/*") if EPOCHS.fullmatch(path.name))
    return [Entry(path, size(path), path.lstat().st_mtime) for path in paths]


def remove_entry(root: Path, entry: Entry) -> bool:
    """Remove an entry, whole or not at all; False where a run is just training its trial.

    Raises OSError where that is not allowed.
    """
    lock = key_lock(root, entry.path.parent.name)
    try:
        lock.acquire(blocking=False)
    except Timeout:
        return False
    try:
        with scratch_folder(root, SCRATCH) as scratch, suppress(FileNotFoundError):
            remove(entry.path.rename(scratch / "entry"))
        with suppress(OSError):  # others of its key are left
            entry.path.parent.rmdir()
    finally:
        discard(lock)
    return True


def litter(root: Path) -> list[Path]:
    """What killed runs left in the cache at `root` and beside it, and what is no part of it.

    Nothing that a living process uses is among it.
    """
    return _strays(root) + [path for place in _places(root) for path in leftovers(*place)]


def remove_litter(root: Path) -> None:
    """Remove what `litter` finds; raises OSError where that is not allowed."""
    for path in _strays(root):
        remove(path)
    for place in _places(root):
        sweep(*place)


def size(path: Path) -> int:
    """The bytes of a file, or of all files in a folder; links are not followed."""
    paths = [path] if path.is_symlink() or not path.is_dir() else path.rglob("*")
    return sum(_size(file) for file in paths)


def trials_of_all_revisions(checkout: Path) -> set[Trial]:
    """The trials that any commit, experiment or the workspace of `checkout` asks for.

    Raises OSError and CalledProcessError where git cannot be asked.
    """
    texts = [(checkout / PARAMS_FILE).read_bytes(), *_committed(checkout, PARAMS_FILE)]
    sweeps = filter(None, map(_parsed, set(texts)))
    return {trial for params in sweeps for trial in sweep_trials(params)}


def _strays(root: Path) -> list[Path]:
    """What no run would look at: neither entries nor the folders of entries."""
    above = [path for depth in ("??", "??/*") for path in root.glob(depth) if not path.is_dir()]
    beside = [path for path in root.glob("??/*/*") if not EPOCHS.fullmatch(path.name)]
    earlier_versions = [
        root.glob("tmp????????"),
        root.parent.glob(".raw"),
        root.parent.glob(".raw.lock"),
    ]
    return [*above, *beside, *chain.from_iterable(earlier_versions)]


def _places(root: Path) -> Iterator[tuple[Path, str]]:
    """Where killed runs may leave something, and under which prefix."""
    yield from scratch_places(root)
    checkout = root.parents[1]
    for folder in (checkout, *checkout.glob("studies/*")):
        yield folder / "data", ".models"
        yield folder / "data", ".raw"
        yield folder / "metrics", ".report.md"


def _size(path: Path) -> int:
    """0 where it is no file, or none any more."""
    try:
        status = path.lstat()
    except OSError:
        return 0
    return 0 if stat.S_ISDIR(status.st_mode) else status.st_size


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
