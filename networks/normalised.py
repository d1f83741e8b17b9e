"""Two perceptrons whose layers are normalised before their ReLU.

Look at signals.png with sweep.biases=zero, where gains start at 1: as BN((aW)x) = BN(Wx), signals
are the same at every sigma, but the gradient by aW is 1/a of that by W. With sweep.biases=sigma
gains are N(0, sigma²) like all else, and signals grow with sigma again.
"""

from torch import Tensor, nn


class Normalised(nn.Module):
    """784-128-64-10."""

    def __init__(self, normalisation: type[nn.Module]) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Flatten(),
            *(nn.Linear(784, 128), normalisation(128), nn.ReLU()),
            *(nn.Linear(128, 64), normalisation(64), nn.ReLU()),
            nn.Linear(64, 10),
        )

    def forward(self, images: Tensor) -> Tensor:
        """(B, 1, 28, 28) to logits (B, 10)."""
        return self.layers(images)


class BatchNormed(Normalised):
    """Each unit is normalised over the images of a batch (Ioffe & Szegedy 2015)."""

    def __init__(self) -> None:
        super().__init__(nn.BatchNorm1d)


class LayerNormed(Normalised):
    """Each image is normalised over the units of a layer (Ba et al. 2016)."""

    def __init__(self) -> None:
        super().__init__(nn.LayerNorm)
