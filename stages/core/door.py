"""What all doors share: where they work, what they skip, how they end when they cannot go on."""

import gc
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class InputError(Exception):
    """A user's mistake or a missing piece; the message is one line that says what to do."""


def study_folder() -> Path:
    """Where a stage finds params.yaml and writes: its first argument, else the checkout itself."""
    return Path(*sys.argv[1:2])


@contextmanager
def uncollected() -> Iterator[None]:
    """Do without the garbage collector, which then leaves alone for good what was made inside.

    For what stays until the process ends: the collector would go through all that torch imports, or
    the artists of a figure, again and again, and at exit once more.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


@contextmanager
def clear_exit(stage: str, on_interrupt: str = "interrupted") -> Iterator[None]:
    """End the process in one line, without traceback, where a person can mend the cause.

    Exit code 130 after Ctrl-C, 1 after an InputError or an error of the file system.
    """
    try:
        yield
    except KeyboardInterrupt:
        _end(f"{stage}: {on_interrupt}", 130)
    except InputError as error:
        _end(f"{stage}: {error}", 1)
    except OSError as error:
        where = error.filename or f"in {Path.cwd()}"
        _end(f"{stage}: {error.strerror or error}: {where}", 1)


def _end(line: str, code: int) -> None:
    """Exit at once: Python's own way out would wait for a training process to finish its group."""
    print(line, file=sys.stderr)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
