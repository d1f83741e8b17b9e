"""studies/optimisers/README.md."""

from collections.abc import Iterator

from tests.claims.metrics import percent, short, sweeps

NOT_IN_GIT = "probes.csv of the study, which git does not keep"
GIVEN = {
    "momentum 0.9": "params.yaml calls it so",
    "is 4e-6 of that at SGD's best σ": NOT_IN_GIT,
    "by 7 million times their norm": NOT_IN_GIT,
    "all gradients are 0 after that": NOT_IN_GIT,
    "always answering 1": "the commonest digit",
}


def claims() -> Iterator[str]:
    """Its numbers, in their sentences."""
    yield from gradient_descent()
    yield from with_momentum()


def gradient_descent() -> Iterator[str]:
    """Where it learns, and when."""
    sgd = sweeps("studies/optimisers")["SGD"]
    holdout, learned, best, window = sgd.setting.holdout, sgd.learned, sgd.best, sgd.window
    fails = sgd.after(learned[-1])
    yield (
        f"up to σ = {short(sgd.before(learned[0]), 1)} and from σ = {short(fails)} on "
        f"({100 * holdout.ceiling:.1f} % or less"
    )
    yield f"gives {100 * holdout.chance:.2f} %)"
    yield f"Its best σ, {short(best)}, reaches {percent(best)}"
    yield f"and σ = {short(window[0])} to {short(window[-1])} come within a point"
    yield f"before training at σ = {short(sgd.points[0])} is"
    late = sgd.at(0.0075)
    yield (
        f"σ = {short(late)} is at {100 * late.first_epoch_test_accuracy:.1f} % after SGD's first "
        f"epoch and at {percent(late)} in the end"
    )
    yield f"{sgd.setting.records} are what was measured"
    hardly, thrown = (fails, sgd.after(fails)), (sgd.at(6.2), sgd.points[-1])
    yield f"at σ = {' and '.join(map(short, hardly))} SGD hardly moves the weights"
    yield f"at {' and '.join(map(short, thrown))} the first steps"
    yield f"at σ = {short(sgd.points[-1])}, and all gradients are"
    yield (f"named initialisers reach {percent(*sgd.results.named)}, the best σ {percent(best)}")


def with_momentum() -> Iterator[str]:
    """What it changes."""
    study = sweeps("studies/optimisers")
    sgd, momentum = study["SGD"], study["momentum"]
    [rate] = {sweep.setting.params["train"]["lr"] for sweep in (sgd, momentum)}
    yield f"(both with learning rate {rate:g})"
    second, fails = momentum.points[1], momentum.at(0.91)
    decades = momentum.results.summary["window_decades"]
    yield f"σ = {short(second)} reaches {percent(second)}"
    yield f"and {decades:.1f} decades come within a point of its best, {percent(momentum.best)}"
    yield f"from σ = {short(fails)} ({percent(fails)} against {percent(sgd.at(fails.sigma))})"
