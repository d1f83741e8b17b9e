"""studies/depth-limits/README.md."""

from collections.abc import Iterator

from stages.analysis.depth import SCALES
from stages.analysis.meanfield import depth_scale
from tests.claims.metrics import Sweep, percent, sweeps, word

GIVEN = {"took 2 minutes": "timed once"}
WIDTHS, RATES = (64, 128, 256), ("0.001", "0.00316", "0.01", "0.0316", "0.1")


def claims() -> Iterator[str]:
    """Its numbers, in their sentences."""
    some = of(WIDTHS[0], RATES[0])
    yield f"{len(some.setting.sizes) - 2} ReLU layers"
    yield f"{word(some.best.n)} networks a cell, {some.setting.length}"
    yield f"of {WIDTHS[0]}, {WIDTHS[1]} and {WIDTHS[2]} units"
    for rate in RATES:
        cells = " | ".join(cell(of(width, rate)) for width in WIDTHS)
        yield f"| {rate} | {cells} |"
    yield "| rate | " + " | ".join(f"{width} units" for width in WIDTHS) + " |"
    yield from critical()
    yield from beyond()


def critical() -> Iterator[str]:
    """What rate and width change on the critical line."""
    usual, lower, highest = RATES[2], RATES[1], RATES[4]
    sigma_w2 = of(WIDTHS[0], usual).points[1].sigma ** 2
    yield f"trains badly at σ_w² = {sigma_w2:.2g}"
    yield f"Both matter, at σ_w² = {sigma_w2:.2g}"
    at_usual, at_lower, at_highest = (
        [of(width, rate).points[1] for width in WIDTHS] for rate in (usual, lower, highest)
    )
    yield f"depth study, {usual}, {percent(*at_usual, digits=0)}"
    told = [f"{percent(p, digits=0)} with {w}" for p, w in zip(at_lower, WIDTHS, strict=True)]
    yield f"{lower} it is {told[0]} units, {told[1]} and {told[2]}"
    assert all(point.test_accuracy < 0.15 for point in at_highest)
    yield f"Rate {highest} fails"
    yield f"With {word(at_lower[0].n)} networks a cell"


def beyond() -> Iterator[str]:
    """Off the critical line."""
    sweeps_of_all = [of(width, rate) for width in WIDTHS for rate in RATES]
    ends = [sweep.points[end] for sweep in sweeps_of_all for end in (0, -1)]
    low, high = (f"{sweeps_of_all[0].points[end].sigma ** 2:.2g}" for end in (0, -1))
    layers = len(sweeps_of_all[0].setting.sizes) - 2
    yield f"at σ_w² = {low}, {sweeps_of_all[0].points[1].sigma ** 2:.2g} and {high}"
    yield f"At σ_w² = {low} and {high}, {layers} layers are more than {SCALES} ξ"
    for sigma_w2 in (float(low), float(high)):
        assert layers > SCALES * depth_scale("relu", sigma_w2, 0.0)
    yield f"at most {percent(max(ends, key=lambda point: point.test_accuracy), digits=0)}"


def of(width: int, rate: str) -> Sweep:
    """A row of the map."""
    return sweeps("studies/depth-limits")[f"width-{width}-rate-{rate}"]


def cell(sweep: Sweep) -> str:
    """Accuracies at the three sigma_w², the critical one in the middle."""
    return ", ".join(percent(point, digits=0).removesuffix(" %") for point in sweep.points)
