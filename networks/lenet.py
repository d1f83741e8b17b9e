"""A convolutional network in the manner of LeNet-5 (LeCun et al. 1998), with ReLU and max pooling.

Look at the window of sigma: a unit of conv1 reads 25 pixels, one of the perceptron's first layer
784. With fewer inputs, signals shrink at a sigma at which the perceptron's still grow.
"""

from torch import Tensor, nn
from torch.nn.functional import max_pool2d, relu


class LeNet(nn.Module):
    """Two convolutions, each pooled to half the size, then three fully connected layers."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 6, kernel_size=5, padding=2)
        self.conv2 = nn.Conv2d(6, 16, kernel_size=5)
        self.fc1 = nn.Linear(16 * 5 * 5, 120)
        self.fc2 = nn.Linear(120, 84)
        self.fc3 = nn.Linear(84, 10)

    def forward(self, images: Tensor) -> Tensor:
        """(B, 1, 28, 28) to logits (B, 10)."""
        maps = max_pool2d(relu(self.conv1(images)), 2)  # (B, 6, 14, 14)
        maps = max_pool2d(relu(self.conv2(maps)), 2)  # (B, 16, 5, 5)
        hidden = relu(self.fc1(maps.flatten(1)))
        hidden = relu(self.fc2(hidden))
        return self.fc3(hidden)
