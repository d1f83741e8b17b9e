"""Images on their way through K networks, forward and back.

Every layer of all networks is one batched matrix product. What it reads and writes stays where it
is, so that views are made once: at each step they would cost 3 % of its time.
"""

import torch

from stages.core.network import aligned
from stages.engine.networks import Networks


class Batch:
    """Buffers for B images on their way through K networks.

    Hidden layers hold (K, B, units). Logits are transposed, (K, 10, B): the
    softmax over classes then runs along whole registers, 16 times as fast as along rows of 10.
    B is filled up to a multiple of 16 with zeros.
    """

    def __init__(self, networks: Networks, size: int) -> None:
        k, b, device = networks.count, aligned(size), networks.parameters.device
        pixels, *hidden, classes = networks.layout.stored_sizes
        self.networks = networks
        self.size = size
        self.inputs = torch.zeros(b, pixels, device=device)  # shared by all networks
        self.hidden = [torch.empty(k, b, units, device=device) for units in hidden]
        self.logits = torch.empty(k, classes, b, device=device)
        self._below = [self.inputs.expand(k, -1, -1), *self.hidden]  # what each layer reads
        *hidden_layers, last = zip(networks.biases, self._below, networks.layers, strict=True)
        self._hidden_operands = [
            (bias.unsqueeze(1), below, layer.weight.mT) for bias, below, layer in hidden_layers
        ]
        bias, below, layer = last
        self._logit_operands = (bias.unsqueeze(2), layer.weight, below.mT)

    def forward(self) -> None:
        """Write the logits of `self.inputs`."""
        self.networks.lead()
        for operands, hidden in zip(self._hidden_operands, self.hidden, strict=True):
            torch.baddbmm(*operands, out=hidden).relu_()
        torch.baddbmm(*self._logit_operands, out=self.logits)


class LearningBatch(Batch):
    """A batch that gradients flow back through; those of the filling images are zero."""

    def __init__(self, networks: Networks, size: int) -> None:
        super().__init__(networks, size)
        _, classes, b = self.logits.shape
        self.targets = self.inputs.new_zeros(b, classes)
        self._target_columns = self.targets.T
        self._logit_deltas = torch.empty_like(self.logits)
        self._filling = self._logit_deltas[:, :, size:]
        # Gradients of the loss with respect to what each layer puts out before its ReLU
        self._deltas = [*map(torch.empty_like, self.hidden), self._logit_deltas.mT]  # (K, B, out)
        self._delta_columns = [delta.mT for delta in self._deltas]

    def backward(self) -> None:
        """Write the gradients of the mean cross-entropy over the batch; follows `forward`."""
        softmax = torch.softmax(self.logits, 1, out=self._logit_deltas)
        softmax.sub_(self._target_columns).mul_(1 / self.size)
        self._filling.zero_()
        layers, gradients = self.networks.layers, self.networks.gradient_layers
        for i in reversed(range(len(layers))):
            torch.bmm(self._delta_columns[i], self._below[i], out=gradients[i].weight)
            torch.sum(self._deltas[i], 1, out=gradients[i].bias)
            if i > 0:
                below = torch.bmm(self._deltas[i], layers[i].weight, out=self._deltas[i - 1])
                torch.ops.aten.threshold_backward.grad_input(
                    below, self.hidden[i - 1], 0, grad_input=below
                )
