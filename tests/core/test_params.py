"""params.yaml: what is understood, and what is refused in one line."""

import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.core.params import Params, read_params

REPOSITORY = Path(__file__).resolve().parents[2]
SHIPPED = (REPOSITORY / "params.yaml").read_bytes()


def read_with(folder: Path, key: str, value: Any) -> Params:
    content = yaml.safe_load((REPOSITORY / "params.yaml").read_text())
    section, name = key.split(".")
    content[section][name] = value
    path = folder / "params.yaml"
    path.write_text(yaml.safe_dump(content))
    return read_params(path)


def test_the_shipped_parameters_are_the_experiment() -> None:
    params = read_params(REPOSITORY / "params.yaml")
    assert params.model.hidden == (128, 64)
    assert (params.train.epochs, params.train.batch_size, params.train.lr) == (10, 64, 0.001)
    assert (params.sweep.sigma_min, params.sweep.sigma_max) == (1e-4, 10.0)
    assert (params.sweep.num_points, params.sweep.replicates, params.sweep.seed) == (25, 1, 0)
    assert (params.report.final_epochs, params.report.histogram_bins) == (3, 80)


def test_a_number_that_yaml_reads_as_text_is_understood(tmp_path: Path) -> None:
    assert yaml.safe_load("1e-05") == "1e-05"
    assert read_with(tmp_path, "sweep.sigma_min", "1e-05").sweep.sigma_min == 1e-5


@pytest.mark.parametrize(
    ("key", "value", "allowed"),
    [
        ("data.name", "kmnist", "must be mnist, fashion_mnist or folder"),
        ("data.name", ["mnist"], "must be mnist, fashion_mnist or folder"),
        ("data.name", None, "must be mnist, fashion_mnist or folder"),
        ("data.path", "/digits", "must be null, since data.name is mnist"),
        ("data.path", 7, "must be null or the path of a folder"),
        ("data.path", "", "must be null or the path of a folder"),
        ("sweep.sigma_min", -1.0, "from 1e-30 to 1e6"),
        ("sweep.sigma_min", "small", "must be a number"),
        ("sweep.sigma_min", "0x10", "must be a number"),
        ("sweep.sigma_max", "1e999", "must be a finite number"),
        ("sweep.sigma_max", 1e-5, "at least sweep.sigma_min, which is 0.0001"),
        ("sweep.num_points", 0, "must be at least 1"),
        ("sweep.num_points", 2.5, "must be a whole number"),
        ("sweep.num_points", True, "must be a whole number"),
        ("sweep.num_points", "1_000", "must be a whole number"),
        ("sweep.seed", -1, "must be at least 0"),
        ("sweep.seed", 10**30, "must be less than 9223372036854775808"),
        ("sweep.initializers", "orthogonal", "must be a list, e.g. [xavier_normal] or []"),
        ("sweep.initializers", ["he"], "must be pytorch_default, xavier_normal, xavier_uniform,"),
        ("sweep.initializers", ["orthogonal"] * 2, "must not name a scheme twice"),
        ("train.lr", 0.0, "greater than 0"),
        ("train.lr", True, "must be a number"),
        ("train.lr", [0.1], "must be a number"),
        ("train.epochs", None, "must be a whole number"),
        ("train.epochs", {}, "must be a whole number"),
        ("train.batch_size", 2_000_000, "must be at most 1000000"),
        ("train.optimizer", "Adam", "must be adam, sgd or momentum"),
        ("model.hidden", [], "must have at least 1 item"),
        ("model.hidden", 128, "must be a list, e.g. [128, 64]"),
        ("model.hidden", None, "must be a list, e.g. [128, 64]"),
        ("model.hidden", {"a": 1}, "must be a list, e.g. [128, 64]"),
        ("model.hidden", [0], "must be at least 1"),
        ("model.hidden", [True], "must be a whole number"),
        ("model.hidden", [[128, 64]], "must be a whole number"),
        ("data.name", "cifar", "must be mnist, fashion_mnist or folder"),
        ("data.path", "images", "must be null, since data.name is mnist"),
        ("model.network", "lenet", "must be perceptron, or a class in a file, e.g. networks/"),
        ("model.activation", "swish", "must be relu, leaky_relu, tanh,"),
        ("model.depth", 3, "must be null, or model.hidden a single width, e.g. [128]"),
        ("train.lr", 1e-320, "must be from 1e-37 to 3e38"),
        ("train.adam_epsilon", 1e300, "must be from 1e-37 to 3e38"),
        ("train.adam_epsilon", 0, "must be greater than 0"),
        ("train.steps", 0, "must be at least 1"),
        ("sweep.sigmas", [0.1, 0.1], "must be null, or a list of rising numbers"),
        ("sweep.sigmas", [1, 1.0000000001], "must differ in the first 8 digits, unlike 1.0 and"),
        ("sweep.sigmas", [], "must be null, or a list of rising numbers"),
        ("sweep.sigmas", 1, "must be a list"),
        ("model.network", None, "must be text"),
        ("sweep.scale", "fan_out", "must be sigma or fan_in"),
        ("sweep.biases", -1, "must be sigma or zero or at least 0"),
        ("sweep.keep_weights", 1, "must be true or false"),
        ("runtime.device", "gpu", "must be auto, cpu or cuda"),
        ("runtime.device", "x" * 60_000, "must be auto, cpu or cuda"),
        ("runtime.workers", 0, "must be auto or at least 1"),
        ("runtime.workers", "all", "must be auto or a whole number"),
        ("runtime.scheduler", 8786, "must be null or the address of a scheduler, e.g. tcp://"),
        ("runtime.scheduler", "node:8786", "must be null or the address"),
        ("runtime.scheduler", "tcp://10.0.0.1", "must be null or the address"),
        ("runtime.scheduler", "tcp://10.0.0.1:65536", "must be null or the address"),
        ("runtime.scheduler", "tcp://user:word@10.0.0.1:8786", "must be null or the address"),
        ("runtime.scheduler", "tcp:// 10.0.0.1:8786", "must be null or the address"),
        (
            "train.learning_rate",
            0.1,
            "not a parameter; there are data.name, data.path, model.network",
        ),
    ],
)
def test_a_mistake_is_one_line_with_key_value_and_what_is_allowed(
    tmp_path: Path, key: str, value: Any, allowed: str
) -> None:
    with pytest.raises(SystemExit) as refusal:
        read_with(tmp_path, key, value)
    message = str(refusal.value.code)
    assert message.isprintable()
    assert key in message
    assert allowed in message
    assert "not a parameter" in message or shown(value) in message
    assert "not a parameter" in message or len(message) < 250 + len(str(tmp_path))


def shown(value: Any) -> str:
    """As YAML writes it; of a list its item, of a long text the beginning."""
    if isinstance(value, list) and value:
        value = value[-1]
    return "Infinity" if value == "1e999" else json.dumps(value)[:59]


def test_own_data_needs_a_path(tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as refusal:
        read_with(tmp_path, "data.name", "folder")
    line = str(refusal.value.code)
    assert "data.path = null: must be that of four IDX files, since data.name is folder" in line
    assert line.isprintable()


@pytest.mark.parametrize("path", ["/my/idx", "../idx", "./idx", "~/idx", "my idx/2", "2026/idx/"])
def test_a_path_needs_no_quotes(tmp_path: Path, path: str) -> None:
    shipped = SHIPPED.decode().replace("name: mnist", "name: folder")
    (tmp_path / "params.yaml").write_text(shipped.replace("path: null", f"path: {path}"))
    assert read_params(tmp_path / "params.yaml").data.path == path


def test_dask_needs_the_address_of_a_scheduler(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=r"runtime.scheduler = null: must be .* tcp://") as refusal:
        read_with(tmp_path, "runtime.executor", "dask")
    assert str(refusal.value.code).isprintable()


@pytest.mark.parametrize(
    "address",
    ["tcp://[::1]:8786", "tls://node-1.cluster:1", "ws://a_b:65535", "tcp://[fe80::1%eth0]:1"],
)
def test_an_address_may_wait_for_executor_dask(tmp_path: Path, address: str) -> None:
    assert read_with(tmp_path, "runtime.scheduler", address).runtime.scheduler == address


@pytest.mark.parametrize(
    ("override", "value"),
    [
        *((f"train.lr={number}", float(number)) for number in ("1e-05", "+.5", "1.", "1E3")),
        *((f"train.epochs={number}", int(number)) for number in ("3", "+5", "1_0")),
        ("train.epochs='4'", 4),
        ("train.epochs=1e1", 10),
        ("model.hidden=[32]", (32,)),
        ("model.hidden.0=32", (32, 64)),
        ("sweep.initializers=[]", ()),
        ("train.optimizer=sgd", "sgd"),
        ("runtime.scheduler=null", None),
        ("runtime.scheduler='tcp://10.0.0.1:1'", "tcp://10.0.0.1:1"),
    ],
)
def test_what_dvc_writes_for_an_override_is_understood(
    tmp_path: Path, override: str, value: Any
) -> None:
    from dvc.utils.hydra import apply_overrides  # type: ignore[import-untyped]  # `dvc exp run -S`

    path = tmp_path / "params.yaml"
    path.write_bytes((REPOSITORY / "params.yaml").read_bytes())
    apply_overrides(path, [override])
    section, name = override.partition("=")[0].split(".")[:2]
    assert getattr(getattr(read_params(path), section), name) == value


def with_variants(folder: Path, variants: Any) -> Path:
    content = yaml.safe_load((REPOSITORY / "params.yaml").read_text())
    content["variants"] = variants
    path = folder / "params.yaml"
    path.write_text(yaml.safe_dump(content))
    return path


def test_a_variant_is_the_sweep_with_what_it_changes(tmp_path: Path) -> None:
    params = read_params(with_variants(tmp_path, {"adam": {}, "sgd": {"train": {"lr": "1e-1"}}}))
    adam, sgd = params.sweeps().values()
    assert list(params.sweeps()) == ["adam", "sgd"]
    assert adam == params.model_copy(update={"variants": {}})
    assert sgd == adam.model_copy(update={"train": adam.train.model_copy(update={"lr": 0.1})})


def test_without_variants_there_is_one_sweep_without_a_name(tmp_path: Path) -> None:
    params = read_params(with_variants(tmp_path, {}))
    assert params.sweeps() == {"": params}


@pytest.mark.parametrize(
    ("variants", "mistake"),
    [
        ({"sgd": {"train": {"lr": -1}}}, "variants.sgd.train.lr = -1: must be greater than 0"),
        ({"sgd": {"train": {"rate": 1}}}, "variants.sgd.train.rate is not a parameter"),
        ({"wide": {"sweep": {"sigma_max": 1e-9}}}, "variants.wide.sweep.sigma_max = 1e-09: must"),
        ({"sgd": {"runtime": {"workers": 1}}}, "sgd.runtime: must be the same for all variants"),
        ({"sgd": {"trian": {"lr": 1}}}, "variants.sgd.trian is not a section"),
        ({"sgd": {"train": 5}}, "sgd.train must be lines of `name: value`"),
        ({"sgd": 5}, "sgd must be overrides, e.g. {train: {optimizer: sgd}}"),
        ({"a/b": {}}, "'a/b' must be up to 40 letters, digits, _, . or -"),
        ({"facts.json": {}}, "must differ from 'facts.json' by more than capitals"),
        ({"sha256sums": {}}, "must differ from 'SHA256SUMS' by more than capitals"),
        ({"SGD": {}, "sgd": {}}, "'sgd' must differ from 'SGD' by more than capitals"),
        ([1], "variants = [1]: must be {} or overrides by name"),
    ],
)
def test_a_mistake_names_its_variant(tmp_path: Path, variants: Any, mistake: str) -> None:
    with pytest.raises(SystemExit) as refusal:
        read_params(with_variants(tmp_path, variants))
    assert mistake in str(refusal.value.code)
    assert str(refusal.value.code).isprintable()


def test_two_mistakes_are_two_lines(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    content = yaml.safe_load((REPOSITORY / "params.yaml").read_text())
    content["train"]["lr"] = -1
    del content["sweep"]["seed"]
    path.write_text(yaml.safe_dump(content))
    with pytest.raises(SystemExit) as refusal:
        read_params(path)
    first, second = str(refusal.value.code).splitlines()
    assert "train.lr = -1" in first
    assert "sweep.seed is missing" in second


def test_of_many_mistakes_the_first_are_told(tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as refusal:
        read_with(tmp_path, "model.hidden", [0] * 10_000)
    lines = str(refusal.value.code).splitlines()
    assert len(lines) < 20
    assert "model.hidden[0] = 0: must be at least 1" in lines[0]


@pytest.mark.parametrize("section", ["3", "[1]", "text", "", "null", "{a: 1, train.lr: 2}"])
def test_a_section_that_is_none_is_refused_in_lines(tmp_path: Path, section: str) -> None:
    path = tmp_path / "params.yaml"
    path.write_text(f"train: {section}\n")
    with pytest.raises(SystemExit, match=r"params\.yaml: train") as refusal:
        read_params(path)
    assert all(line.isprintable() for line in str(refusal.value.code).splitlines())


@given(
    st.binary(max_size=200)
    | st.text(max_size=100).map(str.encode)
    | st.tuples(st.integers(0, len(SHIPPED)), st.integers(0, 9), st.binary(max_size=9)).map(
        lambda change: SHIPPED[: change[0]] + change[2] + SHIPPED[sum(change[:2]) :]
    )
)
@settings(max_examples=400, deadline=None, derandomize=True, database=None)
def test_any_bytes_are_parameters_or_refused_in_short_lines(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "params.yaml")
        path.write_bytes(content)
        try:
            assert isinstance(read_params(path), Params)
        except SystemExit as refusal:
            lines = str(refusal.code).splitlines()
            assert lines
            for line in lines:
                assert line.startswith(f"{path}: ")
                assert line.isprintable()
                assert len(line) < 600


@pytest.mark.parametrize("content", ["", "- 1", "model: {", "text"])
def test_a_file_that_is_no_parameter_file_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "params.yaml"
    path.write_text(content)
    with pytest.raises(SystemExit, match=r"params\.yaml"):
        read_params(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="no such file"):
        read_params(tmp_path / "params.yaml")


def test_a_sweep_of_too_many_networks_is_refused(tmp_path: Path) -> None:
    content = yaml.safe_load((REPOSITORY / "params.yaml").read_text())
    content["sweep"].update(num_points=100_000, replicates=10_000)
    path = tmp_path / "params.yaml"
    path.write_text(yaml.safe_dump(content))
    with pytest.raises(
        SystemExit, match=r"sweep\.replicates = 10000: must be at most 10 "
    ) as refusal:
        read_params(path)
    assert str(refusal.value.code).isprintable()


def test_points_that_would_coincide_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=r"num_points = 25: must be 1, or the range"):
        read_with(tmp_path, "sweep.sigma_min", 10.0)
