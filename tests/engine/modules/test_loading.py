"""A user's file as a class: what is hashed, what is found, and what is refused in one line."""

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from stages.core.dataset import Dataset
from stages.core.networks import Module
from stages.engine.modules.describe import describe
from stages.engine.modules.loading import read_source
from stages.process.door import InputError
from tests.conftest import REPOSITORY
from tests.engine.modules.conftest import Write

NET = """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(784, {units})

    def forward(self, x):
        return self.fc(x.flatten(1))
"""
FINE = NET.format(units=10)
HELPED = """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Flatten(), *layers())

    def forward(self, x):
        return self.layers(x)
"""


def layers(units: int) -> str:
    return f"def layers():\n    return nn.Linear(784, {units}), nn.Linear({units}, 10)\n"


@pytest.fixture(autouse=True)
def nothing_is_left() -> Iterator[None]:
    """Whatever is loaded: no module, finder or setting of it stays in the process."""
    modules, finders = set(sys.modules), list(sys.meta_path)
    yield
    left = [name for name in set(sys.modules) - modules if "net" in name or "blocks" in name]
    assert not [name for name in left if not name.startswith(("torch", "stages", "numpy"))]
    assert sys.meta_path == finders
    assert torch.get_default_dtype() == torch.float32


@pytest.mark.parametrize(
    ("code", "line", "told"),
    [
        ("class Other(nn.Module): pass\nNot = 3\n", 1, "no class Net; of torch.nn.Module there is"),
        ("Net = 3\n", 1, "not a class of torch.nn.Module: Net"),
        ("class Net: pass\n", 4, "not a class of torch.nn.Module: Net"),
        ("def broken(:\n", 4, "is not Python"),
        ("return 3\n", 4, "SyntaxError: 'return' outside function"),
        ("\nimport no_such_package\n", 5, "No module named 'no_such_package'"),
        ("import sys\nsys.exit(3)\n", 5, "SystemExit: 3"),
        ("raise ValueError('\\x1b[2J\\nnext')\n", 4, "ValueError: \\x1b[2J next"),
        (FINE.replace("(self)", "(self, units)"), 5, "Net() makes it"),
        (FINE.replace("super().__init__()", "super().__init__(); 1 / 0"), 7, "division by zero"),
        (FINE.replace("nn.Linear(784, 10)", "nn.Identity()"), 5, "Net has no parameters to train"),
        (NET.format(units=7), 5, "logits (2, 10) of images (2, 1, 28, 28)"),
        (FINE.replace("(x.flatten(1))", "(x)"), 11, "shapes cannot be multiplied"),
        (FINE.replace("x.flatten(1)", "no_such_name"), 11, "no_such_name"),
        (FINE.replace("(1))", "(1)).double()"), 5, "expected are logits"),
        (FINE.replace("(1))", "(1)), 3"), 5, "forward gives a tuple"),
        (FINE.replace("(1))", "(1)).detach()"), 5, "do not depend on the parameters"),
        (FINE.replace("784, 10)", "784, 10, dtype=torch.float64)"), 5, "torch.float64; expected"),
        ("torch.set_default_dtype(torch.float64)\n" + FINE, 6, "torch.float64; expected"),
        (
            FINE.replace("nn.Linear(784, 10)", "nn.Parameter(torch.ones(784, 10))").replace(
                "self.fc(x.flatten(1))", "x.flatten(1) @ self.fc"
            ),
            5,
            "no layer with weights",
        ),
        (
            FINE.replace("nn.Linear", "nn.utils.parametrizations.weight_norm(nn.Linear").replace(
                "10)", "10))"
            ),
            5,
            "parametrised weight",
        ),
    ],
)
def test_what_cannot_be_trained_is_told_in_a_line_with_file_and_line(
    code: str, line: int, told: str, write: Write, small_dataset: Dataset, tmp_path: Path
) -> None:
    path = write(code)
    with pytest.raises(InputError) as refused:
        describe(path, small_dataset, tmp_path)
    message = str(refused.value)
    assert message.startswith(f"{tmp_path}/mine/net.py:{line}: ")
    assert told in message
    assert message.isprintable()


TIED = """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b, self.c = nn.Linear(784, 5), nn.Linear(5, 784), nn.Linear(784, 10)
        self.b.weight = nn.Parameter(self.a.weight.t())

    def forward(self, x):
        return self.c(self.b(self.a(x.flatten(1))))
"""
MADE_IN_FORWARD = FINE.replace("nn.Linear(784, 10)", "nn.Linear(784, 5)").replace(
    "return self.fc(x.flatten(1))",
    "self.last = getattr(self, 'last', None) or nn.Linear(5, 10)\n"
    "        return self.last(self.fc(x.flatten(1)))",
)


@pytest.mark.parametrize(
    ("code", "told"),
    [
        (TIED, "a.weight and b.weight are two parameters in one memory"),
        (MADE_IN_FORWARD, "forward makes last."),
    ],
)
def test_parameters_are_what_the_constructor_makes_each_in_its_own_memory(
    code: str, told: str, write: Write, small_dataset: Dataset, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=told):
        describe(write(code), small_dataset, tmp_path)


@pytest.mark.parametrize(
    "line",
    [
        "import elsewhere",
        "import importlib; importlib.import_module('elsewhere')",
    ],
)
def test_a_module_whose_edits_would_go_unseen_is_refused(
    line: str,
    write: Write,
    small_dataset: Dataset,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "path", sys.path.copy())
    write("units = 10\n", "other/elsewhere.py")
    path = write(f"import sys; sys.path.insert(0, {str(tmp_path / 'other')!r})\n{line}\n{FINE}")
    with pytest.raises(InputError, match=r"net\.py:\d+: imports .*elsewhere\.py, and edits of"):
        describe(path, small_dataset, tmp_path)
    del sys.modules["elsewhere"]


def test_what_a_file_sets_for_the_process_does_not_reach_other_networks(
    write: Write, small_dataset: Dataset, tmp_path: Path
) -> None:
    before = torch.get_float32_matmul_precision()
    describe(
        write(f"torch.set_float32_matmul_precision('medium')\n{FINE}"), small_dataset, tmp_path
    )
    assert torch.get_float32_matmul_precision() == before


@pytest.mark.parametrize("path", ["net.py", "net:Net", "net.py:", "no.py:Net", ".py:3"])
def test_a_network_is_a_class_in_a_file_that_is_there(
    path: str, small_dataset: Dataset, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=r"FILE\.py:CLASS, e\.g\. networks/lenet\.py:LeNet"):
        describe(path, small_dataset, tmp_path)


@pytest.mark.parametrize("content", [b"\xff\xfe", b"x = '\0'"])
def test_a_file_that_is_no_text_is_refused(
    content: bytes, small_dataset: Dataset, tmp_path: Path
) -> None:
    (tmp_path / "net.py").write_bytes(content)
    with pytest.raises(InputError, match="is not Python"):
        describe("net.py:Net", small_dataset, tmp_path)


def test_what_code_prints_is_not_on_stdout(
    write: Write, small_dataset: Dataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    describe(write(f"print('at import')\n{FINE}"), small_dataset, tmp_path)
    assert capsys.readouterr() == ("", "at import\n")


@pytest.mark.parametrize(
    ("path", "layers"),
    [
        ("lenet.py:LeNet", 5),
        ("normalised.py:BatchNormed", 3),
        ("normalised.py:LayerNormed", 3),
        ("residual.py:Residual", 10),
    ],
)
def test_networks_that_come_along_are_described(
    path: str, layers: int, small_dataset: Dataset
) -> None:
    module = describe(f"networks/{path}", small_dataset, REPOSITORY)
    assert len(module.layers) == layers
    assert module.image_shape == (28, 28)
    assert module.classes == 10
    weights = sum(units * inputs for units, inputs in _matrices(module))
    assert module.operations == weights or "conv1.weight" in module.layers


def _matrices(module: Module) -> list[tuple[int, int]]:
    return [(shape[0], shape[1]) for n, shape in module.parameters if n in module.layers]


def test_multiplications_of_a_kernel_count_at_every_place(small_dataset: Dataset) -> None:
    module = describe("networks/lenet.py:LeNet", small_dataset, REPOSITORY)
    kernels = 28 * 28 * 6 * 25 + 10 * 10 * 16 * 6 * 25
    assert module.operations == kernels + 400 * 120 + 120 * 84 + 84 * 10


@pytest.mark.parametrize(
    "imported",
    [
        "from blocks import layers",
        "from .blocks import layers",
        "from . import blocks\nlayers = blocks.layers",
        "import blocks\nlayers = blocks.layers",
        "from mine.blocks import layers",
        "from parts.blocks import layers",
        "from parts import layers",
        "from far.away.blocks import layers",
        "import far.away.blocks\nlayers = far.away.blocks.layers",
    ],
)
def test_what_a_file_imports_from_its_folder_or_the_checkout_is_found_and_hashed(
    imported: str, write: Write, small_dataset: Dataset, tmp_path: Path
) -> None:
    places = {"parts": "mine/parts/", "far": "far/away/"}
    place = next((where for word, where in places.items() if word in imported), "mine/")
    write("from .blocks import layers\n", "mine/parts/__init__.py")
    described = []
    for units in (7, 8, 7):
        write(layers(units), f"{place}blocks.py")
        described.append(describe(write(f"{imported}\n{HELPED}"), small_dataset, tmp_path))
    first, second, again = described
    assert first.shapes["layers.1.weight"] == (7, 784)
    assert second.shapes["layers.1.weight"] == (8, 784)
    assert first == again
    assert first.source != second.source


def test_comments_and_files_that_are_not_imported_make_no_difference(
    write: Write, small_dataset: Dataset, tmp_path: Path
) -> None:
    first = describe(write(FINE), small_dataset, tmp_path)
    write("x = 1\n", "mine/unused.py")
    assert describe(write(f"# why\n{FINE}"), small_dataset, tmp_path) == first
    moved = describe(write(FINE, "other/net.py"), small_dataset, tmp_path)
    assert replace(moved, path=first.path) == first


def test_another_version_of_an_installed_package_is_another_network(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = tmp_path / "site"
    site.mkdir()
    (site / "shapely_nets.py").write_text("def layers(): ...\n", "utf-8")
    monkeypatch.syspath_prepend(site)
    path, digests = write(f"from shapely_nets import layers\n{HELPED}"), []
    for version in ("1.0", "1.1", "1.0"):
        about = site / "shapely_nets-1.dist-info"
        about.mkdir(exist_ok=True)
        about.joinpath("METADATA").write_text(f"Name: shapely-nets\nVersion: {version}\n", "utf-8")
        about.joinpath("top_level.txt").write_text("shapely_nets\n", "utf-8")
        digests.append(read_source(path, tmp_path).digest)
    assert digests[0] == digests[2] != digests[1]


def test_a_file_is_named_as_people_name_it_and_one_outside_by_its_whole_path(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(FINE, "outside.py")
    write(FINE, "checkout/networks/net.py")
    monkeypatch.chdir(tmp_path / "checkout")
    for folder in (Path(), Path.cwd()):
        assert read_source("networks/net.py:Net", folder).file == Path("networks/net.py")
        assert read_source("../outside.py:Net", folder).file == tmp_path / "outside.py"


def test_files_of_one_name_in_two_folders_are_kept_apart(
    write: Write, small_dataset: Dataset, tmp_path: Path
) -> None:
    for folder, units in (("a", 5), ("b", 6), ("a", 5)):
        write(layers(units), f"{folder}/blocks.py")
        path = write(f"from blocks import layers\n{HELPED}", f"{folder}/net.py")
        module = describe(path, small_dataset, tmp_path)
        assert module.shapes["layers.1.weight"] == (units, 784)


def test_a_file_called_like_a_module_of_python_must_be_renamed(
    write: Write, small_dataset: Dataset, tmp_path: Path
) -> None:
    write(layers(5), "mine/random.py")
    with pytest.raises(InputError, match=r"random\.py:1: .*rename"):
        describe(write(f"from random import layers\n{HELPED}"), small_dataset, tmp_path)
    for name in ("types", "torch"):
        path = write(FINE, f"mine/{name}.py")
        with pytest.raises(InputError, match=rf"{name}\.py:1: .*rename"):
            describe(path, small_dataset, tmp_path)


def test_a_file_may_have_dots_in_its_name(
    write: Write, small_dataset: Dataset, tmp_path: Path
) -> None:
    assert describe(write(FINE, "mine/my.net.v2.py"), small_dataset, tmp_path).classes == 10


def test_unused_frozen_lazy_and_shared_weights_are_told_apart(
    write: Write, small_dataset: Dataset, tmp_path: Path
) -> None:
    module = describe(
        write("""
        class Net(nn.Module):
            def __init__(self):
                super().__init__()
                self.unused = nn.Linear(3, 3)
                self.last = nn.Linear(16, 10)
                self.twice = nn.Linear(16, 16)
                self.tied = nn.Linear(16, 16)
                self.tied.weight = self.twice.weight
                self.frozen = nn.Linear(16, 16).requires_grad_(False)
                self.first = nn.LazyLinear(16)
                self.gain = nn.LayerNorm([4, 4])
                self.register_buffer("count", torch.zeros(2, dtype=torch.int64))

            def forward(self, x):
                x = self.gain(self.first(x.flatten(1)).view(-1, 4, 4)).flatten(1)
                return self.last(self.frozen(self.tied(self.twice(self.twice(x)))))
        """),
        small_dataset,
        tmp_path,
    )
    assert module.layers == ("first.weight", "twice.weight", "last.weight")
    assert module.shapes["first.weight"] == (16, 784)
    assert "tied.weight" not in module.shapes
    assert ("count", "I64", (2,)) in module.buffers
    assert ("frozen.weight", "F32", (16, 16)) in module.buffers
