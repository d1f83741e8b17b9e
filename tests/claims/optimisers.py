"""studies/optimisers/README.md."""

from collections.abc import Iterator

from tests.claims.metrics import percent, short, sweeps

GIVEN = {"momentum 0.9": "params.yaml calls it so", "took 10 minutes": "timed once"}


def claims() -> Iterator[str]:
    """Its numbers, in their sentences."""
    yield from adam_beside_gradient_descent()
    yield from borders()
    yield from named()


def adam_beside_gradient_descent() -> Iterator[str]:
    """Where they learn, and what was measured inside."""
    adam, sgd = (sweeps("studies/optimisers")[name] for name in ("Adam", "SGD"))
    smallest, best, largest = adam.points[0], adam.best, adam.points[-1]
    yield f"{adam.reached(smallest)} at σ = {smallest.label}"
    yield f"{adam.reached(best)} at its best, {short(best)}"
    yield f"{adam.reached(largest)} at σ = {largest.label}"
    fails = sgd.after(sgd.learned[-1])
    yield f"up to σ = {short(sgd.before(sgd.learned[0]))} and from σ = {short(fails)} on"
    yield f"Its best σ, {short(sgd.best)}, reaches {sgd.reached(sgd.best)}"
    yield f"and σ = {short(sgd.window[0])} to {short(sgd.window[-1])} come within a point"
    gradient = sgd.inside(smallest, "first_gradient") / sgd.inside(sgd.best, "first_gradient")
    yield f"At σ = {smallest.label} the first layer's gradient starts at {gradient:.0e} of that"
    yield f"of that at σ = {short(sgd.best)}"
    moved = [sweep.inside(smallest, "first_displacement") for sweep in (sgd, adam)]
    yield f"In {adam.setting.length} SGD moves that layer's weights by {short(moved[0])}"
    from_best = adam.inside(best, "first_displacement")
    yield f"Adam by {short(moved[1])}, about as far as from its best σ, {short(from_best)}"
    damped = [100 * adam.inside(smallest, f"damped_{moment}") for moment in ("start", "epoch_1")]
    yield f"its epsilon at least halves the step of {damped[0]:.0f} % of these weights"
    yield f"after an epoch that of {damped[1]:.0f} %"


def borders() -> Iterator[str]:
    """Where gradient descent stops learning, with momentum and without."""
    study = sweeps("studies/optimisers")
    sgd, momentum = study["SGD"], study["momentum"]
    [rate] = {sweep.setting.params["train"]["lr"] for sweep in (sgd, momentum)}
    yield f"(both with learning rate {rate:g})"
    small, large, late = momentum.at(0.00026), momentum.at(0.91), sgd.at(0.0075)
    yield f"σ = {short(small)} reaches {momentum.reached(small)}"
    decades = momentum.results.summary["window_decades"]
    yield f"and {decades:.1f} decades come within a point of its best"
    yield f"of its best, {momentum.reached(momentum.best)}"
    yield f"σ = {short(large)} ends at {momentum.reached(large)}"
    yield f"against {sgd.reached(sgd.at(large.sigma))}"
    yield f"σ = {short(late)} is at {100 * late.first_epoch_test_accuracy:.1f} % after"
    yield f"first epoch and ends at {sgd.reached(late)}"
    fails, last = sgd.after(sgd.learned[-1]), sgd.points[-1]
    share = sgd.inside(fails, "first_displacement") / fails.sigma
    yield f"at σ = {short(fails)} SGD moves the first layer by {100 * share:.0f} % of σ"
    yield f"of σ in {sgd.setting.length}"
    yield f"at σ = {last.label} the first steps"
    yield f"{last.diverged} of {last.n} networks overflow"


def named() -> Iterator[str]:
    """Named initialisers beside the best sigma."""
    study = sweeps("studies/optimisers")
    sgd, adam = study["SGD"], study["Adam"]
    better = [of for of in sgd.results.named if sgd.beside_best(of).beyond_noise]
    assert all(of.test_accuracy > sgd.best.test_accuracy for of in sgd.results.named)
    assert not any(adam.beside_best(of).beyond_noise for of in adam.results.named)
    yield f"end at {percent(*sgd.results.named, digits=2)} with SGD"
    yield f"where the best σ has {sgd.reached(sgd.best)}"
    yield f"{len(better)} of the {len(sgd.results.named)} are better"
    yield f"With Adam they end at {percent(*adam.results.named, digits=2)}"
