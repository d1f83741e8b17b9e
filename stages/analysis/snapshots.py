"""What was kept of networks while they trained, of a whole sweep: metrics/snapshots.safetensors.

Of each sigma that is one network, replicate 0. There are no snapshots of a variant whose weights
were not kept, and no images of weights where the first layer sees none.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file

from stages.analysis.first_layer import Shape, read_first_layer, unit_shape
from stages.core.dataset import Dataset
from stages.core.records import INITIAL, SNAPSHOTS, WEIGHTS, Record
from stages.core.sampling import FEATURES, feature_epochs
from stages.core.trial import Trial

Tensors = dict[str, NDArray[Any]]

_FINEST = 127
"""A weight is kept as so many steps of the largest one beside it, to both sides of 0."""


@dataclass(frozen=True)
class Features:
    """The first units of the first layer as images, of S sigmas at E moments."""

    epochs: NDArray[np.int32]  # (E,), rising: 0, 1, 2, 4, 8, ... and the last one
    images: NDArray[np.int8]  # (S, E, units, rows, columns), in 127ths of their scale
    scales: NDArray[np.float32]  # (S, E), the largest |weight|; NaN, with images 0: overflowed

    @property
    def weights(self) -> NDArray[np.float64]:
        """As they were, to a 254th of their scale (S, E, units, rows, columns)."""
        return self.images / _FINEST * self.scales[..., None, None, None].astype(np.float64)


@dataclass(frozen=True)
class Snapshots:
    """The networks of S sigmas at M moments: before training and after each epoch."""

    sigmas: NDArray[np.float64]  # (S,), rising
    histograms: NDArray[np.int32]  # (S, M, layers, bins), as `snapshot_tensors` has them
    deviations: NDArray[np.float32]  # (S, M, layers), root mean squares of weights
    answers: NDArray[np.float32]  # (S, M, SHOWN, classes), logits of the shown test images
    digits: NDArray[np.uint8]  # (SHOWN, rows, columns), these images
    labels: NDArray[np.uint8]  # (SHOWN,)
    features: Features | None

    def to_tensors(self, variant: str) -> Tensors:
        """By the names that they have in the file, which begin with `variant` and a slash."""
        of_all = {name: value for name, value in vars(self).items() if name != "features"}
        if self.features:
            of_all |= {
                "feature_epochs": self.features.epochs,
                "features": self.features.images,
                "feature_scales": self.features.scales,
            }
        return {f"{variant}/{name}": tensor for name, tensor in of_all.items()}

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, NDArray[Any]], variant: str) -> Self:
        """The inverse; raises KeyError where a tensor is missing."""
        own = {
            name.removeprefix(f"{variant}/"): tensor
            for name, tensor in tensors.items()
            if name.startswith(f"{variant}/")
        }
        names = ("feature_epochs", "features", "feature_scales")
        features = Features(*(own[name] for name in names)) if "features" in own else None
        rest = {name: own[name] for name in cls.__dataclass_fields__ if name != "features"}
        return cls(**rest, features=features)


def snapshots(networks: Sequence[tuple[Record, Path]], dataset: Dataset) -> Snapshots:
    """Those of the first network of each sigma, by rising sigma, trained on `dataset`.

    A network is its record and its folder, which holds its weights too.
    """
    records, folders = zip(*networks, strict=True)
    tensors = [load_file(folder / SNAPSHOTS) for folder in folders]
    stacked = {
        name: np.stack([of[name] for of in tensors])
        for name in ("histograms", "deviations", "answers")
    }
    digits = dataset.test_images[dataset.shown]
    return Snapshots(
        sigmas=np.array([record.sigma for record in records]),
        **stacked,
        digits=digits.reshape(-1, *dataset.image_shape),
        labels=dataset.test_labels[dataset.shown],
        features=_features(
            records[0].trial, folders, [of["features"] for of in tensors], dataset.image_shape
        ),
    )


def _features(
    trial: Trial, folders: Sequence[Path], kept: Sequence[NDArray[np.float32]], image: Shape
) -> Features | None:
    """Of networks trained as `trial` was, if their first layer sees an `image`.

    `kept` are units (epochs, units, inputs) of each after 1, 2, 4, ... epochs.
    """
    shape = unit_shape(trial.network, image)
    if shape is None:
        return None
    courses = [_course(*of, trial) for of in zip(folders, kept, strict=True)]
    weights = np.stack([[*course.values()] for course in courses])
    images, scales = _quantised(weights)
    epochs = np.array([*courses[0]], dtype=np.int32)
    return Features(epochs, images.reshape(*weights.shape[:3], *shape), scales)


def _course(
    folder: Path, kept: NDArray[np.float32], trial: Trial
) -> dict[int, NDArray[np.float32]]:
    """The first units (units, inputs) of the first layer by the epochs after which they are known.

    At the ends they are those of the network, between them what was `kept`.
    """
    before, after = (
        read_first_layer(folder / file, trial.network)[:FEATURES] for file in (INITIAL, WEIGHTS)
    )
    between = zip(feature_epochs(trial.records), kept, strict=True)
    return {0: before, **dict(between), trial.records: after}


def _quantised(weights: NDArray[np.float32]) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Weights (S, E, units, inputs) in steps of 1/127 of the largest of (S, E), and these largest.

    Where one is not finite, the largest is NaN, and all are 0.
    """
    scales = np.abs(weights).max(axis=(2, 3))
    scales[~np.isfinite(scales)] = np.nan
    known = scales > 0
    steps = np.divide(
        _FINEST * weights.astype(np.float64),
        scales[..., None, None],
        out=np.zeros(weights.shape),
        where=known[..., None, None],
    )
    return np.rint(steps).astype(np.int8), scales
