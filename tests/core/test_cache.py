"""The trial cache: whole entries or none, damage noticed, locks that die with their process."""

import subprocess
import sys
from pathlib import Path

import pytest
from filelock import Timeout

from stages.core.cache import TrialCache

KEY = "ab" * 32
FILES = {"weights.safetensors": b"weights" * 1000, "trial.json": b"{}"}


@pytest.fixture
def cache(tmp_path: Path) -> TrialCache:
    return TrialCache(tmp_path)


def entry_files(root: Path) -> list[Path]:
    return [path for path in root.rglob("*") if path.is_file() and "locks" not in path.parts]


def test_what_was_stored_is_found(cache: TrialCache) -> None:
    assert cache.find(KEY, 10) is None
    cache.store(KEY, 10, FILES)
    assert cache.find(KEY, 10) == FILES
    assert cache.find(KEY, 9) is None
    assert cache.find("cd" * 32, 10) is None


@pytest.mark.parametrize("which", range(3))
@pytest.mark.parametrize("damage", ["flip", "truncate", "remove"])
def test_a_damaged_entry_is_reported_and_gone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], which: int, damage: str
) -> None:
    cache = TrialCache(tmp_path)
    cache.store(KEY, 10, FILES)
    victim = sorted(entry_files(tmp_path))[which]
    content = victim.read_bytes()
    if damage == "flip":
        victim.write_bytes(bytes([content[0] ^ 1]) + content[1:])
    elif damage == "truncate":
        victim.write_bytes(content[: len(content) // 2])
    else:
        victim.unlink()
    assert cache.find(KEY, 10) is None
    assert "damaged" in capsys.readouterr().err
    assert entry_files(tmp_path) == []
    cache.store(KEY, 10, FILES)
    assert cache.find(KEY, 10) == FILES


def test_the_first_of_two_equal_entries_stays(cache: TrialCache) -> None:
    cache.store(KEY, 10, FILES)
    cache.store(KEY, 10, {"trial.json": b"late"})
    assert cache.find(KEY, 10) == FILES


def test_a_failed_store_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="missing"):
        TrialCache(tmp_path).store(KEY, 10, {"missing/folder": b""})
    assert TrialCache(tmp_path).find(KEY, 10) is None
    assert entry_files(tmp_path) == []


def test_a_lock_is_held_against_other_processes_until_they_die(tmp_path: Path) -> None:
    holder = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sys, pathlib, time; from stages.core.cache import TrialCache;"
            f"lock = TrialCache(pathlib.Path({str(tmp_path)!r})).lock({KEY!r}); lock.acquire();"
            "print('held', flush=True); time.sleep(60)",
        ],
        stdout=subprocess.PIPE,
        cwd=Path(__file__).resolve().parents[2],
    )
    assert holder.stdout
    assert holder.stdout.readline() == b"held\n"
    lock = TrialCache(tmp_path).lock(KEY)
    with pytest.raises(Timeout):
        lock.acquire(blocking=False)
    holder.kill()
    holder.wait()
    lock.acquire(timeout=5)
    lock.release()
