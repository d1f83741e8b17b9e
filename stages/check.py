"""The check door: params.yaml in, validated; the parameters as a table out.

DVC deletes what a stage makes before it runs the stage. So this one comes before all others: a
mistake in params.yaml ends the run here, while every result is still in place.
"""

if __name__ == "__main__":
    if not __package__:
        raise SystemExit("in the project's folder, run: python -m stages.check")
    from stages.process.door import enter

    enter("stages.check")

import json
from pathlib import Path

from stages.analysis.tables import METRICS, write_csv
from stages.core.params import read_params
from stages.process.files import write_atomically

CHECKED = Path("data/checked")


def main() -> None:
    """Write params.csv, a row for each parameter of a result, and the file that download awaits."""
    params = read_params().model_dump(mode="json", exclude={"runtime"})
    METRICS.mkdir(exist_ok=True)
    write_csv(
        METRICS / "params.csv",
        (
            {"name": f"{section}.{name}", "value": json.dumps(value)}
            for section, values in params.items()
            for name, value in values.items()
        ),
    )
    write_atomically(CHECKED, "params.yaml is valid\n")
