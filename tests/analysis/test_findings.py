"""The sentences of the report, for the usual and the unusual cases."""

from collections.abc import Mapping, Sequence
from math import gamma

import numpy as np
import pytest

from stages.analysis.findings import Results, findings, headline, uncertainty
from stages.analysis.noise import PAIRED_STUDENT, paired_factor
from tests.models import MNIST, record, results_of


def sweep(finals: Mapping[float, float]) -> Results:
    """One network for each sigma, of one epoch."""
    return results_of([record(sigma, [final]) for sigma, final in finals.items()])


def replicated(finals: Mapping[float, Sequence[float]]) -> Results:
    """Networks of one epoch, by sigma."""
    return results_of(
        [
            record(sigma, [final], replicate)
            for sigma, of_sigma in finals.items()
            for replicate, final in enumerate(of_sigma)
        ]
    )


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
        "Final test accuracy is highest at σ = 0.1, with 97.50 %. "
        "It is 90.00 % at σ = 0.0001, the smallest, and 83.00 % at σ = 2, the largest."
    )
    assert "**Best.** σ = 0.1 reaches 97.50 ± 0.16 %." in finding(results, "Best")
    assert "lead of 0.50 points over σ = 0.01 is more than the" in finding(results, "Best")
    assert "σ = 0.01 to 0.1, 2 of 4 σ over 1.0 decades," in finding(results, "Window")
    assert "σ = 0.0001 reaches 90.00 ± 0.30 %. The 7.50 points" in finding(results, "Smallest σ")
    assert "σ = 2 reaches 83.00 ± 0.38 %. The 14.50 points" in finding(results, "Largest σ")
    assert finding(results, "Speed") == (
        "**Speed.** After the first epoch σ = 0.1 is highest with 95.00 %; σ = 0.1 alone is "
        "within 1 point of that, σ = 0.0001 is 75.00 points behind and σ = 2 is 35.00 points "
        "behind."
    )
    assert (
        "+1.00 points at σ = 0.1; -2.00 at σ = 0.0001, the smallest gap; "
        "+5.00 at σ = 2, the largest gap."
    ) in finding(results, "Overfitting")
    assert "No network diverged" in finding(results, "Failures")
    assert "No network failed to learn, that is, ended at chance" in finding(results, "Failures")


def test_binomial_error_stands_in_for_the_seeds_of_a_lone_network() -> None:
    results = sweep({0.01: 0.970, 0.1: 0.975})
    # sqrt(0.975 * 0.025 / 10,000) is 0.00156.
    assert "standard error of 0.16 points; this is what stands after ±" in uncertainty(results)
    assert "Seed noise comes on top" in uncertainty(results)


def test_lone_networks_differ_only_beyond_twice_the_error_of_their_difference() -> None:
    # 0.47 points: twice the root of 0.17² + 0.16².
    assert "is within noise" in finding(sweep({0.01: 0.9700, 0.1: 0.9740}), "Best")
    assert "is more than the test images explain" in finding(
        sweep({0.01: 0.9700, 0.1: 0.9749}), "Best"
    )


def test_replicates_give_standard_errors() -> None:
    results = replicated({0.01: [0.95, 0.95, 0.95], 0.1: [0.96, 0.97, 0.98]})
    # A standard deviation of 0.01 over 3 networks.
    assert "σ = 0.1 reaches 97.00 ± 0.58 %" in finding(results, "Best")
    assert "the mean of 3 networks" in uncertainty(results)
    assert "4.30 times its standard error" in uncertainty(results)


def test_a_lead_that_replicates_do_not_bear_out_is_noise() -> None:
    scattered = replicated({0.01: [0.960, 0.970], 0.1: [0.975, 0.965], 1.0: [0.1, 0.2]})
    assert "0.50 points over σ = 0.01 is within noise." in finding(scattered, "Best")
    assert "1 of the other 2 σ are within noise" in headline(scattered)
    close = replicated({0.01: [0.970, 0.9701], 0.1: [0.975, 0.9751], 1.0: [0.1, 0.2]})
    assert "0.50 points over σ = 0.01 is beyond noise." in finding(close, "Best")
    assert "noise" not in headline(close)


def test_two_networks_need_a_wider_margin_than_many() -> None:
    # The same means and standard errors: 0.3 points apart, each ± 0.1.
    two = replicated({0.01: [0.969, 0.971], 0.1: [0.974, 0.972]})
    many = [0.97 + 0.003 * (-1) ** i for i in range(10)]
    ten = replicated({0.01: many, 0.1: [accuracy + 0.003 for accuracy in many]})
    for results in (two, ten):
        assert [p.standard_error for p in results.points] == pytest.approx([0.001, 0.001])
        assert "lead of 0.30 points" in finding(results, "Best")
    assert "within noise" in finding(two, "Best")
    assert "within noise" not in finding(ten, "Best")


def test_margins_are_those_of_students_t() -> None:
    t = np.linspace(0, 1, 200_001)
    for n, limit in enumerate(PAIRED_STUDENT, 2):
        freedom = n - 1
        x = limit * t
        density = (1 + x**2 / freedom) ** (-(freedom + 1) / 2)
        whole = np.sqrt(freedom * np.pi) * gamma(freedom / 2) / gamma((freedom + 1) / 2)
        assert 2 * np.trapezoid(density, x) / whole == pytest.approx(0.95, abs=0.001)


def test_more_than_ten_replicates_are_judged_like_ten() -> None:
    assert paired_factor(11) == paired_factor(10) == PAIRED_STUDENT[-1]


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
    assert alone == "**Window.** No neighbour of σ = 0.1 comes within 1 point of the best."


def test_noise_that_could_move_an_edge_of_the_window_is_named() -> None:
    inside = sweep({0.01: 0.90, 0.1: 0.970, 1.0: 0.961})
    assert "Within noise, σ = 1 may or may not belong." in finding(inside, "Window")
    outside = sweep({0.01: 0.959, 0.1: 0.970, 1.0: 0.90})
    assert "Within noise, σ = 0.01 may or may not belong." in finding(outside, "Window")
    assert "noise" not in finding(sweep({0.01: 0.9, 0.1: 0.97, 1.0: 0.9}), "Window")
    scattered = replicated({0.01: [0.2, 0.2], 0.1: [0.98, 0.95], 1.0: [0.2, 0.2]})
    assert "noise" not in finding(scattered, "Window")


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
    assert finding(results, "Best") == "**Best.** σ = 0.05 reaches 93.50 ± 0.25 %."
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
    assert "That is as much as the best." in finding(results, "Largest σ")
    assert finding(results, "Speed").endswith("The first epoch alone reaches 90.00 % at every σ.")
    assert "0.00 points" not in " ".join(findings(results))


def test_ties_are_counted_in_words() -> None:
    assert "though the other σ is within noise" in headline(sweep({0.1: 0.97, 1.0: 0.971}))
    three = sweep({0.1: 0.97, 0.3: 0.9705, 1.0: 0.971})
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
