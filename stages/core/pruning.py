"""What the trial cache holds, who uses it, and how entries leave it."""

import os
import stat
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from glob import glob
from io import BytesIO
from itertools import chain
from pathlib import Path

from pydantic import ValidationError

from stages.core import strict_yaml
from stages.core.cache import LENGTH, SCRATCH, key_lock, scratch_places
from stages.core.dataset import RAW, read_dataset
from stages.core.facts import FACTS, DataFacts, Facts
from stages.core.params import PARAMS_FILE, Params
from stages.core.published import FOLDER, PUBLISHED
from stages.core.raw import KEPT
from stages.core.records import RECORD, parse_json, parse_trial
from stages.core.trial import Trial, sweep_trials
from stages.process.door import InputError
from stages.process.files import read_bounded
from stages.process.locks import HeldLocks
from stages.process.scratch import HIDDEN, ScratchFolder, leftovers, remove, sweep

_LARGEST_RECORD = 2**28
"""Bytes; 100,000 epochs of 16 layers have less."""

_TELL_ALL_VERSIONS = (
    *("--format=", "--raw", "--no-abbrev", "--no-renames", "--root"),
    *("--full-history", "-m"),  # without them, what a merge left behind is not told
)
"""Options of `git log`: a line for each change of a file, of which the fourth word is its blob."""

_STUDIES = "studies/**/"
_MODELS = "data/models"
_LARGEST_FACTS = 2**24
"""Bytes; a module of 1000 tensors has 100,000."""

_SETS = [str(RAW / name) for name in (*PUBLISHED, FOLDER)]
_WRITTEN_TO = ("data", str(RAW), *_SETS, "metrics", "plots")
"""Folders of the experiment, and of a study, in which stages write."""


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
            return parse_trial(read_bounded(self.path / RECORD, _LARGEST_RECORD))
        except (OSError, ValueError):
            return None


def entries(root: Path) -> list[Entry]:
    """All entries under `root`, in no order; without those that a run removes meanwhile."""
    found = []
    for path in _matching(root, "??/*/*"):
        if LENGTH.fullmatch(path.name):
            with suppress(FileNotFoundError):
                found.append(Entry(path, size(path), path.lstat().st_mtime))
    return found


def kept_data(root: Path) -> list[Path]:
    """The data sets that downloads keep in the cache at `root`."""
    return _matching(root, f"{KEPT}/[!.]*")


def remove_entry(root: Path, entry: Entry) -> bool:
    """Remove an entry, whole or not at all; False where a run is just training its trial.

    Raises OSError where that is not allowed.
    """
    with HeldLocks() as held:
        if not held.take(key_lock(root, entry.path.parent.name)):
            return False
        with ScratchFolder(root, SCRATCH) as scratch, suppress(FileNotFoundError):
            remove(entry.path.rename(scratch / "entry"))
        with suppress(OSError):  # others of its key are left
            entry.path.parent.rmdir()
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
    if path.is_symlink() or not path.is_dir():
        return _size(path)
    return sum(_size(Path(folder, name)) for folder, _, names in os.walk(path) for name in names)


def trials_of_all_revisions(checkout: Path) -> set[Trial]:
    """The trials that any commit, experiment or the workspace of `checkout` asks for.

    Their data sets and modules are those that lie in `checkout`, as they are now. Raises OSError
    and CalledProcessError where git cannot be asked.
    """
    written = [checkout / PARAMS_FILE, *_matching(checkout, f"{_STUDIES}{PARAMS_FILE}")]
    texts = {*map(_content, written), *_committed(checkout)}
    sweeps = [sweep for text in texts for sweep in _sweeps(text)]
    known = list(_known_facts(checkout))
    return {t for sweep in sweeps for facts in known for t in _trials(sweep, facts)}


def _known_facts(checkout: Path) -> Iterator[Facts]:
    """What is known here of data sets and modules: from raw data, and from models."""
    for folder in _matching(checkout, "data/raw/*"):
        with suppress(OSError, InputError):
            yield Facts({folder.name: DataFacts.of(folder.name, read_dataset(folder))}, {})
    for models in ("", _STUDIES):
        for path in _matching(checkout, f"{models}{_MODELS}/{FACTS}"):
            with suppress(OSError, ValueError, KeyError, TypeError):
                yield Facts.from_json(parse_json(read_bounded(path, _LARGEST_FACTS)))


def _trials(sweep: Params, facts: Facts) -> list[Trial]:
    """The trials of a sweep; none where `facts` do not tell of its data or module."""
    try:
        return sweep_trials(sweep, facts)
    except KeyError:
        return []


def _strays(root: Path) -> list[Path]:
    """What no run would look at: neither entries nor the folders of entries."""
    above = [path for depth in ("??", "??/*") for path in _matching(root, depth)]
    above = [path for path in above if not path.is_dir()]
    beside = [path for path in _matching(root, "??/*/*") if not LENGTH.fullmatch(path.name)]
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
    yield root / KEPT, HIDDEN
    yield checkout / ".dvc", HIDDEN
    studies = {path.parent for path in _matching(checkout, f"{_STUDIES}{PARAMS_FILE}")}
    for folder in (checkout, *studies):
        yield from ((folder / name, HIDDEN) for name in _WRITTEN_TO)


def _matching(folder: Path, pattern: str) -> list[Path]:
    """The paths in `folder` that match a glob."""
    # Path.glob would raise where a run removes a folder meanwhile.
    names = glob(pattern, root_dir=folder, recursive=True, include_hidden=True)  # noqa: PTH207
    return [folder / name for name in names]


def _size(path: Path) -> int:
    """0 where it is no file, or none any more."""
    try:
        status = path.lstat()
    except OSError:
        return 0
    return 0 if stat.S_ISDIR(status.st_mode) else status.st_size


def _sweeps(text: bytes) -> list[Params]:
    """None for parameters that no run of this code would accept."""
    try:
        return list(Params.model_validate(strict_yaml.parse(text)).sweeps().values())
    except (InputError, ValidationError):
        return []


def _content(path: Path) -> bytes:
    """The content of a parameter file, empty where it is too large or no file."""
    try:
        return read_bounded(path, strict_yaml.LARGEST_FILE)
    except ValueError:
        return b""


def _committed(checkout: Path) -> Iterator[bytes]:
    """Every version of a parameter file in any commit; experiments of DVC are under refs/exps.

    Versions too large for parameters are left out.
    """

    def git(*arguments: str, stdin: Iterable[bytes] = ()) -> bytes:
        command = ["git", "-C", str(checkout), *arguments]
        asked = b"".join(line + b"\n" for line in stdin)
        return subprocess.run(command, input=asked, stdout=subprocess.PIPE, check=True).stdout

    files = (str(PARAMS_FILE), f":(glob){_STUDIES}{PARAMS_FILE}")
    changes = git("log", "--all", *_TELL_ALL_VERSIONS, "--", *files).splitlines()
    objects = {change.split()[3] for change in changes}
    versions: set[bytes] = set()
    for answer in git("cat-file", "--batch-check", stdin=objects).splitlines():
        match answer.split():
            case [version, b"blob", size] if int(size) <= strict_yaml.LARGEST_FILE:
                versions.add(version)
    texts = BytesIO(git("cat-file", "--batch", stdin=versions))
    while header := texts.readline():
        yield texts.read(int(header.split()[-1]))
        texts.readline()  # the end of the line that the text ends in
