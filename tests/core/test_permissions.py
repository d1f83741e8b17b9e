"""A trial cache that another account made, and that this one may only read."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from stages.core.cache import TrialCache
from stages.core.networks import Perceptron
from stages.core.pruning import entries, remove_entry
from stages.core.trial import Trial
from stages.process.door import InputError
from tests.core.test_cache import PROVENANCE, files_of

NOBODY = 65534


@pytest.fixture
def root() -> Iterator[Path]:
    """A folder that every account can reach."""
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder) / "cache"


@contextmanager
def read_only(root: Path) -> Iterator[None]:
    """Nothing under `root` can be changed meanwhile, not even by the administrator."""
    folders = [root, *(path for path in root.rglob("*") if path.is_dir())]
    for folder in folders:
        folder.chmod(0o555)
    administrator = os.geteuid() == 0
    try:
        if administrator:
            os.seteuid(NOBODY)
        yield
    finally:
        if administrator:
            os.seteuid(0)
        for folder in folders:
            folder.chmod(0o755)


@pytest.mark.skipif(not hasattr(os, "seteuid"), reason="accounts are another thing here")
def test_what_cannot_be_written_or_removed_is_said_before_training(
    root: Path, trial: Trial, capsys: pytest.CaptureFixture[str]
) -> None:
    trial = replace(trial, network=Perceptron((6, 4, 3), "relu"))
    cache = TrialCache(root, lambda _: PROVENANCE)
    cache.store(trial, files_of(trial))
    [entry] = entries(root)
    with read_only(root):
        assert cache.find(trial) == files_of(trial)
        with pytest.raises(PermissionError):
            cache.lock(replace(trial, seed=1))
        with pytest.raises(PermissionError):
            remove_entry(root, entry)
    (entry.path / "weights.safetensors").write_bytes(b"")
    with read_only(root), pytest.raises(InputError) as refusal:
        cache.find(trial)
    assert "is damaged (weights.safetensors has another SHA-256) and cannot be removed" in str(
        refusal.value
    )
    assert "\n" not in str(refusal.value)
    assert capsys.readouterr().err == ""
