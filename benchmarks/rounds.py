"""The measurements: ways take turns, and each measurement has a fresh process of its own."""

import time
from dataclasses import dataclass, field, replace
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import cast

from benchmarks.isolate import in_fresh_process, peak_memory
from benchmarks.work import LABELS, Outcome, Plan
from stages.core.dataset import read_dataset
from stages.core.trial import Trial


@dataclass
class Measured:
    """All that was measured; outcomes round by round, by way and number of networks."""

    machine: dict[str, str | int]
    sgemm_rates: list[float] = field(default_factory=list)  # FLOP/s, round by round
    outcomes: dict[tuple[str, int], list[Outcome]] = field(default_factory=dict)
    peak_bytes: dict[str, int | None] = field(default_factory=dict)


def installed(way: str) -> bool:
    """Whether what a way needs is there; only JAX is optional."""
    return way != "jax_scan" or find_spec("jax") is not None


def measure(plan: Plan, raw: Path) -> Measured:
    """Look at memory first, which takes time, then go round the ways; tell how far it has come."""
    ways = [way for way in LABELS if way in plan.table and installed(way)]
    turns = [
        (number, way, networks)
        for number in range(plan.rounds)
        for way in ways
        for networks in _networks(plan, way, number)
    ]
    measured = Measured(in_fresh_process("benchmarks.floor.machine"))
    progress = _Progress(len(ways) + len(turns))
    one_epoch = replace(plan.work, epochs=1)
    for way in ways:
        trials = one_epoch.trials(plan.table[way])
        peak = measured.peak_bytes[way] = peak_memory("benchmarks.rounds.train", way, trials, raw)
        progress.say(f"memory of {LABELS[way]}: {(peak or 0) / 2**20:,.0f} MiB")
    for number, way, networks in turns:
        if number == len(measured.sgemm_rates):
            measured.sgemm_rates.append(in_fresh_process("benchmarks.floor.sgemm_rate"))
        trials = plan.work.trials(networks)
        outcome = in_fresh_process("benchmarks.rounds.train", way, trials, raw)
        measured.outcomes.setdefault((way, networks), []).append(outcome)
        progress.say(
            f"round {number + 1} of {plan.rounds}, {networks:3} x {LABELS[way]}: "
            f"{outcome.seconds:.2f} s"
        )
    return measured


def train(way: str, trials: list[Trial], raw: Path) -> Outcome:
    """Let a way train; called in its own process."""
    module = import_module(f"benchmarks.{way}")
    return cast(Outcome, module.train(trials, read_dataset(raw)))


def _networks(plan: Plan, way: str, number: int) -> list[int]:
    """The numbers of networks that round `number` measures a way on."""
    besides = plan.picture.get(way, ()) if number % 2 == 0 else ()
    return sorted({plan.table[way], *besides})


class _Progress:
    """A line for each measurement, with how many there are and how long it has taken."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._done = 0
        self._start = time.monotonic()

    def say(self, line: str) -> None:
        self._done += 1
        elapsed = time.monotonic() - self._start
        print(f"[{self._done:2}/{self._total}, {elapsed:3.0f} s] {line}", flush=True)
