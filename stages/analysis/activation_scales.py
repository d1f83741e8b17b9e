"""The σ that an activation is said to need, beside the one that it was measured to be best with.

Two are foretold of perceptrons whose weights start from N(0, σ²/fan-in): the critical σ of
mean-field theory, at which χ₁ = 1, and the gain that Kaiming's scheme takes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from math import log10, sqrt
from statistics import median

from stages.analysis.accuracy import Point, has_learned
from stages.analysis.findings import Results
from stages.analysis.meanfield import chi_1, critical_sigma_w2
from stages.analysis.noise import LEVEL
from stages.analysis.setting import differences
from stages.analysis.wording import sigma, span, spelled
from stages.core.activations import ACTIVATIONS

MOST = 9
"""Sweeps that a picture and sentences can hold; more are a map's."""

NEAR, JUMP = 1e-4, 0.05
"""χ₁ jumps where it changes by so much from this share below the critical σ_w² to as much above."""


@dataclass(frozen=True)
class Foretold:
    """A sweep of one activation, and what is foretold of its σ."""

    of: Results
    shared: int  # sets of comparisons that its report makes and that all are corrected for

    @property
    def name(self) -> str:
        """That of the variant, or of the activation where there is no other."""
        return self.of.setting.variant or spelled(self.of.setting.activation)

    @property
    def gain(self) -> float:
        """σ of Kaiming's scheme."""
        return ACTIVATIONS[self.of.setting.activation].gain

    @cached_property
    def critical(self) -> float | None:
        """σ where χ₁ = 1; unknown where biases change with it."""
        biases = self.of.setting.deviation_of_biases
        if biases is None:
            return None
        return sqrt(critical_sigma_w2(self.of.setting.activation, biases**2))

    @property
    def scales(self) -> dict[str, float]:
        """Both, as far as they are known, by what they are."""
        critical = {} if self.critical is None else {CRITICAL: self.critical}
        return {**critical, GAIN: self.gain}

    @property
    def within_noise(self) -> list[Point]:
        """The points that noise may put level with the best; none where noise is unknown."""
        if not (self.of.judged and has_learned(self.of.best)):
            return []
        return [
            point
            for point in self.of.points
            if point is self.of.best
            or self.shared * self.of.compared[point.sigma].probability > LEVEL
        ]

    @property
    def step(self) -> float:
        """Decades from the best σ to its farther neighbour."""
        place = self.of.points.index(self.of.best)
        around = self.of.points[max(place - 1, 0) : place + 2]
        return max(log10(b.sigma / a.sigma) for a, b in pairwise(around))

    def nearest(self, scale: float) -> Point:
        """The measured point that is nearest to a scale, in decades."""
        return min(self.of.points, key=lambda point: abs(log10(point.sigma / scale)))

    def off(self, scale: float) -> float:
        """By how many decades the best σ exceeds a scale."""
        return log10(self.of.best.sigma / scale)


CRITICAL, GAIN = "critical σ", "gain"


def foretold(results: Sequence[Results]) -> list[Foretold]:
    """Of one sweep, or of variants that differ in their activation; of those that theory knows."""
    told_apart = "model.activation" in differences([of.setting for of in results])
    if len(results) > MOST or not (told_apart or len(results) == 1):
        return []
    known = [of for of in results if of.others and of.setting.sizes and of.setting.fan_in_scale]
    return [Foretold(of, shared=1 if len(results) == 1 else 2 * len(known)) for of in known]


def scales_of_activations(results: Sequence[Results]) -> list[str]:
    """Where each is best, and how far that is from what is foretold; a paragraph for each."""
    sweeps = [sweep for sweep in foretold(results) if has_learned(sweep.of.best)]
    if not sweeps:
        return []
    told = " ".join(
        [
            "**Activations.** Foretold are the critical σ of mean-field theory (χ₁ = 1, between "
            "order and chaos) and the gain of Kaiming's scheme; the best σ is measured, on a grid "
            f"of {_range([sweep.step for sweep in sweeps])} decades.",
            *(line for what in (CRITICAL, GAIN) for line in _summary(what, sweeps)),
            *_trust(sweeps),
        ]
    )
    return [told, *map(_told, sweeps)]


def _summary(what: str, sweeps: Sequence[Foretold]) -> list[str]:
    """How far the best σ of all lie from what is foretold, and on which side."""
    off = {s.name: s.off(s.scales[what]) for s in sweeps if what in s.scales}
    if len(off) < 2:
        return []
    furthest = max(off, key=lambda name: abs(off[name]))
    below = sum(decades < 0 for decades in off.values())
    return [
        f"The best σ lies below the {what} in {below} of {len(off)} and "
        f"{median(map(abs, off.values())):.2f} decades off in the median, at most "
        f"{abs(off[furthest]):.2f} ({furthest})."
    ]


def _trust(sweeps: Sequence[Foretold]) -> list[str]:
    """How far to trust which σ is best."""
    if not all(sweep.of.judged for sweep in sweeps):
        return ["Noise may have decided which σ is best."]
    if (shared := sweeps[0].shared) > 1:
        return [
            "Between the σ of one variant noise is judged the same way, each probability taken "
            f"{shared} times: for all variants, and for both kinds of comparison."
        ]
    return []


def _told(sweep: Foretold) -> str:
    """One activation: its best σ, how far that is from either scale, and how well it is known."""
    best = sweep.of.best
    place = [f", the {which} of the sweep," for which, end in sweep.of.ends.items() if end is best]
    names: dict[str, list[str]] = {}
    for what, scale in sweep.scales.items():
        names.setdefault(f"{_distance(sweep.off(scale))} {scale:.3g}", []).append(
            _name(what, sweep)
        )
    distances = [f"{distance} ({' and '.join(whats)})" for distance, whats in names.items()]
    found = f"is best at {sigma(best)}{''.join(place) or ','} {' and '.join(distances)}."
    return " ".join([f"**{sweep.name}** {found}", *_open(sweep)])


def _distance(off: float) -> str:
    if f"{abs(off):.2f}" == "0.00":
        return "level with"
    return f"{abs(off):.2f} decades {'below' if off < 0 else 'above'}"


def _name(what: str, sweep: Foretold) -> str:
    """What is foretold, and what is special about it here."""
    activation = sweep.of.setting.activation
    if what == GAIN:
        known = ACTIVATIONS[activation].torch_knows
        return "PyTorch's gain" if known else "its gain, 1/√E[φ(z)²]"
    critical, biases = sweep.scales[CRITICAL] ** 2, sweep.of.setting.deviation_of_biases or 0.0
    below, above = (chi_1(activation, (1 + d) * critical, biases**2) for d in (-NEAR, NEAR))
    jump = f", where χ₁ jumps from {below:.2f} to {above:.2f}" * (above - below > JUMP)
    return f"its {CRITICAL}{jump}"


def _open(sweep: Foretold) -> list[str]:
    """Which σ noise may put level with the best, and whether those nearest to the scales are."""
    level = sweep.within_noise
    if not level:
        return []
    near = f"{span(level, sweep.of.points)} are" if level[1:] else "No other σ is"
    told = [f"{near} within noise of that."]
    for inside, lost in ((True, "Nothing beyond noise"), (False, "More than noise")):
        whats = [w for w, s in sweep.scales.items() if (sweep.nearest(s) in level) is inside]
        if whats:
            told.append(f"{lost} is lost at the σ nearest to its {' and to its '.join(whats)}.")
    return told


def _range(steps: Sequence[float]) -> str:
    return " to ".join(dict.fromkeys(f"{end:.2f}" for end in (min(steps), max(steps))))
