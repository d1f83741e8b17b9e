"""Scratch folders: used by living processes they stay, left by dead ones they go."""

import resource
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from matplotlib.figure import Figure

from stages.analysis.tables import write_csv, write_json
from stages.figures.style import save
from stages.process.files import write_atomically
from stages.process.scratch import HIDDEN, ScratchFolder, leftovers, remove, sweep
from tests.conftest import REPOSITORY

HOLD = """
import sys, time
from pathlib import Path
from stages.process.scratch import ScratchFolder
with ScratchFolder(Path(sys.argv[1]), sys.argv[2]) as folder:
    (folder / "file").write_text("half")
    print(folder, flush=True)
    time.sleep(60)
"""

CONTEND = """
import sys
from pathlib import Path
from stages.process.scratch import ScratchFolder
for _ in range(200):
    with ScratchFolder(Path(sys.argv[1]), "work") as folder:
        (folder / "file").write_text("half")
        (folder / "file").rename(folder / "done")
"""

INTERRUPT = """
import os, signal, sys
from pathlib import Path
from filelock import FileLock
from stages.process import locks, scratch
from stages.process.door import clear_exit
from stages.process.interrupts import interruptible
from tests.each_line import each_line, signal_at

folder = Path(sys.argv[1])

def use_scratch():
    with scratch.ScratchFolder(folder, "work") as made:
        (made / "file").write_text("half")

def use_locks():
    with locks.HeldLocks() as held:
        taken = [FileLock(folder / name) for name in "ab"]
        for lock in taken:
            held.take(lock)
        held.give_back(taken[0])

def interrupted_at(line):
    with clear_exit("stage"), interruptible("stage: interrupted"):
        lines = signal_at(line, signal.SIGINT, locks, scratch)
        globals()[sys.argv[2]]()
        sys.settrace(None)
        if next(lines) > line:
            signal.pause()  # until an interrupt that had to wait is raised

for line in each_line(130, interrupted_at):
    print(line, sorted(os.listdir(folder)))
"""


def start(script: str, folder: Path, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", script, str(folder), *arguments],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_what_a_living_process_uses_stays_and_goes_after_kill_9(tmp_path: Path) -> None:
    holder = start(HOLD, tmp_path, "work")
    assert holder.stdout
    folder = Path(holder.stdout.readline().strip())
    with ScratchFolder(tmp_path, "work"):
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


@pytest.mark.parametrize("use", ["use_scratch", "use_locks"])
def test_an_interrupt_at_any_line_leaves_nothing(tmp_path: Path, use: str) -> None:
    ended = start(INTERRUPT, tmp_path, use)
    lines = ended.communicate(timeout=120)[0].splitlines()
    assert ended.returncode == 0
    assert len(lines) > 10
    assert [line for line in lines if not line.endswith(" []")] == []


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


def test_git_ignores_what_a_killed_writer_left_and_only_that(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    (tmp_path / ".gitignore").write_bytes((REPOSITORY / ".gitignore").read_bytes())
    for folder in ("metrics", "data/raw", "studies/sgd/plots", ".dvc"):
        holder = start(HOLD, tmp_path / folder, ".report.md")
        assert holder.stdout
        assert holder.stdout.readline()
        holder.kill()
        holder.communicate()
        assert len(leftovers(tmp_path / folder, HIDDEN)) == 2
    (tmp_path / "metrics" / ".my-notes").write_text("")
    untracked = subprocess.run(
        ["git", "-C", str(tmp_path), "status", "--porcelain", "-uall"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert untracked.split() == ["??", ".gitignore", "??", "metrics/.my-notes"]


def full_of_words() -> Figure:
    """A picture of more than 1000 bytes."""
    figure = Figure()
    figure.text(0, 0.5, "Accuracy against the scale of initialisation")
    return figure


@contextmanager
def full_disk() -> Iterator[None]:
    """Files meanwhile end at 1000 bytes, as with `ulimit -f`."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize(
    "write",
    [
        lambda path: write_json(path, ["x"] * 1000),
        lambda path: write_csv(path, [{"x": 1}] * 1000),
        lambda path: save(full_of_words(), path),
        lambda path: write_atomically(path, bytes(2000)),
    ],
    ids=["JSON", "CSV", "PNG", "bytes"],
)
def test_a_full_disk_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, write: Callable[[Path], None]
) -> None:
    path = tmp_path / "file.png"
    path.write_text("old")
    with full_disk(), pytest.raises(OSError, match=rf"File too large: '{path}'"):
        write(path)
    assert path.read_text() == "old"
    assert names(tmp_path) == ["file.png"]


def test_a_folder_without_permissions_can_be_removed(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "file").write_text("")
    folder.chmod(0)
    remove(folder)
    remove(folder)
    assert names(tmp_path) == []
