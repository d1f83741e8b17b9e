"""The report door: metrics/ and params.yaml in, metrics/report.md and answer.json out."""

if __name__ == "__main__":
    if not __package__:
        raise SystemExit("in the project's folder, run: python -m stages.report")
    from stages.process.door import enter

    enter("stages.report")

import json
from collections.abc import Sequence

from stages.analysis.answer import answer
from stages.analysis.baselines import Baseline
from stages.analysis.evidence import (
    movement,
    named_initialisers,
    theory,
    vanishing_and_exploding,
)
from stages.analysis.findings import Results
from stages.analysis.tables import (
    METRICS,
    read_baselines,
    read_courses,
    read_points,
    read_probes,
    read_summary,
    readable,
    write_json,
)
from stages.core.params import Params, read_params
from stages.core.records import parse_json, parse_provenance
from stages.core.trial import Provenance, sweep_sigmas
from stages.figures.markdown import report
from stages.process.door import InputError
from stages.process.files import write_atomically

REPORT = METRICS / "report.md"


def main() -> None:
    """Write report.md, and answer.json: the few numbers that `dvc exp show` compares."""
    params = read_params()
    results = Results(read_points(), read_summary(), read_courses())
    named = read_baselines()
    refuse_another_sweep(results, named, params)
    content = report(params, results, read_evidence(results, named), read_provenances())
    write_atomically(REPORT, content)
    write_json(METRICS / "answer.json", answer(results.summary))


def refuse_another_sweep(results: Results, named: Sequence[Baseline], params: Params) -> None:
    """Raise InputError unless all metrics are of the sweep that `params` asks for."""
    asked = [(sigma, params.sweep.replicates) for sigma in sweep_sigmas(params)]
    found = [(point.sigma, point.n) for point in results.points]
    epochs = {sigma: len(course) for sigma, course in results.courses.items()}
    if (
        found != asked
        or epochs != dict.fromkeys(sweep_sigmas(params), params.train.epochs)
        or tuple(baseline.initializer for baseline in named) != params.sweep.initializers
        or results.summary.get("best_sigma") not in epochs
    ):
        raise InputError("metrics/ is not of the sweep in params.yaml; `dvc repro` makes it so")


def read_evidence(results: Results, named: Sequence[Baseline]) -> list[str]:
    """What the layers, theory and the named initialisers say."""
    probes = read_probes()
    with readable(METRICS / "theory.json") as path:
        errors = json.loads(path.read_text())
    return [
        *named_initialisers(named, results),
        *vanishing_and_exploding(results, probes),
        *movement(results.points, probes),
        *theory(errors),
    ]


def read_provenances() -> dict[Provenance, int]:
    """The rows of provenance.json: where networks come from, and how many."""
    with readable(METRICS / "provenance.json") as path:
        rows = parse_json(path.read_bytes())
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise ValueError("is not a list of provenances")
        trials = [int(row.pop("trials")) for row in rows]
        return dict(zip(map(parse_provenance, rows), trials, strict=True))
