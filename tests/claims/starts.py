"""studies/starts/README.md."""

from collections.abc import Iterator
from math import isclose

from tests.claims.metrics import Sweep, percent, short, sweeps, word
from tests.claims.seeds import learning

GIVEN = {
    "biases start at 0.": "a definition",
    "took 6 minutes": "timed once",
    "rank 1": "a definition",
}


def claims() -> Iterator[str]:
    """Its numbers, in their sentences."""
    study = sweeps("studies/starts")
    sgd, zero, scaled = (study[f"sgd{kind}"] for kind in ("", "-biases-zero", "-fan-in"))
    yield f"{word(sgd.best.n)} networks a σ"
    yield f"the first stand {word(len(sgd.results.named))} named schemes"
    kinds = {
        "one σ for all": "",
        "biases at zero": "-biases-zero",
        "and each layer scaled": "-fan-in",
    }
    for kind, suffix in kinds.items():
        cells = [cell(study[f"{optimizer}{suffix}"]) for optimizer in ("adam", "sgd")]
        yield f"| {kind} | {' | '.join(cells)} |"
    cells = [percent(*learning(study[name]), digits=2) for name in ("adam", "sgd")]
    yield f"| named schemes | {' | '.join(cells)} |"
    yield from by_descent(sgd, zero, scaled)
    yield from by_adam(study["adam"], study["adam-biases-zero"], study["adam-fan-in"])
    yield from equal(study["adam"], sgd)


def cell(sweep: Sweep) -> str:
    """The best of a sweep."""
    name = "σ_w" if sweep.setting.fan_in_scale else "σ"
    return f"{sweep.reached(sweep.best)} at {name} = {short(sweep.best)}"


def by_descent(sgd: Sweep, zero: Sweep, scaled: Sweep) -> Iterator[str]:
    """What gains the advantage of named schemes."""
    learned = learning(sgd)
    better = [of for of in learned if sgd.beside_best(of).beyond_noise]
    off = [-100 * sgd.beside_best(of).difference for of in better]
    assert all(of.test_accuracy > sgd.best.test_accuracy for of in learned)
    yield f"all {len(learned)} that learn are above the best σ, {len(better)} of them beyond noise"
    yield f"by {min(off):.2f} to {max(off):.2f} points"
    gain = 100 * (zero.best.test_accuracy - sgd.best.test_accuracy)
    yield f"Biases at zero give {abs(gain):.2f} points"
    gain = 100 * (scaled.best.test_accuracy - sgd.best.test_accuracy)
    yield f"scaling each layer gives {gain:.2f}"
    glorot, lsuv = sgd.named("xavier_normal"), sgd.named("lsuv")
    yield f"`xavier_normal` has {glorot.test_accuracy * 100:.2f} %"
    yield f"`lsuv`, which measures its scales on data, {lsuv.test_accuracy * 100:.2f} %"


def by_adam(adam: Sweep, zero: Sweep, scaled: Sweep) -> Iterator[str]:
    """That none of it matters."""
    assert not any(adam.beside_best(of).beyond_noise for of in learning(adam))
    bests = [sweep.best for sweep in (adam, zero, scaled)]
    yield f"the three bests are {percent(*bests, digits=2)}"
    ends = [sweep.points[-1] for sweep in (adam, zero)]
    yield f"At σ = {ends[0].label} biases at zero end at {percent(ends[1], digits=2)}"
    yield f"others at {percent(ends[0], digits=2)}"


def equal(adam: Sweep, sgd: Sweep) -> Iterator[str]:
    """What becomes of equal units."""
    zeros, constants = (
        [sweep.named(scheme) for sweep in (adam, sgd)] for scheme in ("zeros", "constant")
    )
    chance = adam.setting.data.chance
    assert all(isclose(of.test_accuracy, chance) for of in zeros)
    yield f"`zeros` ends at {100 * chance:.2f} % with both"
    yield f"`constant` at {percent(constants[0], digits=2)} by Adam"
    yield f"and {percent(constants[1], digits=2)} by SGD"
    for sweep, constant in zip((adam, sgd), constants, strict=True):
        assert sweep.inside(constant, "row_spread_end") == 0
        assert sweep.inside(constant, "first_displacement") > 0
    yield f"differ by {sgd.inside(constants[1], 'row_spread_end'):.0f} after"
    yield f"after {adam.setting.length}"
