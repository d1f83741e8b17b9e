"""What all doors share: how a stage ends when it cannot go on."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class InputError(Exception):
    """A user's mistake or a missing piece; the message is one line that says what to do."""


@contextmanager
def clear_exit(stage: str, on_interrupt: str = "interrupted") -> Iterator[None]:
    """End the process in one line, without traceback, where a person can mend the cause.

    Exit code 130 after Ctrl-C, 1 after an InputError or an error of the file system.
    """
    try:
        yield
    except KeyboardInterrupt:
        print(f"{stage}: {on_interrupt}", file=sys.stderr)
        sys.exit(130)
    except InputError as error:
        sys.exit(f"{stage}: {error}")
    except OSError as error:
        sys.exit(f"{stage}: {error.strerror or error}: {error.filename or Path.cwd()}")
