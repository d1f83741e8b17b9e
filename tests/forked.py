"""Doors, and `dvc`, in processes forked from one that has imported what they need, torch aside.

Each is run as `python -m` runs it, from the guard above its imports to its exit code. Only the
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
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory

DOORS = ("aggregate", "check", "download", "plot", "report", "train", "trial_cache")
IMPORTED = {
    "stages": ("scipy.linalg",),  # theory imports it when it is called
    "cluster": ("stages.engine.cluster",),  # train imports it when it is asked for Dask
    "mirrors": ("torchvision.datasets", "pypi_simple"),  # and download these, to ask the network
    "dvc": (
        "dvc.cli.parser",
        "dvc.data_cloud",
        "dvc.repo.experiments.queue.tempdir",
        "dvc.repo.experiments.queue.workspace",
        "dvc.repo.experiments.show",
        "dvc.repo.plots.diff",
        "dvc.render.match",
        "dvc.utils.strictyaml",
        "dvc_data.index.checkout",
        "dulwich.porcelain",
        "networkx",
        "pygit2",
    ),
}
"""What each server imports beside its doors, because they import it only when they need it."""


def run_door(
    door: str,
    *arguments: str,
    cwd: Path,
    environment: Mapping[str, str],
    typed: str = "",
    timeout: int,
    server: str = "stages",
    meanwhile: Callable[[int], None] | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run a door of DOORS to its end, which SIGALRM brings about after `timeout` seconds.

    `meanwhile` gets the number of its process as soon as that has begun, in a group of its own.
    `server` is the one of IMPORTED that it is forked from.
    """
    return _ask(server, f"stages.{door}", arguments, cwd, environment, typed, timeout, meanwhile)


def run_dvc(
    *arguments: str, cwd: Path, environment: Mapping[str, str], timeout: int
) -> subprocess.CompletedProcess[str]:
    """Run a `dvc` command to its end, or until SIGALRM."""
    return _ask("dvc", "dvc", arguments, cwd, environment, "", timeout)


def _ask(
    server_name: str,
    module: str,
    arguments: Sequence[str],
    cwd: Path,
    environment: Mapping[str, str],
    typed: str,
    timeout: int,
    meanwhile: Callable[[int], None] | None = None,
) -> subprocess.CompletedProcess[str]:
    with TemporaryDirectory() as folder:
        streams = [Path(folder, name) for name in ("stdin", "stdout", "stderr")]
        for path, content in zip(streams, (typed, "", ""), strict=True):
            path.write_text(content)
        process = [module, arguments, str(cwd), dict(environment), [*map(str, streams)], timeout]
        server = _server(server_name)
        assert server.stdin
        assert server.stdout
        print(json.dumps([meanwhile is not None, *process]), file=server.stdin, flush=True)
        number = int(server.stdout.readline())
        if meanwhile:
            meanwhile(number)
        code = int(server.stdout.readline())
        return subprocess.CompletedProcess(
            [module, *arguments], code, *(path.read_text() for path in streams[1:])
        )


@cache
def _server(name: str) -> subprocess.Popen[str]:
    server = subprocess.Popen(
        [sys.executable, "-m", __name__, name],
        cwd=Path(__file__).parents[1],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    atexit.register(server.communicate)  # it ends when nothing is asked of it any more
    return server


def serve(name: str) -> None:
    """Import what doors import, then fork one for each line of stdin.

    Print the number of its process when it begins, and its exit code when it has ended.
    """
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # as `stages` leaves it to a door that begins
    for module in IMPORTED[name]:
        import_module(module)
    for door in DOORS if name != "dvc" else ():
        import_module(f"stages.{door}")
        del sys.modules[f"stages.{door}"]  # `python -m` finds no door imported
    gc.freeze()
    for line in sys.stdin:
        in_its_own_group, *process = json.loads(line)
        if (child := os.fork()) == 0:
            become(*process)
            return
        if in_its_own_group:
            os.setpgid(child, child)
        print(child, flush=True)
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


def become(
    module: str,
    arguments: list[str],
    cwd: str,
    environment: dict[str, str],
    streams: list[str],
    timeout: int,
) -> None:
    """Be the process of `python -m MODULE` in the folder `cwd`."""
    signal.alarm(timeout)
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(environment)
    for descriptor, path in enumerate(streams):
        os.dup2(os.open(path, os.O_RDWR), descriptor)
    sys.argv, sys.path[0] = [module, *arguments], cwd
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    serve(sys.argv[1])
