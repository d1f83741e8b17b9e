"""What a process says that is interrupted."""

import signal
import subprocess
import sys

import pytest

from tests.conftest import REPOSITORY

INTERRUPTED = """
import os, signal, sys
from stages.process.door import clear_exit
from stages.process.interrupts import interruptible

with clear_exit("stage"), interruptible("stage: interrupted"):
    try:
        os.kill(os.getpid(), int(sys.argv[1]))
        signal.pause()
    finally:
        {on_the_way_out}
"""


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize(
    "on_the_way_out",
    ["pass", "os.close(1000)", "[].pop()"],
    ids=["nothing", "an-error-of-the-system", "another-error"],
)
def test_what_fails_because_of_an_interrupt_is_not_told_in_its_place(
    on_the_way_out: str, stop: signal.Signals
) -> None:
    program = INTERRUPTED.format(on_the_way_out=on_the_way_out)
    done = subprocess.run(
        [sys.executable, "-c", program, str(int(stop))],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (128 + stop, "stage: interrupted\n")
