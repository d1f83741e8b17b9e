"""The check door: params.yaml in, metrics/params.csv out: what can change a result."""

import json

import yaml

from stages.analysis.tables import METRICS, write_csv
from stages.core.door import clear_exit
from stages.core.params import PARAMS_FILE, read_params

SECTIONS = ("model", "train", "sweep", "report")


def main() -> None:
    """Refuse bad parameters before any output is replaced; write params.csv."""
    read_params()
    params = yaml.safe_load(PARAMS_FILE.read_text())
    METRICS.mkdir(exist_ok=True)
    rows = (
        {"name": f"{section}.{name}", "value": json.dumps(value)}
        for section in SECTIONS
        for name, value in params[section].items()
    )
    write_csv(METRICS / "params.csv", rows)


if __name__ == "__main__":
    with clear_exit("check"):
        main()
