"""Variants beside each other: what is called the best, and what is called noise."""

import re
from collections.abc import Sequence

import numpy as np
import pytest

from stages.analysis.comparison import beside_leader, best_variants, judging
from stages.analysis.findings import Results
from tests.models import record, results_of, with_accuracies

SIGMAS = (0.01, 0.1, 1.0, 10.0)
EQUAL = [results_of([record(s, [0.97]) for s in SIGMAS], name) for name in ("a", "b", "c")]


def variants(*accuracies: Sequence[float]) -> list[Results]:
    """Of one sigma, by the accuracies of its replicates."""
    return [
        results_of([record(0.1, [a], r) for r, a in enumerate(finals)], f"v{i}")
        for i, finals in enumerate(accuracies)
    ]


def test_variants_are_judged_by_their_replicates() -> None:
    some = variants(
        [0.980, 0.981, 0.979, 0.980, 0.981],
        [0.970, 0.971, 0.969, 0.970, 0.972],
        [0.979, 0.982, 0.978, 0.981, 0.980],
        [0.77],
    )
    [told] = best_variants(some)
    assert "v0 reaches 98.02 ± 0.04 % at σ = 0.1, the highest of all." in told
    assert "Within noise of that: v2." in told
    assert re.search(r"Behind, beyond noise: v1 by [01]\.\d+ ± 0\.\d+ points\.", told)
    assert "Not judged, for want of replicates: v3 77.00 %." in told
    how = " ".join(judging(some))
    assert "with the variant and the σ that were best on the replicates before it" in how
    assert "nowhere among 3 variants, paired by replicate" in how


def test_lone_variants_are_told_and_not_judged() -> None:
    [told] = best_variants(variants([0.98], [0.2], [0.979]))
    assert "the highest of all. Not judged, for want of replicates: v2 97.90 % and v1 2" in told
    assert "which flatters all" in told
    [told] = best_variants(variants([0.98], [0.2, 0.21, 0.2], [0.3, 0.31, 0.3]))
    assert "noise" not in told  # the highest has no replicates
    assert judging(variants([0.98], [0.2])) == []
    assert "too few" in judging(variants([0.98, 0.97], [0.2, 0.3]))[0]


@pytest.mark.parametrize("n", [5, 20])
def test_variants_that_are_equally_good_are_within_noise(n: int) -> None:
    """Each is taken at its own best sigma, and the leader is the best of all."""
    rng, claimed = np.random.default_rng(0), 0
    for _ in range(200):
        noise = 0.0015 * rng.standard_normal((len(EQUAL), len(SIGMAS), n))
        made = [with_accuracies(of, 0.97 + z) for of, z in zip(EQUAL, noise, strict=True)]
        claimed += any(found.beyond_noise for found in beside_leader(made).values())
    assert claimed <= 19  # 5 % of 200, and three deviations of that


def test_a_variant_that_is_three_tenths_of_a_point_lower_is_found_with_ten_replicates() -> None:
    rng, found = np.random.default_rng(0), 0
    for _ in range(50):
        noise = 0.0012 * rng.standard_normal((len(EQUAL), len(SIGMAS), 10))
        noise[2] -= 0.003
        made = [with_accuracies(of, 0.97 + z) for of, z in zip(EQUAL, noise, strict=True)]
        found += beside_leader(made)["c"].beyond_noise
    assert found >= 40
