"""A data set as the batched trainer reads it: bytes of the trained pixels, one-hot targets."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import one_hot

from stages.core.dataset import Dataset
from stages.core.sampling import PROBE_IMAGES
from stages.engine.batched.black_pixels import Pixels


@dataclass(frozen=True)
class Scale:
    """How bytes become inputs of zero mean and unit variance: (byte - mean) * factor.

    As tensors (), which cost less in a call than numbers of Python.
    """

    mean: Tensor  # of training pixels, on the scale 0 to 255
    factor: Tensor  # 1 / their standard deviation

    @classmethod
    def of(cls, mean: float, std: float, device: torch.device) -> "Scale":
        """For pixels of that mean and deviation on the scale 0 to 1."""
        return cls(*torch.tensor([255 * mean, 1 / (255 * std)], device=device))

    @property
    def black(self) -> float:
        """The input of a black pixel."""
        return -(self.mean * self.factor).item()


@dataclass(frozen=True, eq=False)
class Images:
    """Training and test images on a device.

    They stay bytes, a quarter of the memory to gather batches from; a batch is normalised when it
    is read.
    """

    pixels: Pixels
    scale: Scale
    train: Tensor  # uint8 (N, T), the trained pixels
    train_labels: Tensor  # (N,)
    train_targets: Tensor  # (N, classes), one-hot
    test: Tensor  # uint8 (M, T), the trained pixels
    test_labels: Tensor  # (M,)
    first: Tensor  # uint8 (B, pixels), the first training images, of all pixels
    shown: Tensor  # uint8 (SHOWN, T), some test images, the trained pixels

    def first_inputs(self) -> Tensor:
        """The first training images as networks read them (B, pixels), on the CPU."""
        return ((self.first - self.scale.mean) * self.scale.factor).cpu()

    @classmethod
    def of(cls, dataset: Dataset, device: torch.device) -> "Images":
        """Those of `dataset`, on `device`."""
        pixels = Pixels.of(*map(torch.from_numpy, (dataset.train_images, dataset.test_images)))

        def trained(images: NDArray[np.uint8]) -> Tensor:
            return torch.from_numpy(images.take(pixels.trained.numpy(), axis=1)).to(device)

        train_labels = torch.from_numpy(dataset.train_labels).to(device, torch.int64)
        return cls(
            pixels=pixels.to(device),
            scale=Scale.of(dataset.mean, dataset.std, device),
            train=trained(dataset.train_images),
            train_labels=train_labels,
            train_targets=one_hot(train_labels, dataset.classes).float(),
            test=trained(dataset.test_images),
            test_labels=torch.from_numpy(dataset.test_labels).to(device, torch.int64),
            shown=trained(dataset.test_images[dataset.shown]),
            first=torch.from_numpy(dataset.train_images[:PROBE_IMAGES]).to(device),
        )
