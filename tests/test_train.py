"""The train door as DVC calls it, on a small data set: what is trained, reused and survives."""

import fcntl
import io
import json
import os
import pty
import re
import shutil
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import redirect_stderr, redirect_stdout, suppress
from dataclasses import fields
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from torch import cuda
from torch.backends import mkl

from stages import train as door
from stages.core.activations import ACTIVATIONS
from stages.core.dataset import Dataset
from stages.core.trial import Provenance
from stages.engine.cores import available_cores
from stages.engine.forkserver import context, warm_up
from stages.engine.provenance import FINGERPRINTS
from stages.process.door import InputError
from stages.process.pace import following
from tests.conftest import (
    REPOSITORY,
    open_doors,
    replace_in,
    stage_environment,
    start_stage,
    wait_until,
    write_data,
    write_params,
)
from tests.forked import HANGS_AFTER, TRAINING, run_door


def train(workspace: Path, **changes: Any) -> tuple[str, str]:
    """Train to the end, in this process; what was printed to stdout and to stderr."""
    write_params(workspace, **changes)
    output, errors = io.StringIO(), io.StringIO()
    with open_doors(workspace), redirect_stdout(output), redirect_stderr(errors):
        door.main(Path())
    return output.getvalue(), errors.getvalue()


def train_alone(workspace: Path, **changes: Any) -> tuple[str, str]:
    """The same in a process of its own, with the code and the environment that it finds."""
    write_params(workspace, **changes)
    process = start_stage(workspace, "train")
    output, errors = process.communicate(timeout=HANGS_AFTER)
    assert process.returncode == 0, errors
    return output, errors


def refused(workspace: Path) -> str:
    """Try to train, in this process; the line that the door ends with."""
    with open_doors(workspace), pytest.raises(InputError) as refusal:
        door.main(Path())
    line = str(refusal.value)
    assert line.isprintable()
    return line


def models(workspace: Path) -> dict[str, bytes]:
    """The weights and the history of each trial in data/models, by variant and name."""
    folder = workspace / "data" / "models"
    return {
        str(record.parent.relative_to(folder)): (
            (record.parent / "weights.safetensors").read_bytes()
            + json.dumps(json.loads(record.read_bytes())["history"]).encode()
        )
        for record in records(workspace)
    }


def entries(workspace: Path) -> list[Path]:
    return [path.parent for path in (workspace / "data" / "cache").glob("??/*/*/manifest.json")]


@pytest.fixture(scope="module")
def small_sweep(tmp_path_factory: pytest.TempPathFactory, small_dataset: Dataset) -> Path:
    """A folder that has trained the small sweep, 3 trials of 2 epochs; treat it as read-only."""
    folder = write_data(tmp_path_factory.mktemp("small"), small_dataset)
    output, _ = train(folder)
    assert "3 trials: 0 reused, 3 to train" in output
    return folder


@pytest.fixture(scope="module")
def longer_sweep(tmp_path_factory: pytest.TempPathFactory, small_dataset: Dataset) -> Path:
    """The same, of 5 epochs in one go."""
    folder = write_data(tmp_path_factory.mktemp("longer"), small_dataset)
    train(folder, train={"epochs": 5})
    return folder


@pytest.fixture
def trained(tmp_path: Path, small_sweep: Path) -> Path:
    """A folder of this test that has trained the small sweep."""
    return shutil.copytree(small_sweep, tmp_path, dirs_exist_ok=True)


def test_denser_sweep_trains_only_the_new_sigmas_and_models_are_those_that_params_ask_for(
    trained: Path,
) -> None:
    coarse = models(trained)
    output, _ = train(trained, sweep={"num_points": 5})
    assert "5 trials: 3 reused, 2 to train" in output
    assert coarse.items() < models(trained).items()
    output, _ = train(trained)
    assert "3 trials: 3 reused, 0 to train" in output
    assert models(trained) == coarse


def test_going_back_to_other_training_code_retrains_nothing(trained: Path) -> None:
    usual = models(trained)
    shutil.copytree(REPOSITORY / "stages", trained / "stages")
    trainer = trained / "stages" / "engine" / "batched" / "trainer.py"
    replace_in(trainer, "_EVALUATION_BATCH = 512", "_EVALUATION_BATCH = 256")
    assert "3 trials: 0 reused, 3 to train" in train_alone(trained)[0]  # by the code beside it
    assert "3 trials: 3 reused, 0 to train" in train(trained)[0]
    assert models(trained) == usual


@pytest.fixture(scope="module")
def own_code(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a copy of the code, which is training code like the original."""
    folder = tmp_path_factory.mktemp("own")
    shutil.copytree(REPOSITORY / "stages", folder / "stages")
    assert fingerprints(folder) == FINGERPRINTS
    return folder


def fingerprints(folder: Path) -> dict[str, str]:
    """Of each trainer, those that a training process takes of the code in `folder`."""
    with open_doors(folder):
        warm_up()
        with ProcessPoolExecutor(1, context) as fresh:
            return fresh.submit(_fingerprints, folder).result()


def _fingerprints(folder: Path) -> dict[str, str]:
    """Forget the code of this repository, then load the other."""
    for name in [name for name in sys.modules if name.partition(".")[0] == "stages"]:
        del sys.modules[name]
    sys.path.insert(0, str(folder))
    return dict(import_module("stages.engine.provenance").FINGERPRINTS)


@pytest.mark.parametrize(
    ("module", "old", "new"),
    [
        ("core/initializers.py", "sqrt(5)", "sqrt(6)"),
        ("core/seeding.py", '"parameters"', '"noise of parameters"'),
        (
            "core/dataset.py",
            "/ self.train_images.size / 255, 4)",
            "/ self.train_images.size / 256, 4)",
        ),
        ("engine/batched/layout.py", "ALIGNMENT = 16", "ALIGNMENT = 32"),
        ("engine/device.py", "set_flush_denormal(True)", "set_flush_denormal(False)"),
    ],
)
def test_other_code_of_what_all_trials_share_is_other_training_code(
    own_code: Path, module: str, old: str, new: str
) -> None:
    """It has other fingerprints, and so retrains everything."""
    replace_in(own_code / "stages" / module, old, new)
    other = fingerprints(own_code)
    replace_in(own_code / "stages" / module, new, old)
    assert other.keys() == FINGERPRINTS.keys()
    assert all(other[trainer] != FINGERPRINTS[trainer] for trainer in other)


def test_what_is_written_for_readers_is_no_training_code(own_code: Path) -> None:
    module = own_code / "stages" / "core" / "seeding.py"
    text = module.read_text("utf-8")
    module.write_text(text.replace('"""', '"""In other words: ', 1) + "# a comment\n", "utf-8")
    other = fingerprints(own_code)
    module.write_text(text, "utf-8")
    assert other == FINGERPRINTS


def test_all_code_that_trainers_load_is_fingerprinted() -> None:
    """But for what names trials, checks and stores them."""
    script = """
import sys
import stages.engine.batched.trainer, stages.engine.modules.trainer
loaded = {name for name, module in sys.modules.items() if not hasattr(module, "__path__")}
import inspect
read, original = set(), inspect.getsource
inspect.getsource = lambda module: read.add(module.__name__) or original(module)
import stages.engine.provenance
print(*sorted(name for name in loaded - read if name.startswith(("stages.core", "stages.engine"))))
"""
    process = subprocess.run(
        [sys.executable, "-c", script], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    assert process.stdout.split() == [
        "stages.core.facts",
        "stages.core.records",
        "stages.core.trial",
    ]


def test_bits_do_not_depend_on_workers_neighbours_or_cache(
    workspace: Path, small_sweep: Path
) -> None:
    output, _ = train(workspace, sweep={"num_points": 13}, runtime={"workers": 1})
    assert "13 trials: 0 reused" in output
    assert models(small_sweep).items() < models(workspace).items()


def test_longer_training_goes_on_to_the_same_bits_and_the_shorter_is_reused(
    trained: Path, longer_sweep: Path
) -> None:
    short = models(trained)
    output, _ = train(trained, train={"epochs": 5}, sweep={"num_points": 5})
    assert "5 trials: 0 reused, 5 to train" in output
    assert "3 of them go on from epoch 2" in output
    assert models(longer_sweep).items() < models(trained).items()
    output, _ = train(trained)
    assert "3 trials: 3 reused, 0 to train" in output
    assert models(trained) == short


def test_shorter_training_is_said_to_be_trained_anew(trained: Path) -> None:
    output, _ = train(trained, train={"epochs": 1})
    assert "3 trials: 0 reused, 3 to train" in output
    assert "3 of them were trained longer, but only their ends are kept" in output


def test_a_damaged_start_is_trained_from_scratch_to_the_same_bits(
    trained: Path, longer_sweep: Path
) -> None:
    victim = entries(trained)[0] / "optimizer.safetensors"
    victim.write_bytes(victim.read_bytes()[:-1] + b"\1")
    _, errors = train(trained, train={"epochs": 5})
    assert "damaged" in errors
    assert models(trained) == models(longer_sweep)


def records(workspace: Path) -> list[Path]:
    return sorted((workspace / "data" / "models").glob("**/trial.json"))


def test_record_says_what_was_trained_on_what(small_sweep: Path, small_dataset: Dataset) -> None:
    record = json.loads(records(small_sweep)[0].read_bytes())
    assert record["trial"] == {
        "network": {"sizes": [784, 128, 64, 10], "activation": "relu"},
        "data": small_dataset.digest,
        "start": {"initializer": "normal", "sigma": 0.001, "scale": "sigma", "biases": None},
        "optimizer": "adam",
        "learning_rate": 0.001,
        "adam_epsilon": 1e-8,
        "batch_size": 64,
        "epochs": 2,
        "extra_steps": 0,
        "seed": 0,
        "replicate": 0,
    }
    assert record["provenance"].keys() == {field.name for field in fields(Provenance)}
    assert record["diverged"] is False
    assert [epoch["epoch"] for epoch in record["history"]] == [1, 2]


def start_endless(workspace: Path) -> subprocess.Popen[str]:
    """A train that is in the middle of its work: it tells a time left, and that is minutes."""
    write_params(workspace, train={"epochs": 20_000})
    process = start_stage(workspace, "train")
    assert process.stdout
    assert any(line.startswith("0/3") and line.endswith("left\n") for line in process.stdout)
    return process


def process_family(pid: int) -> list[int]:
    """All descendants of a process."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return []
    return [p for child in map(int, children) for p in (child, *process_family(child))]


def test_ctrl_c_ends_in_one_line(workspace: Path) -> None:
    process = start_endless(workspace)
    children = process_family(process.pid)
    for child in (process.pid, *children):
        os.kill(child, signal.SIGINT)  # as a terminal does
    _, errors = process.communicate(timeout=HANGS_AFTER)
    assert process.returncode == 130
    assert errors == "train: interrupted; finished trials are kept, the next run goes on\n"
    wait_until(lambda: not any(Path(f"/proc/{child}").exists() for child in children))


def test_a_killed_worker_ends_in_one_line(workspace: Path) -> None:
    process = start_endless(workspace)
    for child in process_family(process.pid)[1:]:
        os.kill(child, signal.SIGKILL)
    _, errors = process.communicate(timeout=HANGS_AFTER)
    assert process.returncode == 1
    assert errors.count("\n") == 1
    assert "a training process was killed" in errors


def test_a_damaged_entry_is_reported_and_trained_again(trained: Path) -> None:
    intact = models(trained)
    victim = entries(trained)[1] / "weights.safetensors"
    victim.write_bytes(victim.read_bytes()[:-1] + b"\0")
    output, errors = train(trained)
    assert "3 trials: 2 reused, 1 to train" in output
    assert str(victim.parent.relative_to(trained)) in errors
    assert "damaged" in errors
    assert models(trained) == intact


def test_experiments_share_the_cache_of_the_checkout(
    trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = trained / ".dvc" / "tmp" / "exps" / "standalone" / "tmp0"  # as DVC makes it
    (copy / "data").mkdir(parents=True)
    (copy / "data" / "raw").symlink_to(trained / "data" / "raw")
    for repository in (trained, copy):
        (repository / ".git").mkdir()
    write_params(copy)
    with open_doors(copy), redirect_stdout(io.StringIO()) as output:
        monkeypatch.setenv("DVC_ROOT", str(trained))
        door.main(Path())
    assert "3 trials: 3 reused, 0 to train" in output.getvalue()
    assert models(copy) == models(trained)


@pytest.mark.skipif(not mkl.is_available(), reason="this torch multiplies by another library")
def test_other_kernels_chosen_by_the_environment_reuse_nothing(
    trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = models(trained)
    with monkeypatch.context() as environment:
        environment.setenv("MKL_CBWR", "COMPATIBLE")
        assert "3 trials: 0 reused, 3 to train" in train_alone(trained)[0]
    assert models(trained) != usual
    output, _ = train(trained)
    assert "3 trials: 3 reused, 0 to train" in output
    assert models(trained) == usual


def test_a_full_disk_ends_in_one_line_and_keeps_what_was_finished(trained: Path) -> None:
    write_params(trained, sweep={"num_points": 5})
    process = subprocess.run(
        ["sh", "-c", f"ulimit -f 800; exec {sys.executable} -m stages.train"],
        cwd=trained,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == 1
    assert process.stderr.startswith("train: ")
    assert process.stderr.count("\n") == 1
    output, _ = train(trained, sweep={"num_points": 5})
    assert "5 trials: 3 reused, 2 to train" in output


def test_a_missing_file_of_the_data_is_one_line(workspace: Path) -> None:
    write_params(workspace)
    (workspace / "data" / "raw" / "mnist" / "train-images-idx3-ubyte").unlink()
    errors = refused(workspace)
    assert "data/raw/mnist/train-images-idx3-ubyte" in errors
    assert "`dvc repro`" in errors


def test_an_altered_data_set_is_refused_in_one_line(workspace: Path) -> None:
    write_params(workspace)
    labels = workspace / "data" / "raw" / "mnist" / "t10k-labels-idx1-ubyte"
    labels.write_bytes(labels.read_bytes()[:-1] + b"\0")
    errors = refused(workspace)
    assert "data/raw/mnist/t10k-labels-idx1-ubyte" in errors
    assert "`dvc repro`" in errors


def test_what_killed_runs_left_is_removed_by_the_next_one(workspace: Path) -> None:
    data = workspace / "data"
    for folder in ("cache/unfinished-abc/entry", ".models-abc/models/sigma-1-replicate-0"):
        (data / folder).mkdir(parents=True)
        (data / folder / "weights.safetensors").write_bytes(bytes(1000))
    (data / "cache" / "locks").mkdir()
    (data / "cache" / "locks" / f"{'a' * 64}.lock").write_text("")
    train(workspace, sweep={"num_points": 1})
    assert {path.name for path in data.iterdir()} == {"cache", "models", "raw"}
    assert list((data / "cache").glob("unfinished*")) == []
    assert list((data / "cache" / "locks").iterdir()) == []


def test_cuda_without_a_device_is_one_line(workspace: Path) -> None:
    if cuda.is_available():
        pytest.skip("this machine has a CUDA device")
    write_params(workspace, runtime={"device": "cuda"})
    errors = refused(workspace)
    assert errors == "runtime.device = cuda: there is no CUDA device here; use cpu or auto"


def peak_memory(process: subprocess.Popen[str]) -> int:
    """Watch a stage to its end; the most KiB that its processes held, each at its own moment."""
    peaks: dict[int, int] = {}
    while process.poll() is None:
        for pid in (process.pid, *process_family(process.pid)):
            with suppress(OSError):  # it may end meanwhile
                status = Path(f"/proc/{pid}/status").read_text()
                if peak := re.search(r"^VmHWM:\s+(\d+) kB", status, re.M):
                    peaks[pid] = int(peak[1])
        time.sleep(0.1)
    return sum(peaks.values())


def test_memory_does_not_grow_with_the_number_of_trials(workspace: Path) -> None:
    peaks, points = {}, (16, 64)  # a group is of 16 at most, whatever the cache of a core holds
    for number in points:
        write_params(
            workspace,
            model={"hidden": [256]},
            sweep={"num_points": number},
            train={"steps": 10},
            runtime={"workers": 1},
        )
        process = start_stage(workspace, "train")
        peaks[number] = peak_memory(process)
        assert (process.returncode, *process.communicate()[1:]) == (0, "")
    fewer, more = points
    state_of_one_network = 4 * 203_530 * 4 / 2**10
    assert peaks[more] - peaks[fewer] < (more - fewer) * state_of_one_network * 3 / 4


IN_TURN: dict[str, Any] = {
    "variants": {activation: {"model": {"activation": activation}} for activation in ACTIVATIONS},
    "sweep": {"num_points": 1},
    "runtime": {"workers": 1},
}
"""Seven trials of two epochs, one after the other: how fast they go is known after the second."""


def test_a_pipe_gets_few_lines_that_say_what_is_done_and_left(workspace: Path) -> None:
    output, errors = train(workspace, **IN_TURN)
    assert errors == ""
    lines = output.splitlines()
    assert lines[0].startswith("7 trials: 0 reused, 7 to train: 2 epochs each, on 1 process")
    assert all(re.fullmatch(r"\d/7 trained, \d+ s(, about \d+ s left)?", li) for li in lines[1:])
    assert "left" in lines[1]
    assert lines[-1].startswith("7/7 trained, ")
    assert len(lines) < 8


def test_a_bar_says_only_a_time_left_that_is_known(workspace: Path, forking: Path) -> None:
    write_params(workspace, **IN_TURN)
    bar = on_terminal(workspace, forking)
    assert "?" not in bar
    assert "0/7 trained |                | 0 %\r" in bar
    assert "about " in bar
    assert max(map(len, re.split(r"[\r\n]+", bar))) < 80


def on_terminal(workspace: Path, python: Path) -> str:
    """Train on a terminal of 80 columns; what was shown there."""
    terminal, its_end = pty.openpty()
    fcntl.ioctl(its_end, termios.TIOCSWINSZ, struct.pack("4H", 24, 80, 0, 0))
    process = subprocess.Popen(
        [python, "-m", "stages.train"],
        cwd=workspace,
        env=stage_environment(),
        stdout=its_end,
        stderr=its_end,
    )
    os.close(its_end)
    shown = b""
    with suppress(OSError):  # EIO: the stage has ended
        while part := os.read(terminal, 1 << 16):
            shown += part
    os.close(terminal)
    assert process.wait() == 0
    return shown.decode()


def test_a_huge_sweep_says_before_it_begins_what_time_and_disk_it_takes(workspace: Path) -> None:
    write_params(
        workspace,
        model={"hidden": [2048, 1024]},
        sweep={"num_points": 1000},
        train={"epochs": 1000},
        runtime={"workers": 1},
    )
    process = start_stage(workspace, "train")
    assert process.stdout
    lines = [process.stdout.readline() for _ in range(3)]
    while lines[-1].startswith("looking into the trial cache"):
        lines[-1:] = [process.stdout.readline()]
    while not lines[0].startswith("1000 trials"):
        lines = [*lines[1:], process.stdout.readline()]
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=HANGS_AFTER)
    assert re.fullmatch(r"roughly [\d.]+ (h|days) of training\n", lines[1])
    assert lines[2].startswith(
        "roughly 120 GB of disk: trial cache 61, data/models 31, DVC's cache 31; "
    )


def test_reading_many_trials_from_the_cache_says_how_far_it_is() -> None:
    def slowly() -> Iterator[int]:
        for number in range(12):
            time.sleep(0.3)
            yield number

    with redirect_stdout(io.StringIO()) as output, redirect_stderr(io.StringIO()):
        assert list(following(slowly(), "reading", 12)) == list(range(12))
    lines = output.getvalue().splitlines()
    assert 1 <= len(lines) < 6
    assert all(re.fullmatch(r"reading: \d+/12, about \d+ s left", line) for line in lines)


def test_the_first_of_many_trials_tells_no_time_left() -> None:
    def slow_at_first() -> Iterator[int]:
        yield 0
        time.sleep(2.1)
        yield 1

    with redirect_stdout(io.StringIO()) as output, redirect_stderr(io.StringIO()):
        assert list(following(slow_at_first(), "reading", 1000)) == [0, 1]
    assert output.getvalue() == "reading: 1/1000\n"


def test_a_network_that_does_not_fit_into_memory_is_said_before_and_in_one_line_after(
    workspace: Path,
) -> None:
    huge = {"model": {"hidden": [16, 100_000, 100_000]}, "runtime": {"device": "cpu"}}
    write_params(workspace, **huge)
    train = subprocess.run(
        ["sh", "-c", f"ulimit -v 30000000; exec {sys.executable} -m stages.train"],
        cwd=workspace,
        env=stage_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert train.returncode == 1
    assert re.search(
        r"^roughly [\d,]+ GB of memory: \d+ networks? at the same time", train.stdout, re.M
    )
    memory, *_, failed = train.stderr.splitlines()
    assert memory.startswith("this does not fit into memory; ")
    assert failed.startswith("train: there is not enough memory: ")
    assert "GB are free; fewer runtime.workers or a smaller network need less" in failed


def test_more_processes_than_cores_change_nothing_and_are_said_to_be_slower(
    workspace: Path, small_sweep: Path
) -> None:
    workers = available_cores() + 3
    _, errors = train(workspace, runtime={"workers": workers})
    assert errors.startswith(f"runtime.workers = {workers} on {available_cores()} cores is slower")
    assert errors.count("\n") == 1
    assert models(workspace) == models(small_sweep)


def test_a_very_long_temporary_folder_is_no_hindrance(workspace: Path) -> None:
    write_params(workspace)
    long = workspace / ("long" * 30)
    long.mkdir()
    environment = {**stage_environment(), "TMPDIR": str(long)}
    trained = run_door("train", cwd=workspace, environment=environment, server=TRAINING)
    assert trained.returncode == 0, trained.stderr
    assert trained.stderr == ""
    assert len(models(workspace)) == 3
