"""Fixtures that the tests of several stages share."""

import fcntl
import gc
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from functools import cache
from pathlib import Path
from tempfile import gettempdir, mkdtemp
from typing import Any

import numpy as np
import pytest
import yaml
from filelock import FileLock
from numpy.typing import NDArray

from stages.core.dataset import RAW, Dataset
from stages.core.networks import Perceptron
from stages.core.published import PUBLISHED, is_complete
from stages.core.starts import NORMAL, Start
from stages.core.trial import Trial
from stages.process.sums import sha256, write_sums
from tests.forked import HANGS_AFTER, SERVERS, TRAINING, as_python, run_door

REPOSITORY = Path(__file__).resolve().parents[1]
DEAR = (
    *("test_interrupts", "test_train", "test_repro", "test_teaching", "test_experiments"),
    *("test_clones", "test_site", "test_explore", "test_variants", "test_cluster"),
    *("test_train_variants", "benchmarks", "test_download", "test_doors", "pipeline"),
    *("test_setup", "test_plot", "test_extremes", "test_slides"),
)
"""Folders and files of tests that take a third of a minute or more, the longest first."""

PICTURES = {
    "accuracy_vs_sigma.png",
    "map.png",
    "signals.png",
    "weight_histograms.png",
    "before_after.png",
    "features.png",
}
"""What plot makes, whatever it is of."""

SMALL = {
    "train": {"epochs": 2, "batch_size": 64, "lr": 0.001, "optimizer": "adam"},
    "sweep": {
        "sigma_min": 0.001,
        "sigma_max": 1.0,
        "num_points": 3,
        "replicates": 1,
        "seed": 0,
        "initializers": [],
    },
}


def pytest_configure() -> None:
    """Name a folder for the servers that the processes of pytest-xdist share.

    They use the cores, and OpenBLAS has no threads of its own to spin on them. What processes leave
    that are killed goes with that folder.
    """
    if "PYTEST_XDIST_WORKER" not in os.environ:
        os.environ["OPENBLAS_NUM_THREADS"] = "1"
        os.environ[SERVERS] = mkdtemp(prefix="tests-", dir="/tmp")
        gettempdir()  # once asked, pytest's own folders stay there, to be looked at
        os.environ["TMPDIR"] = f"{os.environ[SERVERS]}/t"
        Path(os.environ["TMPDIR"]).mkdir()


def pytest_unconfigure() -> None:
    """Remove that folder."""
    if "PYTEST_XDIST_WORKER" not in os.environ:
        shutil.rmtree(os.environ[SERVERS], ignore_errors=True)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """Let one process collect before the others do: it compiles what all of them import."""
    with Path(os.environ[SERVERS], "collecting").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            fcntl.flock(lock, fcntl.LOCK_SH)
        yield


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the longest files, so that workers that share the tests end at the same time."""

    def place(item: pytest.Item) -> int:
        names = {*item.path.parts, item.path.stem}
        return next((place for place, name in enumerate(DEAR) if name in names), len(DEAR))

    items.sort(key=place)


def pytest_collection_finish() -> None:
    """Spare the garbage collector all that was imported, which it would look at time and again."""
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def heeded() -> None:
    """Let Ctrl-C through to the processes of tests, also where nohup or a script started these."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def mnist_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with the four verified IDX files, fit for MNIST_DIR; treat it as read-only."""
    return published("mnist", tmp_path_factory)


@pytest.fixture(scope="session")
def fashion_mnist_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same of Fashion-MNIST, fit for FASHION_MNIST_DIR."""
    return published("fashion_mnist", tmp_path_factory)


def published(name: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """That of data/raw in the repository where it is complete, else the files are fetched once."""
    if is_complete(raw := REPOSITORY / RAW / name, PUBLISHED[name].files):
        return raw

    def fetch(folder: Path) -> None:
        write_params(folder, data={"name": name})
        run = subprocess.run(
            [sys.executable, "-m", "stages.download"],
            check=False,
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
            capture_output=True,
            text=True,
        )
        if run.returncode != 0:
            pytest.skip(f"{PUBLISHED[name].title} cannot be had here: {run.stderr}")

    return made_once(name, fetch, tmp_path_factory) / RAW / name


def made_once(
    name: str, make: Callable[[Path], None], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A folder that the processes of pytest-xdist share; the first that asks has it filled."""
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    path = shared / name
    with FileLock(shared / f"{name}.lock"):
        if not path.exists():
            make(fresh := tmp_path_factory.mktemp(name))
            fresh.rename(path)
    return path


@pytest.fixture(scope="session")
def small_dataset() -> Dataset:
    """200 and 50 images of ten classes, each with its own bright rows, between black edges."""
    rng = np.random.default_rng(0)

    def digits(n: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        labels = rng.integers(0, 10, n, dtype=np.uint8)
        images = rng.integers(0, 100, (n, 28, 28), dtype=np.uint8)
        for image, label in zip(images, labels, strict=True):
            image[2 * label : 2 * label + 3] += 120
        images[:, :, :2] = images[:, :, -2:] = 0
        return images.reshape(n, 784), labels

    return Dataset(*digits(200), *digits(50), image_shape=(28, 28))


@pytest.fixture
def trial() -> Trial:
    """The experiment in small: a last batch that is short, two epochs."""
    return Trial(
        network=Perceptron((784, 128, 64, 10), "relu"),
        data="da7a",
        start=Start(NORMAL, 0.05),
        optimizer="adam",
        learning_rate=1e-3,
        adam_epsilon=1e-8,
        batch_size=64,
        epochs=2,
        extra_steps=0,
        seed=0,
        replicate=0,
    )


@pytest.fixture
def workspace(tmp_path: Path, small_dataset: Dataset) -> Path:
    """A folder with the small data set in place of MNIST."""
    return write_data(tmp_path, small_dataset)


def write_data(workspace: Path, dataset: Dataset, name: str = "mnist") -> Path:
    """Write data/raw/NAME as download does; returns `workspace`."""
    raw = workspace / RAW / name
    write_raw(raw, dataset)
    write_sums(raw, {path.name: sha256(path.read_bytes()) for path in raw.iterdir()})
    return workspace


def write_raw(raw: Path, dataset: Dataset) -> None:
    """Write four IDX files into the new folder `raw`."""
    raw.mkdir(parents=True)
    for split, part in (("train", "train"), ("t10k", "test")):
        images = getattr(dataset, f"{part}_images")
        write_idx(raw / f"{split}-images-idx3-ubyte", images.reshape(-1, *dataset.image_shape))
        write_idx(raw / f"{split}-labels-idx1-ubyte", getattr(dataset, f"{part}_labels"))


def write_idx(path: Path, array: NDArray[np.uint8]) -> None:
    shape = np.array(array.shape, ">u4").tobytes()
    path.write_bytes(bytes([0, 0, 8, array.ndim]) + shape + array.tobytes())


@cache
def shipped_params() -> dict[str, dict[str, Any]]:
    """What params.yaml says, read once: to be copied, not changed."""
    params: dict[str, dict[str, Any]] = yaml.safe_load((REPOSITORY / "params.yaml").read_text())
    return params


def write_params(workspace: Path, **changes: Any) -> None:
    """The shipped parameters made small, then changed: `sweep={"num_points": 5}`."""
    params = deepcopy(shipped_params())
    for section, values in [*SMALL.items(), *changes.items()]:
        params.setdefault(section, {}).update(values)
    (workspace / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))


def doors() -> list[str]:
    """The modules that are run, not imported: those of this repository that call `enter`."""
    files = REPOSITORY.glob("stages/*.py")
    return [
        ".".join(file.relative_to(REPOSITORY).with_suffix("").parts)
        for file in sorted(files)
        if "    enter(" in file.read_text(encoding="utf-8")
    ]


def stage_environment() -> dict[str, str]:
    """The environment of a door that runs in another folder, as if no DVC had started it."""
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    environment.pop("DVC_ROOT", None)
    return environment


@contextmanager
def open_doors(folder: Path) -> Iterator[None]:
    """Inside, main() of a stage works in `folder`, as if its process had been started there.

    For tests of what comes after: this process imports torch once, and its fork server goes on.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.delenv("DVC_ROOT", raising=False)
        patch.setenv("PYTHONWARNINGS", "error")  # train sets a default where there is none
        patch.setenv("PYTHONPATH", str(REPOSITORY))  # the fork server knows no other path
        yield


@pytest.fixture(scope="session")
def forking(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Python by which `start_stage` starts a train that has torch, but is no child of it."""
    return as_python(tmp_path_factory.mktemp("python"), TRAINING) / "python"


def start_stage(
    workspace: Path, stage: str, *arguments: str, python: str | Path = sys.executable
) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [python, "-m", f"stages.{stage}", *arguments],
        cwd=workspace,
        env=stage_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def environment_of_dvc(**further: str) -> dict[str, str]:
    """The environment of `dvc` commands, as if nobody had set up DVC or git."""
    return {
        **{n: value for n, value in os.environ.items() if not n.startswith(("DVC_", "GIT_"))},
        "DVC_NO_ANALYTICS": "1",
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        **{f"GIT_{role}_NAME": "test" for role in ("AUTHOR", "COMMITTER")},
        **{f"GIT_{role}_EMAIL": "test@example.org" for role in ("AUTHOR", "COMMITTER")},
        **further,
    }


def replace_in(path: Path, old: str, new: str) -> None:
    """Edit a file as a user does."""
    content = path.read_text()
    assert old in content
    path.write_text(content.replace(old, new, 1))


def fail_stage(workspace: Path, stage: str, server: str = "stages") -> str:
    """Run a stage that must end with exit code 1 and one line on stderr; that line."""
    done = run_door(stage, cwd=workspace, environment=stage_environment(), server=server)
    assert done.returncode == 1, done.stderr
    assert done.stderr.count("\n") == 1
    return done.stderr


def run_stage(
    workspace: Path, stage: str, *arguments: str, server: str = "stages"
) -> tuple[str, str]:
    """Run a stage to its good end; what it printed to stdout and to stderr."""
    done = run_door(
        stage, *arguments, cwd=workspace, environment=stage_environment(), server=server
    )
    assert done.returncode == 0, done.stderr
    return done.stdout, done.stderr


def wait_until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + HANGS_AFTER
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)
