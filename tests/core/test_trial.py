"""Trials of a sweep, and the keys that their results are found by."""

from dataclasses import fields, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from stages.core.params import Params, read_params
from stages.core.trial import Provenance, Trial, sweep_sigmas, sweep_trials, trial_key

PROVENANCE = Provenance("2.14.1", "cpu", "a processor", "c0de", "da7a", "5eed")


@pytest.fixture
def params() -> Params:
    return read_params(Path(__file__).resolve().parents[2] / "params.yaml")


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


def test_every_property_but_the_epochs_is_part_of_the_key(trial: Trial) -> None:
    changed: dict[str, Any] = {
        "sizes": (784, 10),
        "initializer": "orthogonal",
        "sigma": 0.051,
        "optimizer": "sgd",
        "learning_rate": 0.01,
        "batch_size": 32,
        "seed": 1,
        "replicate": 1,
    }
    assert changed.keys() | {"epochs"} == {field.name for field in fields(Trial)}
    keys = {trial_key(replace(trial, **{n: v}), PROVENANCE) for n, v in changed.items()}
    keys |= {
        trial_key(trial, replace(PROVENANCE, **{field.name: "other"}))
        for field in fields(Provenance)
    }
    assert len(keys | {trial_key(trial, PROVENANCE)}) == len(changed) + len(fields(Provenance)) + 1
    assert trial_key(replace(trial, epochs=99), PROVENANCE) == trial_key(trial, PROVENANCE)


def test_names_are_unique_within_a_sweep(params: Params) -> None:
    sweep = params.sweep.model_copy(update={"replicates": 3, "num_points": 200})
    trials = sweep_trials(params.model_copy(update={"sweep": sweep}))
    assert len({trial.name for trial in trials}) == len(trials) == 609
