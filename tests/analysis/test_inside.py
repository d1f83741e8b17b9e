"""What git keeps of measurements inside networks, from made-up records to evidence.csv and back."""

import csv
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from stages.analysis.inside import COLUMNS, dead_units, inside
from stages.analysis.metrics import read_metrics
from stages.core.records import LayerRecord, Record
from tests.conftest import write_params
from tests.models import aggregated, record, setting_of


def with_layers(of: Record, moment: int, *layers: dict[str, float]) -> Record:
    """`of`, where the first layers have other numbers at a moment."""
    probes = list(of.probes)
    changed: list[LayerRecord] = [*probes[moment].layers]
    changed[: len(layers)] = [replace(o, **n) for o, n in zip(changed, layers, strict=False)]
    probes[moment] = replace(probes[moment], layers=changed)
    return replace(of, probes=probes)


def test_all_weights_count_alike_whatever_their_layer() -> None:
    moved = with_layers(record(0.1, [0.9]), -1, *({"displacement": d} for d in (0.1, 0.2, 0.4)))
    counts = np.array([784 * 128, 128 * 64, 64 * 10])
    found = inside([moved], setting_of())
    expected = math.sqrt((counts * np.array([0.1, 0.2, 0.4]) ** 2).sum() / counts.sum())
    assert found.displacement == pytest.approx(expected)
    assert found.first_displacement == 0.1
    assert found.weight_rms == pytest.approx(0.1)


def test_replicates_are_averaged_and_what_one_lacks_is_unknown() -> None:
    one, other = (
        with_layers(record(0.1, [0.9]), 0, {"gradient_norm": g, "damped": d})
        for g, d in ((1.0, 0.5), (3.0, math.nan))
    )
    found = inside([one, other], setting_of())
    assert found.first_gradient == 2
    assert math.isnan(found.damped_start)
    assert inside([one], setting_of()).damped_start == 0.5


def test_the_first_step_is_told_of_gradient_descent_alone() -> None:
    adam = record(0.1, [0.9])
    sgd = replace(adam, trial=replace(adam.trial, optimizer="sgd", learning_rate=0.5))
    norm = 0.1 * math.sqrt(784 * 128)
    assert inside([sgd], setting_of()).first_step == pytest.approx(0.5 * 0.1**2 / norm)
    assert math.isnan(inside([adam], setting_of()).first_step)


def test_hidden_layers_are_as_symmetric_as_the_least_symmetric() -> None:
    spreads = ({"row_spread": 0.0}, {"row_spread": 0.25}, {"row_spread": 0.99})
    found = inside([with_layers(record(0.1, [0.9]), 0, *spreads)], setting_of())
    assert found.row_spread_start == 0.25
    unknown = ({"row_spread": math.nan}, {"row_spread": math.nan})
    zeros = inside([with_layers(record(0.1, [0.9]), 0, *unknown)], setting_of())
    assert math.isnan(zeros.row_spread_start)


def test_dead_units_are_those_of_the_deadest_hidden_layer_at_the_end() -> None:
    shares = ({"dead_units": 0.25}, {"dead_units": 0.75}, {"dead_units": 1.0})
    assert dead_units(with_layers(record(0.1, [0.9]), -1, *shares)) == 0.75
    assert dead_units(with_layers(record(0.1, [0.9]), 0, *shares)) == 0.1


def test_each_start_is_a_row_and_few_bytes(tmp_path: Path) -> None:
    variants = {"adam": {}, "sgd": {"train": {"optimizer": "sgd"}}}
    asked = {"initializers": ["orthogonal"], "replicates": 2, "keep_weights": False}
    write_params(tmp_path, sweep=asked, variants=variants, model={"hidden": [4], "depth": 8})
    aggregated(tmp_path, lambda _, trial: [0.5] * trial.records)
    path = tmp_path / "metrics" / "evidence.csv"
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [*rows[0]] == ["variant", "initializer", "sigma", *COLUMNS, "dead_units"]
    assert {row["dead_units"] for row in rows} == {"0.1 0.1"}
    starts = [(row["variant"], row["initializer"], row["sigma"]) for row in rows]
    of_each = [
        ("normal", "0.001"),
        ("normal", "0.031622777"),
        ("normal", "1.0"),
        ("orthogonal", ""),
    ]
    assert starts == [(variant, *start) for variant in variants for start in of_each]
    assert path.stat().st_size < 120 * (len(rows) + 3)
    adam, sgd = (metrics.results().inside for metrics in read_metrics(tmp_path / "metrics"))
    assert list(adam) == list(sgd) == [0.001, 0.031622777, 1.0]
    assert math.isnan(adam[1.0].sharpness)
    assert sgd[1.0].sharpness > 0
    assert adam[1.0].displacement == pytest.approx(0.2)  # 0.1 an epoch
    assert adam[1.0].cosine_decay == pytest.approx(math.log(2), rel=1e-3)
    with (tmp_path / "metrics" / "probes.csv").open(newline="") as file:
        first = next(csv.DictReader(file))
    assert "sharpness" in first
