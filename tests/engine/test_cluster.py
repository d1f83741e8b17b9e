"""The same sweep on a real Dask scheduler with two real worker processes on loopback."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from distributed import Client

from stages.core.dataset import Dataset
from tests.conftest import (
    REPOSITORY,
    fail_stage,
    run_stage,
    stage_environment,
    start_stage,
    wait_until,
    write_data,
    write_params,
)
from tests.forked import HANGS_AFTER
from tests.test_train import entries, models, train
from tests.test_train_variants import VARIANTS, write_own

SCHEDULER = ("distributed.cli.dask_scheduler", "--no-dashboard")
WORKER = ("distributed.cli.dask_worker", "--nthreads", "1", "--no-nanny", "--no-dashboard")
ASKED: dict[str, Any] = {
    "train": {"epochs": 5},
    "sweep": {"num_points": 6},
    "variants": {"plain": {}, **VARIANTS},
}
"""Eighteen networks in ten groups: most of them are ahead when the first is done."""

Process = subprocess.Popen[bytes]


class Cluster:
    """A scheduler and its workers, which tests share: a test starts what an earlier one killed.

    All run in a folder that knows nothing of this repository.
    """

    def __init__(self, folder: Path, host: str = "127.0.0.1") -> None:
        self.folder, self._host = folder, f"tcp://{host}"
        self._started: list[Process] = []
        self._scheduler: Process | None = None
        self.address = ""

    def have_scheduler(self) -> str:
        """Its address."""
        if self._scheduler is None or self._scheduler.poll() is not None:
            self.kill()
            with socket.create_server(("127.0.0.1", 0)) as free:
                port = free.getsockname()[1]
            self.address = f"{self._host}:{port}"
            self._scheduler = self.start(*SCHEDULER, "--host", self._host, "--port", str(port))
            connect(self.address).close()
        return self.address

    def have_workers(self, count: int) -> list[Process]:
        """So many that live and are ready."""
        scheduler = self.have_scheduler()
        alive = [p for p in self._started if p is not self._scheduler and p.poll() is None]
        alive += [self.start(*WORKER, scheduler) for _ in range(count - len(alive))]
        self.wait_for(len(alive))
        return alive

    def wait_for(self, workers: int) -> None:
        with connect(self.address) as client:
            wait_until(lambda: len(client.nthreads()) == workers)

    def kill_scheduler(self) -> None:
        assert self._scheduler
        self._scheduler.kill()
        self._scheduler.wait()

    def start(self, *arguments: str, **environment: str) -> Process:
        """A Dask process."""
        inherited = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        process = subprocess.Popen(
            [sys.executable, "-m", *arguments],
            cwd=self.folder,
            env={**inherited, **environment},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self._started.append(process)
        return process

    def kill(self) -> None:
        for process in self._started:
            process.kill()
            process.wait()
        self._started.clear()


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    cluster = Cluster(tmp_path_factory.mktemp("dask"))
    yield cluster
    cluster.kill()


def connect(scheduler: str) -> Client:
    """A client, as soon as the scheduler answers."""
    end = time.monotonic() + HANGS_AFTER
    while True:
        try:
            return Client(scheduler, timeout=5, set_as_default=False)
        except OSError:
            assert time.monotonic() < end
            time.sleep(0.2)


def on(scheduler: str) -> dict[str, str]:
    return {"executor": "dask", "scheduler": scheduler}


def fail(workspace: Path) -> str:
    """The line that a sweep ends with."""
    return fail_stage(workspace, "train", server="cluster")


def succeed(workspace: Path) -> str:
    """What a sweep prints to its good end."""
    return run_stage(workspace, "train", server="cluster")[0]


def ask(workspace: Path, cluster: Cluster) -> None:
    """Ask for the sweep, on the cluster."""
    write_own(workspace)
    write_params(workspace, **ASKED, runtime=on(cluster.address))


def wait_for_the_middle(workspace: Path, ended: Callable[[], bool]) -> None:
    """Something is finished, and more is not."""
    wait_until(lambda: len(entries(workspace)) >= 1 or ended())
    assert not ended()


@pytest.fixture
def aside() -> Iterator[ThreadPoolExecutor]:
    """A thread, for what goes on while the test does something."""
    with ThreadPoolExecutor(1) as thread:
        yield thread


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory, small_dataset: Dataset) -> dict[str, bytes]:
    """The models of the sweep, trained without a cluster."""
    workspace = write_data(tmp_path_factory.mktemp("expected"), small_dataset)
    write_own(workspace)
    train(workspace, **ASKED)
    return models(workspace)


def test_two_workers_give_the_same_bits_for_every_variant_even_if_one_is_killed_in_mid_sweep(
    workspace: Path, cluster: Cluster, expected: dict[str, bytes], aside: ThreadPoolExecutor
) -> None:
    """The folder of the workers has no networks/, where one is of the user."""
    worker, _ = cluster.have_workers(2)
    ask(workspace, cluster)
    sweep = aside.submit(succeed, workspace)
    wait_for_the_middle(workspace, sweep.done)
    worker.send_signal(signal.SIGKILL)
    worker.wait()
    assert len(entries(workspace)) < 18
    output = sweep.result()
    assert "18 trials: 0 reused, 18 to train" in output
    assert "18/18 trained" in output
    assert models(workspace) == expected
    output, _ = train(workspace, **ASKED)
    assert "18 trials: 18 reused, 0 to train" in output


def test_a_worker_is_not_taken_for_a_scheduler(workspace: Path, cluster: Cluster) -> None:
    cluster.have_workers(1)
    with connect(cluster.address) as client:
        worker = next(iter(client.nthreads()))
    write_params(workspace, runtime=on(worker))
    errors = fail(workspace)
    assert errors.endswith("there is a Worker, not a Dask scheduler\n")


def test_a_sweep_without_workers_waits_for_one_to_join(
    workspace: Path, cluster: Cluster, expected: dict[str, bytes]
) -> None:
    workers = cluster.have_workers(1)
    ask(workspace, cluster)
    process = start_stage(workspace, "train")
    wait_for_the_middle(workspace, lambda: process.poll() is not None)
    for worker in workers:
        worker.kill()
        worker.wait()
    assert process.stderr
    assert process.stderr.readline() == "no Dask worker is left; waiting for one to join\n"
    cluster.start(*WORKER, cluster.address)
    output, errors = process.communicate(timeout=HANGS_AFTER)
    assert process.returncode == 0, errors
    assert "18/18 trained" in output
    assert models(workspace) == expected


def test_a_scheduler_keeps_the_code_of_one_sweep_for_workers_that_join(
    workspace: Path, cluster: Cluster
) -> None:
    """They load all that it keeps at once, and died of that."""
    cluster.have_workers(1)
    for seed in range(2):
        write_params(workspace, sweep={"seed": seed}, runtime=on(cluster.address))
        succeed(workspace)
    with connect(cluster.address) as client:
        kept = client.run_on_scheduler(
            lambda dask_scheduler: [*dask_scheduler.plugins, *dask_scheduler.worker_plugins]
        )
    assert len([name for name in kept if "stages" in name]) == 1


DIFFER = "train: the Dask workers differ, and so would their results: Machine("
OTHER_CODE = "train: the Dask workers have loaded other training code; restart them\n"
ROUNDS_OTHERWISE = {"ATEN_CPU_CAPABILITY": "default"}


def test_workers_that_round_otherwise_are_one_line(workspace: Path, cluster: Cluster) -> None:
    alike = cluster.have_workers(1)
    other = cluster.start(*WORKER, cluster.address, **ROUNDS_OTHERWISE)
    cluster.wait_for(len(alike) + 1)
    write_params(workspace, runtime=on(cluster.address))
    errors = fail(workspace)
    other.kill()
    other.wait()
    assert errors.startswith(DIFFER)


@pytest.fixture
def endless(workspace: Path, cluster: Cluster) -> Iterator[subprocess.Popen[str]]:
    """A sweep whose workers train for longer than any test takes."""
    cluster.have_workers(1)
    write_params(workspace, train={"epochs": 10_000}, runtime=on(cluster.address))
    process = start_stage(workspace, "train")
    with connect(cluster.address) as client:
        wait_until(lambda: "_task" in str(client.processing()) or process.poll() is not None)
    yield process
    process.kill()
    process.communicate()


def refusal(endless: subprocess.Popen[str], cluster: Cluster, **environment: str) -> str:
    """What a sweep ends with when its workers are replaced by another."""
    for worker in cluster.have_workers(1):
        worker.kill()
        worker.wait()
    assert endless.stderr
    assert endless.stderr.readline() == "no Dask worker is left; waiting for one to join\n"
    other = cluster.start(*WORKER, cluster.address, **environment)
    _, errors = endless.communicate(timeout=HANGS_AFTER)
    other.kill()
    other.wait()
    assert endless.returncode == 1
    return errors


def test_a_worker_that_joins_and_rounds_otherwise_is_one_line(
    endless: subprocess.Popen[str], cluster: Cluster
) -> None:
    assert refusal(endless, cluster, **ROUNDS_OTHERWISE).startswith(DIFFER)


def test_two_versions_of_the_code_on_one_cluster_are_one_line_for_each(
    endless: subprocess.Popen[str], cluster: Cluster, tmp_path: Path, small_dataset: Dataset
) -> None:
    """The second is refused by the worker that has the first, the first by one that joins then."""
    folder = write_data(tmp_path / "second", small_dataset)
    shutil.copytree(REPOSITORY / "stages", folder / "stages")
    with (folder / "stages/core/sampling.py").open("a") as code:
        code.write("ANOTHER = 1\n")
    write_params(folder, runtime=on(cluster.address))
    second = subprocess.run(
        [sys.executable, "-m", "stages.train"],
        check=False,
        cwd=folder,
        env={**stage_environment(), "PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        timeout=HANGS_AFTER,
    )
    assert (second.returncode, second.stderr) == (1, OTHER_CODE)
    assert refusal(endless, cluster) == OTHER_CODE


def test_a_lost_scheduler_is_one_line(
    workspace: Path, cluster: Cluster, aside: ThreadPoolExecutor
) -> None:
    cluster.have_workers(1)
    ask(workspace, cluster)
    sweep = aside.submit(fail, workspace)
    wait_for_the_middle(workspace, sweep.done)
    cluster.kill_scheduler()
    lost = f"train: runtime.scheduler = {cluster.address}: the cluster was lost"
    assert sweep.result().startswith(lost)


@pytest.fixture(scope="module")
def lacking(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A cluster in which `safetensors.py` of its folder is imported in place of the package."""
    cluster = Cluster(tmp_path_factory.mktemp("lacking"))
    (cluster.folder / "safetensors.py").touch()
    yield cluster
    cluster.kill()


@pytest.mark.parametrize(
    ("on_import", "message"),
    [
        ("import not_installed", "No module named 'not_installed'"),
        ("raise RuntimeError('two\\nlines')", "RuntimeError('two"),
    ],
)
def test_a_worker_that_cannot_import_the_code_is_one_line(
    workspace: Path, lacking: Cluster, on_import: str, message: str
) -> None:
    lacking.have_workers(1)
    (lacking.folder / "safetensors.py").write_text(on_import)
    write_params(workspace, runtime=on(lacking.address))
    errors = fail(workspace)
    assert errors.startswith(f"train: runtime.scheduler = {lacking.address}: a worker failed: ")
    assert message in errors


def test_a_scheduler_lost_while_workers_are_set_up_is_one_line(
    workspace: Path, lacking: Cluster, aside: ThreadPoolExecutor
) -> None:
    lacking.have_workers(1)
    slow = "import time; open('importing', 'w').close(); time.sleep(1000)"
    (lacking.folder / "safetensors.py").write_text(slow)
    write_params(workspace, runtime=on(lacking.address))
    sweep = aside.submit(fail, workspace)
    wait_until(lambda: (lacking.folder / "importing").exists() or sweep.done())
    lacking.kill_scheduler()
    lost = f"train: runtime.scheduler = {lacking.address}: the cluster was lost"
    assert sweep.result().startswith(lost)


def has_ipv6() -> bool:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


NEEDS_IPV6 = pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6")


@pytest.mark.parametrize("host", ["127.0.0.1", pytest.param("[::1]", marks=NEEDS_IPV6)])
def test_no_worker_is_one_line(workspace: Path, host: str, tmp_path: Path) -> None:
    cluster = Cluster(tmp_path, host)
    write_params(workspace, runtime=on(cluster.have_scheduler()))
    errors = fail(workspace)
    cluster.kill()
    assert errors.endswith("no worker is connected to it\n")
    assert errors.count("\n") == 1


@pytest.mark.parametrize("protocol", ["tls", "wss"])
def test_an_address_that_needs_certificates_says_so_in_one_line(
    workspace: Path, protocol: str
) -> None:
    write_params(workspace, runtime=on(f"{protocol}://127.0.0.1:8786"))
    errors = fail(workspace)
    assert "needs certificates; set DASK_DISTRIBUTED__COMM__TLS__CA_FILE" in errors


SILENCE = "no Dask scheduler answers there within 5 s\n"
OTHER = "what answers there is no Dask scheduler"


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"", SILENCE), (b"HTTP/1.1 400 Bad Request\r\n\r\n", OTHER), (bytes(64), OTHER)],
    ids=["silent", "web", "zeros"],
)
def test_another_program_at_the_address_is_one_line_in_seconds(
    workspace: Path, content: bytes, message: str, aside: ThreadPoolExecutor
) -> None:
    """It says `content` to whoever connects."""

    def answer() -> None:
        connection, _ = server.accept()
        stack.enter_context(connection).sendall(content)

    with ExitStack() as stack:
        server = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        server.settimeout(HANGS_AFTER)
        aside.submit(answer)
        address = f"tcp://127.0.0.1:{server.getsockname()[1]}"
        write_params(workspace, runtime=on(address))
        assert fail(workspace).startswith(f"train: runtime.scheduler = {address}: {message}")


def test_no_program_at_the_address_is_one_line_in_seconds(workspace: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{free.getsockname()[1]}"
        write_params(workspace, runtime=on(address))
        assert fail(workspace) == f"train: runtime.scheduler = {address}: {SILENCE}"
