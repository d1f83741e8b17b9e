"""The seeds door: metrics/ of a study with many replicates in, stages/analysis/seeds.json out.

By that file sweeps without replicates are judged; it is written once, from studies/seeds.
"""

if __name__ == "__main__":
    if not __package__:
        raise SystemExit("in the project's folder, run: python -m stages.seeds")
    from stages.process.door import enter

    enter("stages.seeds", takes_folder=True)

from pathlib import Path

from stages.analysis.metrics import read_metrics
from stages.analysis.seeds import SEEDS, Seeds
from stages.analysis.tables import METRICS


def main(folder: Path) -> None:
    """Write what the first sweep of `folder`/metrics tells of seeds."""
    results = read_metrics(folder / METRICS)[0].results()
    Seeds.measured(results.setting, results.points, results.named).write(SEEDS)
    print(f"{SEEDS.name} tells how far a second seed moves each σ, by {results.best.n} networks")
