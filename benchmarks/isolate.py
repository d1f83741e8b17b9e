"""Calls a function in a fresh process, and can watch how much memory that takes.

Memory is the proportional set size (Linux), summed over the process and its descendants: a page
that n processes share counts 1/n in each of them. Not getrusage: of several children it gives the
largest alone, and a process inherits the peak of its parent.
"""

import multiprocessing
import os
import signal
import traceback
from collections import defaultdict
from collections.abc import Sequence
from contextlib import redirect_stderr, redirect_stdout, suppress
from importlib import import_module
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Final

_SAMPLE_SECONDS: Final = 0.1


def in_fresh_process(function: str, *args: Any) -> Any:
    """The result of `function`, a "module.name"; what it prints is dropped.

    Raises RuntimeError with its traceback if it fails or dies.
    """
    return _run(function, args, watch=False)[0]


def peak_memory(function: str, *args: Any) -> int | None:
    """The most bytes that `function` and its processes took; None where the system does not tell.

    Ten looks a second take a tenth of a core: where time is measured, memory is not.
    """
    return _run(function, args, watch=True)[1] or None


def _run(function: str, args: Sequence[Any], watch: bool) -> tuple[Any, int]:
    """What the function returned, and the peak of memory if it was watched."""
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_call, args=(sender, function, args))
    process.start()
    sender.close()
    peak = 0
    try:
        while not receiver.poll(_SAMPLE_SECONDS if watch else None):
            peak = max(peak, proportional_size(process.pid or 0))
        result, error = receiver.recv()
    except EOFError:
        process.join()
        result, error = None, f"the process died with exit code {process.exitcode}"
    except BaseException:
        process.kill()
        raise
    process.join()
    if error:
        raise RuntimeError(f"{function}: {error}")
    return result, peak


def _call(sender: Connection, function: str, args: Sequence[Any]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    module, _, name = function.rpartition(".")
    answer: tuple[Any, str | None]
    try:
        with (
            Path(os.devnull).open("w") as nowhere,
            redirect_stdout(nowhere),
            redirect_stderr(nowhere),
        ):
            answer = getattr(import_module(module), name)(*args), None
    except Exception:
        answer = None, traceback.format_exc()
    sender.send(answer)


def proportional_size(pid: int) -> int:
    """Bytes of the process `pid` and its descendants; 0 where the system does not tell."""
    children = defaultdict(list)
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # a process may end meanwhile
            after_name = stat.read_text().rpartition(")")[2].split()
            children[int(after_name[1])].append(int(stat.parent.name))
    total, found = 0, [pid]
    while found:
        process = found.pop()
        found += children[process]
        with suppress(OSError):
            for line in Path(f"/proc/{process}/smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    total += 1024 * int(line.split()[1])
    return total
