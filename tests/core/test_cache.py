"""The trial cache: whole entries or none, damage noticed, locks that die with their process."""

import pickle
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from filelock import Timeout

from stages.core.cache import TrialCache
from stages.core.trial import Provenance, Trial
from tests.conftest import REPOSITORY

PROVENANCE = Provenance("2.14.1", "cpu", "a processor", "c0de", "da7a", "5eed")
FILES = {"weights.safetensors": b"weights" * 1000, "trial.json": b"{}"}


@pytest.fixture
def cache(tmp_path: Path) -> TrialCache:
    return TrialCache(tmp_path, PROVENANCE)


def entry_files(root: Path) -> list[Path]:
    return [path for path in root.rglob("*") if path.is_file() and "locks" not in path.parts]


def test_what_was_stored_is_found(cache: TrialCache, trial: Trial) -> None:
    assert cache.find(trial) is None
    cache.store(trial, FILES)
    assert cache.find(trial) == FILES
    assert cache.find(replace(trial, sigma=0.051)) is None


def test_training_can_begin_at_the_longest_that_is_shorter(cache: TrialCache, trial: Trial) -> None:
    for epochs in (3, 8, 12):
        cache.store(replace(trial, epochs=epochs), FILES)
    starts = [cache.start(replace(trial, epochs=epochs)) for epochs in (2, 3, 4, 10, 20)]
    assert starts == [0, 0, 3, 8, 12]
    assert cache.start(replace(trial, seed=1, epochs=20)) == 0


@pytest.mark.parametrize("which", range(3))
@pytest.mark.parametrize("damage", ["flip", "truncate", "remove"])
def test_a_damaged_entry_is_reported_and_gone(
    tmp_path: Path, trial: Trial, capsys: pytest.CaptureFixture[str], which: int, damage: str
) -> None:
    cache = TrialCache(tmp_path, PROVENANCE)
    cache.store(trial, FILES)
    victim = sorted(entry_files(tmp_path))[which]
    content = victim.read_bytes()
    if damage == "flip":
        victim.write_bytes(bytes([content[0] ^ 1]) + content[1:])
    elif damage == "truncate":
        victim.write_bytes(content[: len(content) // 2])
    else:
        victim.unlink()
    assert cache.find(trial) is None
    assert "damaged" in capsys.readouterr().err
    assert entry_files(tmp_path) == []
    cache.store(trial, FILES)
    assert cache.find(trial) == FILES


def test_the_first_of_two_equal_entries_stays(cache: TrialCache, trial: Trial) -> None:
    cache.store(trial, FILES)
    cache.store(trial, {"trial.json": b"late"})
    assert cache.find(trial) == FILES


def test_a_failed_store_leaves_nothing(tmp_path: Path, trial: Trial) -> None:
    with pytest.raises(OSError, match="missing"):
        TrialCache(tmp_path, PROVENANCE).store(trial, {"missing/folder": b""})
    assert TrialCache(tmp_path, PROVENANCE).find(trial) is None
    assert entry_files(tmp_path) == []


def test_a_lock_is_held_against_other_processes_until_they_die(
    tmp_path: Path, trial: Trial
) -> None:
    holder = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import pathlib, pickle, sys, time; from stages.core.cache import TrialCache;"
            "root, provenance, trial = pickle.loads(sys.stdin.buffer.read());"
            "lock = TrialCache(root, provenance).lock(trial); lock.acquire();"
            "print('held', flush=True); time.sleep(60)",
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=REPOSITORY,
    )
    assert holder.stdin
    assert holder.stdout
    holder.stdin.write(pickle.dumps((tmp_path, PROVENANCE, trial)))
    holder.stdin.close()
    assert holder.stdout.readline() == b"held\n"
    lock = TrialCache(tmp_path, PROVENANCE).lock(trial)
    with pytest.raises(Timeout):
        lock.acquire(blocking=False)
    holder.kill()
    holder.wait()
    lock.acquire(timeout=5)
    lock.release()
