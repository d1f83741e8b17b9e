"""From measurements to numbers: medians with their spread, ratios, and whether all ways agree."""

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from benchmarks.floor import training_flops
from benchmarks.rounds import Measured
from benchmarks.work import LABELS, LEARNS, LOOPS, Outcome, Plan

NOTES: Final = {
    "seconds": "wall time, in a fresh process each; imports and reading the files are not counted, "
    "preparing the images and evaluating after each epoch are",
    "overhead": "what is neither training nor evaluation: compiling (JAX), or starting processes, "
    "handing them the images and storing results (ours)",
    "cores": "all are every way's: a process a core for ours, the threads of their library for the "
    "others; DataLoader workers make the notebook slower, so it has none",
    "floor": "forward products and both gradients at the best rate of a 2048^3 sgemm on as many "
    "threads, measured in each round; evaluation, Adam and all else cost it nothing. Ours leaves "
    "out 7 % of the products: weights from pixels that are always black move as one",
    "memory": "peak of the proportional set size, summed over a way's processes, in a round of its "
    "own of one epoch",
}


@dataclass(frozen=True)
class Spread:
    """Repetitions of one measurement."""

    median: float
    smallest: float
    largest: float
    repetitions: int

    @classmethod
    def of(cls, values: Iterable[float]) -> "Spread":
        """The spread of at least one value."""
        values = list(values)
        return cls(statistics.median(values), min(values), max(values), len(values))


@dataclass(frozen=True)
class Row:
    """A way in the table; seconds if not said otherwise."""

    way: str
    networks: int  # that it was measured on
    per_epoch_and_network: Spread  # training and evaluation
    overhead: Spread
    work: Spread  # the whole work, overhead included; a loop is scaled up from fewer networks
    to_ours: float  # ratio of per_epoch_and_network
    work_to_ours: float  # ratio of work
    to_floor: float  # ratio of per_epoch_and_network
    peak_mib: float | None
    accuracy_by_sigma: dict[str, float]


@dataclass(frozen=True)
class Point:
    """A way in the picture: seconds for so many networks, overhead included."""

    way: str
    networks: int
    seconds: Spread
    per_network: float  # without the overhead


@dataclass(frozen=True)
class Report:
    """All that a run of the benchmark found."""

    machine: dict[str, str | int]
    plan: Plan
    images: int  # of an epoch
    sgemm_gflops: Spread
    floor: Spread  # seconds per epoch and network
    rows: list[Row]
    points: list[Point]
    not_installed: list[str]
    disagreements: list[str]

    def as_json(self) -> dict[str, Any]:
        """Plain values, NaN nowhere."""
        return {**asdict(self), "labels": LABELS, "compared_sigmas": LEARNS, "notes": NOTES}


def build(plan: Plan, measured: Measured, images: int) -> Report:
    """The report of a run that trained on so many images an epoch."""
    flops = training_flops(plan.work.sizes, images)
    floor = Spread.of(flops / rate for rate in measured.sgemm_rates)
    by_way = {
        way: measured.outcomes[way, networks]
        for way, networks in plan.table.items()
        if (way, networks) in measured.outcomes
    }
    ours = by_way["ours"]
    return Report(
        machine=measured.machine,
        plan=plan,
        images=images,
        sgemm_gflops=Spread.of(rate / 1e9 for rate in measured.sgemm_rates),
        floor=floor,
        rows=[
            _row(plan, way, outcomes, ours, floor.median, measured.peak_bytes[way])
            for way, outcomes in by_way.items()
        ],
        points=[
            Point(way, networks, _seconds(outcomes), _training(outcomes, networks).median)
            for (way, networks), outcomes in sorted(measured.outcomes.items())
        ],
        not_installed=[way for way in plan.table if way not in by_way],
        disagreements=_disagreements(plan, by_way),
    )


def _row(
    plan: Plan,
    way: str,
    outcomes: Sequence[Outcome],
    ours: Sequence[Outcome],
    floor: float,
    peak_bytes: int | None,
) -> Row:
    networks, work = plan.table[way], plan.work
    training = _training(outcomes, networks * work.epochs)
    whole = _seconds(outcomes, networks / work.networks if way in LOOPS else 1)
    return Row(
        way=way,
        networks=networks,
        per_epoch_and_network=training,
        overhead=Spread.of(outcome.overhead for outcome in outcomes),
        work=whole,
        to_ours=training.median / _training(ours, plan.table["ours"] * work.epochs).median,
        work_to_ours=whole.median / _seconds(ours).median,
        to_floor=training.median / floor,
        peak_mib=peak_bytes / 2**20 if peak_bytes else None,
        accuracy_by_sigma=_accuracies(plan, networks, outcomes[0]),
    )


def _seconds(outcomes: Sequence[Outcome], divisor: float = 1) -> Spread:
    return Spread.of(outcome.seconds / divisor for outcome in outcomes)


def _training(outcomes: Sequence[Outcome], divisor: float = 1) -> Spread:
    """Seconds of training and evaluation."""
    return Spread.of((outcome.seconds - outcome.overhead) / divisor for outcome in outcomes)


def _accuracies(plan: Plan, networks: int, outcome: Outcome) -> dict[str, float]:
    sigmas = [f"{trial.start.sigma:.8g}" for trial in plan.work.trials(networks)]
    return dict(zip(sigmas, outcome.accuracies, strict=True))


def _disagreements(plan: Plan, by_way: dict[str, list[Outcome]]) -> list[str]:
    """Every trial that ends elsewhere than ours in any round, a line each."""
    expected = _accuracies(plan, plan.table["ours"], by_way["ours"][0])
    lines = (
        f"{LABELS[way]}: sigma {sigma} ends at {accuracy:.4f}, ours at {expected[sigma]:.4f}"
        for way, outcomes in by_way.items()
        for outcome in outcomes
        for sigma, accuracy in _accuracies(plan, plan.table[way], outcome).items()
        if LEARNS[0] <= float(sigma) <= LEARNS[1]
        and abs(accuracy - expected[sigma]) > plan.tolerance
    )
    return list(dict.fromkeys(lines))
