"""The submission loop and what comes back from training processes."""

from collections.abc import Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest

from stages.core.cache import TrialCache
from stages.core.networks import Module
from stages.core.trial import Provenance, Trial
from stages.engine.machine import BATCHED, Machine
from stages.engine.pool import Files, Pool, in_a_line
from stages.engine.sweep import train_trials
from stages.process.door import InputError
from tests.core.test_cache import PROVENANCE, files_of


def train_with_answer(root: Path, trial: Trial, answer: Any) -> TrialCache:
    """A sweep of one trial, to which a process answers so, or fails with this exception."""

    def submit(
        trials: Sequence[Trial], starts: Sequence[Files], provenance: Provenance, whole: bool
    ) -> Future[list[Files]]:
        future: Future[list[Files]] = Future()
        if isinstance(answer, Exception):
            future.set_exception(answer)
        else:
            future.set_result(answer)
        return future

    def describe(path: str, data: str) -> Module:
        raise AssertionError("a perceptron needs no description")

    def failure(error: Exception) -> InputError:
        return InputError(in_a_line(error))

    p = PROVENANCE
    machine = Machine(
        p.torch, p.device, p.device_model, {trial.optimizer: p.kernels}, {BATCHED: p.code}, 1e9
    )
    cache = TrialCache(root, machine.provenance_of)
    pool = Pool(submit, describe, 1, machine, failure, here=True, ended_work=lambda: 0)
    train_trials({trial: True}, cache, pool)
    return cache


def test_an_answer_with_the_files_of_the_trial_is_stored(tmp_path: Path, trial: Trial) -> None:
    cache = train_with_answer(tmp_path, trial, [files_of(trial)])
    assert cache.find(trial) == files_of(trial)
    assert list((tmp_path / "locks").iterdir()) == []


ANSWERS: list[Any] = [None, [], {}, [None], [{"../../escaped": b"x"}], [{}, {}]]
FAILURES = [RuntimeError("two\nlines"), ModuleNotFoundError("No module named 'torch'"), OSError(5)]


@pytest.mark.parametrize("answer", [*ANSWERS, *FAILURES])
def test_any_other_answer_is_one_line_and_stored_nowhere(
    tmp_path: Path, trial: Trial, answer: Any
) -> None:
    root = tmp_path / "data" / "cache"
    with pytest.raises(InputError) as refusal:
        train_with_answer(root, trial, answer)
    assert "\n" not in str(refusal.value)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
