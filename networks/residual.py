"""A deep perceptron in which every block adds to what it reads (He et al. 2016).

Look at the left end of `signals.png`: with tiny weights a block adds almost nothing, so the signal
passes through the sum unharmed, where a chain of as many layers would have lost it.
"""

from torch import Tensor, nn
from torch.nn.functional import relu


class Block(nn.Module):
    """x + W2 relu(W1 x + b1) + b2."""

    def __init__(self, units: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(units, units)
        self.fc2 = nn.Linear(units, units)

    def forward(self, x: Tensor) -> Tensor:
        """(B, units) to (B, units)."""
        return x + self.fc2(relu(self.fc1(x)))


class Residual(nn.Module):
    """784-64, four blocks of two layers, 64-10: ten layers in a row."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(784, 64)
        self.blocks = nn.Sequential(*(Block(64) for _ in range(4)))
        self.last = nn.Linear(64, 10)

    def forward(self, images: Tensor) -> Tensor:
        """(B, 1, 28, 28) to logits (B, 10)."""
        return self.last(self.blocks(relu(self.first(images.flatten(1)))))
