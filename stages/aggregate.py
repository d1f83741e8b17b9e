"""The aggregate door: the trials of params.yaml in data/models in, metrics/ out."""

import csv
import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from stages.analysis.accuracy import accuracy_points, summarize
from stages.analysis.histograms import parameter_histogram
from stages.core.door import clear_exit
from stages.core.params import read_params
from stages.core.records import RECORD, Record, parse_record, read_parameters
from stages.core.trial import sweep_trials

MODELS, METRICS = Path("data/models"), Path("metrics")


def main() -> None:
    """Write summary.json, provenance.json, accuracy.csv, history.csv and histograms.csv."""
    params = read_params()
    folders = [MODELS / trial.name for trial in sweep_trials(params)]
    records = [parse_record((folder / RECORD).read_bytes()) for folder in folders]
    points = accuracy_points(records, params.report.final_epochs)
    METRICS.mkdir(exist_ok=True)
    summary = summarize(points, records, params.report.final_epochs)
    write_json("summary.json", summary)
    write_json("provenance.json", provenance_rows(records))
    write_csv("accuracy.csv", map(asdict, points))
    write_csv("history.csv", history_rows(records))
    write_csv("histograms.csv", histogram_rows(folders, records, params.report.histogram_bins))
    print(*(f"{name} {value:.6g}" for name, value in summary.items()), sep="\n")


def provenance_rows(records: Iterable[Record]) -> list[dict[str, Any]]:
    """Each provenance in the sweep, normally one, with the number of its trials."""
    trials = Counter(record.provenance for record in records)
    return [{"trials": count, **asdict(provenance)} for provenance, count in trials.items()]


def history_rows(records: Iterable[Record]) -> Iterable[dict[str, Any]]:
    """A row for each epoch of each trial."""
    for record in records:
        for epoch in record.history:
            yield {"sigma": record.sigma, "replicate": record.replicate, **asdict(epoch)}


def histogram_rows(
    folders: list[Path], records: list[Record], bins: int
) -> Iterable[dict[str, Any]]:
    """A row for each bin of each sigma, over the parameters of all its replicates."""
    of_sigma: dict[float, list[Path]] = {}
    for folder, record in zip(folders, records, strict=True):
        of_sigma.setdefault(record.sigma, []).append(folder)
    for sigma, replicates in of_sigma.items():
        parameters = np.concatenate([read_parameters(folder) for folder in replicates])
        for centre, count in zip(*parameter_histogram(parameters, bins), strict=True):
            yield {"sigma": sigma, "bin_center": f"{centre:.8g}", "count": count}


def write_json(name: str, content: Any) -> None:
    """Write strict JSON, which has no NaN."""
    (METRICS / name).write_text(json.dumps(content, indent=2, allow_nan=False) + "\n")


def write_csv(name: str, rows: Iterable[dict[str, Any]]) -> None:
    """Write `rows` under their keys; what is unknown (None, NaN) stays empty."""
    rows = [{k: "" if v is None or v != v else v for k, v in row.items()} for row in rows]
    with (METRICS / name).open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    with clear_exit("aggregate"):
        main()
