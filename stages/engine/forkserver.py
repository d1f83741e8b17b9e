"""The process that training processes are forked from: it imports torch once, for all of them.

This module itself imports nothing heavy, so that a door can start the server first thing and do its
own imports meanwhile.
"""

import multiprocessing
import multiprocessing.forkserver
import os

context = multiprocessing.get_context("forkserver")


def warm_up() -> None:
    """Start the server; it goes on importing while the caller returns."""
    # Python frees the semaphores of an interrupted run, but would warn of them over our one line.
    os.environ.setdefault("PYTHONWARNINGS", "ignore:resource_tracker:UserWarning")
    context.set_forkserver_preload(["stages.engine.preload"])
    multiprocessing.forkserver.ensure_running()
