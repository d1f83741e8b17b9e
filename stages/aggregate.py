"""The aggregate door: data/raw and the trials of params.yaml in data/models in, metrics/ out."""

if __name__ == "__main__":
    if not __package__:
        raise SystemExit("in the project's folder, run: python -m stages.aggregate")
    from stages.process.door import enter

    enter("stages.aggregate", takes_folder=True)

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, fields
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from stages.analysis.accuracy import accuracy_points, summarize
from stages.analysis.baselines import Baseline, baselines
from stages.analysis.mechanism import probe_rows, theory_errors
from stages.analysis.rows import (
    accuracy_rows,
    baseline_row,
    distribution_rows,
    histogram_rows,
    history_rows,
    layer_rows,
    layer_sigmas,
    provenance_rows,
)
from stages.analysis.tables import METRICS, write_csv, write_json
from stages.analysis.theory import predict_scales, reference_stds
from stages.core.dataset import RAW, read_dataset
from stages.core.params import PARAMS_FILE, read_params
from stages.core.records import INITIAL, PROBE_IMAGES, RECORD, WEIGHTS, Record, verify_result
from stages.core.starts import NORMAL
from stages.core.trial import Trial, sweep_trials
from stages.process.pace import following
from stages.process.sums import VerifiedFolder

MODELS = Path("data/models")
BASELINE_COLUMNS = [field.name for field in fields(Baseline)]


def main(folder: Path) -> None:
    """Write the metrics of the sweep, of the initialisers beside it, and of their layers.

    `folder` holds params.yaml and data/models, and receives metrics/.
    """
    params = read_params(folder / PARAMS_FILE)
    metrics = folder / METRICS
    trials = sweep_trials(params)
    folders = [folder / MODELS / trial.name for trial in trials]
    records = read_records(folder, trials)
    sweep = [record for record in records if record.initializer == NORMAL]
    points = accuracy_points(sweep, params.report.final_epochs)
    summary = summarize(points, sweep, params.report.final_epochs)
    named = baselines(
        records,
        float(summary["best_sigma"]),
        params.report.final_epochs,
        {
            trial.initializer: layer_sigmas(of)
            for trial, of in zip(trials, folders, strict=True)
            if trial.initializer != NORMAL and trial.replicate == 0
        },
    )
    metrics.mkdir(exist_ok=True)
    with threadpool_limits(1), ThreadPoolExecutor() as pool:
        # takes as long as all the rest
        theory = pool.submit(write_theory, metrics, RAW / params.data.name, trials[0].sizes, sweep)
        write_json(metrics / "summary.json", summary)
        write_json(metrics / "provenance.json", provenance_rows(records))
        write_csv(metrics / "accuracy.csv", accuracy_rows(points, named))
        write_csv(metrics / "baselines.csv", map(baseline_row, named), BASELINE_COLUMNS)
        write_csv(metrics / "history.csv", history_rows(sweep))
        histograms = histogram_rows(folders, records, params.report.histogram_bins)
        bins = len({record.sigma for record in sweep}) * params.report.histogram_bins
        write_csv(metrics / "histograms.csv", following(histograms, "histograms.csv", bins))
        write_csv(metrics / "probes.csv", probe_rows(records))
        matrices = len(records) * (len(trials[0].sizes) - 1)
        changes = following(layer_rows(folders, records), "layers.csv", matrices)
        write_csv(metrics / "layers.csv", changes)
        write_csv(metrics / "distributions.csv", distribution_rows(folders, records))
        theory.result()
    print(*(f"{name} {value:.6g}" for name, value in summary.items()), sep="\n")


def read_records(folder: Path, trials: Sequence[Trial]) -> list[Record]:
    """The records of `trials`, held with their weights against what train wrote.

    Raises InputError where a file is missing, altered or of another trial.
    """
    study = " studies/dvc.yaml" * (folder != Path())
    models = VerifiedFolder(folder / MODELS, mended_by=f"dvc repro{study}")
    records = []
    for trial in following(trials, f"reading {MODELS}", len(trials)):
        files = {name: models.read(f"{trial.name}/{name}") for name in (RECORD, INITIAL, WEIGHTS)}
        try:
            records.append(verify_result(files, trial))
        except ValueError as fault:
            raise models.refusal(trial.name, str(fault)) from None
    return records


def write_theory(metrics: Path, raw: Path, sizes: tuple[int, ...], sweep: Sequence[Record]) -> None:
    """Write theory.csv, what is predicted before training, and theory.json, how far that is off."""
    dataset = read_dataset(raw)
    images = dataset.train_images[:PROBE_IMAGES].astype(np.float64)
    sigmas = sorted({record.sigma for record in sweep})
    inputs = (images / 255 - dataset.mean) / dataset.std
    predicted = predict_scales(inputs, dataset.train_labels[:PROBE_IMAGES], sizes, sigmas)
    write_json(metrics / "theory.json", theory_errors(sweep, sigmas, predicted))
    rows = (
        {
            "sigma": sigma,
            "layer": layer,
            **asdict(scale),
            "glorot_sigma": reference.glorot,
            "he_sigma": reference.he,
        }
        for sigma, scales in zip(sigmas, predicted, strict=True)
        for layer, (scale, reference) in enumerate(
            zip(scales, reference_stds(sizes), strict=True), start=1
        )
    )
    write_csv(metrics / "theory.csv", rows)
