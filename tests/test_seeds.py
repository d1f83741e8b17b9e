"""The seeds door: what a study with replicates teaches the reports of sweeps without."""

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np

from stages.analysis.seeds import Seeds, read_seeds
from stages.core.trial import Trial
from tests.claims.metrics import sweeps
from tests.conftest import REPOSITORY, fail_stage, stage_environment, write_params
from tests.models import aggregated

LUCK = [float(np.random.default_rng(replicate).standard_normal()) for replicate in range(20)]


def course(_: str, trial: Trial) -> list[float]:
    """Seeds move the networks of sigma 1 ten times as far as all others."""
    spread = 0.1 if trial.start.sigma == 1.0 else 0.01
    return [0.5 + spread * LUCK[trial.replicate]] * 2


def run(code: Path, stage: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A door of a copy of the code, which it may change."""
    environment = {**stage_environment(), "PYTHONPATH": str(code)}
    command = [sys.executable, "-m", f"stages.{stage}", *arguments]
    return subprocess.run(
        command, cwd=code, env=environment, capture_output=True, text=True, check=False
    )


def test_the_report_of_lone_networks_quotes_what_the_study_of_seeds_measured(
    tmp_path: Path,
) -> None:
    shutil.copytree(REPOSITORY / "stages", tmp_path / "stages")
    (tmp_path / "stages" / "analysis" / "seeds.json").unlink(missing_ok=True)
    write_params(tmp_path, sweep={"initializers": ["orthogonal"]})
    aggregated(tmp_path, course)
    assert run(tmp_path, "report").stderr == ""
    report = tmp_path / "metrics" / "report.md"
    assert "How far a second seed would move it is not known" in report.read_text("utf-8")
    few = fail_stage(tmp_path, "seeds")
    assert few == "seeds: sweep.replicates: 1: seeds take 3 or more, best 20\n"

    study = tmp_path / "study"
    study.mkdir()
    write_params(study, sweep={"initializers": ["orthogonal"], "replicates": 20, "seed": 7})
    aggregated(study, course)
    assert run(tmp_path, "seeds", "study").stderr == ""
    assert run(tmp_path, "report").stderr == ""
    told = report.read_text("utf-8")
    low, high = min(LUCK), max(LUCK)
    assert (
        f"at σ = 1 {50 + 10 * low:.2f} to {50 + 10 * high:.2f} %: the lowest and the high" in told
    )
    near = f"{50 + LUCK[0]:.2f} % (20 seeds: {50 + low:.2f} to {50 + high:.2f} %)"
    assert f"σ = 0.001 reaches {near}" in told
    assert f"orthogonal ends at {near}" in told
    assert "beyond noise" not in told.split("## Numbers")[0].split("- **Best.**")[1]

    write_params(tmp_path, train={"lr": 0.1}, sweep={"initializers": ["orthogonal"]})
    aggregated(tmp_path, course)
    assert run(tmp_path, "report").stderr == ""
    assert "move it was measured in another setting only" in report.read_text("utf-8")


def test_the_committed_file_tells_what_the_committed_study_measured() -> None:
    [study] = sweeps("studies/seeds").values()
    assert study.points[0].n == 20
    assert read_seeds() == Seeds.measured(study.setting, study.points, study.results.named)
