"""What a process says that is interrupted."""

import os
import signal
import subprocess
import sys
from pathlib import Path

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


IN_A_DESTRUCTOR = """
import os, signal, time
from pathlib import Path
from filelock import FileLock
from stages.process.door import clear_exit
from stages.process.interrupts import interruptible
from stages.process.locks import HeldLocks
from stages.process.scratch import ScratchFolder

class Dying:
    def __del__(self):
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(60)

with clear_exit("stage"), interruptible("stage: interrupted"):
    with HeldLocks() as held, ScratchFolder(Path(), "made") as scratch:
        held.take(FileLock("held.lock"))
        held.take(given_back := FileLock("given-back.lock"))
        held.give_back(given_back)
        Path("given-back.lock").touch()  # as another process does
        (scratch / "file").touch()
        Dying()
"""


def test_an_interrupt_where_nothing_can_be_raised_leaves_no_lock_and_no_scratch(
    tmp_path: Path,
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", IN_A_DESTRUCTOR],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (130, "stage: interrupted\n")
    assert [path.name for path in tmp_path.iterdir()] == ["given-back.lock"]
