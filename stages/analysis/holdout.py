"""The test set, as accuracies on it are judged: what guessing reaches, and how fine they are."""

from dataclasses import dataclass
from math import sqrt

SURE = 3
"""Standard errors beyond which images do not explain a gain: of 28 networks that only guess, one
passes for better in 4 % of sweeps."""


@dataclass(frozen=True)
class Holdout:
    """Images that no network is trained on."""

    images: int
    chance: float  # share of the commonest class: the score of always answering it

    @property
    def ceiling(self) -> float:
        """Above this a network is better than chance."""
        return min(self.chance + SURE * self.error(self.chance), 1.0)

    def error(self, accuracy: float) -> float:
        """Binomial standard error of one network's accuracy, from the number of images."""
        return sqrt(accuracy * (1 - accuracy) / self.images)

    @property
    def finest(self) -> float:
        """One image: what agrees more closely does so by chance."""
        return 1 / self.images

    def better(self, after: float, before: float) -> bool:
        """Whether a network's accuracy rose by more than the choice of the images explains.

        Both were measured on the same images, and those that it has right only once make the
        error: the root of their number (McNemar 1947). They are not counted, so that they are taken
        to be as many as these accuracies allow.
        """
        once = min(after + before, 2 - after - before)
        return after - before > SURE * sqrt(once / self.images)
