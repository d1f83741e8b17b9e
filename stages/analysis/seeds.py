"""What other seeds make of a network, as a committed study with many replicates measured it.

Sweeps without replicates are judged by it where they are of its setting: the same network, data,
start and training. It keeps each accuracy, for their spread tells little where a few of twenty
draws fall far below the others. `python -m stages.seeds studies/seeds` takes them from its metrics.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Self

import numpy as np

from stages.analysis.accuracy import Point
from stages.analysis.baselines import Baseline
from stages.analysis.noise import FEWEST, Array
from stages.analysis.setting import Setting, Values
from stages.analysis.tables import readable, write_json
from stages.core.records import parse_json
from stages.process.door import InputError

SEEDS: Final = Path(__file__).with_name("seeds.json")
"""Beside the code, and so a dependency of each stage that judges; no stage's output."""

_FREE: Final = {
    "sweep": "sigma_min sigma_max num_points sigmas replicates seed initializers keep_weights",
    "report": "histogram_bins",
}
"""Parameters that do not change what a second seed does to a network."""


@dataclass(frozen=True)
class Seeds:
    """The final accuracies of a network by `networks` seeds, in the order of these."""

    params: Values  # those that make up the setting
    data: Mapping[str, Any]
    networks: int
    of_sigma: Sequence[tuple[float, Sequence[float]]]  # by rising sigma
    of_scheme: Mapping[str, Sequence[float]]  # by named initialiser

    @classmethod
    def measured(cls, setting: Setting, points: Sequence[Point], named: Sequence[Baseline]) -> Self:
        """What a sweep tells; raises InputError where it has too few replicates."""
        n = points[0].n
        if n < FEWEST:
            raise InputError(f"sweep.replicates: {n}: seeds take {FEWEST} or more, best 20")
        return cls(
            params=_of_setting(setting),
            data=asdict(setting.data),
            networks=n,
            of_sigma=[(point.sigma, point.accuracies) for point in points],
            of_scheme={of.initializer: of.accuracies for of in named},
        )

    def fits(self, setting: Setting) -> bool:
        """Whether networks of `setting` differ from those measured in their starts alone."""
        return self.params == _of_setting(setting) and self.data == asdict(setting.data)

    def accuracies(self, start: float | str) -> Array:
        """Those of a named initialiser, or of the measured sigma that is nearest on a log scale.

        NaNs where nothing was measured: of other names and beyond the outermost sigmas.
        """
        unknown = np.full(self.networks, np.nan)
        if isinstance(start, str):
            return np.array(self.of_scheme.get(start, unknown))
        sigmas, accuracies = zip(*self.of_sigma, strict=True)
        if not sigmas[0] <= start <= sigmas[-1]:
            return unknown
        return np.array(accuracies[np.abs(np.log(np.array(sigmas) / start)).argmin()])

    def write(self, path: Path) -> None:
        """The inverse of `read_seeds`."""
        write_json(path, asdict(self))


def read_seeds(path: Path = SEEDS) -> Seeds | None:
    """What was measured, where it was; raises InputError of a damaged file."""
    if not path.exists():
        return None
    with readable(path):
        content = parse_json(path.read_bytes())
        return Seeds(
            **{
                **content,
                "of_sigma": [(sigma, tuple(found)) for sigma, found in content["of_sigma"]],
                "of_scheme": {name: tuple(found) for name, found in content["of_scheme"].items()},
            }
        )


def _of_setting(setting: Setting) -> Values:
    return {
        section: {k: v for k, v in values.items() if k not in _FREE.get(section, "").split()}
        for section, values in setting.params.items()
    }
