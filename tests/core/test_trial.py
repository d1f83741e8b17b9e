"""Trials of a sweep, and the keys that their results are found by."""

from dataclasses import fields, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from stages.core.facts import DataFacts, Facts
from stages.core.networks import Module, Perceptron
from stages.core.params import Params, read_params
from stages.core.starts import NORMAL, Start
from stages.core.trial import Provenance, Trial, sweep_sigmas, sweep_trials, trial_key

PROVENANCE = Provenance("2.14.1", "cpu", "a processor", "c0de", "5eed")


@pytest.fixture
def params() -> Params:
    return read_params(Path(__file__).resolve().parents[2] / "params.yaml")


FACTS = Facts(
    {"mnist": DataFacts("mnist", "da7a", (28, 28), 10, 60_000, 10_000, 0.13, 0.31, 0.11)},
    {},
)


def changed(params: Params, section: str, **values: Any) -> Params:
    own = getattr(params, section).model_copy(update=values)
    return params.model_copy(update={section: own})


def with_points(params: Params, num_points: int) -> Params:
    return params.model_copy(
        update={"sweep": params.sweep.model_copy(update={"num_points": num_points})}
    )


def test_sigmas_are_log_spaced_and_end_at_both_ends(params: Params) -> None:
    sigmas = sweep_sigmas(params)
    assert len(sigmas) == 25
    assert (sigmas[0], sigmas[-1]) == (1e-4, 10.0)
    ratios = [high / low for low, high in pairwise(sigmas)]
    assert ratios == pytest.approx([10 ** (5 / 24)] * 24)


@pytest.mark.parametrize("sigma_max", [3.0, 7.0, 10.0, 0.123456789])
@pytest.mark.parametrize("denser", [25, 37, 49, 97, 1201])
def test_a_denser_sweep_holds_every_sigma_of_the_coarser_one(
    params: Params, denser: int, sigma_max: float
) -> None:
    sweep = params.sweep.model_copy(update={"sigma_max": sigma_max})
    params = params.model_copy(update={"sweep": sweep})
    coarse = sweep_sigmas(with_points(params, 13))
    assert set(coarse) < set(sweep_sigmas(with_points(params, denser)))


def test_one_point_is_sigma_min(params: Params) -> None:
    assert sweep_sigmas(with_points(params, 1)) == [1e-4]


def test_every_property_but_the_length_is_part_of_the_key(trial: Trial) -> None:
    other: dict[str, Any] = {
        "network": Perceptron((784, 128, 64, 10), "tanh"),
        "data": "other",
        "start": Start("orthogonal"),
        "optimizer": "sgd",
        "learning_rate": 0.01,
        "adam_epsilon": 1e-4,
        "batch_size": 32,
        "seed": 1,
        "replicate": 1,
    }
    length = {"epochs", "extra_steps"}
    assert other.keys() | length == {field.name for field in fields(Trial)}
    keys = {trial_key(replace(trial, **{n: v}), PROVENANCE) for n, v in other.items()}
    keys |= {
        trial_key(trial, replace(PROVENANCE, **{field.name: "other"}))
        for field in fields(Provenance)
    }
    assert len(keys | {trial_key(trial, PROVENANCE)}) == len(other) + len(fields(Provenance)) + 1
    longer = replace(trial, epochs=99, extra_steps=7)
    assert trial_key(longer, PROVENANCE) == trial_key(trial, PROVENANCE)


def test_every_property_of_a_start_is_part_of_the_key(trial: Trial) -> None:
    starts = [
        trial.start,
        Start("normal", 0.051),
        Start("normal", 0.05, "fan_in"),
        Start("normal", 0.05, biases=0.0),
        Start("normal", 0.05, biases=0.05),
    ]
    keys = {trial_key(replace(trial, start=start), PROVENANCE) for start in starts}
    assert len(keys) == len(starts)


def test_what_an_optimiser_does_not_read_is_not_part_of_the_key(trial: Trial) -> None:
    sgd = replace(trial, optimizer="sgd")
    assert trial_key(sgd, PROVENANCE) == trial_key(replace(sgd, adam_epsilon=1.0), PROVENANCE)


def test_activation_is_no_part_of_a_module_that_starts_from_sigma(trial: Trial) -> None:
    module = Module("net.py:Net", "50f7", (), (), (), "relu", (28, 28), 10, 1)
    for start, same in ((Start(NORMAL, 0.1), True), (Start("kaiming_normal"), False)):
        keys = {
            trial_key(replace(trial, network=network, start=start), PROVENANCE)
            for network in (module, replace(module, activation="tanh"))
        }
        assert (len(keys) == 1) == same


def test_steps_are_whole_epochs_and_a_rest(params: Params) -> None:
    for steps, length, records in ((300, "0+300", 1), (938, "1", 1), (1000, "1+62", 2)):
        [trial, *_] = sweep_trials(changed(params, "train", steps=steps), FACTS)
        assert (trial.length, trial.records) == (length, records)


def test_a_depth_repeats_the_one_width(params: Params) -> None:
    [trial, *_] = sweep_trials(changed(params, "model", hidden=(32,), depth=5), FACTS)
    assert trial.network == Perceptron((784, 32, 32, 32, 32, 32, 10), "relu")


def test_listed_sigmas_replace_the_range(params: Params) -> None:
    assert sweep_sigmas(changed(params, "sweep", sigmas=(0.1, 1.4142135623))) == [0.1, 1.4142136]


def test_names_are_unique_within_a_sweep(params: Params) -> None:
    sweep = params.sweep.model_copy(update={"replicates": 3, "num_points": 200})
    trials = sweep_trials(params.model_copy(update={"sweep": sweep}), FACTS)
    assert len({trial.name for trial in trials}) == len(trials) == 609
