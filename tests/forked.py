"""Doors, and `dvc`, in processes forked from one that has imported what they need.

Each is run as `python -m` runs it, from the guard above its imports to its exit code. Only the
imports are spared, which cost more than most doors; tests/test_doors.py starts each from nothing.
All have the same hashes, so one order of sets: what that might change is to be held against a run
in another process.

Run as a file, this stands for Python itself, where a test or DVC starts a door: see `as_python`.
"""

import atexit
import faulthandler
import fcntl
import gc
import json
import multiprocessing.util
import os
import runpy
import select
import shlex
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from functools import cache
from importlib import import_module
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Any, NoReturn

DOORS = ("aggregate", "check", "download", "plot", "report", "slides", "train", "trial_cache")
PIPELINE, TRAINING = "pipeline", "training"
IMPORTED = {
    "stages": ("scipy.linalg",),  # theory imports it when it is called
    "cluster": ("stages.engine.cluster",),  # train imports it when it is asked for Dask
    "mirrors": ("torchvision.datasets", "pypi_simple"),  # and download these, to ask the network
    PIPELINE: ("scipy.linalg", "scipy.special", "stages.engine.worker", "stages.explore"),
    TRAINING: ("scipy.special", "stages.engine.worker"),
    "dvc": (
        "dvc.cli.parser",
        "dvc.data_cloud",
        "dvc.repo.artifacts",
        "dvc.repo.datasets",
        "dvc.repo.experiments.queue.celery",
        "dvc.repo.experiments.queue.tempdir",
        "dvc.repo.experiments.queue.workspace",
        "dvc.repo.experiments.run",
        "dvc.repo.experiments.show",
        "dvc.repo.open_repo",
        "dvc.repo.plots.diff",
        "dvc.render.match",
        "dvc.utils.hydra",
        "dvc.utils.strictyaml",
        "dvc_data.index.checkout",
        "celery.app.trace",
        "dulwich.porcelain",
        "hydra.core.override_parser.overrides_parser",
        "networkx",
        "pygit2",
        "pyparsing",
        "ruamel.yaml",
    ),
}
"""What each server imports beside its doors, because they import it only when they need it.

That of pipelines forgets this project's own modules again: a clone has its own, which may differ.
From it and from that of training are also forked the servers that training processes start from.
"""
HANGS_AFTER = 200
"""Seconds that no command of the tests takes, even on a slow machine with much else to do."""

SERVERS = "SERVERS_OF_TESTS"
"""The variable of the environment that names the folder of their sockets, a short path."""

_kept: list[object] = []
"""Locks and processes, until this one ends."""

spawn = multiprocessing.util.spawnv_passfds


def run_door(
    door: str,
    *arguments: str,
    cwd: Path,
    environment: Mapping[str, str],
    typed: str = "",
    server: str = "stages",
    meanwhile: Callable[[int], None] | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run a door of DOORS to its end.

    `meanwhile` gets the number of its process, which is that of its group, as soon as it has begun.
    `server` is the one of IMPORTED that it is forked from.
    """
    return _run(server, [f"stages.{door}", *arguments], cwd, environment, typed, meanwhile)


def run_dvc(
    *arguments: str, cwd: Path, environment: Mapping[str, str]
) -> subprocess.CompletedProcess[str]:
    """Run a `dvc` command to its end."""
    return _run("dvc", ["dvc", *arguments], cwd, environment)


def _run(
    server: str,
    command: Sequence[str],
    cwd: Path,
    environment: Mapping[str, str],
    typed: str = "",
    meanwhile: Callable[[int], None] | None = None,
) -> subprocess.CompletedProcess[str]:
    with TemporaryDirectory() as folder:
        streams = [Path(folder, name) for name in ("stdin", "stdout", "stderr")]
        for path, content in zip(streams, (typed, "", ""), strict=True):
            path.write_text(content)
        with ExitStack() as opened:
            files = [opened.enter_context(path.open("r+")) for path in streams]
            code = ask(_address(server), command, cwd, environment, files, meanwhile)
        return subprocess.CompletedProcess(command, code, *(p.read_text() for p in streams[1:]))


def ask(
    address: str,
    command: Sequence[str],
    cwd: Path,
    environment: Mapping[str, str],
    streams: Sequence[IO[str]],
    meanwhile: Callable[[int], None] | None = None,
) -> int:
    """Have a server do what `python -m COMMAND` does; its exit code."""
    with socket.socket(socket.AF_UNIX) as connection, connection.makefile("rw") as lines:
        connection.connect(address)
        socket.send_fds(connection, [b"\n"], [stream.fileno() for stream in streams])
        print(json.dumps([command, str(cwd), dict(environment)]), file=lines, flush=True)
        process = int(lines.readline())
        if meanwhile:
            meanwhile(process)
        return int(lines.readline())


@cache
def _address(name: str) -> str:
    """The socket of a server, started by the first process that asks, and ended after the last."""
    address = Path(os.environ[SERVERS], name)
    held = address.with_suffix(".held").open("w")
    fcntl.flock(held, fcntl.LOCK_SH)
    _kept.append(held)
    with address.with_suffix(".starting").open("w") as starting:
        fcntl.flock(starting, fcntl.LOCK_EX)
        if not address.exists():
            command = [sys.executable, "-m", __name__, name, str(address)]
            server = subprocess.Popen(
                command, cwd=Path(__file__).parents[1], stdout=subprocess.PIPE
            )
            _kept.append(server)
            assert server.stdout
            assert server.stdout.readline()
    return str(address)


def as_python(folder: Path, server: str) -> Path:
    """Fill `folder` with a `python` and a `python3` that run doors forked from a server.

    They are no children of whoever starts them, and get no Ctrl-C.
    """
    words = [sys.executable, "-IS", __file__, _address(server)]
    for name in ("python", "python3"):
        (folder / name).write_text(f'#!/bin/sh\nexec {shlex.join(words)} "$@"\n')
        (folder / name).chmod(0o755)
    return folder


def serve(name: str, address: str) -> None:
    """Import what doors import, then fork one for each connection, as long as one may come."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # as `stages` leaves it to a door that begins
    for module in IMPORTED[name]:
        import_module(module)
    for door in DOORS if name != "dvc" else ():
        import_module(f"stages.{door}")
        del sys.modules[f"stages.{door}"]  # `python -m` finds no door imported
    if name == PIPELINE:
        import_module("vl_convert").javascript_bundle()  # kept for whoever asks again
        forget_stages()
    if name in (PIPELINE, TRAINING):
        multiprocessing.util.spawnv_passfds = fork_or_spawn
    gc.freeze()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for an attendant
    with socket.socket(socket.AF_UNIX) as listener, Path(f"{address}.held").open() as held:
        listener.bind(address)
        listener.listen()
        print(flush=True)
        while (asked := select.select([listener], [], [], 1)[0]) or is_held(held):
            if not asked:
                continue
            connection, _ = listener.accept()
            if os.fork() == 0:
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                listener.close()
                attend(connection)
                return
            connection.close()
    Path(address).unlink(missing_ok=True)
    end(0)


def is_held(lock: IO[str]) -> bool:
    """Whether a process lives that may ask."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    return False


def forget_stages() -> None:
    """Let this project's modules be imported anew, from the folder in which that is done."""
    for module in [name for name in sys.modules if name.partition(".")[0] == "stages"]:
        del sys.modules[module]


def attend(connection: socket.socket) -> None:
    """Fork the process that is asked for; send its number, then its exit code.

    It is killed when nobody waits for that any more. One that hangs is aborted, and says where it
    stands; it has no alarm for that, since doors set their own.
    """
    _, streams, *_ = socket.recv_fds(connection, 1, 3)
    lines = connection.makefile("rw")
    process = json.loads(lines.readline())
    if (child := os.fork()) == 0:
        lines.close()
        connection.close()
        become(streams, *process)
        return
    os.setpgid(child, child)
    print(child, file=lines, flush=True)
    hangs = time.monotonic() + HANGS_AFTER
    while (ended := os.waitpid(child, os.WNOHANG)) == (0, 0):
        if select.select([connection], [], [], 0.01)[0]:
            os.killpg(child, signal.SIGKILL)
        elif time.monotonic() > hangs:
            os.kill(child, signal.SIGABRT)
    with suppress(BrokenPipeError):
        print(os.waitstatus_to_exitcode(ended[1]), file=lines, flush=True)
    os._exit(0)


def become(streams: list[int], command: list[str], cwd: str, environment: dict[str, str]) -> None:
    """Be the process of `python -m COMMAND` in the folder `cwd`."""
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(environment)
    for descriptor, stream in enumerate(streams):
        os.dup2(stream, descriptor)
        os.close(stream)
    faulthandler.enable()
    sys.argv, sys.path[0] = command, cwd
    try:
        runpy.run_module(command[0], run_name="__main__", alter_sys=True)
    except SystemExit as ended:
        if not isinstance(ended.code, int | None):
            raise
        end(ended.code or 0)
    end(0)


def end(code: int) -> NoReturn:
    """End as Python does, yet without taking apart, and so copying, all that was imported."""
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def fork_or_spawn(path: bytes, args: Sequence[Any], passfds: Sequence[int]) -> int:
    """Start a process for multiprocessing; its fork server finds all imported, torch too."""
    *_, program = args
    if "forkserver" not in program:
        return spawn(path, args, passfds)
    if (child := os.fork()) == 0:
        kept = sorted({0, 1, 2, *passfds})
        for below, above in pairwise([*kept, os.sysconf("SC_OPEN_MAX")]):
            os.closerange(below + 1, above)
        for stop in (signal.SIGTERM, signal.SIGHUP, signal.SIGALRM):
            signal.signal(stop, signal.SIG_DFL)
        try:
            exec(program, {})
        finally:
            os._exit(0)
    return child


def instead_of_python(address: str, option: str, *command: str) -> NoReturn:
    """Do what `python -m COMMAND` does, and end as that ends."""
    assert option == "-m"
    code = ask(address, command, Path.cwd(), os.environ, (sys.stdin, sys.stdout, sys.stderr))
    sys.exit(code if code >= 0 else 128 - code)


if __name__ == "__main__":
    if __package__:
        serve(*sys.argv[1:])
    else:
        instead_of_python(*sys.argv[1:])
