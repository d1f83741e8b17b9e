"""The report door: what it writes of trained trials, and of metrics written here."""

import json
import math
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from stages import report as door
from stages.analysis.baselines import Baseline
from stages.analysis.rows import BASELINE_COLUMNS
from stages.analysis.tables import METRICS, write_csv
from stages.core.params import Params, read_params
from stages.core.trial import Provenance, Trial
from stages.process.door import InputError
from stages.report import read_origins
from tests.conftest import PICTURES, REPOSITORY, fail_stage, run_stage, write_params
from tests.models import PROVENANCE, aggregated, baseline
from tests.test_train import train

FILES = ["facts.json", "summary.json", "provenance.json"]
FILES += ["accuracy.csv", "history.csv", "probes.csv", "evidence.csv"]
BESIDE = [
    *("baselines.csv", "layers.csv", "theory.csv", "theory.json", "distributions.csv"),
    *("histograms.csv", "features.csv", "snapshots.safetensors"),
]
PEAK = [[0.93, 0.95], [0.95, 0.97], [0.6, 0.8]]


def write_sweep(
    folder: Path,
    courses: Sequence[Sequence[float]],
    replicates: int = 1,
    diverged: bool = False,
    provenances: Sequence[Provenance] = (PROVENANCE,),
    named: Sequence[Baseline] = (),
    **changes: Any,
) -> Path:
    """A sweep of the sigmas 0.001 to 1; each replicate is 0.2 points above the one before."""
    initializers = [baseline.initializer for baseline in named]
    sweep = {"num_points": len(courses), "replicates": replicates, "initializers": initializers}
    write_params(folder, sweep=sweep, report={"final_epochs": 1}, **changes)

    def course(_: str, trial: Trial) -> list[float]:
        sigma = trial.start.sigma or 1.0
        place = round((len(courses) - 1) * (3 + math.log10(sigma)) / 3)
        return [accuracy + 0.002 * trial.replicate for accuracy in courses[place]]

    def origin(trial: Trial) -> Provenance:
        return provenances[-1] if (trial.start.sigma or 1.0) == 1.0 else provenances[0]

    aggregated(folder, course, diverged=lambda *_: diverged, origin=origin)
    if named:
        lists = ("accuracies", "layer_sigmas")
        rows = (
            {"variant": "", **asdict(b), **{k: " ".join(map(str, getattr(b, k))) for k in lists}}
            for b in named
        )
        write_csv(folder / METRICS / "baselines.csv", rows, ["variant", *BASELINE_COLUMNS])
    return folder


def reported(folder: Path) -> str:
    """Run the door; what it wrote."""
    assert run_stage(folder, "report") == ("", "")
    return (folder / "metrics" / "report.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def peak(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sweep of one network for each sigma with its report; nothing is to be changed here."""
    folder = write_sweep(tmp_path_factory.mktemp("peak"), PEAK)
    reported(folder)
    return folder


@pytest.fixture(scope="module")
def report_of_peak(peak: Path) -> str:
    return (peak / "metrics" / "report.md").read_text(encoding="utf-8")


@pytest.fixture
def copy_of_peak(peak: Path, tmp_path: Path) -> Path:
    return shutil.copytree(peak, tmp_path / "copy", ignore=shutil.ignore_patterns("data"))


def rows(report: str, section: str) -> list[list[str]]:
    """The cells of the table in a section, without its header."""
    text = report.split(f"## {section}\n")[1].split("\n## ")[0]
    lines = [line for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def test_the_report_tells_what_was_trained_and_where(workspace: Path) -> None:
    train(workspace, sweep={"num_points": 3, "replicates": 2})
    run_stage(workspace, "aggregate")
    report = reported(workspace)
    summary = json.loads((workspace / "metrics" / "summary.json").read_text())
    assert f"highest at σ = {summary['best_sigma']:.3g}, with" in report
    assert f"with {100 * summary['best_accuracy']:.2f} %" in report
    run = dict(rows(report, "What was run"))
    assert run["network"] == "784-128-64-10, ReLU"
    assert run["data"] == "MNIST, 200 training and 50 test images of 10 classes"
    assert run["networks"] == "2 for each σ, seed 0"
    assert run["training"] == "2 epochs, batches of 64"
    assert run["final accuracy"] == "mean over the last 2 epochs"
    [trial, *_] = (workspace / "data" / "models").glob("*/trial.json")
    provenance = json.loads(trial.read_text())["provenance"]
    [told] = json.loads((workspace / "metrics" / "provenance.json").read_text())
    digest = json.loads(trial.read_text())["trial"]["data"]
    assert told == {"trials": 6, **provenance, "data": digest}
    [machine] = rows(report, "Machine and versions")
    assert machine[:4] == ["6", *(provenance[k] for k in ("device_model", "device", "torch"))]
    digests = (provenance["code"], digest, provenance["kernels"])
    assert machine[4:] == [f"`{told[:12]}`" for told in digests]


def test_each_sigma_has_its_row(report_of_peak: str) -> None:
    assert rows(report_of_peak, "Numbers") == [
        ["0.001", "10.00", "95.00", "96.00", "93.00", ""],
        ["**0.0316**", "10.00", "**97.00**", "98.00", "95.00", ""],
        ["1", "10.00", "80.00", "81.00", "60.00", ""],
    ]


def test_replicates_get_a_column_of_standard_errors(tmp_path: Path) -> None:
    report = reported(write_sweep(tmp_path, PEAK, replicates=3))
    # Replicates 0.2 points apart: a standard deviation of 0.2, over 3 networks.
    assert [row[2:4] for row in rows(report, "Numbers")] == [
        ["95.20", "0.12"],
        ["**97.20**", "0.12"],
        ["80.20", "0.12"],
    ]
    assert "9 networks (12-128-64-10, ReLU) that differ only in σ, the standard" in report
    assert "and in seed were trained" in report


def test_networks_that_diverged_are_told_though_their_losses_are_unknown(tmp_path: Path) -> None:
    report = reported(write_sweep(tmp_path, [[0.098, 0.098]] * 3, diverged=True))
    assert [row[-1] for row in rows(report, "Numbers")] == ["1 of 1"] * 3
    assert "Each of the 3 networks diverged" in report
    assert "No network learned at any σ: each ended at chance (15.20 % or less)" in report
    assert "**0." not in report
    assert "nan" not in report


def test_one_network_is_a_report_too(tmp_path: Path) -> None:
    report = reported(write_sweep(tmp_path, [[0.93, 0.96]]))
    assert "One network (12-128-64-10, ReLU) was trained on MNIST, with σ = 0.001, the" in report
    assert dict(rows(report, "What was run"))["start"].endswith("N(0, σ²), σ = 0.001")
    assert rows(report, "Numbers") == [["0.001", "10.00", "96.00", "97.00", "93.00", ""]]


def test_replicates_of_one_sigma_differ_in_seed_alone(tmp_path: Path) -> None:
    report = reported(write_sweep(tmp_path, [[0.93, 0.96]], replicates=2))
    assert "2 networks (12-128-64-10, ReLU) with σ = 0.001" in report
    assert "that differ only in seed were" in report


def test_networks_of_different_origin_are_pointed_out(tmp_path: Path) -> None:
    assert "different combinations of machine" not in reported(write_sweep(tmp_path, PEAK[:2]))
    other = replace(PROVENANCE, device="cuda", device_model="a card")
    report = reported(write_sweep(tmp_path, PEAK[:2], provenances=(PROVENANCE, other)))
    assert "come from 2 different combinations of machine, versions and code" in report
    assert [row[:3] for row in rows(report, "Machine and versions")] == [
        ["1", "a processor", "cpu"],
        ["1", "a card", "cuda"],
    ]


def test_text_of_a_record_means_nothing_in_markdown_or_html(tmp_path: Path) -> None:
    told = "A | B `c` <script>alert(1)</script>\n\n# D ![e](http://f) **g** \u202e &lt; \x1b[31m"
    hostile = replace(PROVENANCE, device_model=told, code="`|<b>")
    report = reported(write_sweep(tmp_path, PEAK[:2], provenances=[hostile]))
    [machine] = rows(report, "Machine and versions")
    assert len(machine) == 7
    assert machine[1].startswith(
        "A &#124; B &#96;c&#96; &#60;script&#62;alert(1)&#60;/script&#62; # D"
    )
    assert not set(machine[1]) & set("|`<>[]*\n\x1b\u202e")
    assert machine[4] == "`&#96;&#124;&#60;b&#62;`"


@pytest.mark.parametrize(
    "content",
    ["null", "[1]", "[{}]", '[{"trials": 1, "torch": 2}]', "[" * 100_000, '{"a": 1}'],
    ids=["null", "numbers", "empty", "not text", "deep", "no list"],
)
def test_a_damaged_provenance_is_one_line(copy_of_peak: Path, content: str) -> None:
    (copy_of_peak / "metrics" / "provenance.json").write_text(content)
    with pytest.raises(InputError, match=r"provenance\.json.*dvc repro") as error:
        read_origins(copy_of_peak / METRICS)
    assert "\n" not in str(error.value)


def test_its_pictures_are_those_that_the_plot_stage_makes(report_of_peak: str) -> None:
    pictures = re.findall(r"!\[.+\]\((.+)\)", report_of_peak)
    made = {f"plots/{name}" for name in PICTURES}
    assert {os.path.normpath(f"metrics/{picture}") for picture in pictures} == made


def test_its_command_sets_every_parameter_that_determines_a_number(tmp_path: Path) -> None:
    write_sweep(tmp_path, PEAK, model={"hidden": [32, 16, 8]}, train={"lr": 1e-5})
    path = tmp_path / "params.yaml"
    params = yaml.safe_load(path.read_text())
    [command] = re.findall(r"```\n(dvc exp run .+)\n```", reported(tmp_path))
    words = shlex.split(command)
    assert words[:3] == ["dvc", "exp", "run"]
    assert set(words[3::2]) == {"-S"}
    rebuilt: dict[str, Any] = {"runtime": params["runtime"]}
    for override in words[4::2]:
        key, value = override.split("=", 1)
        section, name = key.split(".")
        rebuilt.setdefault(section, {})[name] = yaml.safe_load(value)
    assert Params.model_validate(rebuilt) == read_params(path)


def test_same_metrics_make_the_same_bytes_and_another_sweep_other_sentences(
    report_of_peak: str, copy_of_peak: Path, tmp_path: Path
) -> None:
    door.main(copy_of_peak)  # the other process had another order of sets
    first = (copy_of_peak / "metrics" / "report.md").read_text(encoding="utf-8")
    assert report_of_peak == first
    other = reported(write_sweep(tmp_path, [*PEAK[1:], [0.3, 0.4]]))
    told = [
        [line for line in report.splitlines() if line.startswith("- **")]
        for report in (first, other)
    ]
    assert "highest at σ = 0.0316, with 97.00 %" in first
    assert "highest at σ = 0.001, with 97.00 %" in other
    assert set(told[0]) & set(told[1]) == {
        line for line in told[0] if re.search("Failures|Movement|Theory", line)
    }


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize(
    ("content", "complaint"),
    [(None, "no such file"), ("", "dvc repro"), ("sigma\n0.1\n", "dvc repro")],
    ids=["missing", "empty", "other columns"],
)
def test_a_bad_metrics_file_is_one_line_and_no_report(
    copy_of_peak: Path, name: str, content: str | None, complaint: str
) -> None:
    (copy_of_peak / "metrics" / "report.md").unlink()
    path = copy_of_peak / "metrics" / name
    path.unlink() if content is None else path.write_text(content)
    errors = fail_stage(copy_of_peak, "report")
    assert errors.startswith(f"report: metrics/{name}: ")
    assert complaint in errors
    assert not (copy_of_peak / "metrics" / "report.md").exists()


@pytest.mark.parametrize(
    "changes",
    [
        {"sweep": {"num_points": 4}},
        {"sweep": {"num_points": 3, "replicates": 2}},
        {"train": {"epochs": 3}},
        {"sweep": {"num_points": 3, "initializers": ["orthogonal"]}},
        {"model": {"activation": "tanh"}},
        {"variants": {"one": {}, "other": {"train": {"lr": 0.1}}}},
    ],
    ids=["sigmas", "replicates", "epochs", "initializers", "activation", "variants"],
)
def test_metrics_of_another_sweep_are_refused_and_the_report_stays(
    report_of_peak: str, copy_of_peak: Path, changes: dict[str, Any]
) -> None:
    write_params(copy_of_peak, **changes)
    errors = fail_stage(copy_of_peak, "report")
    assert "metrics/ is not of the sweep in params.yaml; `dvc repro`" in errors
    report = copy_of_peak / "metrics" / "report.md"
    assert report.read_text(encoding="utf-8") == report_of_peak
    assert {path.name for path in report.parent.iterdir()} == {
        *FILES,
        *BESIDE,
        "report.md",
        "answer.json",
    }


def test_the_door_loads_neither_torch_nor_matplotlib() -> None:
    program = "import sys, stages.report; print(*sys.modules)"
    run = subprocess.run(
        [sys.executable, "-c", program], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    assert not {"torch", "matplotlib", "dvc"} & set(run.stdout.split())


def test_named_initialisers_are_held_against_the_best_sigma(tmp_path: Path) -> None:
    named = [
        baseline("kaiming_normal", *(0.9702 + 0.002 * r + 0.0001 * (r % 2) for r in range(5))),
        baseline("orthogonal", 0.94, 0.96, 0.94, 0.96, 0.94, diverged=1),
    ]
    sweep = write_sweep(
        tmp_path,
        [[0.5, 0.9], [0.5, 0.95]],
        replicates=5,
        named=named,
        model={"activation": "tanh"},
    )
    report = reported(sweep)
    assert "kaiming_normal, orthogonal (with the gain of tanh)" in report
    # A difference of 2 points in each; an error of one of 300 images at least.
    assert re.search(r"kaiming_normal ends at 97.42 ± 0.14 %, 2.0\d ± 0.33 points above", report)
    assert re.search(
        r"orthogonal ends at 94.80 ± 0.49 %, [\d.]+ ± [\d.]+ points below the best σ, within noise,"
        " 1 of 5 diverged",
        report,
    )
    assert "Each replicate but the first is compared with the σ that was best on the" in report
    assert "nowhere among 4 comparisons" in report


def test_gradients_that_vanish_and_explode_are_told_with_their_decades(tmp_path: Path) -> None:
    courses = [[0.1, 0.1], [0.9, 0.97], [0.8, 0.9]]
    report = reported(write_sweep(tmp_path, courses))
    assert "starts at 1e-06, 3.0 decades below the 0.001 at σ = 0.0316" in report
    assert "ended at 10.00 %: gradients vanish, and it did not learn" in report
    assert "3.0 decades above" in report
    assert "ended at 90.00 %: gradients explode, and yet it learned" in report
    assert re.search(
        r"off before training: outputs by [\d., ]+ decades; gradients by [\d.]+", report
    )
