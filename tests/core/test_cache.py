"""The trial cache: whole entries or none, damage noticed, locks that die with their process."""

import json
import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from filelock import Timeout
from safetensors.numpy import save

from stages.core.cache import TrialCache
from stages.core.networks import Perceptron, moment_shapes
from stages.core.pruning import entries, litter, remove_entry, remove_litter
from stages.core.records import (
    FILES,
    INITIAL,
    OPTIMIZER,
    RECORD,
    SNAPSHOTS,
    WEIGHTS,
    LayerRecord,
)
from stages.core.starts import NORMAL, Start
from stages.core.trial import Provenance, Trial
from stages.process.door import InputError
from tests.conftest import REPOSITORY
from tests.models import snapshots_of

PROVENANCE = Provenance("2.14.1", "cpu", "a processor", "c0de", "5eed")

KILLED_AT_EACH_LINE = """
import pickle, signal, sys
from stages.core import cache
from tests.each_line import each_line, signal_at

root, provenance, trial, files = pickle.loads(sys.stdin.buffer.read())
trials = cache.TrialCache(root, lambda _: provenance)

def killed_at(line):
    signal_at(line, signal.SIGKILL, cache)
    trials.store(trial, files)

for _ in each_line(-signal.SIGKILL, killed_at):
    print(sorted(trials.find(trial, whole=False) or ()), flush=True)
"""


def open_cache(root: Path) -> TrialCache:
    return TrialCache(root, lambda _: PROVENANCE)


@pytest.fixture
def trial(trial: Trial) -> Trial:
    """A network of few bytes."""
    return replace(trial, network=Perceptron((6, 4, 3), "relu"))


@pytest.fixture
def cache(tmp_path: Path) -> TrialCache:
    return open_cache(tmp_path)


def record_of(trial: Trial, provenance: Provenance = PROVENANCE) -> dict[str, Any]:
    scores = dict.fromkeys(("train_loss", "train_accuracy", "test_loss", "test_accuracy"), 0.5)
    names = [field.name for field in fields(LayerRecord)]
    layers = [dict.fromkeys(names, 0.5)] * len(trial.network.layers)
    return {
        "trial": asdict(trial),
        "provenance": asdict(provenance),
        "diverged": False,
        "untrained_test_accuracy": 0.1,
        "history": [{"epoch": epoch, **scores} for epoch in range(1, trial.records + 1)],
        "probes": [
            {"epoch": epoch, "loss": None, "sharpness": None, "layers": layers}
            for epoch in range(trial.records + 1)
        ],
    }


def files_of(trial: Trial) -> dict[str, bytes]:
    """The files that training it would give, were all numbers the same."""
    parameters = trial.network.shapes
    moments = moment_shapes(trial.network, trial.optimizer)
    named = {INITIAL: parameters, WEIGHTS: parameters, OPTIMIZER: moments}
    return {
        **{
            name: save({key: np.ones(shape, np.float32) for key, shape in shapes.items()})
            for name, shapes in named.items()
        },
        SNAPSHOTS: save(snapshots_of(trial)),
        RECORD: json.dumps(record_of(trial)).encode(),
    }


def left(root: Path) -> list[Path]:
    """All but the folders."""
    return [path for path in root.rglob("*") if path.is_symlink() or not path.is_dir()]


def entry_of(root: Path) -> Path:
    [entry] = root.glob("??/*/*")
    return entry


def test_what_was_stored_is_found(cache: TrialCache, trial: Trial) -> None:
    assert cache.find(trial) is None
    cache.store(trial, files_of(trial))
    assert cache.find(trial) == files_of(trial)
    assert cache.find(replace(trial, start=Start(NORMAL, 0.051))) is None


def test_training_can_begin_at_the_longest_that_is_shorter(cache: TrialCache, trial: Trial) -> None:
    for epochs in (3, 8, 12):
        cache.store(replace(trial, epochs=epochs), files_of(replace(trial, epochs=epochs)))
    starts = [cache.start(replace(trial, epochs=epochs)) for epochs in (2, 3, 4, 10, 20)]
    assert starts == [0, 0, 3, 8, 12]
    assert cache.start(replace(trial, seed=1, epochs=20)) == 0


def test_a_damaged_start_is_passed_over(tmp_path: Path, cache: TrialCache, trial: Trial) -> None:
    for epochs in (3, 8):
        cache.store(replace(trial, epochs=epochs), files_of(replace(trial, epochs=epochs)))
    [weights] = tmp_path.glob("??/*/8/weights.safetensors")
    weights.write_bytes(b"")
    assert cache.start(replace(trial, epochs=20)) == 3
    assert cache.start(replace(trial, epochs=20)) == 3


def flip(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(bytes([content[0] ^ 1]) + content[1:])


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def empty_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def folder_of_files(path: Path) -> None:
    empty_folder(path)
    (path / "more").write_text("inside")


def dangling_link(path: Path) -> None:
    path.unlink()
    path.symlink_to("nowhere")


def endless(path: Path) -> None:
    path.unlink()
    path.symlink_to("/dev/zero")


def sparse(path: Path) -> None:
    os.truncate(path, 2**40)


@pytest.mark.parametrize("name", [*FILES, "manifest.json"])
@pytest.mark.parametrize(
    "damage",
    [flip, truncate, Path.unlink, empty_folder, folder_of_files, dangling_link, endless, sparse],
)
def test_a_damaged_file_is_reported_and_its_entry_gone(
    tmp_path: Path,
    trial: Trial,
    capsys: pytest.CaptureFixture[str],
    name: str,
    damage: Callable[[Path], None],
) -> None:
    cache = open_cache(tmp_path)
    cache.store(trial, files_of(trial))
    damage(entry_of(tmp_path) / name)
    assert_reported_and_replaced(cache, trial, capsys)


MANIFESTS = {
    "empty": "{}",
    "null": "null",
    "a list": '["trial.json"]',
    "deep": "[" * 100_000,
    "long": '"' + "x" * 2**20 + '"',
    "not text": "\udcff",
    "names a file outside": '{"../x": "0"}',
    "lacks files": '{"trial.json": "0"}',
    "digests are lists": json.dumps({name: [] for name in FILES}),
}


@pytest.mark.parametrize("content", MANIFESTS.values(), ids=MANIFESTS.keys())
def test_a_wrong_manifest_is_damage(
    tmp_path: Path, trial: Trial, capsys: pytest.CaptureFixture[str], content: str
) -> None:
    cache = open_cache(tmp_path)
    cache.store(trial, files_of(trial))
    manifest = entry_of(tmp_path) / "manifest.json"
    manifest.write_bytes(content.encode("utf-8", "surrogateescape"))
    assert_reported_and_replaced(cache, trial, capsys)


def file_for_entry(entry: Path) -> None:
    entry.rename(entry.with_name("elsewhere"))
    entry.write_text("")


def link_for_entry(entry: Path) -> None:
    entry.rename(entry.with_name("elsewhere"))
    entry.symlink_to("nowhere")


def empty_entry(entry: Path) -> None:
    for file in entry.iterdir():
        file.unlink()


def file_for_key(entry: Path) -> None:
    entry.parent.rename(entry.parent.with_name("elsewhere"))
    entry.parent.write_text("")


def link_for_key(entry: Path) -> None:
    entry.parent.rename(entry.parent.with_name("elsewhere"))
    entry.parent.symlink_to("nowhere")


def file_for_prefix(entry: Path) -> None:
    entry.parents[1].rename(entry.parents[1].with_name("elsewhere"))
    entry.parents[1].write_text("")


@pytest.mark.parametrize(
    "damage",
    [file_for_entry, link_for_entry, empty_entry, file_for_key, link_for_key, file_for_prefix],
)
def test_something_else_in_the_place_of_an_entry_is_damage(
    tmp_path: Path,
    trial: Trial,
    capsys: pytest.CaptureFixture[str],
    damage: Callable[[Path], None],
) -> None:
    cache = open_cache(tmp_path)
    cache.store(trial, files_of(trial))
    damage(entry_of(tmp_path))
    assert isinstance(cache.lengths(trial), list)
    assert_reported_and_replaced(cache, trial, capsys)


OTHERS: list[dict[str, Any]] = [
    {"seed": 1},
    {"start": Start(NORMAL, 0.051)},
    {"epochs": 3},
    {"optimizer": "sgd"},
]


@pytest.mark.parametrize("other", OTHERS, ids=str)
def test_an_intact_entry_of_another_trial_is_damage(
    tmp_path: Path, trial: Trial, capsys: pytest.CaptureFixture[str], other: dict[str, Any]
) -> None:
    cache = open_cache(tmp_path)
    cache.store(replace(trial, **other), files_of(replace(trial, **other)))
    foreign = entry_of(tmp_path).rename(tmp_path / "foreign")
    cache.store(trial, files_of(trial))
    [entry] = [path for path in tmp_path.glob("??/*/*") if path.name == str(trial.epochs)]
    entry.rename(tmp_path / "own")
    foreign.rename(entry)
    assert_reported_and_replaced(cache, trial, capsys)


def test_an_intact_entry_of_another_provenance_is_damage(
    tmp_path: Path, trial: Trial, capsys: pytest.CaptureFixture[str]
) -> None:
    elsewhere = replace(PROVENANCE, kernels="other")
    files = {**files_of(trial), RECORD: json.dumps(record_of(trial, elsewhere)).encode()}
    TrialCache(tmp_path, lambda _: elsewhere).store(trial, files)
    foreign = entry_of(tmp_path).rename(tmp_path / "foreign")
    cache = open_cache(tmp_path)
    cache.store(trial, files_of(trial))
    [entry] = tmp_path.glob("??/*/*")
    entry.rename(tmp_path / "own")
    foreign.rename(entry)
    assert_reported_and_replaced(cache, trial, capsys)


def assert_reported_and_replaced(
    cache: TrialCache, trial: Trial, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert cache.find(trial) is None
    errors = capsys.readouterr().err
    assert "is damaged (" in errors
    assert errors.count("\n") == 1
    cache.store(trial, files_of(trial))
    assert cache.find(trial) == files_of(trial)


def record_with(trial: Trial, **changes: Any) -> bytes:
    return json.dumps({**record_of(trial), **changes}).encode()


def untrained_at(record: bytes, accuracy: bytes) -> bytes:
    old = b'"untrained_test_accuracy": '
    assert old + b"0.1," in record
    return record.replace(old + b"0.1,", old + accuracy + b",")


def answers(trial: Trial) -> dict[str, Any]:
    """What a worker might answer instead of the files of `trial`."""
    good = files_of(trial)
    other = replace(trial, network=Perceptron((6, 5, 3), "relu"))
    shorter = replace(trial, epochs=trial.epochs - 1)
    return {
        "nothing": None,
        "no dict": [*good],
        "no file": {},
        "one too few": {name: good[name] for name in FILES[:-1]},
        "one outside": {**good, "../../escaped": b"x"},
        "another name": {**{n: good[n] for n in FILES[:-1]}, "/tmp/trial.json": good[RECORD]},
        "no bytes": {**good, WEIGHTS: "text"},
        "too large": {**good, WEIGHTS: good[WEIGHTS] + bytes(10_000)},
        "junk tensors": {**good, OPTIMIZER: b"junk"},
        "snapshots of fewer epochs": {**good, SNAPSHOTS: files_of(shorter)[SNAPSHOTS]},
        "other shapes": {**good, WEIGHTS: files_of(other)[WEIGHTS]},
        "moments of another optimiser": {
            **good,
            OPTIMIZER: files_of(replace(trial, optimizer="momentum"))[OPTIMIZER],
        },
        "junk record": {**good, RECORD: b"junk"},
        "deep record": {**good, RECORD: b"[" * 60_000},
        "record of another": {**good, RECORD: json.dumps(record_of(other)).encode()},
        "no history": {**good, RECORD: record_with(trial, history=[])},
        "history of text": {**good, RECORD: record_with(trial, history=["x", "y"])},
        "probes lack": {**good, RECORD: record_with(trial, probes=[])},
        "provenance of numbers": {**good, RECORD: record_with(trial, provenance={"torch": 1})},
        "an infinite accuracy": {**good, RECORD: untrained_at(good[RECORD], b"Infinity")},
        "an accuracy too large": {**good, RECORD: untrained_at(good[RECORD], b"1e999")},
    }


TINY = Trial(Perceptron((2, 2), "relu"), "", Start(NORMAL, 1.0), "sgd", 1, 1, 1, 1, 0, 0, 0)


@pytest.mark.parametrize("kind", list(answers(TINY)))
def test_what_is_no_result_of_the_trial_is_refused_and_not_stored(
    tmp_path: Path, trial: Trial, kind: str
) -> None:
    root = tmp_path / "data" / "cache"
    cache = open_cache(root)
    with pytest.raises(InputError) as refusal:
        cache.store(trial, answers(trial)[kind])
    assert "\n" not in str(refusal.value)
    assert len(str(refusal.value)) < 300
    assert left(tmp_path) == []


def test_a_lone_record_is_enough_where_nothing_else_is_asked_for(
    cache: TrialCache, trial: Trial
) -> None:
    files = files_of(trial)
    cache.store(trial, {RECORD: files[RECORD]})
    assert cache.find(trial) is None
    assert cache.find(trial, whole=False) == {RECORD: files[RECORD]}
    assert cache.start(replace(trial, epochs=20)) == 0
    cache.store(trial, files)
    assert cache.find(trial) == cache.find(trial, whole=False) == files


def test_kill_9_while_the_other_files_are_stored_loses_no_lone_record(
    tmp_path: Path, cache: TrialCache, trial: Trial
) -> None:
    files = files_of(trial)
    cache.store(trial, {RECORD: files[RECORD]})
    run = subprocess.run(
        [sys.executable, "-c", KILLED_AT_EACH_LINE],
        input=pickle.dumps((tmp_path, PROVENANCE, trial, files)),
        capture_output=True,
        cwd=REPOSITORY,
        check=True,
    )
    assert run.stderr == b""
    held = run.stdout.decode().splitlines()
    assert len(held) > 20
    assert set(held) <= {str([RECORD]), str(sorted(files))}
    assert cache.find(trial) == files


def test_an_unfinished_epoch_is_no_start(cache: TrialCache, trial: Trial) -> None:
    unfinished = replace(trial, epochs=2, extra_steps=3)
    cache.store(unfinished, files_of(unfinished))
    assert cache.find(unfinished) == files_of(unfinished)
    assert cache.start(replace(trial, epochs=20)) == 0
    cache.store(trial, files_of(trial))
    assert cache.start(replace(unfinished, extra_steps=4)) == 2


def test_the_first_of_two_equal_entries_stays(cache: TrialCache, trial: Trial) -> None:
    late = {**files_of(trial), RECORD: record_with(trial, untrained_test_accuracy=0.2)}
    cache.store(trial, files_of(trial))
    cache.store(trial, late)
    assert cache.find(trial) == files_of(trial)


def test_strays_are_no_lengths_and_can_be_removed(
    tmp_path: Path, cache: TrialCache, trial: Trial
) -> None:
    root = tmp_path / "data" / "cache"
    cache = open_cache(root)
    cache.store(trial, files_of(trial))
    key = entry_of(root).parent
    (key / "2x").mkdir()
    (key / "1").write_text("a file")
    (root / "00" / "k" / "1x").mkdir(parents=True)
    (root / "00" / "k" / "7").symlink_to("nowhere")
    (root / "01").write_text("a file")
    (root / "02").mkdir()
    (root / "02" / "key").write_text("a file")
    assert cache.lengths(trial) == [1, 2]
    held = entries(root)
    assert sorted(entry.path.name for entry in held) == ["1", "2", "7"]
    assert [entry.trial for entry in held if entry.path.name != "2"] == [None, None]
    assert len(litter(root)) == 4
    remove_litter(root)
    assert litter(root) == []
    assert cache.find(trial) == files_of(trial)
    assert all(remove_entry(root, entry) for entry in held)
    assert left(root) == []


def test_a_lock_is_held_against_other_processes_until_they_die(
    tmp_path: Path, trial: Trial
) -> None:
    with subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import pathlib, pickle, sys, time; from stages.core.cache import TrialCache;"
            "root, provenance, trial = pickle.loads(sys.stdin.buffer.read());"
            "lock = TrialCache(root, lambda _: provenance).lock(trial); lock.acquire();"
            "print('held', flush=True); time.sleep(60)",
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=REPOSITORY,
    ) as holder:
        assert holder.stdin
        assert holder.stdout
        holder.stdin.write(pickle.dumps((tmp_path, PROVENANCE, trial)))
        holder.stdin.close()
        assert holder.stdout.readline() == b"held\n"
        lock = open_cache(tmp_path).lock(trial)
        with pytest.raises(Timeout):
            lock.acquire(blocking=False)
        holder.kill()
    lock.acquire(timeout=5)
    lock.release()
