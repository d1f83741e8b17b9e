"""studies/activations/README.md."""

from collections.abc import Iterator
from statistics import median

from stages.analysis.activation_scales import CRITICAL, GAIN, Foretold, foretold
from stages.analysis.wording import spelled
from tests.claims.metrics import Sweep, percent, short, sizes, sweeps, word

GIVEN = {
    "took 7 minutes": "timed once",
    "biases from 0": "a setting that has no number in params.yaml",
    "where χ₁ passes 1": "a definition",
    "it jumps past 1 there": "the report says from where to where",
}


def claims() -> Iterator[str]:
    """Its numbers, in their sentences."""
    study = sweeps("studies/activations")
    relu = study["relu"]
    yield f"{word(len(study)).capitalize()} activations"
    yield f"the main experiment, {sizes(relu.setting)}"
    yield f"trained by Adam for {relu.setting.length}"
    yield f"{word(relu.best.n)} networks for each of {len(relu.points)} σ"
    yield f"{word(relu.best.n)} networks do not tell that anything is lost"
    scales = foretold([sweep.results for sweep in study.values()])
    for sweep, of in zip(study.values(), scales, strict=True):
        yield row(sweep, of)
    for what in (CRITICAL, GAIN):
        yield from distances(what, scales)
    yield from ends(study["tanh"], study["sigmoid"], study["linear"], relu)


def row(sweep: Sweep, of: Foretold) -> str:
    """A line of the table."""
    level = of.within_noise
    lone = "no other" if not level[1:] else f"{short(level[0])} to {short(level[-1])}"
    assert of.critical
    cells = [
        spelled(sweep.setting.activation),
        short(sweep.best),
        sweep.reached(sweep.best),
        lone,
        f"{of.critical:.3g}",
        f"{of.gain:.3g}",
    ]
    return f"| {' | '.join(cells)} |"


def distances(what: str, scales: list[Foretold]) -> Iterator[str]:
    """How far the best sigmas are from what is foretold."""
    off = [of.off(of.scales[what]) for of in scales]
    below = sum(decades < 0 for decades in off)
    name = "critical σ" if what == CRITICAL else "gain"
    yield (
        f"the {name} in {below} of {len(off)}, {median(map(abs, off)):.2f} decades off in the "
        f"median and {max(map(abs, off)):.2f} at most"
    )
    yield f"σ are {scales[0].step:.2f} decades apart"


def ends(tanh: Sweep, sigmoid: Sweep, linear: Sweep, relu: Sweep) -> Iterator[str]:
    """What the smallest and the largest sigmas cost."""
    small, large = relu.points[0], relu.points[-1]
    lost = [
        100 * (sweep.best.test_accuracy - sweep.points[0].test_accuracy)
        for sweep in sweeps("studies/activations").values()
    ]
    yield f"σ = {short(small)} costs {min(lost):.1f} to {max(lost):.1f} points"
    yield f"at σ = {short(large)} tanh ends at {tanh.reached(tanh.points[-1])}"
    yield f"sigmoid at {sigmoid.reached(sigmoid.points[-1])}"
    like = [sweeps("studies/activations")[n].points[-1] for n in ("relu", "leaky-relu", "gelu")]
    like.append(sweeps("studies/activations")["silu"].points[-1])
    yield f"GELU and SiLU at {percent(*like)}"
    yield f"linear at {linear.reached(linear.points[-1])}"
