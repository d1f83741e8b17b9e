"""The aggregate door: data/raw and the trials of params.yaml in data/models in, metrics/ out."""

if __name__ == "__main__":
    if not __package__:
        raise SystemExit("in the project's folder, run: python -m stages.aggregate")
    from stages.process.door import enter

    enter("stages.aggregate", takes_folder=True)

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save
from threadpoolctl import threadpool_limits

from stages.analysis.mechanism import theory_errors
from stages.analysis.rows import (
    BASELINE_COLUMNS,
    Finished,
    Rows,
    accuracy_rows,
    baseline_rows,
    bins_of,
    distribution_rows,
    evidence_rows,
    feature_rows,
    histogram_rows,
    history_rows,
    layer_rows,
    probe_rows,
    provenance_rows,
    rows_of_all,
)
from stages.analysis.setting import Setting, settings_to_json
from stages.analysis.snapshots import Tensors, snapshots
from stages.analysis.tables import METRICS, by_variant, write_csv, write_json
from stages.analysis.theory import LayerScale, predict_scales
from stages.core.dataset import RAW, Dataset
from stages.core.facts import FACTS, Facts
from stages.core.params import PARAMS_FILE, Data, read_params
from stages.core.raw import read
from stages.core.records import (
    HANDED_ON,
    RECORD,
    SNAPSHOTS,
    Record,
    parse_json,
    verify_result,
)
from stages.core.sampling import PROBE_IMAGES
from stages.core.trial import Trial, sweep_trials
from stages.process.door import InputError
from stages.process.files import write_atomically
from stages.process.pace import following
from stages.process.sums import VerifiedFolder

MODELS = Path("data/models")


def main(folder: Path) -> None:
    """Write the metrics of each variant, of the initialisers beside its sweep, and of their layers.

    `folder` holds params.yaml and data/models, and receives metrics/.
    """
    finished = read_finished(folder)
    datasets = looked_into(finished)
    metrics = folder / METRICS
    metrics.mkdir(exist_ok=True)
    with threadpool_limits(1), ThreadPoolExecutor() as pool:
        predicted = {  # takes as long as all the rest
            variant.setting.variant: pool.submit(predict, variant, datasets)
            for variant in finished
            if variant.setting.has_theory
        }
        write_json(metrics / "facts.json", settings_to_json([f.setting for f in finished]))
        summaries = {variant.setting.variant: variant.summary for variant in finished}
        write_json(metrics / "summary.json", by_variant(summaries))
        write_json(metrics / "provenance.json", provenance_rows(finished))
        write_tables(metrics, finished)
        write_snapshots(metrics / SNAPSHOTS, finished, datasets)
        foretold = {name: prediction.result() for name, prediction in predicted.items()}
        write_theory(metrics, finished, foretold)
    for name, summary in summaries.items():
        told = [f"{scalar} {value:.6g}" for scalar, value in summary.items()]
        print(*([f"{name}: {', '.join(told)}"] if name else told), sep="\n")


def looked_into(finished: Sequence[Finished]) -> dict[str, Dataset]:
    """The data sets, by name, of sweeps whose weights are there to look into.

    Raises InputError if one is not that which their networks were trained on.
    """
    datasets: dict[str, Dataset] = {}
    for variant in finished:
        data, [record, *_] = Data(**variant.setting.params["data"]), variant.records
        if variant.setting.keeps_weights and data.name not in datasets:
            datasets[data.name] = dataset = read(data)
            if dataset.digest != record.trial.data:
                raise InputError(
                    f"{RAW / data.name} holds other images than {MODELS} was trained on; "
                    "`dvc repro -f download` copies them anew"
                )
    return datasets


def read_finished(folder: Path) -> list[Finished]:
    """The networks of each variant, held with their weights against what train wrote.

    Raises InputError where a file is missing, altered or of another trial.
    """
    study = " studies/dvc.yaml" * (folder != Path())
    models = VerifiedFolder(folder / MODELS, mended_by=f"dvc repro{study}")
    try:
        facts = Facts.from_json(parse_json(models.read(FACTS)))
        sweeps = read_params(folder / PARAMS_FILE).sweeps()
        trials = {variant: sweep_trials(params, facts) for variant, params in sweeps.items()}
    except (KeyError, TypeError, ValueError) as fault:
        raise models.refusal(FACTS, f"does not tell of these data and networks ({fault})") from None
    reading = following(
        [(variant, trial) for variant in sweeps for trial in trials[variant]],
        f"reading {MODELS}",
        sum(map(len, trials.values())),
    )
    records: dict[str, list[Record]] = {variant: [] for variant in sweeps}
    for variant, trial in reading:
        whole = sweeps[variant].sweep.keep_weights
        records[variant].append(read_record(models, Path(variant), trial, whole))
    return [
        Finished(
            Setting.of(variant, params, facts),
            records[variant],
            [folder / MODELS / variant / trial.name for trial in trials[variant]],
            facts.data[params.data.name].image_shape,
        )
        for variant, params in sweeps.items()
    ]


def read_record(models: VerifiedFolder, within: Path, trial: Trial, whole: bool) -> Record:
    """The record of `trial` in the folder `within`, verified, where it is `whole` with weights."""
    name = (within / trial.name).as_posix()
    names = HANDED_ON if whole else (RECORD,)
    try:
        return verify_result({file: models.read(f"{name}/{file}") for file in names}, trial)
    except ValueError as fault:
        raise models.refusal(name, str(fault)) from None


def write_tables(metrics: Path, finished: Sequence[Finished]) -> None:
    """Write the CSV files that tell what was measured; those of weights may have no rows."""

    def write(
        name: str,
        rows: Callable[[Finished], Rows],
        columns: Iterable[str] = (),
        length: int = 0,
    ) -> None:
        of_all: Iterable[dict[str, Any]] = rows_of_all(finished, rows)
        if length:
            of_all = following(of_all, name, length)
        write_csv(metrics / name, of_all, ["variant", *columns] if columns else ())

    kept = [variant for variant in finished if variant.setting.keeps_weights]
    bins = sum(len(variant.points) * bins_of(variant.setting) for variant in kept)
    matrices = sum(len(variant.records) * len(variant.setting.layers) for variant in kept)
    write("accuracy.csv", accuracy_rows)
    write("baselines.csv", baseline_rows, BASELINE_COLUMNS)
    write("history.csv", history_rows)
    write("histograms.csv", histogram_rows, ("sigma", "bin_center", "count"), bins)
    write("probes.csv", probe_rows)
    write("evidence.csv", evidence_rows)
    write(
        "layers.csv",
        layer_rows,
        ("initializer", "sigma", "replicate", "layer", "std_before", "std_after", "distance"),
        matrices,
    )
    write(
        "distributions.csv", distribution_rows, ("sigma", "layer", "bin_center", "before", "after")
    )
    write(
        "features.csv",
        feature_rows,
        ("sigma", "replicate", "moment", "autocorrelation", "standard_error"),
    )


def write_snapshots(
    path: Path, finished: Sequence[Finished], datasets: Mapping[str, Dataset]
) -> None:
    """Write the snapshots of all variants whose weights are kept into one file of tensors."""
    tensors: Tensors = {}
    for variant in finished:
        if (setting := variant.setting).keeps_weights:
            of_variant = snapshots(variant.firsts, datasets[setting.data.name])
            tensors |= of_variant.to_tensors(setting.variant)
    write_atomically(path, save(tensors))


def write_theory(
    metrics: Path, finished: Sequence[Finished], predicted: Mapping[str, list[list[LayerScale]]]
) -> None:
    """Write theory.csv, what is predicted before training, and theory.json, how far that is off."""
    foretold = [variant for variant in finished if variant.setting.variant in predicted]

    def rows(variant: Finished) -> Rows:
        for point, scales in zip(variant.points, predicted[variant.setting.variant], strict=True):
            for layer, scale in enumerate(scales, start=1):
                yield {"sigma": point.sigma, "layer": layer, **asdict(scale)}

    columns = ["variant", "sigma", "layer", *(field.name for field in fields(LayerScale))]
    write_csv(metrics / "theory.csv", rows_of_all(foretold, rows), columns)
    errors: dict[str, Any] = {variant.setting.variant: {} for variant in finished}
    for variant in foretold:
        name, sigmas = variant.setting.variant, [point.sigma for point in variant.points]
        errors[name] = theory_errors(variant.sweep, sigmas, predicted[name])
    write_json(metrics / "theory.json", by_variant(errors))


def predict(finished: Finished, datasets: Mapping[str, Dataset]) -> list[list[LayerScale]]:
    """What theory says of each layer for each sigma, on the images that were measured."""
    setting = finished.setting
    dataset = datasets[setting.data.name]
    images = dataset.train_images[:PROBE_IMAGES].astype(np.float64)
    return predict_scales(
        (images / 255 - dataset.mean) / dataset.std,
        dataset.train_labels[:PROBE_IMAGES],
        setting.sizes,
        [point.sigma for point in finished.points],
        activation=setting.activation,
        scale=setting.params["sweep"]["scale"],
        biases=setting.deviation_of_biases,
    )
