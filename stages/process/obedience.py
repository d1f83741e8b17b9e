"""How processes that a stage starts end with it."""

import multiprocessing
import multiprocessing.connection
import os
import signal
import threading


def obey_parent() -> None:
    """Make this process leave Ctrl-C to its parent, and end when that is gone, even by kill -9."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_follow_parent, daemon=True).start()


def _follow_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    multiprocessing.connection.wait([parent.sentinel])
    os._exit(1)
