"""params.yaml as typed values: read once, validated whole, refused in one line a mistake."""

import math
import re
import sys
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    Strict,
    ValidationInfo,
    field_validator,
)

from stages.core.published import FOLDER, PUBLISHED
from stages.core.strict_yaml import number
from stages.core.validation import read_as
from stages.process.door import InputError

PARAMS_FILE = Path("params.yaml")
_SMALLEST_STEP = 1e-6
"""Decades between neighbouring sigmas, below which their 8 significant digits could coincide."""

_MOST_NETWORKS = 1_000_000


def _number(value: Any) -> Any:
    """A number in quotes is the number it shows, and 1e3 is a whole one."""
    if isinstance(value, str) and (shown := number(value)) is not None:
        value = shown
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _in_range_of_floats(sigma: float) -> float:
    """Smaller ones come near the smallest 32-bit floats; larger ones overflow at once."""
    if not 1e-30 <= sigma <= 1e6:
        raise ValueError("must be from 1e-30 to 1e6")
    return sigma


def _list_such_as(example: str) -> BeforeValidator:
    def check(value: Any) -> Any:
        if not isinstance(value, list | tuple):
            raise ValueError(f"must be a list, e.g. {example}")
        return value

    return BeforeValidator(check)


def _not_empty(items: tuple[int, ...]) -> tuple[int, ...]:
    if not items:
        raise ValueError("must have at least 1 item")
    return items


def _address(value: Any) -> Any:
    match = _ADDRESS.fullmatch(value) if isinstance(value, str) else None
    if value is not None and not (match and 1 <= int(match["port"]) <= 65_535):
        raise ValueError(f"must be null or {_AN_ADDRESS}")
    return value


_LABEL = "[A-Za-z0-9_-]{1,63}"
_HOST = rf"{_LABEL}(\.{_LABEL})*|\[[0-9A-Fa-f:.]+(%{_LABEL})?\]"
_ADDRESS = re.compile(rf"(tcp|tls|ws|wss)://({_HOST}):(?P<port>[0-9]{{1,5}})")
_AN_ADDRESS: Final = "the address of a scheduler, e.g. tcp://10.0.0.1:8786 or tcp://[::1]:8786"

Float = Annotated[float, Strict(), BeforeValidator(_number), Field(allow_inf_nan=False)]
"""A finite number."""
Int = Annotated[int, Strict(), BeforeValidator(_number)]
Sigma = Annotated[Float, AfterValidator(_in_range_of_floats)]
Units = Annotated[Int, Field(ge=1, le=100_000)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def _data_set(value: Any) -> Any:
    if value not in (*PUBLISHED, FOLDER):
        raise ValueError(f"must be {', '.join(PUBLISHED)} or {FOLDER}")
    return value


def _path(value: Any) -> Any:
    if value is not None and (not isinstance(value, str) or not value.strip()):
        raise ValueError("must be null or the path of a folder")
    return value


class Data(_Section):
    """The images that are told apart."""

    name: Annotated[str, BeforeValidator(_data_set)]
    path: Annotated[str | None, BeforeValidator(_path)]

    @field_validator("path")
    @classmethod
    def _own_data_has_one(cls, path: str | None, info: ValidationInfo) -> str | None:
        name = info.data.get("name")
        if path is None and name == FOLDER:
            raise ValueError("must be that of four IDX files, since data.name is folder")
        if path is not None and name in PUBLISHED:
            raise ValueError(f"must be null, since data.name is {name}")
        return path


class Model(_Section):
    """The network between pixels and classes."""

    hidden: Annotated[tuple[Units, ...], _list_such_as("[128, 64]"), AfterValidator(_not_empty)]


class Train(_Section):
    """How a network is trained."""

    epochs: Annotated[Int, Field(ge=1, le=100_000)]
    batch_size: Annotated[Int, Field(ge=1, le=60_000)]
    lr: Annotated[Float, Field(gt=0)]
    optimizer: Literal["adam", "sgd", "momentum"]


Scheme = Literal[
    "pytorch_default",
    "xavier_normal",
    "xavier_uniform",
    "kaiming_normal",
    "kaiming_uniform",
    "orthogonal",
]


class Sweep(_Section):
    """Which networks are trained."""

    sigma_min: Sigma
    sigma_max: Sigma
    num_points: Annotated[Int, Field(ge=1, le=100_000)]
    replicates: Annotated[Int, Field(ge=1, le=10_000)]
    seed: Annotated[Int, Field(ge=0, lt=2**63)]
    initializers: Annotated[tuple[Scheme, ...], _list_such_as("[xavier_normal] or []")]

    @field_validator("replicates")
    @classmethod
    def _networks_are_countable(cls, replicates: int, info: ValidationInfo) -> int:
        points = info.data.get("num_points", 1)
        if points * replicates > _MOST_NETWORKS:
            raise ValueError(
                f"must be at most {_MOST_NETWORKS // points} with sweep.num_points = {points}: "
                f"more than {_MOST_NETWORKS:,} networks are no sweep"
            )
        return replicates

    @field_validator("initializers")
    @classmethod
    def _schemes_differ(cls, initializers: tuple[Scheme, ...]) -> tuple[Scheme, ...]:
        if len(set(initializers)) < len(initializers):
            raise ValueError("must not name a scheme twice")
        return initializers

    @field_validator("sigma_max")
    @classmethod
    def _range_is_not_empty(cls, sigma_max: float, info: ValidationInfo) -> float:
        sigma_min = info.data.get("sigma_min", sigma_max)
        if sigma_max < sigma_min:
            raise ValueError(f"must be at least sweep.sigma_min, which is {sigma_min:g}")
        return sigma_max

    @field_validator("num_points")
    @classmethod
    def _points_differ(cls, num_points: int, info: ValidationInfo) -> int:
        low, high = info.data.get("sigma_min"), info.data.get("sigma_max")
        step = math.log10(high / low) / max(num_points - 1, 1) if low and high else math.inf
        if num_points > 1 and step < _SMALLEST_STEP:
            raise ValueError(
                f"must be 1, or the range of sigma wider than {low:g} to {high:g}: "
                "neighbouring points would coincide"
            )
        return num_points


class Report(_Section):
    """What is made of the trained networks."""

    final_epochs: Annotated[Int, Field(ge=1)]
    histogram_bins: Annotated[Int, Field(ge=1, le=100_000)]


class Runtime(_Section):
    """On what it runs; no number depends on it."""

    device: Literal["auto", "cpu", "cuda"]
    workers: Literal["auto"] | Annotated[Int, Field(ge=1, le=1024)]
    executor: Literal["local", "dask"]
    scheduler: Annotated[str | None, BeforeValidator(_address)]

    @field_validator("scheduler")
    @classmethod
    def _dask_has_one(cls, scheduler: str | None, info: ValidationInfo) -> str | None:
        if scheduler is None and info.data.get("executor") == "dask":
            raise ValueError(f"must be {_AN_ADDRESS}, since runtime.executor is dask")
        return scheduler


class Params(_Section):
    """All of params.yaml."""

    data: Data
    model: Model
    train: Train
    sweep: Sweep
    report: Report
    runtime: Runtime


def read_params(path: Path = PARAMS_FILE) -> Params:
    """Read and validate a parameter file; mistakes end the process, a line each, exit code 1."""
    try:
        return read_as(Params, path)
    except InputError as error:
        sys.exit(str(error))
