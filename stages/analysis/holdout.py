"""The test set, as accuracies on it are judged: what guessing reaches, and how fine they are."""

from dataclasses import dataclass
from math import sqrt


@dataclass(frozen=True)
class Holdout:
    """Images that no network is trained on."""

    images: int
    chance: float  # share of the commonest class: the score of always answering it

    @property
    def ceiling(self) -> float:
        """Above this a network is better than chance: three standard errors of that share."""
        return min(self.chance + 3 * self.error(self.chance), 1.0)

    def error(self, accuracy: float) -> float:
        """Binomial standard error of one network's accuracy, from the number of images."""
        return sqrt(accuracy * (1 - accuracy) / self.images)
