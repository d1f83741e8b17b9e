"""The report door: metrics/ and params.yaml in, metrics/report.md and answer.json out."""

if __name__ == "__main__":
    if not __package__:
        raise SystemExit("in the project's folder, run: python -m stages.report")
    from stages.process.door import enter

    enter("stages.report", takes_folder=True)

from pathlib import Path

from stages.analysis.activation_scales import scales_of_activations
from stages.analysis.answer import answer
from stages.analysis.evidence import (
    first_layer_images,
    movement,
    named_initialisers,
    theory,
    vanishing_and_exploding,
)
from stages.analysis.findings import Results
from stages.analysis.metrics import Metrics, read_metrics
from stages.analysis.setting import determining
from stages.analysis.tables import METRICS, by_variant, readable, write_json
from stages.core.params import PARAMS_FILE, Params, read_params
from stages.core.records import parse_json, parse_provenance
from stages.core.trial import sweep_sigmas
from stages.figures.markdown import Origin
from stages.figures.sweep_report import sweep_report
from stages.figures.variants_report import variants_report
from stages.process.door import InputError
from stages.process.files import write_atomically

REPORT = "report.md"


def main(folder: Path) -> None:
    """Write report.md, and answer.json: the few numbers that `dvc exp show` compares.

    `folder` holds params.yaml and metrics/.
    """
    params, metrics = read_params(folder / PARAMS_FILE), read_metrics(folder / METRICS)
    results = [variant.results() for variant in metrics]
    refuse_another_sweep(metrics, results, params)
    networks = read_origins(folder / METRICS)
    if len(results) == 1:
        content = sweep_report(results[0], read_evidence(metrics[0], results[0]), networks)
    else:
        shown = params.model_dump(mode="json", exclude={"runtime"})
        content = variants_report(results, networks, shown)
    write_atomically(folder / METRICS / REPORT, content)
    answers = {of.setting.variant: answer(of.summary) for of in results}
    write_json(folder / METRICS / "answer.json", by_variant(answers))


def refuse_another_sweep(metrics: list[Metrics], results: list[Results], params: Params) -> None:
    """Raise InputError unless all metrics are of the sweeps that `params` asks for."""
    sweeps = params.sweeps()
    asked = {variant: determining(sweep) for variant, sweep in sweeps.items()}
    if asked != {of.setting.variant: of.setting.params for of in metrics} or not all(
        _is_of(sweep, variant, of)
        for sweep, variant, of in zip(sweeps.values(), metrics, results, strict=True)
    ):
        raise InputError("metrics/ is not of the sweep in params.yaml; `dvc repro` makes it so")


def _is_of(sweep: Params, metrics: Metrics, results: Results) -> bool:
    """Whether the tables of a variant hold all that its sweep asks for."""
    sigmas = sweep_sigmas(sweep)
    records = {sigma: len(course) for sigma, course in results.courses.items()}
    named = tuple(baseline.initializer for baseline in metrics.baselines())
    return (
        [(point.sigma, point.n) for point in results.points]
        == [(sigma, sweep.sweep.replicates) for sigma in sigmas]
        and records == dict.fromkeys(sigmas, results.setting.records)
        and named == sweep.sweep.initializers
        and results.summary.get("best_sigma") in records
    )


def read_evidence(metrics: Metrics, results: Results) -> list[str]:
    """What the layers, theory and the named initialisers say."""
    probes = metrics.probes()
    return [
        *named_initialisers(results),
        *vanishing_and_exploding(results, probes),
        *movement(results.points, probes),
        *first_layer_images(results, metrics.features()),
        *theory(metrics.theory_errors()),
        *scales_of_activations([results]),
    ]


def read_origins(metrics: Path) -> dict[Origin, int]:
    """The rows of provenance.json: where networks come from, and how many."""
    with readable(metrics / "provenance.json") as path:
        rows = parse_json(path.read_bytes())
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise ValueError("is not a list of provenances")
        trials = [(int(row.pop("trials")), str(row.pop("data"))) for row in rows]
        origins = zip(map(parse_provenance, rows), trials, strict=True)
        return {Origin(provenance, data): count for provenance, (count, data) in origins}
