"""studies/epsilon/README.md."""

from collections.abc import Iterator

from tests.claims.metrics import Sweep, percent, short, sweeps, word

GIVEN = {"took 3 minutes": "timed once"}

ROWS = (0.0001, 0.00068, 0.012, 0.083, 0.56, 10)
"""The sigmas of the table."""


def claims() -> Iterator[str]:
    """Its numbers, in their sentences."""
    study = sweeps("studies/epsilon")
    _, usual, large = study.values()
    values = [sweep.setting.params["train"]["adam_epsilon"] for sweep in study.values()]
    yield f"{word(len(values)).capitalize()} ε, {values[0]:g}, {values[1]:g} (PyTorch's)"
    yield f"and {values[2]:g}, each over {len(usual.points)} σ, {word(usual.best.n)} networks a σ"
    yield f"| ε = {values[0]:g} | ε = {values[1]:g} | ε = {values[2]:g} |"
    for sigma in ROWS:
        cells = " | ".join(damped(sweep, sigma) for sweep in study.values())
        yield f"| {short(sigma)} | {cells} |"
    assert all(len(sweep.learned) == len(sweep.points) for sweep in study.values())
    ends = [sweep.points[0] for sweep in study.values()]
    yield f"from σ = {ends[0].label} they end at {percent(*ends, digits=2)}"
    bests = [sweep.best for sweep in study.values()]
    yield f"at their best σ at {percent(*bests, digits=2)}"
    windows = {f"{sweep.results.summary['window_decades']:.1f}" for sweep in study.values()}
    [decades] = windows
    yield f"the same {decades} decades"
    first = [f"{100 * end.first_epoch_test_accuracy:.1f}" for end in ends]
    yield f"From σ = {ends[0].label} the first epoch"
    yield f"the first epoch ends at {first[0]}, {first[1]} and {first[2]} %"
    yield f"that was expected of ε = {values[2]:g}"
    start, epoch = (usual.inside(ends[1], f"damped_{when}") for when in ("start", "epoch_1"))
    yield f"ε = {values[1]:g} halves the step of {100 * start:.0f} % of the first layer's weights"
    yield f"weights at σ = {ends[1].label}, and of {100 * epoch:.0f} % after one epoch"
    pairs = zip(study.values(), ends, strict=True)
    moved = [sweep.inside(end, "first_displacement") for sweep, end in pairs]
    yield f"moves them by {short(min(moved))} to {short(max(moved))}"
    start, epoch = (large.inside(ends[2], f"damped_{when}") for when in ("start", "epoch_1"))
    shares = f"{100 * start:.0f} % at first, and {100 * epoch:.0f} % after an epoch"
    yield f"With ε = {values[2]:g} it is {shares}"
    pairs = zip(study.values(), ends, strict=True)
    dead = [100 * share for sweep, end in pairs for share in sweep.dead_units(end)]
    yield f"at σ = {ends[0].label} {min(dead):.0f} to {max(dead):.0f} % of the units"


def damped(sweep: Sweep, sigma: float) -> str:
    """Accuracy, and the shares of weights whose steps are damped: at first and after an epoch."""
    point = sweep.at(sigma)
    shares = [100 * sweep.inside(point, f"damped_{when}") for when in ("start", "epoch_1")]
    return f"{percent(point, digits=2)}; {shares[0]:.0f}, {shares[1]:.0f} %"
