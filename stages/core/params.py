"""params.yaml as typed values: read once, validated whole, refused in one line a mistake."""

import math
import sys
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic_core import ErrorDetails

PARAMS_FILE = Path("params.yaml")
_SMALLEST_STEP = 1e-6
"""Decades between neighbouring sigmas, below which their 8 significant digits could coincide."""


def _no_bool(value: Any) -> Any:
    if isinstance(value, bool):
        raise ValueError("must be a number")
    return value


def _in_range_of_floats(sigma: float) -> float:
    """Smaller ones come near the smallest 32-bit floats; larger ones overflow at once."""
    if not 1e-30 <= sigma <= 1e6:
        raise ValueError("must be from 1e-30 to 1e6")
    return sigma


Float = Annotated[float, BeforeValidator(_no_bool), Field(allow_inf_nan=False)]
"""A finite number. YAML 1.1 reads 1e-05 as a string; it is taken as the number it shows."""
Int = Annotated[int, BeforeValidator(_no_bool)]
Sigma = Annotated[Float, AfterValidator(_in_range_of_floats)]
Units = Annotated[Int, Field(ge=1, le=100_000)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Model(_Section):
    """The network between pixels and classes."""

    hidden: Annotated[tuple[Units, ...], Field(min_length=1)]


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
    initializers: tuple[Scheme, ...]

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
    scheduler: Annotated[str, Field(pattern=r"^(tcp|tls|ws|wss)://[^:]+:\d+$")] | None


class Params(_Section):
    """All of params.yaml."""

    model: Model
    train: Train
    sweep: Sweep
    report: Report
    runtime: Runtime


def read_params(path: Path = PARAMS_FILE) -> Params:
    """Read and validate a parameter file; mistakes end the process, a line each, exit code 1."""
    try:
        return Params.model_validate(yaml.safe_load(path.read_text()))
    except FileNotFoundError:
        sys.exit(f"{path}: no such file; run this in the folder that holds it")
    except yaml.YAMLError as error:
        sys.exit(f"{path}: not valid YAML: {' '.join(str(error).split())}")
    except ValidationError as error:
        by_key = groupby(error.errors(), key=lambda mistake: mistake["loc"][:2])
        sys.exit("\n".join(f"{path}: {_explain(list(mistakes))}" for _, mistakes in by_key))


def _explain(mistakes: list[ErrorDetails]) -> str:
    """The mistakes about one key as `key = value: what is allowed`."""
    first = mistakes[0]
    key = ".".join(map(str, first["loc"][:2]))
    if first["type"] == "missing":
        return f"{key} is missing"
    if first["type"] == "extra_forbidden":
        return f"{key} is not a parameter; there are {', '.join(_names())}"
    return f"{key} = {first['input']!r}: {' or '.join(map(allowed, mistakes))}"


def allowed(mistake: ErrorDetails) -> str:
    """What a value must be, in pydantic's words made a half sentence."""
    return mistake["msg"].removeprefix("Value error, ").replace("Input should", "must")


def _names() -> Iterator[str]:
    for section in (Model, Train, Sweep, Report, Runtime):
        yield from (f"{section.__name__.lower()}.{name}" for name in section.model_fields)
