"""Named initialisers against the best sigma, by paired differences of their replicates."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import nan

from stages.analysis.accuracy import Point, average
from stages.analysis.noise import difference_error
from stages.core.records import Record


@dataclass(frozen=True)
class Baseline:
    """A named initialiser, averaged over its replicates; accuracies are shares of 1."""

    initializer: str
    test_accuracy: float  # mean over the final epochs, as train_accuracy
    train_accuracy: float
    first_epoch_test_accuracy: float
    untrained_test_accuracy: float
    n: int
    diverged: int  # replicates in which a loss or a parameter overflowed
    best_sigma: float
    difference: float  # of test_accuracy to that of the best sigma
    difference_error: float
    """Standard error: of the paired differences over replicates, which share seed and batches;
    with a single one that of the test images alone."""
    layer_sigmas: tuple[float, ...]  # standard deviation of the initial weights of each layer


def baselines(
    records: Sequence[Record],
    best: Point,
    final_epochs: int,
    layer_sigmas: Mapping[str, tuple[float, ...]],
) -> list[Baseline]:
    """One for each initializer of `layer_sigmas`, in their order, beside the `best` of the sweep.

    `layer_sigmas` are empty where no weights were kept.
    """
    by_name: dict[str, list[Record]] = {}
    for record in sorted(records, key=lambda record: record.replicate):
        by_name.setdefault(record.initializer, []).append(record)
    return [
        _baseline(
            name, average(nan, name, by_name[name], final_epochs, best.holdout), best, of_layers
        )
        for name, of_layers in layer_sigmas.items()
    ]


def _baseline(
    initializer: str, mean: Point, best: Point, layer_sigmas: tuple[float, ...]
) -> Baseline:
    return Baseline(
        initializer=initializer,
        test_accuracy=mean.test_accuracy,
        train_accuracy=mean.train_accuracy,
        first_epoch_test_accuracy=mean.first_epoch_test_accuracy,
        untrained_test_accuracy=mean.untrained_test_accuracy,
        n=mean.n,
        diverged=mean.diverged,
        best_sigma=best.sigma,
        difference=mean.test_accuracy - best.test_accuracy,
        difference_error=difference_error(mean.accuracies, best.accuracies, best.holdout),
        layer_sigmas=layer_sigmas,
    )
