"""params.yaml as typed values: read once, validated whole, refused in one line a mistake."""

import math
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise
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

from stages.core import strict_yaml
from stages.core.activations import ACTIVATIONS
from stages.core.facts import FACTS
from stages.core.networks import PERCEPTRON
from stages.core.optimizers import OPTIMIZERS
from stages.core.published import FOLDER, PUBLISHED
from stages.core.starts import SCHEMES, SIGMA_DIGITS
from stages.core.strict_yaml import number
from stages.core.trial import USUAL_EPSILON, canonical_sigma
from stages.core.validation import validated
from stages.process.door import InputError
from stages.process.sums import SUMS

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


def _a_float_of_32_bits(value: float) -> float:
    """Others are 0 or infinite where networks are trained."""
    if not 1e-37 <= value <= 3e38:
        raise ValueError("must be from 1e-37 to 3e38")
    return value


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


def _one_of(names: Iterable[str]) -> BeforeValidator:
    *others, last = names

    def check(value: Any) -> Any:
        if value not in (*others, last):
            raise ValueError(f"must be {', '.join(others)} or {last}")
        return value

    return BeforeValidator(check)


def _network(value: str) -> str:
    if value != PERCEPTRON and not _MODULE.fullmatch(value):
        raise ValueError(
            f"must be {PERCEPTRON}, or a class in a file, e.g. networks/lenet.py:LeNet"
        )
    return value


def _rising(sigmas: tuple[float, ...] | None) -> tuple[float, ...] | None:
    if sigmas is not None and (not sigmas or any(a >= b for a, b in pairwise(sigmas))):
        raise ValueError("must be null, or a list of rising numbers, e.g. [0.01, 0.1]")
    for low, high in pairwise(sigmas or ()):
        if canonical_sigma(low) == canonical_sigma(high):
            raise ValueError(
                f"must differ in the first {SIGMA_DIGITS} digits, unlike {low!r} and {high!r}"
            )
    return sigmas


def _address(value: Any) -> Any:
    match = _ADDRESS.fullmatch(value) if isinstance(value, str) else None
    if value is not None and not (match and 1 <= int(match["port"]) <= 65_535):
        raise ValueError(f"must be null or {_AN_ADDRESS}")
    return value


_MODULE = re.compile(r"[^:\0]+\.py:[^\W\d]\w*")
_VARIANT = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,39}")
_SHARED: Final = ("report", "runtime", "variants")
"""Sections that no variant has of its own."""

_LABEL = "[A-Za-z0-9_-]{1,63}"
_HOST = rf"{_LABEL}(\.{_LABEL})*|\[[0-9A-Fa-f:.]+(%{_LABEL})?\]"
_ADDRESS = re.compile(rf"(tcp|tls|ws|wss)://({_HOST}):(?P<port>[0-9]{{1,5}})")
_AN_ADDRESS: Final = "the address of a scheduler, e.g. tcp://10.0.0.1:8786 or tcp://[::1]:8786"

Float = Annotated[float, Strict(), BeforeValidator(_number), Field(allow_inf_nan=False)]
"""A finite number."""
Int = Annotated[int, Strict(), BeforeValidator(_number)]
Sigma = Annotated[Float, AfterValidator(_in_range_of_floats)]
Units = Annotated[Int, Field(ge=1, le=100_000)]
DataName = Annotated[str, _one_of([*PUBLISHED, FOLDER])]
ActivationName = Annotated[str, _one_of(ACTIVATIONS)]
OptimizerName = Annotated[str, _one_of(OPTIMIZERS)]
SchemeName = Annotated[str, _one_of(SCHEMES)]


Overrides = dict[str, dict[str, Any]]
"""Of some parameters, by section and name."""


def _variants(value: Any) -> Any:
    """Overrides by the names of variants; what they say is validated with the rest."""
    if not isinstance(value, dict):
        raise ValueError("must be {} or overrides by name, e.g. {sgd: {train: {optimizer: sgd}}}")
    taken = {FACTS: FACTS, SUMS.lower(): SUMS}  # of a folder that may not tell capitals apart
    for name, overrides in value.items():
        if (other := taken.setdefault(name.lower(), name)) is not name:
            raise ValueError(f"{name!r} must differ from {other!r} by more than capitals")
        if not _VARIANT.fullmatch(name):
            raise ValueError(f"{name!r} must be up to 40 letters, digits, _, . or -")
        if not isinstance(overrides or {}, dict):
            raise ValueError(f"{name} must be overrides, e.g. {{train: {{optimizer: sgd}}}}")
        for section, values in (overrides or {}).items():
            if section in _SHARED:
                raise ValueError(f"{name}.{section}: must be the same for all variants")
            if not isinstance(values, dict):
                raise ValueError(f"{name}.{section} must be lines of `name: value`")
    return {name: overrides or {} for name, overrides in value.items()}


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def _path(value: Any) -> Any:
    if value is not None and (not isinstance(value, str) or not value.strip()):
        raise ValueError("must be null or the path of a folder")
    return value


class Data(_Section):
    """The images that are told apart."""

    name: DataName = "mnist"
    path: Annotated[str | None, BeforeValidator(_path)] = None

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

    network: Annotated[str, AfterValidator(_network)] = PERCEPTRON
    hidden: Annotated[tuple[Units, ...], _list_such_as("[128, 64]"), AfterValidator(_not_empty)]
    depth: Annotated[Int, Field(ge=1, le=10_000)] | None = None
    activation: ActivationName = "relu"

    @field_validator("depth")
    @classmethod
    def _has_one_width(cls, depth: int | None, info: ValidationInfo) -> int | None:
        if depth is not None and len(set(info.data.get("hidden", ()))) > 1:
            raise ValueError("must be null, or model.hidden a single width, e.g. [128]")
        return depth

    @property
    def units(self) -> tuple[int, ...]:
        """Of each hidden layer of a perceptron."""
        return self.hidden if self.depth is None else self.hidden[:1] * self.depth


class Train(_Section):
    """How a network is trained."""

    epochs: Annotated[Int, Field(ge=1, le=100_000)]
    steps: Annotated[Int, Field(ge=1, le=100_000_000)] | None = None
    batch_size: Annotated[Int, Field(ge=1, le=1_000_000)]
    lr: Annotated[Float, Field(gt=0), AfterValidator(_a_float_of_32_bits)]
    optimizer: OptimizerName
    adam_epsilon: Annotated[Float, Field(gt=0), AfterValidator(_a_float_of_32_bits)] = USUAL_EPSILON


class Sweep(_Section):
    """Which networks are trained."""

    sigma_min: Sigma
    sigma_max: Sigma
    num_points: Annotated[Int, Field(ge=1, le=100_000)]
    sigmas: Annotated[tuple[Sigma, ...] | None, AfterValidator(_rising)] = None
    replicates: Annotated[Int, Field(ge=1, le=10_000)]
    seed: Annotated[Int, Field(ge=0, lt=2**63)]
    scale: Literal["sigma", "fan_in"] = "sigma"
    biases: Literal["sigma", "zero"] | Annotated[Float, Field(ge=0, le=1e6)] = "sigma"
    initializers: Annotated[tuple[SchemeName, ...], _list_such_as("[xavier_normal] or []")]
    keep_weights: Annotated[bool, Strict()] = True

    @field_validator("replicates")
    @classmethod
    def _networks_are_countable(cls, replicates: int, info: ValidationInfo) -> int:
        points = len(info.data.get("sigmas") or ()) or info.data.get("num_points", 1)
        if points * replicates > _MOST_NETWORKS:
            raise ValueError(
                f"must be at most {_MOST_NETWORKS // points} with {points} sigmas: "
                f"more than {_MOST_NETWORKS:,} networks are no sweep"
            )
        return replicates

    @field_validator("initializers")
    @classmethod
    def _schemes_differ(cls, initializers: tuple[str, ...]) -> tuple[str, ...]:
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

    device: Literal["auto", "cpu", "cuda"] = "auto"
    workers: Literal["auto"] | Annotated[Int, Field(ge=1, le=1024)] = "auto"
    executor: Literal["local", "dask"] = "local"
    scheduler: Annotated[str | None, BeforeValidator(_address)] = None

    @field_validator("scheduler")
    @classmethod
    def _dask_has_one(cls, scheduler: str | None, info: ValidationInfo) -> str | None:
        if scheduler is None and info.data.get("executor") == "dask":
            raise ValueError(f"must be {_AN_ADDRESS}, since runtime.executor is dask")
        return scheduler


class Params(_Section):
    """All of params.yaml."""

    data: Data = Data()
    model: Model
    train: Train
    sweep: Sweep
    variants: Annotated[dict[str, Overrides], BeforeValidator(_variants)] = {}
    report: Report
    runtime: Runtime = Runtime()

    def sweeps(self) -> dict[str, "Params"]:
        """The sweep of each variant by its name; where none is listed, this one, named ""."""
        if not self.variants:
            return {"": self}
        own = self.model_dump(exclude={"variants"})
        return {
            name: Params.model_validate(overridden(own, overrides))
            for name, overrides in self.variants.items()
        }


def overridden(content: Mapping[str, Any], overrides: Overrides) -> dict[str, Any]:
    """The sections of `content` with those values replaced that `overrides` names."""
    sections = {name: section for name, section in content.items() if name != "variants"}
    changed = {name: {**sections.get(name, {}), **values} for name, values in overrides.items()}
    return {**sections, **changed}


def flatten(content: Any, *sections: str) -> Iterator[tuple[str, Any]]:
    """What is no mapping as `section.name` and value, however deep it lies."""
    if not isinstance(content, Mapping) or not content:
        yield ".".join(sections), content
        return
    for name, value in content.items():
        yield from flatten(value, *sections, name)


def read_params(path: Path = PARAMS_FILE) -> Params:
    """Read and validate a parameter file; mistakes end the process, a line each, exit code 1."""
    try:
        content: Any = strict_yaml.read(path)
        params = validated(Params, content, str(path))
        variants = [
            validated(Params, overridden(content, overrides), str(path), f"variants.{name}.")
            for name, overrides in params.variants.items()
        ]
        if len({variant.data for variant in variants if variant.data.path}) > 1:
            raise InputError(f"{path}: variants: data.path must be the same wherever it is set")
    except InputError as error:
        sys.exit(str(error))
    return params
