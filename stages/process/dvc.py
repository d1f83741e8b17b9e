"""A `dvc` command that a door runs, with the DVC of its own environment."""

import subprocess
import sys


def run_dvc(*arguments: str) -> str:
    """What a `dvc` command prints; where it fails, it has said why, and so the process ends.

    It has a session of its own: on a terminal Ctrl-C is for this process to answer, which ends it.
    """
    command = [sys.executable, "-m", "dvc", *arguments]
    run = subprocess.run(
        command, stdout=subprocess.PIPE, text=True, check=False, start_new_session=True
    )
    if run.returncode != 0:
        sys.exit(run.returncode)
    return run.stdout
