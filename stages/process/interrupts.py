"""Ctrl-C, or a request to end, at any moment: the process cleans up and ends in one line.

Python would raise KeyboardInterrupt wherever it is. In C++ that is being imported nothing catches
that, and the process aborts; a process that is half started complains; in a destructor it is
printed and forgotten.
"""

import contextlib
import os
import shutil
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import NoReturn

_STOPS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_DELICATE = (
    "<frozen importlib",
    f"{Path(os.__file__).parent}/multiprocessing/popen_",
    *(f"{Path(__file__).with_name(name)}" for name in ("locks.py", "scratch.py")),
)
"""Beginnings of the names of files in which an exception does harm."""

_LATER_SECONDS = 0.02

_last_words = "interrupted"
_interrupt: KeyboardInterrupt | None = None
"""That which was raised."""
short_lived: set[Path] = set()
"""Files and folders that go with this process, also where it ends at once."""


def end(line: str, code: int) -> NoReturn:
    """Say `line` and exit at once: Python's own way would wait for training processes."""
    _forget_what_waits()
    for stop in _STOPS:
        signal.signal(stop, signal.SIG_IGN)
    if multiprocessing := sys.modules.get("multiprocessing"):
        for child in multiprocessing.active_children():
            child.kill()  # half started, it would complain of what goes with this process
    for path in tuple(short_lived):
        shutil.rmtree(path, ignore_errors=True)
        with contextlib.suppress(OSError):
            path.unlink()  # if it was no folder
    with contextlib.suppress(Exception):  # a signal may have come in the middle of another flush
        sys.stdout.flush()
    with contextlib.suppress(OSError):
        os.write(2, f"{line}\n".encode())
    os._exit(code)


@contextmanager
def interruptible(last_words: str) -> Iterator[None]:
    """Let Ctrl-C, SIGTERM and SIGHUP raise KeyboardInterrupt inside, where that can be borne.

    Its argument is the signal. A second one, or one during `importing`, ends the process at once
    with `last_words`. What fails on the way out, such as closing a file that is closed, is not told
    in its place. After the block the work is done, and none is heeded.
    """
    global _last_words
    _last_words = last_words
    sys.unraisablehook = _end_if_interrupted
    # What was ignored from the start, by nohup for example, stays so.
    heeded = [stop for stop in _STOPS if signal.getsignal(stop) is not signal.SIG_IGN]
    try:
        _handle(heeded, _unwind)
        yield
    except Exception:
        if _interrupt:
            raise _interrupt from None
        raise
    finally:
        _forget_what_waits()
        _handle(heeded, signal.SIG_IGN)


@contextmanager
def importing() -> Iterator[None]:
    """Let an interrupt end the process at once: imports leave nothing that wants cleaning up."""
    heeded = [stop for stop in _STOPS if signal.getsignal(stop) is _unwind]
    _handle(heeded, _end)
    try:
        yield
    finally:
        _handle(heeded, _unwind)


def _handle(stops: list[signal.Signals], handler: "signal._HANDLER") -> None:
    for stop in stops:
        signal.signal(stop, handler)


def _end(stop: int, _: FrameType | None) -> None:
    end(_last_words, 128 + stop)


def _unwind(stop: int, frame: FrameType | None) -> None:
    if _is_delicate(frame):
        signal.signal(signal.SIGALRM, lambda _, later: _unwind(stop, later))
        signal.setitimer(signal.ITIMER_REAL, _LATER_SECONDS)
        return
    global _interrupt
    _handle([stop for stop in _STOPS if signal.getsignal(stop) is _unwind], _end)
    _interrupt = KeyboardInterrupt(stop)
    raise _interrupt


def _forget_what_waits() -> None:
    """Else it would come while the process ends, when nothing handles it any more."""
    signal.setitimer(signal.ITIMER_REAL, 0)


def _is_delicate(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_code.co_filename.startswith(_DELICATE):
            return True
        frame = frame.f_back
    return False


def _end_if_interrupted(unraisable: "sys.UnraisableHookArgs") -> None:
    """Where Python would print an interrupt and go on."""
    if isinstance(unraisable.exc_value, KeyboardInterrupt):
        end(_last_words, 130)
    sys.__unraisablehook__(unraisable)
