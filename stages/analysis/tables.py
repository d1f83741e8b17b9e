"""The files of metrics/: how they are written and refused, and their columns as curves."""

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stages.process.door import InputError
from stages.process.files import write_atomically

METRICS = Path("metrics")

Table = Mapping[str, NDArray[np.float64]]
"""Columns of a CSV file, by name."""


@dataclass(frozen=True)
class Curve:
    """A quantity against sigma, averaged over replicates."""

    sigma: NDArray[np.float64]  # rising
    mean: NDArray[np.float64]
    error: NDArray[np.float64]  # standard error of the mean; 0 for a single replicate


def layer_curve(table: Table, column: str, **where: float) -> Curve:
    """`column` against sigma, of the rows whose columns have the values `where`."""
    mine = np.isfinite(table["sigma"])
    for name, value in where.items():
        mine &= table[name] == value
    sigmas, values = table["sigma"][mine], table[column][mine]
    of_sigma = [values[sigmas == sigma] for sigma in np.unique(sigmas)]
    return Curve(
        np.unique(sigmas),
        np.array([group.mean() for group in of_sigma]),
        np.array([standard_error(group) if len(group) > 1 else 0.0 for group in of_sigma]),
    )


def standard_error(values: NDArray[np.float64]) -> Any:
    """Of the means of two or more `values` over the last axis."""
    return values.std(axis=-1, ddof=1) / np.sqrt(values.shape[-1])


@contextmanager
def readable(path: Path) -> Iterator[Path]:
    """Say in one line what is wrong with `path`, and what mends it, if reading it fails inside."""
    try:
        yield path
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; `dvc repro` makes it") from None
    except KeyError as error:
        raise InputError(f"{path}: no column {error}; `dvc repro -f aggregate` mends it") from None
    except (TypeError, ValueError) as error:
        raise InputError(f"{path}: {error}; `dvc repro -f aggregate` mends it") from None


def by_variant(content: Mapping[str, Any]) -> Any:
    """What a JSON file holds of each variant: of the only sweep, whose name is "", that alone."""
    return content.get("", content)


def of_variant(content: Any, variant: str) -> Any:
    """The inverse: what such a file holds of one."""
    return content[variant] if variant else content


def write_json(path: Path, content: Any) -> None:
    """Write strict JSON, which has no NaN."""
    write_atomically(path, json.dumps(content, indent=2, allow_nan=False) + "\n")


def write_csv(path: Path, rows: Iterable[dict[str, Any]], columns: Sequence[str] = ()) -> None:
    """Write `rows` under their keys; what is unknown (None, NaN) stays empty."""
    rows = [{k: "" if v is None or v != v else v for k, v in row.items()} for row in rows]
    text = io.StringIO()
    writer = csv.DictWriter(text, columns or list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_atomically(path, text.getvalue())
