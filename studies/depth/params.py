"""studies/depth/params.yaml as typed values, refused in one line where it makes no sense."""

from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from stages.core.params import Float, Int, Units
from stages.core import strict_yaml
from stages.core.validation import validated

PARAMS_FILE = Path("studies/depth/params.yaml")

Depth = Annotated[Int, Field(ge=1, le=10_000)]
Variance = Annotated[Float, Field(gt=0, le=1000)]
Points = Annotated[Int, Field(ge=2, le=1000)]


class Params(BaseModel):
    """All of studies/depth/params.yaml."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    depth_min: Depth
    depth_max: Depth
    num_depths: Points
    sigma_w2_min: Variance
    sigma_w2_max: Variance
    num_sigma_w2: Points
    sigma_b2: Variance
    width: Units
    steps: Annotated[Int, Field(ge=1, le=10_000_000)]
    batch_size: Annotated[Int, Field(ge=1, le=60_000)]
    lr: Annotated[Float, Field(gt=0)]
    seed: Annotated[Int, Field(ge=0, lt=2**63)]

    @field_validator("depth_max", "sigma_w2_max")
    @classmethod
    def _range_is_not_empty(cls, high: float, info: ValidationInfo) -> float:
        name = str(info.field_name).replace("max", "min")
        if high <= info.data.get(name, 0):
            raise ValueError(f"must be greater than {name}, which is {info.data[name]:g}")
        return high

    @property
    def depths(self) -> list[int]:
        """Log-spaced whole numbers; fewer than num_depths where neighbours round to the same."""
        return sorted(
            {round(d) for d in np.geomspace(self.depth_min, self.depth_max, self.num_depths)}
        )

    @property
    def sigma_w2s(self) -> tuple[float, ...]:
        """Evenly spaced, cut to 8 decimals."""
        spaced = np.linspace(self.sigma_w2_min, self.sigma_w2_max, self.num_sigma_w2)
        return tuple(round(float(sigma_w2), 8) for sigma_w2 in spaced)


def read_params(path: Path = PARAMS_FILE) -> Params:
    """Read and validate the parameter file; InputError names the mistakes, a line each."""
    return validated(Params, strict_yaml.read(path), str(path))
