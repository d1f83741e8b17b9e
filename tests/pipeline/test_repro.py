"""What `dvc repro` runs again, and what of it is trained: real DVC on real MNIST."""

import csv
import json
import shutil
import subprocess
import sys
import venv
from pathlib import Path
from typing import Any

from tests.conftest import environment_of_dvc, replace_in
from tests.pipeline.conftest import Clone

STAGES = ["download", "train", "aggregate", "plot", "explore", "report"]


def stages_run(output: str) -> list[str]:
    return [stage for stage in STAGES if f"Running stage '{stage}'" in output]


def test_three_sigmas_learn_real_mnist(finished: Clone) -> None:
    with (finished.path / "metrics" / "accuracy.csv").open() as file:
        accuracy = [float(row["test_accuracy"]) for row in csv.DictReader(file)]
    assert len(accuracy) == 3
    assert accuracy[0] > 0.85
    assert accuracy[1] > 0.90
    assert 0.2 < accuracy[2] < 0.8
    summary = json.loads((finished.path / "metrics" / "summary.json").read_text())
    assert summary["trials"] == 3
    for picture in ("accuracy_vs_sigma.png", "weight_histograms.png"):
        assert (finished.path / "plots" / picture).read_bytes().startswith(b"\x89PNG")


def test_repro_again_does_nothing(clone: Clone) -> None:
    assert stages_run(clone.repro()) == []


def test_other_bins_run_aggregate_and_what_shows_its_numbers_only(clone: Clone) -> None:
    ran = stages_run(clone.repro("report.histogram_bins=40"))
    assert ran == ["aggregate", "plot", "explore", "report"]
    with (clone.path / "metrics" / "histograms.csv").open() as file:
        assert len(list(csv.DictReader(file))) == 3 * 40


def test_a_denser_sweep_trains_only_its_new_sigmas_and_going_back_none(clone: Clone) -> None:
    clone.set_params("sweep.num_points=5")
    assert "5 trials: 3 reused, 2 to train" in clone.dvc("repro", "train")
    clone.set_params("sweep.num_points=3")
    going_back = clone.dvc("repro", "train")
    assert "Stage 'train' is cached" in going_back
    assert "to train" not in going_back


def test_a_comment_in_plot_retrains_nothing(clone: Clone) -> None:
    with (clone.path / "stages" / "plot.py").open("a") as file:
        file.write("# a comment\n")
    assert stages_run(clone.dvc("repro", "--dry")) == ["plot"]


def test_an_edited_source_of_the_page_makes_the_page_again_and_nothing_else(clone: Clone) -> None:
    page = clone.path / "plots" / "explore.html"
    assert "/* wide */" not in page.read_text()
    with (clone.path / "stages" / "explore_page" / "style.css").open("a") as file:
        file.write("/* wide */\n")
    assert stages_run(clone.repro()) == ["explore"]
    assert "/* wide */" in page.read_text()


def test_a_comment_in_the_trainer_retrains_nothing(clone: Clone) -> None:
    with (clone.path / "stages" / "engine" / "batched" / "trainer.py").open("a") as file:
        file.write("# a comment\n")
    assert "3 trials: 3 reused, 0 to train" in clone.dvc("repro", "train")


def test_other_training_code_retrains_everything_and_going_back_nothing(clone: Clone) -> None:
    accuracy = clone.path / "metrics" / "accuracy.csv"
    before = accuracy.read_text()
    module = clone.path / "stages" / "engine" / "optimizers.py"
    replace_in(module, "ADAM_BETAS = (0.9, 0.999)", "ADAM_BETAS = (0.9, 0.99)")
    assert "3 trials: 0 reused, 3 to train" in clone.dvc("repro", "aggregate")
    assert accuracy.read_text() != before
    replace_in(module, "ADAM_BETAS = (0.9, 0.99)", "ADAM_BETAS = (0.9, 0.999)")
    assert "to train" not in clone.dvc("repro", "aggregate")
    assert accuracy.read_text() == before


def test_another_data_set_is_trained_on_and_neither_is_downloaded_twice(
    clone: Clone, fashion_mnist_dir: Path
) -> None:
    there = Clone(clone.path, {**clone.environment, "FASHION_MNIST_DIR": str(fashion_mnist_dir)})
    output = there.dvc("exp", "run", "-S", "data.name=fashion_mnist", "aggregate")
    assert "3 trials: 0 reused, 3 to train" in output
    with (clone.path / "metrics" / "accuracy.csv").open() as file:
        accuracy = [float(row["test_accuracy"]) for row in csv.DictReader(file)]
    assert 0.75 < max(accuracy) < 0.9  # MNIST is learnt to more than that
    nowhere = {"MNIST_DIR": "/nowhere", "FASHION_MNIST_DIR": "/nowhere"}
    offline = Clone(clone.path, {**clone.environment, **nowhere})
    offline.set_params("data.name=mnist")
    assert "Stage 'train' is cached" in offline.dvc("repro", "train")
    assert "Data and pipelines are up to date" in offline.dvc("status", "dvc.yaml:train")
    offline.dvc("exp", "run", "--temp", "-S", "data.name=fashion_mnist", "download")
    offline.set_params("data.name=fashion_mnist")
    output = offline.dvc("repro", "train")
    assert "data/raw/fashion_mnist: four files verified" in output
    assert "Stage 'train' is cached" in output


def test_runtime_settings_run_nothing(clone: Clone) -> None:
    assert stages_run(clone.repro("runtime.workers=1")) == []


def test_a_refused_parameter_is_one_line_and_loses_nothing(clone: Clone) -> None:
    def results() -> dict[Path, bytes]:
        folders = [clone.path / name for name in ("data/models", "metrics", "plots")]
        files = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
        return {path: path.read_bytes() for path in files}

    before = results()
    clone.set_params("sweep.num_points=0")
    output = clone.dvc("repro", succeeds=False)
    [line] = [line for line in output.splitlines() if "num_points" in line]
    assert "sweep.num_points = 0: must be at least 1" in line
    assert "Traceback" not in output
    assert results() == before
    clone.set_params("sweep.num_points=3")
    assert stages_run(clone.repro()) == []


def parameters(clone: Clone) -> dict[str, Any]:
    """What metrics/params.csv says by name."""
    with (clone.path / "metrics" / "params.csv").open() as file:
        return {row["name"]: json.loads(row["value"]) for row in csv.DictReader(file)}


def test_the_parameters_of_a_result_are_a_table(finished: Clone) -> None:
    table = parameters(finished)
    assert table["model.hidden"] == [128, 64]
    assert table["train.epochs"] == 1
    assert table["train.optimizer"] == "adam"
    assert table["sweep.sigma_min"] == 1e-4
    assert {name.partition(".")[0] for name in table} == {
        "data",
        "model",
        "train",
        "sweep",
        "variants",
        "report",
    }


def test_killing_dvc_ends_the_stage_that_it_runs(clone: Clone, mnist_dir: Path) -> None:
    clone.set_params("train.epochs=200")
    with subprocess.Popen(
        [sys.executable, "-m", "dvc", "repro"],
        cwd=clone.path,
        env=environment_of_dvc(MNIST_DIR=str(mnist_dir)),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as dvc:
        assert dvc.stdout
        assert any("3 trials: 0 reused, 3 to train" in line for line in dvc.stdout)
        dvc.kill()
        # The pipe ends with the last process that could write to it.
        assert dvc.stdout.read().splitlines()[-1].startswith("train: interrupted; ")


def test_dvc_outside_the_environment_says_how_to_get_in(clone: Clone, tmp_path: Path) -> None:
    """On a system that has `python3`, without packages, and no `python`."""
    venv.create(tmp_path, symlinks=True, with_pip=False)
    system = tmp_path / "system"
    system.mkdir()
    for name, program in {"git": shutil.which("git"), "python3": tmp_path / "bin/python3"}.items():
        (system / name).write_text(f'#!/bin/sh\nexec {program} "$@"\n')
        (system / name).chmod(0o755)
    unactivated = Clone(clone.path, {**clone.environment, "PATH": str(system)})
    clone.set_params("report.histogram_bins=40")
    output = unactivated.dvc("repro", succeeds=False)
    assert "check: " in output
    assert "`source .venv/bin/activate` first" in output
    assert "Traceback" not in output


def test_an_experiment_with_a_number_in_scientific_notation_runs(clone: Clone) -> None:
    clone.dvc("exp", "run", "-S", "sweep.sigma_min=1e-05", "check")
    assert parameters(clone)["sweep.sigma_min"] == 1e-5
