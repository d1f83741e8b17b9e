"""Images on their way through K networks, forward and back.

Every layer of all networks is one batched matrix product.
"""

import torch
from torch import Tensor

from stages.core.network import Layer, aligned
from stages.engine.networks import Networks


class Batch:
    """Buffers for B images on their way through K networks.

    Hidden layers hold (K, B, units). Logits are transposed, (K, 10, B): the
    softmax over classes then runs along whole registers, 16 times as fast as along rows of 10.
    B is filled up to a multiple of 16 with black images.
    """

    def __init__(self, networks: Networks, size: int) -> None:
        k, b, device = networks.count, aligned(size), networks.parameters.device
        fan_in, *hidden, classes = networks.layout.stored_sizes
        self.networks = networks
        self.size = size
        self.inputs = torch.zeros(b, fan_in, device=device)  # shared by all networks
        self.hidden = [torch.empty(k, b, units, device=device) for units in hidden]
        self.logits = torch.empty(k, classes, b, device=device)

    def forward(self) -> None:
        """Write the logits of `self.inputs`."""
        *hidden_layers, last = self.networks.layers
        below = self._shared_inputs()  # (K, B, in)
        for layer, hidden in zip(hidden_layers, self.hidden, strict=True):
            torch.baddbmm(layer.bias.unsqueeze(1), below, layer.weight.mT, out=hidden).relu_()
            below = hidden
        torch.baddbmm(last.bias.unsqueeze(2), last.weight, below.mT, out=self.logits)

    def _shared_inputs(self) -> Tensor:
        return self.inputs.expand(self.networks.count, -1, -1)


class LearningBatch(Batch):
    """A batch that gradients flow back through; those of the filling images are zero."""

    def __init__(self, networks: Networks, size: int) -> None:
        super().__init__(networks, size)
        _, classes, b = self.logits.shape
        self.targets = self.inputs.new_zeros(b, classes)
        self._logit_gradients = torch.empty_like(self.logits)
        self._hidden_gradients = [torch.empty_like(h) for h in self.hidden]
        self._filling = self._logit_gradients[:, :, size:]

    def backward(self) -> None:
        """Write the gradients of the mean cross-entropy over the batch; follows `forward`."""
        delta = self._logit_gradients  # (K, 10, B)
        torch.softmax(self.logits, 1, out=delta).sub_(self.targets.T).mul_(1 / self.size)
        self._filling.zero_()
        below = [self._shared_inputs(), *self.hidden]
        gradients, layers = self.networks.gradient_layers, self.networks.layers
        torch.bmm(delta, below[-1], out=gradients[-1].weight)
        torch.sum(delta, 2, out=gradients[-1].bias)
        delta = delta.mT  # (K, B, 10)
        for i in reversed(range(len(self.hidden))):
            delta = self._through(layers[i + 1], delta, self.hidden[i], self._hidden_gradients[i])
            torch.bmm(delta.mT, below[i], out=gradients[i].weight)
            torch.sum(delta, 1, out=gradients[i].bias)

    @staticmethod
    def _through(layer: Layer, delta: Tensor, hidden: Tensor, out: Tensor) -> Tensor:
        """Take the gradient (K, B, out) back through a layer and the ReLU below: (K, B, in)."""
        torch.bmm(delta, layer.weight, out=out)
        torch.ops.aten.threshold_backward.grad_input(out, hidden, 0, grad_input=out)
        return out
