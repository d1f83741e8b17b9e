"""studies/depth-limits/README.md."""

from collections.abc import Iterator

from tests.claims.metrics import Sweep, percent, sweeps, word

GIVEN = {"took 6 minutes": "timed once"}
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


def of(width: int, rate: str) -> Sweep:
    """A row of the map."""
    return sweeps("studies/depth-limits")[f"width-{width}-rate-{rate}"]


def cell(sweep: Sweep) -> str:
    """Accuracies at the three sigma_w², the critical one in the middle."""
    return ", ".join(percent(point, digits=0).removesuffix(" %") for point in sweep.points)
