"""studies/fresh-seed/README.md."""

from collections.abc import Iterator
from math import log10

from tests.claims import seeds
from tests.claims.metrics import Sweep, short, sweeps, word

GIVEN = {"took 3 minutes": "timed once"}


def claims() -> Iterator[str]:
    """Its numbers, in their sentences."""
    [fresh], [study] = (sweeps(f"studies/{name}").values() for name in ("fresh-seed", "seeds"))
    yield f"{word(fresh.best.n)} networks for each σ"
    for here, there in zip(rows(fresh), rows(study), strict=True):
        yield f"| {here} | {there} |"
    assert not any(fresh.beside_best(of).beyond_noise for of in fresh.results.named)
    assert not fresh.beside_best(fresh.points[0]).beyond_noise
    draws = seeds.fallen_draws(study)
    assert not seeds.fallen_draws(fresh)
    none = (1 - len(draws) / study.best.n) ** fresh.best.n
    yield f"lose a hidden layer at σ = {short(seeds.fates(study)[0])}"
    yield f"If {len(draws)} of {study.best.n} draws do, none of {word(fresh.best.n)} does in"
    yield f"in {100 * none:.0f} % of cases"


def rows(sweep: Sweep) -> Iterator[str]:
    """What the findings say, of a sweep."""
    smallest, largest, best = sweep.points[0], sweep.points[-1], sweep.best
    yield sweep.reached(smallest)
    yield f"{sweep.reached(best)} at σ = {short(best)}"
    yield f"{sweep.window[0].label} to {short(sweep.window[-1])}"
    yield sweep.below_best(smallest)
    gradients = [sweep.inside(point, "first_gradient") for point in (smallest, best)]
    yield f"{log10(gradients[1] / gradients[0]):.1f} decades"
    moved = sweep.inside(smallest, "first_displacement")
    yield f"{short(moved)}, {moved / smallest.sigma:.0f} times σ"
    damped = [100 * sweep.inside(smallest, f"damped_{when}") for when in ("start", "epoch_1")]
    yield f"{damped[0]:.0f} %, {damped[1]:.0f} %"
    yield sweep.reached(largest)
    for scheme in ("pytorch_default", "xavier_normal", "kaiming_normal"):
        yield sweep.below_best(sweep.named(scheme))
