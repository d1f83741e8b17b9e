"""The submission loop and what comes back from training processes."""

from collections.abc import Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest

from stages.core.cache import TrialCache
from stages.core.trial import Trial
from stages.engine.pool import Pool
from stages.engine.sweep import train_trials
from stages.process.door import InputError
from tests.core.test_cache import PROVENANCE, files_of


def train_with_answer(root: Path, trial: Trial, answer: Any) -> TrialCache:
    """A sweep of one trial, to which a process answers so."""

    def submit(
        trials: Sequence[Trial], starts: Sequence[dict[str, bytes]]
    ) -> Future[list[dict[str, bytes]]]:
        future: Future[list[dict[str, bytes]]] = Future()
        future.set_result(answer)
        return future

    cache = TrialCache(root, PROVENANCE)
    train_trials([trial], cache, Pool(submit, 1, PROVENANCE, lambda: trial.epochs))
    return cache


def test_an_answer_with_the_files_of_the_trial_is_stored(tmp_path: Path, trial: Trial) -> None:
    cache = train_with_answer(tmp_path, trial, [files_of(trial)])
    assert cache.find(trial) == files_of(trial)
    assert list((tmp_path / "locks").iterdir()) == []


@pytest.mark.parametrize("answer", [None, [], {}, [None], [{"../../escaped": b"x"}], [{}, {}]])
def test_any_other_answer_is_one_line_and_stored_nowhere(
    tmp_path: Path, trial: Trial, answer: Any
) -> None:
    root = tmp_path / "data" / "cache"
    with pytest.raises(InputError) as refusal:
        train_with_answer(root, trial, answer)
    assert "\n" not in str(refusal.value)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
