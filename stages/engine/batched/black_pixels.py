"""Pixels that are black in every image, and the weights that therefore move as one.

65 of MNIST's 784 pixels are black in all 70,000 images; Fashion-MNIST has no such pixel. The
gradient of the loss with respect to a weight is its input times the gradient with respect to its
unit: equal, at every step, for all weights from such pixels to one unit. An optimiser that moves
each parameter by its own gradients alone moves them all alike, so it is enough to train one, the
leader, and let the others follow:

    w_i(t) = w_i(0) + w_leader(t) - w_leader(0)

On MNIST this saves 8 % of the first layer, where training spends most of its time, and is exact but
for rounding.
"""

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from stages.engine.batched.layout import aligned


@dataclass(frozen=True, eq=False)
class Pixels:
    """Which pixels are trained, the leader last, and which follow it."""

    trained: Tensor  # (T,), indices
    followers: Tensor  # (F,), indices; T + F pixels in all

    @classmethod
    def of(cls, *images: Tensor) -> "Pixels":
        """Of images (N, pixels): so many followers that rows of weights need no filling up."""
        black = torch.stack([some.amax(0) for some in images]).amax(0) == 0
        fewest = len(black) - max(int(black.sum()) - 1, 0)
        followers = max(len(black) - aligned(fewest), 0)
        order = black.argsort(stable=True)
        return cls(*order.split([len(order) - followers, followers]))

    def to(self, device: torch.device) -> "Pixels":
        """The same on `device`."""
        return Pixels(self.trained.to(device), self.followers.to(device))

    def offset(self, initial: Tensor) -> Tensor:
        """What followers of input 1 would add to each unit (out,) if the leader's weight were zero.

        `initial` are all weights (out, pixels) before training.
        """
        ahead = initial[:, self.followers].double() - initial[:, self.trained[-1:]]
        return ahead.sum(1)

    def follow(self, weights: Tensor, initial: Tensor) -> Tensor:
        """All weights (out, pixels), given those trained (out, T) and all before training."""
        moved = weights[:, -1:] - initial[:, self.trained[-1:]]
        return self._in_order(weights, initial[:, self.followers] + moved)

    def share(self, values: Tensor) -> Tensor:
        """What followers have in common with their leader (out, pixels), given (out, T).

        Their gradients, and the moments that an optimiser makes of these.
        """
        return self._in_order(values, values[:, -1:].expand(-1, len(self.followers)))

    def _in_order(self, trained: Tensor, followers: Tensor) -> Tensor:
        return torch.cat([trained, followers], 1).index_select(1, self._places)

    @cached_property
    def _places(self) -> Tensor:
        """Where each pixel is among those trained and those that follow."""
        return torch.cat([self.trained, self.followers]).argsort()
