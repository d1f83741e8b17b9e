"""What `make` does before anything else: an environment from a lock file, here of one package."""

import base64
import hashlib
import os
import shutil
import signal
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from tests.conftest import REPOSITORY, wait_until

PYTHON = getattr(sys, "_base_executable", sys.executable)
OF_MAKE = ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")
"""What the make that runs the tests would tell the one that is tested."""


class Project:
    """A checkout whose locks name one package of one module, `tiny`, as wheels beside them."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.environment = {
            **{n: v for n, v in os.environ.items() if n not in ("VIRTUAL_ENV", *OF_MAKE)},
            "PIP_RETRIES": "0",
        }

    def make(self, python: str = f"PYTHON={PYTHON}", succeeds: bool = True) -> str:
        """Run `make install`; what it printed."""
        process = self.start(python)
        output, _ = process.communicate()
        assert (process.returncode == 0) == succeeds, output
        return output

    def start(self, python: str = f"PYTHON={PYTHON}") -> subprocess.Popen[str]:
        return subprocess.Popen(
            ["make", "--silent", "--no-print-directory", python, "install"],
            cwd=self.path,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def make_and_kill(self) -> str:
        """Run `make install` into the middle of making .venv anew; what it printed."""
        configuration = self.path / ".venv" / "pyvenv.cfg"
        before = configuration.stat().st_mtime_ns

        def is_anew() -> bool:
            with suppress(FileNotFoundError):
                return configuration.stat().st_mtime_ns != before
            return False

        process = self.start()
        wait_until(is_anew)
        os.killpg(process.pid, signal.SIGKILL)
        return process.communicate()[0]

    def refusal(self, python: str = f"PYTHON={PYTHON}") -> str:
        """The line, beside make's own, that it ends with where it cannot go on."""
        lines = self.make(python, succeeds=False).splitlines()
        [line] = [line for line in lines if not line.startswith("make:")]
        return line

    def lock(self, version: str, digest: str = "") -> None:
        """Make `version` of the package, and a lock that names it."""
        digest = digest or write_wheel(self.path / "wheels", version)
        (self.path / "requirements.lock").write_text(
            f"--no-index\n--find-links {self.path / 'wheels'}\n"
            f"tiny=={version} --hash=sha256:{digest}\n"
        )

    def version(self) -> str:
        """The version of the package in .venv."""
        python = str(self.path / ".venv" / "bin" / "python")
        return subprocess.check_output(
            [python, "-c", "import tiny; print(tiny.VERSION)"], text=True
        ).strip()


def write_wheel(folder: Path, version: str) -> str:
    """Write tiny-`version`; the SHA-256 of its wheel."""
    info = f"tiny-{version}.dist-info"
    files = {
        "tiny.py": f"VERSION = '{version}'\n",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: tiny\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    digests = {
        name: base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode().rstrip("=")
        for name, text in files.items()
    }
    rows = [f"{name},sha256={digests[name]},{len(text)}\n" for name, text in files.items()]
    files[f"{info}/RECORD"] = "".join(rows) + f"{info}/RECORD,,\n"
    folder.mkdir(exist_ok=True)
    path = folder / f"tiny-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        for name, text in files.items():
            wheel.writestr(zipfile.ZipInfo(name), text)  # without the time
    return hashlib.sha256(path.read_bytes()).hexdigest()


def new_project(path: Path) -> Project:
    path.mkdir()
    for name in ("Makefile", "install.py"):
        shutil.copy(REPOSITORY / name, path)
    without_uv(path)
    project = Project(path)
    project.lock("1.0")
    return project


def without_uv(path: Path) -> None:
    (path / "requirements-uv.lock").write_text("# uv is not to be had here\n")


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A git repository in which nothing is installed yet."""
    project = new_project(tmp_path / "project")
    subprocess.run(["git", "init", "-q"], cwd=project.path, check=True)
    return project


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A git repository with an environment, made by uv where that is to be had."""
    project = new_project(tmp_path_factory.mktemp("installed") / "project")
    subprocess.run(["git", "init", "-q"], cwd=project.path, check=True)
    shutil.copy(REPOSITORY / "requirements-uv.lock", project.path)
    output = project.make()
    assert (project.path / ".venv" / "bin" / "uv").exists() == ("by pip" not in output)
    assert not (project.path / ".venv" / ".uv-cache").exists()
    return project


def test_what_the_lock_names_is_installed_once_and_another_lock_again(installed: Project) -> None:
    installed.lock("1.0")
    installed.make()
    assert installed.version() == "1.0"
    assert installed.make() == ""
    installed.lock("2.0")
    assert "built anew" not in installed.make()
    assert installed.version() == "2.0"


@pytest.fixture
def index(installed: Project, version: str) -> Iterator[str]:
    """A package index with this version alone, by its URL with a password."""
    wheels = installed.path / "wheels"
    digest = write_wheel(wheels, version)
    wheel = f"tiny-{version}-py3-none-any.whl"
    page = installed.path / "index" / "simple" / "tiny"
    page.mkdir(parents=True)
    shutil.move(wheels / wheel, page)
    (page / "index.html").write_text(f'<a href="{wheel}#sha256={digest}">{wheel}</a>')
    lock = installed.path / "requirements.lock"
    lock.write_text(f"tiny=={version} --hash=sha256:{digest}\n")
    serve = partial(SimpleHTTPRequestHandler, directory=str(installed.path / "index"))
    with ThreadingHTTPServer(("127.0.0.1", 0), serve) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://user:secret@127.0.0.1:{server.server_port}/simple"
        server.shutdown()
    shutil.rmtree(installed.path / "index")


@pytest.mark.parametrize(("told_by", "version"), [("variable", "4.0"), ("file", "5.0")])
def test_uv_asks_the_index_of_pip_and_nobody_reads_its_password(
    installed: Project, index: str, told_by: str, version: str
) -> None:
    if not (installed.path / ".venv" / "bin" / "uv").exists():
        pytest.skip("uv is not to be had here")
    settings = installed.path / "pip.conf"
    settings.write_text(f"[global]\nindex-url = {index}\n")
    told = {"PIP_INDEX_URL": index} if told_by == "variable" else {"PIP_CONFIG_FILE": str(settings)}
    local = {"NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}
    inherited = {
        name: value
        for name, value in installed.environment.items()
        if not name.startswith("UV_") and name not in ("PIP_INDEX_URL", "PIP_CONFIG_FILE")
    }
    project = Project(installed.path)
    project.environment = {**inherited, **told, **local}
    output = project.make()
    assert project.version() == version
    assert "by pip" not in output
    assert "secret" not in output


def test_an_installation_that_was_refused_or_killed_does_not_count(installed: Project) -> None:
    write_wheel(installed.path / "wheels", "3.0")
    installed.lock("3.0", digest=64 * "0")
    assert "could not be installed" in installed.make(succeeds=False)
    installed.lock("3.0")
    assert "built anew" in installed.make_and_kill()
    assert "built anew" in installed.make()
    assert installed.version() == "3.0"


def test_a_moved_checkout_is_installed_anew_while_it_is_activated_and_by_pip_without_uv(
    installed: Project, tmp_path: Path
) -> None:
    moved = Project(shutil.copytree(installed.path, tmp_path / "moved", symlinks=True))
    moved.environment["PATH"] = f"{moved.path}/.venv/bin{os.pathsep}{os.environ['PATH']}"
    without_uv(moved.path)
    moved.lock("1.0")
    output = moved.make("PYTHON=python3")
    assert "built anew" in output
    assert "by pip" in output
    assert moved.version() == "1.0"


def test_a_link_to_a_finished_environment_is_taken_and_never_emptied(
    installed: Project, tmp_path: Path
) -> None:
    other, version = new_project(tmp_path / "other"), installed.version()
    (other.path / ".venv").symlink_to(installed.path / ".venv")
    shutil.copy(installed.path / "requirements.lock", other.path)
    assert other.make() == ""
    other.lock("2.0")
    assert ".venv is a link to" in other.refusal()
    assert installed.version() == version


def test_a_downloaded_zip_is_told_how_to_become_a_repository(tmp_path: Path) -> None:
    project = new_project(tmp_path / "zip")
    assert "git init && git add -A && git commit" in project.refusal()
    assert not (project.path / ".venv").exists()


def test_without_git_or_python_a_line_says_so(project: Project, tmp_path: Path) -> None:
    tools = tmp_path / "tools"
    tools.mkdir()
    for tool in ("make", "sh"):
        (tools / tool).symlink_to(str(shutil.which(tool)))
    project.environment["PATH"] = str(tools)
    assert project.refusal() == "install: git is needed (Debian: apt install git)"
    assert project.refusal("PYTHON=python3.99") == "python3.99 is not installed"
    assert not (project.path / ".venv").exists()


def test_a_disk_without_room_for_torch_is_noticed_before_anything_is_made(project: Project) -> None:
    small = ["unshare", "--mount", "--map-root-user", "sh", "-ec"]
    script = (
        'mount -t tmpfs -o size=1m small "$1" 2>/dev/null || exit 77; cd "$1"; cp -r "$2"/. .; '
        "make --silent install || ls -A; exit 0"
    )
    with (project.path / "requirements.lock").open("a") as lock:
        lock.write(f"torch==99 --hash=sha256:{64 * '0'}\n")
    folder = project.path.with_name("small")
    folder.mkdir()
    done = subprocess.run(
        [*small, script, "sh", str(folder), str(project.path)],
        check=False,
        env=project.environment,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        pytest.skip(f"no small disk can be made here: {done.stderr}")
    assert "GB of disk, 0.0 GB are free here" in done.stderr
    assert ".venv" not in done.stdout.splitlines()
    assert "install.py" in done.stdout.splitlines()
