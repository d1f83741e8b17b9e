"""What a run learns of its data sets and modules before it trains: enough to know its trials.

train writes the facts beside the models, so that later stages need neither the data nor torch.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

from stages.core.dataset import Dataset
from stages.core.networks import Module, parse_network

FACTS: Final = "facts.json"


@dataclass(frozen=True)
class DataFacts:
    """A data set without its images."""

    name: str
    digest: str  # SHA-256 (hexadecimal) of its arrays
    image_shape: tuple[int, int]  # rows, columns
    classes: int
    train_images: int
    test_images: int
    mean: float  # of the training pixels, on the scale 0 to 1
    std: float
    chance: float  # share of the commonest class in the test set

    @classmethod
    def of(cls, name: str, dataset: Dataset) -> "DataFacts":
        """Of a data set that is at hand."""
        return cls(
            name=name,
            digest=dataset.digest,
            image_shape=dataset.image_shape,
            classes=dataset.classes,
            train_images=len(dataset.train_labels),
            test_images=len(dataset.test_labels),
            mean=dataset.mean,
            std=dataset.std,
            chance=dataset.chance,
        )


@dataclass(frozen=True)
class Facts:
    """All that the trials of a run depend on beside params.yaml."""

    data: Mapping[str, DataFacts]  # by their names in params.yaml
    modules: Mapping[tuple[str, str], Module]  # by FILE.py:CLASS and the name of their data

    def to_json(self) -> str:
        """As the content of FACTS."""
        data = [asdict(facts) for facts in self.data.values()]
        modules = [{"data": name, **asdict(m)} for (_, name), m in self.modules.items()]
        return json.dumps({"data": data, "modules": modules}, indent=1) + "\n"

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> "Facts":
        """The inverse; KeyError or TypeError where it is not such."""
        data = {}
        for facts in content["data"]:
            shape = tuple(facts["image_shape"])
            data[facts["name"]] = DataFacts(**{**facts, "image_shape": shape})
        modules = {}
        for fields in content["modules"]:
            name = fields.pop("data")
            module = parse_network(fields)
            if not isinstance(module, Module):
                raise TypeError("a perceptron is no module")
            modules[module.path, name] = module
        return cls(data, modules)
