"""Any module: against plain PyTorch, in bits against its continuation, and what the probe sees."""

from collections.abc import Callable
from dataclasses import astuple, replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from stages.core.dataset import Dataset
from stages.core.networks import Perceptron
from stages.core.records import verify_result
from stages.core.seeding import batch_order
from stages.core.starts import Start
from stages.core.trial import Provenance, Trial
from stages.engine import worker
from stages.engine.batched.trainer import train_group
from stages.engine.modules.trainer import train_module
from stages.engine.results import TrialResult
from stages.process.door import InputError
from tests.conftest import REPOSITORY
from tests.engine.modules.conftest import MakeTrial, Write
from tests.garbage import tensors_left_by

CPU = torch.device("cpu")
PROVENANCE = Provenance("2.14.1", "cpu", "a processor", "c0de", "5eed")
OPTIMIZERS: dict[str, Any] = {
    "adam": partial(torch.optim.Adam, eps=1e-8),
    "sgd": torch.optim.SGD,
    "momentum": partial(torch.optim.SGD, momentum=0.9),
}
PERCEPTRON = """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1, self.fc2, self.fc3 = nn.Linear(784, 128), nn.Linear(128, 64), nn.Linear(64, 10)

    def forward(self, x):
        return self.fc3(self.fc2(self.fc1(x.flatten(1)).relu()).relu())
"""
NOISY = """
import random
import numpy as np

SHIFT = torch.rand(1)

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 5, stride=4)
        self.norm, self.drop = nn.BatchNorm2d(4), nn.Dropout(0.3)
        self.last = nn.Linear(144, 10)
        self.register_buffer("mask", torch.rand(144) + SHIFT)

    def forward(self, x):
        x = self.drop(self.norm(self.conv(x)).relu()).flatten(1) + self.mask
        if self.training:
            x = x + random.random() * np.random.rand() * torch.rand(144)
        return self.last(x)
"""


def inputs(dataset: Dataset, part: str = "train") -> tuple[torch.Tensor, torch.Tensor]:
    images = torch.from_numpy(getattr(dataset, f"{part}_images")).float()
    images = (images / 255 - dataset.mean) / dataset.std
    labels = torch.from_numpy(getattr(dataset, f"{part}_labels")).long()
    return images.view(-1, 1, *dataset.image_shape), labels


def perceptron(weights: dict[str, torch.Tensor]) -> nn.Module:
    model = nn.Module()
    model.fc1, model.fc2, model.fc3 = nn.Linear(784, 128), nn.Linear(128, 64), nn.Linear(64, 10)
    model.load_state_dict(weights)
    return model


def hidden(model: Any, images: torch.Tensor) -> list[torch.Tensor]:
    first = model.fc1(images.flatten(1)).relu()
    second = model.fc2(first).relu()
    return [first, second, model.fc3(second)]


def same_bits(a: TrialResult, b: TrialResult) -> bool:
    moments = [
        {f"{n}.{of}": t for n, m in r.moments.items() for of, t in m.items()} for r in (a, b)
    ]
    pairs = [
        (a.initial, b.initial),
        (a.weights, b.weights),
        (moments[0], moments[1]),
        (a.snapshots, b.snapshots),
    ]
    return (a.history, repr(a.probes)) == (b.history, repr(b.probes)) and all(
        one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)
        for one, other in pairs
    )


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("sigma", [1e-4, 0.05])
def test_a_perceptron_as_a_module_is_trained_as_in_plain_pytorch(
    sigma: float,
    optimizer: str,
    write: Write,
    module_trial: MakeTrial,
    small_dataset: Dataset,
    tmp_path: Path,
) -> None:
    trial = module_trial(write(PERCEPTRON), start=Start("normal", sigma), optimizer=optimizer)
    result = train_module(trial, small_dataset, CPU, folder=tmp_path)
    model = perceptron(result.initial)
    step = OPTIMIZERS[optimizer](model.parameters(), lr=trial.learning_rate)
    images, labels = inputs(small_dataset)
    for epoch in (1, 2):
        for batch in batch_order(200, trial.seed, trial.replicate, epoch).split(64):
            step.zero_grad()
            cross_entropy(hidden(model, images[batch])[-1], labels[batch]).backward()
            step.step()
    for name, expected in model.state_dict().items():
        torch.testing.assert_close(result.weights[name], expected, rtol=1e-4, atol=1e-5)
        assert not torch.equal(result.weights[name], result.initial[name])
    images, labels = inputs(small_dataset, "test")
    logits = hidden(model, images)[-1]
    assert result.history[-1].test_loss == pytest.approx(cross_entropy(logits, labels).item(), 1e-3)
    assert result.history[-1].test_accuracy == pytest.approx(
        (logits.argmax(1) == labels).double().mean().item(), abs=0.021
    )


@pytest.mark.parametrize("activation", ["relu", "tanh"])
@pytest.mark.parametrize("scheme", [None, "kaiming_normal", "lsuv"])
def test_a_perceptron_as_a_module_is_that_of_the_batched_trainer(
    activation: str,
    scheme: str | None,
    trial: Trial,
    write: Write,
    module_trial: MakeTrial,
    small_dataset: Dataset,
    tmp_path: Path,
) -> None:
    start = Start(scheme) if scheme else Start("normal", 1.5, "fan_in", 0.1)
    own = module_trial(write(PERCEPTRON.replace("relu", activation)), activation, start=start)
    network = Perceptron((784, 128, 64, 10), activation)
    [batched] = train_group([replace(trial, network=network, start=start)], small_dataset, CPU)
    module = train_module(own, small_dataset, CPU, folder=tmp_path)
    torch.testing.assert_close(module.initial, batched.initial)
    torch.testing.assert_close(module.weights, batched.weights, rtol=1e-3, atol=1e-4)
    for ours, theirs in zip(module.history, batched.history, strict=True):
        assert ours.test_loss == pytest.approx(theirs.test_loss, rel=1e-3)
        assert ours.train_accuracy == pytest.approx(theirs.train_accuracy, abs=0.011)
    for probed, expected in zip(module.probes, batched.probes, strict=True):
        for layer, other in zip(probed.layers, expected.layers, strict=True):
            assert astuple(layer) == pytest.approx(astuple(other), rel=2e-2, abs=1e-3, nan_ok=True)


def test_the_probe_of_a_perceptron_as_a_module_sees_what_comes_after_each_activation(
    write: Write, module_trial: MakeTrial, small_dataset: Dataset, tmp_path: Path
) -> None:
    trial = module_trial(write(PERCEPTRON), start=Start("normal", 0.3))
    result = train_module(trial, small_dataset, CPU, folder=tmp_path)
    images, labels = inputs(small_dataset)
    for probe, weights in ((result.probes[0], result.initial), (result.probes[-1], result.weights)):
        model = perceptron(weights)
        outputs = hidden(model, images)
        loss = cross_entropy(outputs[-1], labels)
        loss.backward()
        assert probe.loss == pytest.approx(loss.item(), rel=1e-4)
        for number, (layer, output) in enumerate(zip(probe.layers, outputs, strict=True), 1):
            name = f"fc{number}.weight"
            gradient, start = model.get_parameter(name).grad, result.initial[name]
            assert gradient is not None
            assert layer.gradient_norm == pytest.approx(gradient.norm().item(), rel=1e-3)
            assert layer.activation_rms == pytest.approx(
                output.square().mean().sqrt().item(), rel=1e-4
            )
            assert layer.dead_units == (output == 0).all(0).double().mean().item()
            moved = (weights[name] - start).norm() / start.norm()
            assert layer.movement == pytest.approx(moved.item(), rel=1e-4)


@pytest.mark.parametrize("optimizer", ["adam", "momentum"])
@pytest.mark.parametrize("initializer", ["normal", "pytorch_default", "lsuv"])
def test_training_with_running_statistics_and_dropout_goes_on_to_the_same_bits(
    optimizer: str,
    initializer: str,
    write: Write,
    module_trial: MakeTrial,
    small_dataset: Dataset,
    tmp_path: Path,
) -> None:
    start = Start(initializer, 0.1 if initializer == "normal" else None)
    long = module_trial(
        write(NOISY), optimizer=optimizer, start=start, epochs=3, extra_steps=2, batch_size=48
    )
    train = partial(train_module, dataset=small_dataset, device=CPU, folder=tmp_path)
    files = train(long.after(1)).to_files(PROVENANCE)
    verify_result(files, long.after(1))
    torch.manual_seed(1)
    train(module_trial(write(PERCEPTRON, "other/net.py")))
    begun = TrialResult.from_files(long, files)
    continued, whole = train(long, start=begun), train(long)
    assert same_bits(continued, whole)
    verify_result(continued.to_files(PROVENANCE), long)
    assert [epoch.epoch for epoch in whole.history] == [1, 2, 3, 4]
    assert [probe.epoch for probe in whole.probes] == [0, 1, 2, 3, 4]
    assert not torch.equal(whole.weights["norm.running_mean"], whole.initial["norm.running_mean"])
    assert whole.weights["norm.num_batches_tracked"].item() == 3 * 5 + 2
    assert torch.equal(whole.weights["mask"], whole.initial["mask"])


def test_code_that_writes_into_its_images_spoils_them_for_no_one(
    write: Write, module_trial: MakeTrial, small_dataset: Dataset, tmp_path: Path
) -> None:
    start = Start("lsuv")
    clean = module_trial(write(PERCEPTRON), start=start)
    spoiling = module_trial(write(breaks("x *= 0.5"), "other/net.py"), start=start)
    twice = PERCEPTRON.replace("(x.flatten(1))", "((0.5 * x).flatten(1))")
    halving = module_trial(write(twice, "third/net.py"), start=start)
    results = [
        train_module(trial, small_dataset, CPU, folder=tmp_path)
        for trial in (clean, spoiling, clean, halving)
    ]
    assert same_bits(results[0], results[2])
    assert same_bits(results[1], results[3])


def test_seeds_and_replicates_draw_other_constructors_and_dropout(
    write: Write, module_trial: MakeTrial, small_dataset: Dataset, tmp_path: Path
) -> None:
    trial = module_trial(write(NOISY), start=Start("constant"), epochs=1)
    results = [
        train_module(t, small_dataset, CPU, folder=tmp_path)
        for t in (trial, replace(trial, replicate=1), replace(trial, seed=1))
    ]
    for name in ("mask", "last.weight"):
        assert len({result.weights[name].sum().item() for result in results}) == 3


def test_an_unfinished_epoch_scores_the_images_of_its_steps(
    write: Write, module_trial: MakeTrial, small_dataset: Dataset, tmp_path: Path
) -> None:
    trial = module_trial(write(PERCEPTRON), epochs=0, extra_steps=2, learning_rate=1e-30)
    result = train_module(trial, small_dataset, CPU, folder=tmp_path)
    [epoch] = result.history
    images, labels = inputs(small_dataset)
    order = batch_order(200, trial.seed, trial.replicate, 1)[:128]
    logits = hidden(perceptron(result.initial), images[order])[-1]
    expected = cross_entropy(logits, labels[order]).item()
    assert epoch.train_loss == pytest.approx(expected, rel=1e-4)


def test_the_epsilon_of_adam_is_that_of_the_trial(
    write: Write, module_trial: MakeTrial, small_dataset: Dataset, tmp_path: Path
) -> None:
    trial = module_trial(write(PERCEPTRON), epochs=1, adam_epsilon=1e6)
    result = train_module(trial, small_dataset, CPU, folder=tmp_path)
    torch.testing.assert_close(result.weights, result.initial, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize(
    "path",
    [
        "lenet.py:LeNet",
        "normalised.py:BatchNormed",
        "normalised.py:LayerNormed",
        "residual.py:Residual",
    ],
)
def test_networks_that_come_along_learn_and_keep_all_that_they_are(
    path: str, trial: Trial, module_trial: MakeTrial, small_dataset: Dataset
) -> None:
    trial = module_trial(
        str(REPOSITORY / "networks" / path), start=Start("kaiming_normal"), epochs=6, batch_size=16
    )
    result = train_module(trial, small_dataset, CPU)
    assert result.history[-1].test_accuracy > 0.8
    assert not result.diverged
    verify_result(result.to_files(PROVENANCE), trial)
    for probe in result.probes:
        assert all(layer.activation_rms > 0 and layer.gradient_norm > 0 for layer in probe.layers)


def test_a_batch_normalised_signal_does_not_depend_on_sigma(
    module_trial: MakeTrial, small_dataset: Dataset
) -> None:
    probes = {}
    for sigma in (0.1, 1.0):
        start = Start("normal", sigma, biases=0.0)
        path = str(REPOSITORY / "networks/normalised.py:BatchNormed")
        trial = module_trial(path, start=start, epochs=1)
        probes[sigma] = train_module(trial, small_dataset, CPU).probes[0].layers
    for small, large in zip(probes[0.1][:2], probes[1.0][:2], strict=True):
        assert small.activation_rms == pytest.approx(large.activation_rms, rel=0.01)
    assert probes[0.1][2].activation_rms == pytest.approx(probes[1.0][2].activation_rms / 10, 0.01)


def test_code_that_needs_tensors_in_rows_trains_like_code_that_does_not(
    write: Write, module_trial: MakeTrial, small_dataset: Dataset, tmp_path: Path
) -> None:
    results = []
    for number, flat in enumerate(("flatten(1)", "view(len(x), -1)")):
        path = write(
            f"""
            class Net(nn.Module):
                def __init__(self):
                    super().__init__()
                    self.conv, self.last = nn.Conv2d(1, 8, 5, stride=2), nn.Linear(1152, 10)

                def forward(self, x):
                    return self.last(self.conv(x).relu().{flat})
            """,
            f"{number}/net.py",
        )
        results.append(train_module(module_trial(path), small_dataset, CPU, folder=tmp_path))
    for name, weights in results[0].weights.items():
        torch.testing.assert_close(weights, results[1].weights[name], rtol=1e-2, atol=2e-4)


@pytest.mark.parametrize("scheme", [None, "kaiming_normal", "lsuv"])
def test_a_weight_that_is_used_without_its_layer_starts_like_others(
    scheme: str | None,
    write: Write,
    module_trial: MakeTrial,
    small_dataset: Dataset,
    tmp_path: Path,
) -> None:
    path = write("""
        class Net(nn.Module):
            def __init__(self):
                super().__init__()
                self.first = nn.Linear(28, 16)
                self.attention = nn.MultiheadAttention(16, 2, batch_first=True)
                self.last = nn.Linear(16, 10)

            def forward(self, x):
                rows = self.first(x.squeeze(1))
                return self.last(self.attention(rows, rows, rows)[0].mean(1))
    """)
    start = Start(scheme) if scheme else Start("normal", 0.7, "fan_in", biases=0.0)
    trial = module_trial(path, start=start)
    result = train_module(trial, small_dataset, CPU, folder=tmp_path)
    names = ["first.weight", "attention.in_proj_weight", "attention.out_proj.weight", "last.weight"]
    assert list(trial.network.layers) == names
    assert len(result.probes[0].layers) == len(names)
    assert not result.initial["attention.out_proj.bias"].any()
    if not scheme:
        deviation = result.initial["attention.out_proj.weight"].std().item()
        assert deviation == pytest.approx(0.7 / 4, rel=0.2)
    verify_result(result.to_files(PROVENANCE), trial)


def test_threads_that_a_constructor_asks_for_are_not_used(
    write: Write, module_trial: MakeTrial, small_dataset: Dataset, tmp_path: Path
) -> None:
    path = write("""
        class Net(nn.Module):
            def __init__(self):
                super().__init__()
                torch.set_num_threads(4)
                self.last = nn.Linear(784, 10)

            def forward(self, x):
                assert len(x) == 2 or torch.get_num_threads() == 1
                return self.last(x.flatten(1))
    """)
    train_module(module_trial(path), small_dataset, CPU, folder=tmp_path)


def test_shared_frozen_and_unused_weights_train_as_they_should(
    write: Write, module_trial: MakeTrial, small_dataset: Dataset, tmp_path: Path
) -> None:
    path = write("""
        class Net(nn.Module):
            def __init__(self):
                super().__init__()
                self.unused = nn.Linear(3, 3)
                self.first, self.twice = nn.Linear(784, 16), nn.Linear(16, 16)
                self.tied = nn.Linear(16, 16)
                self.tied.weight = self.twice.weight
                self.frozen = nn.Linear(16, 16).requires_grad_(False)
                self.last = nn.Linear(16, 10)

            def forward(self, x):
                x = self.first(x.flatten(1)).tanh()
                return self.last(self.frozen(self.tied(self.twice(self.twice(x)).tanh())))
    """)
    trial = module_trial(path, start=Start("normal", 0.3))
    result = train_module(trial, small_dataset, CPU, folder=tmp_path)
    moved = {
        name
        for name in result.weights
        if not torch.equal(result.weights[name], result.initial[name])
    }
    still = {"unused.weight", "unused.bias", "frozen.weight", "frozen.bias"}
    assert moved == result.weights.keys() - still
    assert len(result.probes[0].layers) == 3
    verify_result(result.to_files(PROVENANCE), trial)


def breaks(where: str) -> str:
    return PERCEPTRON.replace("        return", f"        {where}\n        return")


@pytest.mark.parametrize(
    ("code", "told"),
    [
        (
            breaks("assert len(x) != 64, 'too many'"),
            "AssertionError: too many; when it trains on 64",
        ),
        (breaks("assert len(x) != 50, 'of test'"), "of test; when it answers test images"),
        (breaks("assert len(x) != 200, 'first'"), "first; when it is measured"),
    ],
)
def test_code_that_fails_later_is_told_in_a_line(
    code: str,
    told: str,
    write: Write,
    module_trial: MakeTrial,
    small_dataset: Dataset,
    tmp_path: Path,
) -> None:
    trial = module_trial(write(code))
    with pytest.raises(InputError, match=told) as refused:
        train_module(trial, small_dataset, CPU, folder=tmp_path)
    assert str(refused.value).startswith(f"{tmp_path}/mine/net.py:11: ")


@pytest.mark.parametrize(
    "line",
    [
        "self.fc1.weight.data = self.fc1.weight.data * 1.0",
        "self.fc1.weight = nn.Parameter(self.fc1.weight.detach().clone())",
        "self.zero_grad()",
    ],
)
def test_a_parameter_that_would_not_be_trained_is_refused(
    line: str, write: Write, module_trial: MakeTrial, small_dataset: Dataset, tmp_path: Path
) -> None:
    """All parameters are views of one vector, which the optimiser changes."""
    trial = module_trial(write(breaks(f"if len(x) == 64: {line}")))
    with pytest.raises(InputError, match=r"net\.py:\d+: puts another tensor in the place of fc1\."):
        train_module(trial, small_dataset, CPU, folder=tmp_path)


def test_a_parameter_that_is_changed_in_place_is_trained(
    write: Write, module_trial: MakeTrial, small_dataset: Dataset, tmp_path: Path
) -> None:
    usual, clipped = (
        train_module(module_trial(write(code)), small_dataset, CPU, folder=tmp_path)
        for code in (PERCEPTRON, breaks("self.fc1.weight.data.clamp_(-1e3, 1e3)"))
    )
    assert torch.equal(usual.weights["fc1.weight"], clipped.weights["fc1.weight"])


def test_lsuv_of_what_cannot_be_scaled_is_refused(
    write: Write, module_trial: MakeTrial, small_dataset: Dataset, tmp_path: Path
) -> None:
    code = """
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.rows, self.last = nn.LSTM(28, 8, batch_first=True), nn.Linear(8, 10)

        def forward(self, x):
            return self.last(self.rows(x.squeeze(1))[0][:, -1])
    """
    trial = module_trial(write(code), start=Start("lsuv"), epochs=1)
    with pytest.raises(InputError, match=r"what rows\.weight\S+ of a torch\.nn\.LSTM"):
        train_module(trial, small_dataset, CPU, folder=tmp_path)
    train_module(replace(trial, start=Start("orthogonal")), small_dataset, CPU, folder=tmp_path)


def test_a_file_that_changes_under_a_run_is_noticed(
    write: Write, module_trial: MakeTrial, small_dataset: Dataset, tmp_path: Path
) -> None:
    trial = module_trial(write(PERCEPTRON))
    write(PERCEPTRON.replace("relu", "tanh"))
    with pytest.raises(InputError, match="has changed since this run began"):
        train_module(trial, small_dataset, CPU, folder=tmp_path)


def test_what_code_prints_while_it_trains_is_dropped(
    write: Write,
    module_trial: MakeTrial,
    small_dataset: Dataset,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    says = "import sys; print(1); print(2, file=sys.stderr)"
    trial = module_trial(write(breaks(f"if self.training: {says}")))
    capsys.readouterr()
    train_module(trial, small_dataset, CPU, folder=tmp_path)
    assert capsys.readouterr() == ("", "")


def test_overflow_is_a_result(
    write: Write, module_trial: MakeTrial, small_dataset: Dataset, tmp_path: Path
) -> None:
    trial = module_trial(write(PERCEPTRON), start=Start("normal", 1e20))
    result = train_module(trial, small_dataset, CPU, folder=tmp_path)
    assert result.diverged
    verify_result(result.to_files(PROVENANCE), trial)


def test_nothing_of_a_network_that_holds_itself_is_left_in_its_process(
    write: Write, module_trial: MakeTrial, small_dataset: Dataset, tmp_path: Path
) -> None:
    path = write(
        PERCEPTRON.replace("super().__init__()", "super().__init__(); self.call = self.forward")
    )
    trial = module_trial(path, data=small_dataset.digest)
    worker.set_up({"mnist": small_dataset}, tmp_path, lambda _: None)
    assert tensors_left_by(lambda: worker.train([trial], [], PROVENANCE, True)) == 0


def test_on_epoch_is_called_after_each_epoch(
    write: Write, module_trial: MakeTrial, small_dataset: Dataset, tmp_path: Path
) -> None:
    ended: list[int] = []
    count: Callable[[], None] = lambda: ended.append(1)  # noqa: E731
    trial = module_trial(write(PERCEPTRON), epochs=2, extra_steps=1)
    train_module(trial, small_dataset, CPU, None, count, tmp_path)
    assert len(ended) == 3
