"""docs/findings.md, which says in their words what the studies' READMEs say, and a little more."""

from collections.abc import Iterator
from functools import cache
from importlib import import_module
from itertools import chain

from tests.claims.metrics import main, sizes
from tests.claims.prose import occurrences, prose
from tests.conftest import REPOSITORY

PAGE = REPOSITORY / "docs" / "findings.md"
GIVEN = {
    "2/λ₀": "a bound of theory",
    "no σ where χ₁ = 1: there it jumps past 1": "a definition",
    "6 ξ": "the line of a paper",
    "falls as 1/σ²": "of theory",
    "took 1 h 10 min on two cores": "each timed once, in its README",
    "seeds 16 min, optimisers 10, architectures 8, activations 7, starts 6, depth 6": "those",
    "learning rates 5, epsilon 3, the fresh seed 3, data sets 3, rate and width 2": "those",
    "takes 1.1 GB of disk, 0.8 GB of that in the trial cache; git keeps 1.8 MB": "as du says",
}


def claims() -> Iterator[str]:
    """Its numbers, in their sentences."""
    text = prose(PAGE.read_text(encoding="utf-8"))
    yield from (claim for claim in elsewhere() if any(occurrences(prose(claim), text)))
    setting = main().setting
    yield f"{sizes(setting)}, ReLU, Adam at a rate of {setting.params['train']['lr']:g}"
    yield f"of {setting.params['train']['lr']:g}, {setting.length}"


@cache
def elsewhere() -> list[str]:
    """What README.md and the studies' READMEs claim."""
    studies = sorted(path.parts[-3] for path in REPOSITORY.glob("studies/*/metrics/summary.json"))
    modules = [import_module(f"tests.claims.{name.replace('-', '_')}") for name in studies]
    modules.append(import_module("tests.claims.readme"))
    return [*chain.from_iterable(module.claims() for module in modules)]
