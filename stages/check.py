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
import os
from contextlib import suppress
from pathlib import Path

from stages.analysis.tables import METRICS, write_csv
from stages.core.params import PARAMS_FILE, flatten, read_params
from stages.process.door import InputError
from stages.process.files import write_atomically

CHECKED = Path("data/checked")


def main() -> None:
    """Write params.csv, a row for each parameter of a result, and the file that download awaits.

    Raises InputError if a module's file is missing.
    """
    with suppress(OSError):  # DVC lets git believe that a file whose size stayed has not changed
        os.utime(PARAMS_FILE)
    params = read_params()
    for sweep in params.sweeps().values():
        refuse_missing(sweep.model.network)
    METRICS.mkdir(exist_ok=True)
    values = flatten(params.model_dump(mode="json", exclude={"runtime"}))
    write_csv(
        METRICS / "params.csv",
        ({"name": name, "value": json.dumps(value)} for name, value in values),
    )
    write_atomically(CHECKED, "params.yaml is valid\n")


def refuse_missing(network: str) -> None:
    """Raise InputError if `network` is FILE.py:CLASS and there is no such file."""
    file, _, name = network.rpartition(":")
    if name != network and not Path(file).is_file():
        raise InputError(f"params.yaml: model.network = {network}: there is no file {file}")
