"""Work that is cut short before each of its lines in turn, in the scripts of tests: they fork."""

import os
import sys
from collections.abc import Callable, Iterator
from itertools import count
from types import FrameType, ModuleType
from typing import Any


def each_line(expected: int, work: Callable[[int], None]) -> Iterator[int]:
    """Fork a process that does `work`, cut short at line 1, 2, ..., as long as all end as expected.

    Ends this process with the exit code of the first that ends otherwise.
    """
    for line in count(1):
        if (child := os.fork()) == 0:
            work(line)
            os._exit(0)
        if (code := os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])) != expected:
            sys.exit(code)
        yield line


def signal_at(line: int, signal: int, *modules: ModuleType) -> Iterator[int]:
    """Send this process a signal before the so-manieth line that it runs of these modules.

    Counts the lines that it has run, from 1.
    """
    lines, files = count(1), [module.__file__ for module in modules]

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        if frame.f_code.co_filename not in files:
            return None
        if event == "line" and next(lines) == line:
            os.kill(os.getpid(), signal)
        return trace

    sys.settrace(trace)
    return lines
