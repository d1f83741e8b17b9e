"""The check door: params.yaml in, validated; the parameters as a table out.

DVC deletes what a stage makes before it runs the stage. So this one comes before all others: a
mistake in params.yaml ends the run here, while every result is still in place.
"""

if __name__ == "__main__":
    if not __package__:
        raise SystemExit("in the project's folder, run: python -m stages.check")
    from stages.process.door import enter

    enter("stages.check")

import ast
import json
import os
import tokenize
from collections.abc import Iterator
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
    """Raise InputError if `network` is FILE.py:CLASS and there is no such file or class.

    The file is read, not run: whether the class can be trained is seen when it is.
    """
    file, _, name = network.rpartition(":")
    if name == network:
        return
    fault = f"params.yaml: model.network = {network}"
    if not Path(file).is_file():
        raise InputError(f"{fault}: there is no file {file}")
    try:
        with tokenize.open(file) as stream:
            tree = ast.parse(stream.read())
    except SyntaxError as error:
        raise InputError(f"{fault}: {file}:{error.lineno or 1} is not Python") from None
    except (OSError, ValueError, RecursionError, MemoryError):  # undecodable, NUL, nested too deep
        raise InputError(f"{fault}: {file} is not Python") from None
    if not {name, "*"} & set(_names(tree)):
        classes = [node.name for node in tree.body if isinstance(node, ast.ClassDef)]
        there_is = f"there is {', '.join(classes)}" if classes else "it has none"
        raise InputError(f"{fault}: {file} has no class {name}; {there_is}")


def _names(tree: ast.AST) -> Iterator[str]:
    """All that a module may give a name to; `*` where it takes names from elsewhere."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            yield node.name
        elif isinstance(node, ast.alias):
            yield node.asname or node.name
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
