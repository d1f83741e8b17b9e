"""The process that training processes are forked from: it imports torch once, for all of them.

This module itself imports nothing heavy, so that a door can start the server first thing and do its
own imports meanwhile.
"""

import multiprocessing
import multiprocessing.forkserver
import multiprocessing.resource_tracker
import multiprocessing.util
import os
import signal
import tempfile
from pathlib import Path

from stages.process.door import InputError
from stages.process.interrupts import short_lived

context = multiprocessing.get_context("forkserver")

_LONGEST_TEMPORARY_FOLDER = 104 - len("/pymp-12345678/listener-12345678") - 1
"""Bytes. The path of a socket, its final zero included, has 104 on macOS and 108 on Linux."""


def warm_up() -> None:
    """Start the server; it goes on importing while the caller returns.

    It leaves Ctrl-C to this process from its first moment on, and so do those that it forks.
    """
    # Python frees the semaphores of an interrupted run, but would warn of them over our one line.
    os.environ.setdefault("PYTHONWARNINGS", "ignore:resource_tracker:UserWarning")
    _ask_for_huge_pages()
    context.set_forkserver_preload(["stages.engine.preload"])
    # First, since it ends by letting signals through.
    multiprocessing.resource_tracker.ensure_running()
    unblocked = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        _make_folder_of_sockets()
        multiprocessing.forkserver.ensure_running()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, unblocked)


def _ask_for_huge_pages() -> None:
    """Have torch lay tensors of 2 MB or more in pages of that size; bits stay the same.

    Where a column is read, each of its numbers lies in another page of the usual size, and must be
    looked for: with AVX-512 a training step of 14 networks takes 2 % less time so.
    """
    if Path("/sys/kernel/mm/transparent_hugepage").is_dir():  # else torch warns
        os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")


def _make_folder_of_sockets() -> None:
    """Let multiprocessing make its folder where paths are short enough for a socket.

    Raises InputError if there is no such place.
    """
    usual = tempfile.gettempdir()
    for place in (usual, "/tmp", "/var/tmp", "/dev/shm"):
        if len(os.fsencode(place)) <= _LONGEST_TEMPORARY_FOLDER and os.access(place, os.W_OK):
            break
    else:
        raise InputError(f"TMPDIR={usual} is too long a path for sockets; set it to a shorter one")
    tempfile.tempdir = place
    try:
        short_lived.add(Path(multiprocessing.util.get_temp_dir()))
    finally:
        tempfile.tempdir = usual
