"""`make` runs this first: brings .venv into agreement with lock files, by uv or else by pip.

An environment counts as installed only once all is in it: the stamp in it is written last, and
names its place and the digest of each lock. Without a valid stamp it is built anew.
"""

import ast
import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
import venv
from collections.abc import Iterable, Mapping
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

VENV = Path(".venv")
STAMP = VENV / ".installed"
UV_LOCK = "requirements-uv.lock"
GIGABYTES = 6.5 if sys.platform == "linux" else 2.0
"""Room that a new environment with torch takes; on Linux that brings its CUDA libraries."""


def main() -> None:
    """Install each lock file that is named as an argument, unless it is in .venv already."""
    wanted = {name: hashlib.sha256(Path(name).read_bytes()).hexdigest() for name in sys.argv[1:]}
    with Path(sys.argv[1]).open() as one_at_a_time:
        with suppress(OSError):  # a file system without locks
            fcntl.flock(one_at_a_time, fcntl.LOCK_EX)
        installed = installed_locks()
        missing = [name for name in wanted if installed.get(name) != wanted[name]]
        if not missing:
            return
        if VENV.is_symlink():
            where = VENV.resolve()
            sys.exit(f"install: .venv is a link to {where}, which lacks {missing[0]}; remove it")
        if installed:
            STAMP.unlink()
        else:
            build_environment(missing)
        for name in missing:
            install(name)
        stamp = {"place": str(VENV.resolve()), "locks": {**installed, **wanted}}
        STAMP.write_text(json.dumps(stamp, indent=2) + "\n")


def installed_locks() -> Mapping[str, str]:
    """The digest of each lock in .venv by its name; none if it is unfinished or was moved."""
    with suppress(OSError, ValueError, TypeError, KeyError):
        stamp = json.loads(STAMP.read_text())
        if stamp["place"] == str(VENV.resolve()) and (VENV / "bin" / "python").exists():
            return dict(stamp["locks"])
    return {}


def build_environment(locks: Iterable[str]) -> None:
    """Make .venv anew, with nothing but pip in it, after looking for all that will be needed."""
    require_git()
    if not find_spec("ensurepip"):
        package = f"python{sys.version_info.major}.{sys.version_info.minor}-venv"
        sys.exit(f"install: this Python cannot make environments (Debian: apt install {package})")
    if VENV.exists():
        print("install: .venv is unfinished or was moved, and is built anew", flush=True)
        shutil.rmtree(VENV)
    require_room(locks)
    venv.create(VENV, symlinks=True, with_pip=True)


def require_git() -> None:
    """Exit unless this is a git repository: DVC does without one, its experiments do not."""
    if not shutil.which("git"):
        sys.exit("install: git is needed (Debian: apt install git)")
    inside = subprocess.run(
        ["git", "rev-parse", "--is-inside-work-tree"],
        check=False,
        env={**os.environ, "LC_ALL": "C"},
        capture_output=True,
        text=True,
    )
    if "not a git repository" in inside.stderr:
        sys.exit(
            "install: no git repository here (a downloaded ZIP?), make it one: "
            'git init && git add -A && git commit -m "sigma-sweep"'
        )
    if inside.returncode:
        sys.exit(f"install: git: {inside.stderr.partition(chr(10))[0]}")


def require_room(locks: Iterable[str]) -> None:
    """Exit unless what `locks` name finds room: torch, beside which the others are small."""
    free = shutil.disk_usage(".").free / 1e9
    if free < GIGABYTES and any("\ntorch==" in Path(lock).read_text() for lock in locks):
        sys.exit(f"install: PyTorch needs {GIGABYTES} GB of disk, {free:.1f} GB are free here")


def install(lock: str) -> None:
    """Bring the packages of `lock` into .venv, each held against its hash."""
    print(f"install: {lock} into .venv", flush=True)
    began = time.monotonic()
    pip = [str(VENV / "bin" / "python"), "-m", "pip", "install", "--disable-pip-version-check"]
    pip += ["-qq", "--require-hashes", "-r"]
    # where there is no wheel of uv for this system, it is not built either
    uv = [*pip, UV_LOCK, "--only-binary=:all:"]
    subprocess.run(uv, check=False, stderr=subprocess.DEVNULL)
    if not install_by_uv(lock):
        print("install: not by uv, so by pip, which takes longer", flush=True)
        if subprocess.run([*pip, lock], check=False).returncode:
            sys.exit(f"install: {lock} could not be installed; the next `make` starts over")
    print(f"install: done in {time.monotonic() - began:.0f} s", flush=True)


def install_by_uv(lock: str) -> bool:
    """Whether uv is there and could do it.

    Its cache lies in .venv, so that on any disk files move from there by hard links, and is removed
    afterwards: what is installed is not kept twice.
    """
    uv, cache = VENV / "bin" / "uv", VENV / ".uv-cache"
    if not uv.exists():
        return False
    command = [str(uv), "pip", "install", "--python", str(VENV), "--require-hashes", "-r", lock]
    if not sys.stderr.isatty():
        command.append("--quiet")  # no bars, and no list of packages
    environment = {"UV_CACHE_DIR": str(cache), **index_of_pip(), **os.environ}
    done = subprocess.run(command, check=False, env=environment).returncode == 0
    shutil.rmtree(cache, ignore_errors=True)
    return done


def index_of_pip() -> Mapping[str, str]:
    """Where pip is told to look for packages, as uv is told; nothing where uv knows its own index.

    It may hold a password, so it goes through the environment and is never printed.
    """
    if any(name.startswith("UV_") and "INDEX" in name for name in os.environ):
        return {}
    # `pip config get` would read a single file
    command = [str(VENV / "bin" / "python"), "-m", "pip", "config", "list"]
    told = subprocess.run(command, check=False, capture_output=True, text=True).stdout
    settings = dict(line.partition("=")[::2] for line in told.splitlines())
    for section in (":env:", "install", "global"):  # the first that is set rules
        if literal := settings.get(f"{section}.index-url"):
            return {"UV_DEFAULT_INDEX": ast.literal_eval(literal)}
    return {}


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        print("install: interrupted; the next `make` starts over", file=sys.stderr)
        sys.exit(130)
    except subprocess.CalledProcessError as error:
        sys.exit(f"install: `{' '.join(map(str, error.cmd))}` failed")
    except OSError as error:
        sys.exit(f"install: {error.strerror}: {error.filename or Path.cwd()}")
