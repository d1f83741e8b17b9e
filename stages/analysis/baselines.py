"""Named initialisers beside the sweep, by their replicates."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import nan

from stages.analysis.accuracy import average
from stages.analysis.holdout import Holdout
from stages.core.records import Record


@dataclass(frozen=True)
class Baseline:
    """A named initialiser, averaged over its replicates; accuracies are shares of 1."""

    initializer: str
    test_accuracy: float  # mean over the final epochs, as train_accuracy
    train_accuracy: float
    first_epoch_test_accuracy: float
    untrained_test_accuracy: float
    standard_error: float | None  # of test_accuracy over replicates; None for a single one
    n: int
    diverged: int  # replicates in which a loss or a parameter overflowed
    accuracies: tuple[float, ...]
    """test_accuracy of each replicate; equal replicates of all sigmas share seed and batches."""
    layer_sigmas: tuple[float, ...]  # standard deviation of the initial weights of each layer


def baselines(
    records: Sequence[Record],
    holdout: Holdout,
    final_epochs: int,
    layer_sigmas: Mapping[str, tuple[float, ...]],
) -> list[Baseline]:
    """One for each initializer of `layer_sigmas`, in their order.

    `layer_sigmas` are empty where no weights were kept.
    """
    by_name: dict[str, list[Record]] = {}
    for record in sorted(records, key=lambda record: record.replicate):
        by_name.setdefault(record.initializer, []).append(record)
    return [
        _baseline(name, by_name[name], holdout, final_epochs, of_layers)
        for name, of_layers in layer_sigmas.items()
    ]


def _baseline(
    initializer: str,
    replicates: Sequence[Record],
    holdout: Holdout,
    final_epochs: int,
    layer_sigmas: tuple[float, ...],
) -> Baseline:
    mean = average(nan, initializer, replicates, final_epochs, holdout)
    return Baseline(
        initializer=initializer,
        test_accuracy=mean.test_accuracy,
        train_accuracy=mean.train_accuracy,
        first_epoch_test_accuracy=mean.first_epoch_test_accuracy,
        untrained_test_accuracy=mean.untrained_test_accuracy,
        standard_error=mean.standard_error,
        n=mean.n,
        diverged=mean.diverged,
        accuracies=mean.accuracies,
        layer_sigmas=layer_sigmas,
    )
