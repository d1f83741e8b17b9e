"""Scratch folders: used by living processes they stay, left by dead ones they go."""

import subprocess
import sys
from pathlib import Path

import pytest

from stages.process.files import write_atomically
from stages.process.scratch import leftovers, remove, scratch_folder, sweep
from tests.conftest import REPOSITORY

HOLD = """
import sys, time
from pathlib import Path
from stages.process.scratch import scratch_folder
with scratch_folder(Path(sys.argv[1]), "work") as folder:
    (folder / "file").write_text("half")
    print(folder, flush=True)
    time.sleep(60)
"""

CONTEND = """
import sys
from pathlib import Path
from stages.process.scratch import scratch_folder
for _ in range(200):
    with scratch_folder(Path(sys.argv[1]), "work") as folder:
        (folder / "file").write_text("half")
        (folder / "file").rename(folder / "done")
"""


def start(script: str, folder: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", script, str(folder)],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_what_a_living_process_uses_stays_and_goes_after_kill_9(tmp_path: Path) -> None:
    holder = start(HOLD, tmp_path)
    assert holder.stdout
    folder = Path(holder.stdout.readline().strip())
    with scratch_folder(tmp_path, "work"):
        assert (folder / "file").exists()
    sweep(tmp_path, "work")
    assert (folder / "file").read_text() == "half"
    assert leftovers(tmp_path, "work") == []
    holder.kill()
    holder.communicate()
    assert leftovers(tmp_path, "work") == [folder, folder.with_name(f"{folder.name}.lock")]
    sweep(tmp_path, "work")
    assert names(tmp_path) == []


def test_processes_that_begin_and_sweep_at_once_do_not_harm_each_other(tmp_path: Path) -> None:
    contenders = [start(CONTEND, tmp_path) for _ in range(4)]
    errors = [process.communicate(timeout=120)[1] for process in contenders]
    assert errors == [""] * 4
    assert names(tmp_path) == []


def test_only_its_own_prefix_is_swept(tmp_path: Path) -> None:
    others = ["homework-4", "work", "work.swp", "works"]
    for name in ("work-1", "work-2.lock", "work.3", *others):
        (tmp_path / name).write_text("")
    sweep(tmp_path, "work")
    assert names(tmp_path) == others


@pytest.mark.parametrize("text", ["new", "\udcff"], ids=["written", "fails"])
def test_a_written_file_appears_whole_without_earlier_attempts(tmp_path: Path, text: str) -> None:
    (tmp_path / "report.md").write_text("old")
    (tmp_path / ".report.md.4711").write_text("ha")
    try:
        write_atomically(tmp_path / "report.md", text)
    except UnicodeEncodeError:
        text = "old"
    assert (tmp_path / "report.md").read_text() == text
    assert names(tmp_path) == ["report.md"]


def test_a_folder_without_permissions_can_be_removed(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "file").write_text("")
    folder.chmod(0)
    remove(folder)
    remove(folder)
    assert names(tmp_path) == []
