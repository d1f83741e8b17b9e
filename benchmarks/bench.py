"""The benchmark: measure, print the table, write its JSON and its picture, judge the learning."""

import json
import sys
from pathlib import Path

from benchmarks.modules import measure_modules, module_table
from benchmarks.picture import picture
from benchmarks.report import build
from benchmarks.rounds import measure
from benchmarks.table import table
from benchmarks.work import Plan
from stages.core.dataset import read_dataset
from stages.figures.style import house_style, save
from stages.process.door import InputError

RAW, METRICS, PICTURE = Path("data/raw/mnist"), Path("metrics"), Path("benchmarks/benchmark.png")


def run(plan: Plan) -> None:
    """Exit code 1 if the ways do not learn the same."""
    if not RAW.is_dir():
        raise InputError(f"{RAW}: no such folder; `dvc repro download` makes it")
    images = len(read_dataset(RAW).train_labels)
    report = build(plan, measure(plan, RAW), images)
    print(f"\n{table(report)}")
    modules = measure_modules(RAW, plan.rounds, int(report.machine["cores"]))
    print(f"\n{module_table(modules)}")
    METRICS.mkdir(exist_ok=True)
    PICTURE.parent.mkdir(exist_ok=True)
    content = {**report.as_json(), "modules": [row.as_json() for row in modules]}
    text = json.dumps(content, indent=1, allow_nan=False)
    (METRICS / "benchmark.json").write_text(text + "\n")
    with house_style():
        save(picture(report), PICTURE)
    if report.disagreements:
        sys.exit(1)
