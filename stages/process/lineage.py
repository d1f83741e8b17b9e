"""The processes that a stage descends from, up to the DVC that runs the pipeline."""

import os
import signal
import time
from itertools import pairwise

import psutil

LOOK_SECONDS = 0.5
"""From one look for DVC to the next."""

_CLEAN_UP_SECONDS = 5


def follow_dvc(parent_at_start: int) -> None:
    """Wait until the DVC that started this process is gone, then end it as an interrupt does.

    A shell may stand between the two. DVC's own parent may go: that is what nohup is for. Whoever
    is the parent now has adopted this process if it is not that of the start.
    """
    line = [psutil.Process()]
    while _started_by_dvc(line[-1]) and (parent := line[-1].parent()):
        line.append(parent)
    while os.getppid() == parent_at_start and _unbroken(line):
        time.sleep(LOOK_SECONDS)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(_CLEAN_UP_SECONDS)
    os._exit(1)


def _started_by_dvc(process: psutil.Process) -> bool:
    """True of a stage and of the shell around it; DVC itself lives in its user's environment."""
    try:
        return "DVC_ROOT" in process.environ()
    except psutil.Error:
        return False


def _unbroken(line: list[psutil.Process]) -> bool:
    """Whether each process still has its parent: a dead one's children go to another at once."""
    try:
        return all(child.ppid() == parent.pid for child, parent in pairwise(line))
    except psutil.NoSuchProcess:
        return False
