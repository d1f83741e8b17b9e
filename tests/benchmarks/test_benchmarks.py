"""The benchmark on small work: its floor, that all ways learn the same, what it reports.

No test looks at a time.
"""

import json
import os
import re
from collections.abc import Iterator
from dataclasses import replace
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import torch
from matplotlib.image import imread
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from benchmarks import bench, modules
from benchmarks.floor import training_flops
from benchmarks.isolate import in_fresh_process
from benchmarks.picture import picture
from benchmarks.report import Report, build
from benchmarks.rounds import Measured, train
from benchmarks.table import table
from benchmarks.work import FULL, SMALL, Outcome, Plan
from stages.core.dataset import Dataset
from stages.core.facts import DataFacts, Facts
from stages.core.networks import Perceptron
from stages.core.params import read_params
from stages.core.starts import NORMAL, Start
from stages.core.trial import Trial, sweep_trials
from stages.engine.batched.trainer import train_group
from stages.process.door import InputError
from tests.conftest import REPOSITORY

IMAGES = 60_000
SECONDS = {"notebook": 20.0, "tensors": 8.0, "torch_func": 4.0, "jax_scan": 3.0, "ours": 1.0}
"""For one network and epoch, in measurements made up."""

needs_jax = pytest.mark.skipif(find_spec("jax") is None, reason="JAX is optional")


def made_up(plan: Plan, accuracy: dict[str, float] | None = None) -> Measured:
    """Rounds of constant speed in which all trials of a way end at the same accuracy."""
    measured = Measured({"cpu": "Example", "cores": 2, "torch": "2", "jax": "0"})
    for _ in range(plan.rounds):
        measured.sgemm_rates.append(training_flops(plan.work.sizes, IMAGES) / 0.5)
        for way, networks in plan.table.items():
            measured.peak_bytes[way] = 2**30
            for n in {networks, *plan.picture.get(way, ())}:
                overhead = 2.0 if way == "ours" else 0.0
                seconds = SECONDS[way] * n * plan.work.epochs + overhead
                outcome = Outcome([(accuracy or {}).get(way, 0.95)] * n, seconds, overhead)
                measured.outcomes.setdefault((way, n), []).append(outcome)
    return measured


def without_jax(plan: Plan) -> Report:
    measured = made_up(plan)
    measured.outcomes = {
        key: value for key, value in measured.outcomes.items() if "jax_scan" not in key
    }
    return build(plan, measured, IMAGES)


@pytest.fixture
def here(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(workspace)
    return workspace


@pytest.fixture
def one_core() -> Iterator[None]:
    """Inside, this process and those that it starts have one core."""
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cores)})
    yield
    os.sched_setaffinity(0, cores)


def strict_json(path: Path) -> Any:
    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is no JSON")

    return json.loads(path.read_text(), parse_constant=refuse)


def test_floor_counts_what_autograd_multiplies(trial: Trial) -> None:
    from benchmarks.module import initial_network  # imports torch._dynamo, which is dear

    network, images = initial_network(trial), torch.randn(64, 784)
    with FlopCounterMode(display=False) as counter:
        nn.functional.cross_entropy(network(images), torch.zeros(64).long()).backward()
    assert isinstance(trial.network, Perceptron)
    assert training_flops(trial.network.sizes, images=64) == counter.get_total_flops()


@pytest.mark.parametrize(
    ("way", "tolerance"),
    [
        ("notebook", 0.1),  # it shuffles for itself
        ("tensors", 0.02),  # one of the 50 test images
        ("torch_func", 0.02),
        pytest.param("jax_scan", 0.02, marks=needs_jax),
        ("ours", 0.0),
    ],
)
def test_every_way_learns_what_our_trainer_learns(
    way: str, tolerance: float, trial: Trial, small_dataset: Dataset, workspace: Path
) -> None:
    trials = [replace(trial, start=Start(NORMAL, sigma)) for sigma in (0.05, 0.1)]
    if way == "jax_scan":  # its threads would stay in this process
        outcome = in_fresh_process(
            "benchmarks.rounds.train", way, trials, workspace / "data/raw/mnist"
        )
    else:
        outcome = train(way, trials, workspace / "data/raw/mnist")
    expected = [
        result.history[-1].test_accuracy
        for result in train_group(trials, small_dataset, torch.device("cpu"))
    ]
    assert outcome.accuracies == pytest.approx(expected, abs=tolerance + 1e-9)
    assert min(expected) > 0.8
    assert 0 <= outcome.overhead < outcome.seconds


def test_a_failure_in_a_fresh_process_is_told() -> None:
    with pytest.raises(RuntimeError, match="no file there"):
        in_fresh_process("stages.core.dataset.read_dataset", Path("no file there"))
    with pytest.raises(RuntimeError, match="died with exit code 3"):
        in_fresh_process("os._exit", 3)


@pytest.mark.parametrize("plan", [SMALL, FULL])
def test_sigmas_of_few_networks_are_among_those_of_ours(plan: Plan) -> None:
    ours = {trial.start.sigma for trial in plan.work.trials(plan.table["ours"])}
    for networks in plan.table.values():
        assert {trial.start.sigma for trial in plan.work.trials(networks)} <= ours


def test_full_work_is_the_sweep_as_shipped() -> None:
    data = DataFacts("mnist", "", (28, 28), 10, 60_000, 10_000, 0.13, 0.31, 0.11)
    shipped = sweep_trials(read_params(REPOSITORY / "params.yaml"), Facts({"mnist": data}, {}))
    normal = [trial for trial in shipped if trial.start.initializer == NORMAL]
    assert FULL.work.trials(25) == normal


def test_table_shows_ratios_to_ours_and_to_the_floor() -> None:
    rows = [
        re.split(r"\s{2,}", line)
        for line in table(build(SMALL, made_up(SMALL), IMAGES)).splitlines()
    ]
    shown = {row[0]: row[1:] for row in rows if len(row) == 8}
    per_network = "20.0 (20.0–20.0)"
    assert shown["notebook (DataLoader, transforms) *"] == [
        *(per_network, "20.0", "40.0", "–", "~100 (100–100)", "14.3", "1,024")
    ]
    assert shown["ours"] == [
        "1.00 (1.00–1.00)",
        "1.0",
        "2.0",
        "2.0",
        "7.00 (7.00–7.00)",
        "1.0",
        "1,024",
    ]
    assert shown["floor (sgemm, 55 GFLOP/s)"] == [
        *("0.500 (0.500–0.500)", "0.50", "1", "–", "2.50", "0.36", "–")
    ]


def test_table_names_a_way_that_is_not_installed() -> None:
    lines = table(without_jax(SMALL)).splitlines()
    assert "JAX (jit, scan, vmap)  not installed (make bench installs it)" in lines


def test_loops_measured_on_fewer_networks_are_scaled_up_and_marked() -> None:
    report = build(FULL, made_up(FULL), IMAGES)
    seconds = {row.way: row.work.median for row in report.rows}
    assert seconds["notebook"] == 20 * 25 * 10
    assert seconds["tensors"] == 8 * 25 * 10
    assert "*: measured on 1 or 5 of the 25 networks" in table(report)


def test_a_way_that_learns_otherwise_fails_the_benchmark(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    measured = made_up(SMALL, accuracy={"torch_func": 0.91})
    monkeypatch.setattr(bench, "measure", lambda *_: measured)
    monkeypatch.setattr(bench, "measure_modules", lambda *_: [])
    with pytest.raises(SystemExit) as end:
        bench.run(SMALL)
    assert end.value.code == 1
    assert "torch.func (vmap), fused Adam: sigma 0.001 ends at 0.9100" in capsys.readouterr().out
    assert len(strict_json(here / "metrics/benchmark.json")["disagreements"]) == 5


@pytest.mark.parametrize("plan", [SMALL, FULL])
def test_picture_has_a_line_for_each_way_and_one_for_the_floor(plan: Plan) -> None:
    figure = picture(build(plan, made_up(plan), IMAGES))
    [axes] = figure.axes
    labels = [text.get_text().rpartition(" ")[0].rpartition(" ")[0] for text in axes.texts]
    assert set(labels) >= {"notebook", "PyTorch loop", "torch.func", "JAX", "ours", "floor"}


@pytest.mark.usefixtures("one_core")
def test_small_run_writes_table_json_and_picture(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(modules, "NETWORKS", {"LeNet": modules.NETWORKS["LeNet"]})
    work = replace(SMALL.work, networks=1, sigma_min=0.05, sigma_max=0.05)
    bench.run(Plan(work, 1, 1.0, {"ours": 1}, {}))
    output = capsys.readouterr().out
    assert "[ 2/2" in output
    assert "All learn the same" in output
    content = strict_json(here / "metrics/benchmark.json")
    assert [row["way"] for row in content["rows"]] == ["ours"]
    assert [row["network"] for row in content["modules"]] == ["LeNet"]
    assert f"{content['modules'][0]['ratio']:.1f} times as long" in output
    assert content["machine"]["torch"] == version("torch")
    assert imread(here / "benchmarks/benchmark.png").shape[2] == 4


def test_says_how_to_get_the_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match="dvc repro download"):
        bench.run(SMALL)
