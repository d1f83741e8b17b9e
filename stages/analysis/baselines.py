"""Named initialisers against the best sigma, by paired differences of their replicates."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from stages.analysis.accuracy import final_test_accuracy
from stages.analysis.noise import difference_error
from stages.core.records import Record


@dataclass(frozen=True)
class Baseline:
    """A named initialiser, averaged over its replicates; accuracies are shares of 1."""

    initializer: str
    test_accuracy: float  # mean over the final epochs, as train_accuracy
    train_accuracy: float
    first_epoch_test_accuracy: float
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
    best_sigma: float,
    final_epochs: int,
    layer_sigmas: Mapping[str, tuple[float, ...]],
) -> list[Baseline]:
    """One for each initializer of `layer_sigmas`, in their order."""
    best = _final((r for r in records if r.sigma == best_sigma), final_epochs)
    return [
        _baseline([r for r in records if r.initializer == name], best, best_sigma, final_epochs, of)
        for name, of in layer_sigmas.items()
    ]


def _baseline(
    records: Sequence[Record],
    best: list[float],
    best_sigma: float,
    final_epochs: int,
    layer_sigmas: tuple[float, ...],
) -> Baseline:
    final = _final(records, final_epochs)
    train = [epoch.train_accuracy for r in records for epoch in r.history[-final_epochs:]]
    return Baseline(
        initializer=records[0].initializer,
        test_accuracy=float(np.mean(final)),
        train_accuracy=float(np.mean(train)),
        first_epoch_test_accuracy=float(np.mean([r.history[0].test_accuracy for r in records])),
        n=len(records),
        diverged=sum(record.diverged for record in records),
        best_sigma=best_sigma,
        difference=float(np.mean(final) - np.mean(best)),
        difference_error=difference_error(final, best),
        layer_sigmas=layer_sigmas,
    )


def _final(records: Iterable[Record], final_epochs: int) -> list[float]:
    by_replicate = sorted(records, key=lambda record: record.replicate)
    return [final_test_accuracy(record, final_epochs) for record in by_replicate]
