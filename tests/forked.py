"""Doors in processes forked from one that has imported what they need, torch aside.

A door is run as `python -m` runs it, from the guard above its imports to its exit code. Only the
imports are spared, which cost more than most doors; tests/test_doors.py starts each from nothing.
All have the same hashes, so one order of sets: what that might change is to be held against a run
in another process.
"""

import atexit
import gc
import json
import os
import runpy
import signal
import subprocess
import sys
from collections.abc import Mapping
from functools import cache
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory

DOORS = ("aggregate", "check", "download", "plot", "report", "train", "trial_cache")


def run_door(
    door: str,
    *arguments: str,
    cwd: Path,
    environment: Mapping[str, str],
    typed: str = "",
    timeout: int,
) -> subprocess.CompletedProcess[str]:
    """Run a door of DOORS to its end, which SIGALRM brings about after `timeout` seconds."""
    with TemporaryDirectory() as folder:
        streams = [Path(folder, name) for name in ("stdin", "stdout", "stderr")]
        streams[0].write_text(typed)
        asked = [door, arguments, str(cwd), dict(environment), [*map(str, streams)], timeout]
        server = _server()
        assert server.stdin
        assert server.stdout
        print(json.dumps(asked), file=server.stdin, flush=True)
        code = int(server.stdout.readline())
        return subprocess.CompletedProcess(
            [door, *arguments], code, *(path.read_text() for path in streams[1:])
        )


@cache
def _server() -> subprocess.Popen[str]:
    server = subprocess.Popen(
        [sys.executable, "-m", __name__],
        cwd=Path(__file__).parents[1],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    atexit.register(server.communicate)  # it ends when nothing is asked of it any more
    return server


def serve() -> None:
    """Import what doors import, then fork one for each line of stdin and print its exit code."""
    for door in DOORS:
        import_module(f"stages.{door}")
        del sys.modules[f"stages.{door}"]  # `python -m` finds no door imported
    import_module("scipy.linalg")  # theory imports it when it is called
    gc.freeze()
    for line in sys.stdin:
        if (child := os.fork()) == 0:
            become(*json.loads(line))
            return
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


def become(
    door: str,
    arguments: list[str],
    cwd: str,
    environment: dict[str, str],
    streams: list[str],
    timeout: int,
) -> None:
    """Be the process of `python -m stages.DOOR` in the folder `cwd`."""
    signal.alarm(timeout)
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(environment)
    for descriptor, path in enumerate(streams):
        os.dup2(os.open(path, os.O_RDWR | os.O_CREAT), descriptor)
    sys.argv, sys.path[0] = [door, *arguments], cwd
    runpy.run_module(f"stages.{door}", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    serve()
