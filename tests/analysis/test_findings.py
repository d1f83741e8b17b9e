"""The sentences of the report, for the usual and the unusual cases."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest

from stages.analysis.evidence import named_initialisers
from stages.analysis.findings import Results, findings, headline, uncertainty
from stages.analysis.seeds import Seeds
from tests.models import MNIST, baseline, record, results_of, with_accuracies


def sweep(finals: Mapping[float, float]) -> Results:
    """One network for each sigma, of one epoch."""
    return results_of([record(sigma, [final]) for sigma, final in finals.items()])


def replicated(finals: Mapping[float, Sequence[float]], **beside: Any) -> Results:
    """Networks of one epoch, by sigma."""
    return results_of(
        [
            record(sigma, [final], replicate)
            for sigma, of_sigma in finals.items()
            for replicate, final in enumerate(of_sigma)
        ],
        **beside,
    )


def around(mean: float, n: int, step: float = 0.0005) -> list[float]:
    """Replicates that differ, with this mean where they are even in number."""
    return [mean + step * (-1) ** i for i in range(n)]


def finding(results: Results, about: str) -> str:
    """The only finding about this."""
    [found] = [text for text in findings(results) if text.startswith(f"**{about}.**")]
    return found


def topics(results: Results) -> list[str]:
    return [text.split(".**")[0].removeprefix("**") for text in findings(results)]


def test_a_usual_sweep_is_told_with_its_numbers() -> None:
    results = results_of(
        [
            record(0.0001, [0.20, 0.60, 0.90], gap=-0.02),
            record(0.01, [0.93, 0.964, 0.970]),
            record(0.1, [0.95, 0.971, 0.975]),
            record(2.0, [0.60, 0.825, 0.83], gap=0.05),
        ]
    )
    assert headline(results) == (
        "Final test accuracy is highest at σ = 0.1, with 97.50 %, though that may be noise. "
        "It is 90.00 % at σ = 0.0001, the smallest, and 83.00 % at σ = 2, the largest."
    )
    told = finding(results, "Best")
    assert told.startswith("**Best.** σ = 0.1 reaches 97.50 %. Its accuracy rose by 2.50 points")
    assert told.endswith("Next is σ = 0.01 with 97.00 %.")
    assert "σ = 0.01 to 0.1, 2 of 4 σ over 1.0 decades," in finding(results, "Window")
    assert "σ = 0.0001 reaches 90.00 %. Its" in finding(results, "Smallest σ")
    assert "σ = 2 reaches 83.00 %. Its" in finding(results, "Largest σ")
    assert finding(results, "Speed") == (
        "**Speed.** After the first epoch σ = 0.1 is highest with 95.00 %; σ = 0.1 alone is "
        "within 1 point of that; σ = 0.0001 reaches 20.00 % and σ = 2 reaches 60.00 %."
    )
    assert (
        "+1.00 points at σ = 0.1; -2.00 at σ = 0.0001, the smallest gap; "
        "+5.00 at σ = 2, the largest gap."
    ) in finding(results, "Overfitting")
    assert "No network diverged" in finding(results, "Failures")
    assert "No network failed to learn, that is, ended at chance" in finding(results, "Failures")


NOISE = r"within noise|beyond noise|±|points (below|above)|may or may not"


def test_what_lone_networks_differ_in_is_not_judged_where_seed_noise_is_unknown() -> None:
    results = results_of(
        [record(sigma, [final]) for sigma, final in ((0.01, 0.1135), (0.1, 0.9750), (1.0, 0.9745))],
        named=[baseline("orthogonal", 0.95)],
    )
    told = [headline(results), *findings(results), *named_initialisers(results)]
    assert not re.search(NOISE, " ".join(told))
    assert "though that may be noise" in headline(results)
    assert "Noise may move its edges." in finding(results, "Window")
    assert "orthogonal ends at 95.00 %." in told[-1]
    how = uncertainty(results)
    assert "How far a second seed would move it is not known: that takes replicates" in how
    assert "no difference is called more than noise" in how
    # sqrt(0.975 * 0.025 / 10,000) is 0.00156.
    assert "97.50 % on 10,000 test images has a binomial standard error of 0.16 points" in how


def test_two_replicates_show_noise_but_do_not_judge() -> None:
    results = replicated({0.01: [0.1, 0.2], 0.1: [0.97, 0.98]})
    assert "σ = 0.1 reaches 97.50 ± 0.50 %" in finding(results, "Best")
    assert "2 are too few to call a difference more than noise" in uncertainty(results)
    assert not re.search("within noise|beyond noise", " ".join([*findings(results)]))


def test_replicates_give_standard_errors() -> None:
    results = replicated({0.01: [0.95, 0.95, 0.95], 0.1: [0.96, 0.97, 0.98]})
    # A standard deviation of 0.01 over 3 networks.
    assert "σ = 0.1 reaches 97.00 ± 0.58 %" in finding(results, "Best")
    how = uncertainty(results)
    assert "the mean of 3 networks" in how
    assert "with the σ that was best on the replicates before it" in how
    assert "nowhere among 2 comparisons" in how
    assert "Holm's correction): 25.5 standard errors are always enough" in how


def test_a_lead_that_replicates_do_not_bear_out_is_noise() -> None:
    low = around(0.15, 6)
    scattered = {0.01: around(0.965, 6, 0.005), 0.1: around(0.97, 6, -0.005), 1.0: low}
    results = replicated(scattered)
    assert "Next is σ = 0.01 with 96.50 ± 0.22 %, 0." in finding(results, "Best")
    assert "the best σ, within noise." in finding(results, "Best")
    assert "though 1 of the other 2 σ are within noise of that" in headline(results)
    close = replicated({0.01: around(0.97, 6), 0.1: around(0.975, 6, 0.0006), 1.0: low})
    assert "with 97.00 ± 0.02 %, 0.50 ± 0.01 points below the best σ, beyond" in finding(
        close, "Best"
    )
    assert "noise" not in headline(close)


def test_the_difference_told_owes_nothing_to_the_luck_of_the_best() -> None:
    # By turns each is 2 points better; which is best before a replicate is worse in it.
    one, other = [0.98, 0.96, 0.98, 0.96, 0.98], [0.96, 0.98, 0.96, 0.98, 0.96]
    results = replicated({0.01: other, 0.1: one})
    assert "σ = 0.1 reaches 97.20" in finding(results, "Best")
    # On replicates 2 to 5, what was best before has -2, 0 (both were as good), -2, 0 against 0.01.
    assert "level with the best σ (± 0.58 points, within noise)" in finding(results, "Best")


def simulated(rng: np.random.Generator, n: int, lower: float = 0.0) -> Results:
    """Six sigmas and a named initialiser that are equally good, but for the smallest sigma."""
    accuracies = 0.97 + 0.0012 * rng.standard_normal((7, n))
    accuracies[0] -= lower
    return with_accuracies(EQUAL, accuracies)


EQUAL = results_of(
    [record(10.0**i, [0.97]) for i in range(-3, 3)], named=[baseline("orthogonal", 0.97)]
)


@pytest.mark.parametrize("n", [1, 5, 20])
def test_reports_of_pure_noise_claim_no_difference(n: int) -> None:
    rng, claimed = np.random.default_rng(1), 0
    for _ in range(60):
        results = simulated(rng, n)
        told = [headline(results), *findings(results), *named_initialisers(results)]
        claimed += "beyond noise" in " ".join(told)
        assert "noise" in headline(results)
    assert claimed <= 6  # 5 % of 60, and twice the deviation of that


def test_reports_find_three_tenths_of_a_point_in_ten_replicates() -> None:
    rng = np.random.default_rng(1)
    told = [finding(simulated(rng, 10, lower=0.003), "Smallest σ") for _ in range(20)]
    assert sum("points below the best σ, beyond noise" in text for text in told) >= 16


def falling(n: int) -> list[float]:
    """Replicates at 92.5 %, of which every fifth ends at 40 %."""
    return [0.4 if i % 5 == 3 else 0.925 + 0.0005 * (-1) ** i for i in range(n)]


STUDY = replicated(
    {0.01: around(0.97, 20), 0.1: around(0.9605, 20, 0.001), 1.0: falling(20)},
    named=[baseline("orthogonal", *around(0.9701, 20, 0.001))],
)
SEEDS = Seeds.measured(STUDY.setting, STUDY.points, STUDY.named)


def lone(*finals: float, **changes: Any) -> Results:
    """A network for each sigma, judged by the study of seeds."""
    records = [record(s, [a]) for s, a in zip((0.02, 0.11, 0.5, 30.0), finals, strict=False)]
    named = [baseline("orthogonal", 0.9705), baseline("lsuv", 0.2)]
    return results_of(records, named=named, seeds=SEEDS, **changes)


def test_lone_networks_are_judged_by_other_seeds_of_the_same_setting() -> None:
    results = lone(0.97, 0.961, 0.92, 0.2)
    gaps = np.array(around(0.97, 20))[1:] - np.array(falling(20))[1:]  # the first may be the same
    off = f"{100 * gaps.mean():.2f} ± {100 * gaps.std(ddof=1) / 19**0.5:.2f} points below"
    [largest] = [text for text in findings(lone(0.97, 0.961, 0.92)) if "Largest" in text]
    assert "σ = 0.5 reaches 92.00 % (20 seeds: 40.00 to 92.55 %), " in largest
    assert f"{off} the best σ, beyond noise" in largest
    assert "σ = 0.02 reaches 97.00 % (20 seeds: 96.95 to 97.05 %). It is" in finding(
        results, "Best"
    )
    assert "at σ = 0.02 96.95 to 97.05 %: the lowest and the highest of 20" in uncertainty(results)
    [named] = named_initialisers(results)
    assert "orthogonal ends at 97.05 % (20 seeds: 96.91 to 97.11 %), 0.01 ± 0.01 points" in named
    assert "above the best σ, within noise; lsuv ends at 20.00 %." in named
    assert "noise" not in finding(results, "Largest σ")  # 30 lies outside the study
    same = lone(0.97, 0.961, 0.92, sweep={"seed": 1, "num_points": 2, "initializers": []})
    assert "beyond noise" in finding(same, "Best")


def test_what_other_seeds_could_put_into_the_window_is_named() -> None:
    window = finding(lone(0.97, 0.961, 0.92), "Window")
    assert "Within noise, σ = 0.11 may or may not belong." in window


@pytest.mark.parametrize("other", [{"train": {"lr": 0.01}}, {"sweep": {"biases": "zero"}}])
def test_seeds_of_another_setting_judge_nothing(other: dict[str, Any]) -> None:
    results = lone(0.97, 0.961, 0.92, **other)
    assert "move it was measured in another setting only" in uncertainty(results)
    assert not re.search(NOISE, " ".join([headline(results), *findings(results)]))


@pytest.mark.parametrize(
    ("finals", "which"),
    [
        ({0.01: 0.97, 0.1: 0.95, 1.0: 0.90}, "smallest"),
        ({0.01: 0.90, 0.1: 0.95, 1.0: 0.97}, "largest"),
    ],
)
def test_a_best_at_an_end_may_be_beaten_beyond_it(finals: dict[float, float], which: str) -> None:
    results = sweep(finals)
    assert f"It is the {which} σ of the sweep: beyond it" in finding(results, "Best")
    [other] = {"smallest", "largest"} - {which}
    assert f", the {other}." in headline(results)
    assert f", the {which}" not in headline(results)
    assert f"{other.capitalize()} σ" in topics(results)
    assert f"{which.capitalize()} σ" not in topics(results)


def test_a_best_inside_the_sweep_is_not_said_to_be_beaten() -> None:
    assert "beyond it" not in finding(sweep({0.01: 0.9, 0.1: 0.97, 1.0: 0.9}), "Best")


def test_the_window_says_where_it_may_reach_further() -> None:
    def said(*finals: float) -> str:
        return finding(sweep(dict(zip((0.01, 0.1, 1.0, 10.0), finals, strict=True))), "Window")

    assert "σ = 0.01 to 0.1, 2 of 4 σ over 1.0 decades" in said(0.97, 0.97, 0.9, 0.5)
    assert "takes in the smallest σ and may" in said(0.97, 0.97, 0.9, 0.5)
    assert "takes in the largest σ and may" in said(0.5, 0.9, 0.97, 0.97)
    assert "takes in the smallest and the largest σ" in said(0.97, 0.97, 0.97, 0.97)
    assert "further" not in said(0.5, 0.97, 0.97, 0.5)
    alone = said(0.5, 0.97, 0.9, 0.5)
    assert alone.startswith("**Window.** No neighbour of σ = 0.1 comes within 1 point of the best.")


def test_noise_that_could_move_an_edge_of_the_window_is_named() -> None:
    def said(*finals: float) -> str:
        of_all = [around(final, 10) for final in finals]
        of_all[1] = around(finals[1], 10, 0.001)
        return finding(replicated(dict(zip((0.01, 0.1, 1.0), of_all, strict=True))), "Window")

    assert "Within noise, σ = 1 may or may not belong." in said(0.90, 0.970, 0.9604)
    assert "Within noise, σ = 0.01 may or may not belong." in said(0.9596, 0.970, 0.90)
    assert "noise" not in said(0.9, 0.97, 0.9)


def test_training_that_had_not_settled_is_told_from_training_that_had() -> None:
    results = results_of(
        [
            record(0.01, [0.5, 0.6, 0.7, 0.8]),
            record(0.1, [0.9, 0.97, 0.97, 0.975]),
            record(1.0, [0.5, 0.9, 0.9, 0.2]),
        ]
    )
    assert "rose by 20.00 points from epoch 2 to 4" in finding(results, "Smallest σ")
    assert "settled" not in finding(results, "Best")
    assert "fell by 70.00 points from epoch 2 to 4" in finding(results, "Largest σ")


def test_one_epoch_tells_nothing_of_speed() -> None:
    results = sweep({0.01: 0.9, 0.1: 0.97})
    assert "Speed" not in topics(results)
    assert not any("settled" in text for text in findings(results))


def test_one_sigma_is_compared_with_nothing() -> None:
    results = results_of([record(0.05, [0.93, 0.935])])
    assert headline(results) == "Final test accuracy is 93.50 %."
    assert topics(results) == ["Best", "Speed", "Overfitting", "Failures", "Textbook"]
    assert finding(results, "Best") == "**Best.** σ = 0.05 reaches 93.50 %."
    assert finding(results, "Speed") == "**Speed.** The first epoch alone reaches 93.00 %."
    assert "No network diverged" in finding(results, "Failures")


def test_where_all_is_chance_there_is_no_best() -> None:
    results = sweep(dict.fromkeys((0.0001, 0.01, 10.0), MNIST.chance))
    assert headline(results) == (
        "No network learned at any σ: each ended at chance (12.30 % or less) or no better than "
        "before training."
    )
    assert topics(results) == ["Failures", "Textbook"]
    assert "Each of the 3 networks failed to learn" in finding(results, "Failures")
    assert "but none learned there: σ alone does not explain that." in finding(results, "Textbook")
    outside = sweep(dict.fromkeys((0.0001, 10.0), MNIST.chance))
    assert "and σ = 1; here are only others." in finding(outside, "Textbook")


def test_networks_that_stay_as_random_as_they_began_have_not_learned() -> None:
    results = results_of([record(sigma, [0.14], untrained=0.14) for sigma in (0.1, 10.0)])
    assert headline(results).startswith("No network learned at any σ")
    assert topics(results) == ["Failures", "Textbook"]
    assert "13.99" not in " ".join(findings(results))
    assert results.setting.textbook.rescued(results.points, 0.14) == []
    lone = results_of([record(10.0, [0.14], untrained=0.14)])
    assert headline(lone).startswith("The network did not learn: it ended at chance")


def test_a_best_that_did_not_learn_is_no_success() -> None:
    results = results_of([record(0.1, [0.13]), record(10.0, [0.14], untrained=0.14)])
    assert "Before training it had 14.00 % already." in finding(results, "Best")
    told = finding(results, "Textbook")
    assert "here up to 12.68 % (half way from chance to the best, or no better than" in told
    assert "In line with that, σ = 0.1 reaches 13.00 %; σ = 10 stays at 14.00 %." in told


def test_equal_sigmas_are_not_ranked() -> None:
    results = results_of([record(sigma, [0.9, 0.95]) for sigma in (0.05, 0.050001, 0.050002)])
    assert headline(results) == "Final test accuracy is 95.00 % at every σ."
    assert "As much is reached at σ = 0.050001." in finding(results, "Best")
    assert "σ = 0.05 to 0.050002, all 3 σ over 2e-05 decades" in finding(results, "Window")
    assert "reaches 95.00 %, as much as the best." in finding(results, "Largest σ")
    assert finding(results, "Speed").endswith("The first epoch alone reaches 90.00 % at every σ.")
    assert "0.00 points" not in " ".join(findings(results))


def test_ties_are_counted_in_words() -> None:
    two = {0.1: around(0.97, 4, 0.001), 1.0: around(0.9701, 4, -0.001)}
    assert "though the other σ is within noise" in headline(replicated(two))
    three = replicated({**two, 0.3: around(0.97, 4)})
    assert "though each of the other 2 σ is within noise" in headline(three)


def test_all_diverged_is_said_and_so_is_a_best_among_them() -> None:
    broken = [record(sigma, [0.3], diverged=True) for sigma in (1.0, 10.0)]
    assert "Each of the 2 networks diverged (overflowed)." in finding(
        results_of(broken), "Failures"
    )
    assert "At the best σ, the network diverged." in finding(results_of(broken), "Failures")
    at_chance = [record(sigma, [0.098], diverged=True) for sigma in (1.0, 10.0)]
    assert topics(results_of(at_chance)) == ["Failures", "Textbook"]
    assert "Each of the 2 networks diverged" in finding(results_of(at_chance), "Failures")
    assert "best" not in finding(results_of(at_chance), "Failures")
    assert "The network diverged" in finding(results_of(at_chance[:1]), "Failures")


def test_failures_are_counted_and_placed() -> None:
    records = [
        record(0.0001, [MNIST.chance]),
        record(0.01, [0.9]),
        record(0.1, [0.97]),
        record(1.0, [0.098], diverged=True),
        record(10.0, [0.098], diverged=True),
    ]
    said = finding(results_of(records), "Failures")
    assert "2 of 5 networks diverged (overflowed), at σ = 1 to 10." in said
    assert (
        "3 of 5 networks failed to learn, that is, ended at chance (12.30 % or less) or no better "
        "than before training, at 3 σ between 0.0001 and 10." in said
    )
    assert "best" not in said


def test_chance_is_not_placed_where_replicates_disagree() -> None:
    finals = {0.1: [0.97, 0.97], 1.0: [0.1, 0.9], 10.0: [0.1, 0.1]}
    said = finding(replicated(finals), "Failures")
    assert "3 of 6 networks failed to learn" in said
    assert said.endswith("or no better than before training.")


def test_textbook_is_contradicted_only_where_the_data_do() -> None:
    rescued = finding(sweep({0.0001: 0.974, 0.001: 0.972, 0.1: 0.976, 10.0: 0.12}), "Textbook")
    assert "Against that, σ = 0.0001 to 0.001 reach at least 97.20 %." in rescued
    assert "In line with that, σ = 0.1 reaches 97.60 %; σ = 10 stays at 12.00 %." in rescued
    lost = finding(sweep({0.0001: 0.12, 0.001: 0.20, 0.1: 0.976, 10.0: 0.90}), "Textbook")
    assert "Against that, σ = 10 reaches 90.00 %." in lost
    assert "σ = 0.0001 to 0.001 stay at or below 20.00 %" in lost
    expected = finding(sweep({0.0001: 0.12, 0.1: 0.976, 10.0: 0.2}), "Textbook")
    assert "Against" not in expected
    assert "In line with that, σ = 0.0001 stays at 12.00 %; σ = 0.1 reaches" in expected
    edge = finding(sweep({0.1: 0.976, 1.0: 0.90}), "Textbook")
    assert "Against that, σ = 1 reaches 90.00 %." in edge
    moderate = finding(sweep({0.01: 0.97, 0.1: 0.3}), "Textbook")
    assert "Against that, σ = 0.1 stays at 30.00 %." in moderate


def test_another_sweep_gives_other_sentences() -> None:
    one = sweep({0.0001: 0.97, 0.1: 0.976, 10.0: 0.85})
    other = sweep({0.001: 0.96, 0.2: 0.974, 1.0: 0.12, 5.0: 0.3})
    assert headline(one) != headline(other)
    assert not set(findings(one)) & set(findings(other))
