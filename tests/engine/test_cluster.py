"""The same sweep on a real Dask scheduler with two real worker processes on loopback."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from distributed import Client

from tests.conftest import HANGS_AFTER, fail_stage, run_stage, start_stage, wait_until, write_params
from tests.test_train import entries, models
from tests.test_train import train_alone as train
from tests.test_train_variants import VARIANTS, write_own

SCHEDULER = ("distributed.cli.dask_scheduler", "--no-dashboard")
WORKER = ("distributed.cli.dask_worker", "--nthreads", "1", "--no-nanny", "--no-dashboard")


def start_dask(folder: Path, *arguments: str) -> subprocess.Popen[bytes]:
    """A Dask process that knows nothing of this repository."""
    folder.mkdir(exist_ok=True)
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return subprocess.Popen(
        [sys.executable, "-m", *arguments],
        cwd=folder,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


@pytest.fixture(params=["127.0.0.1"])
def scheduler(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """The address of a scheduler on the loopback host that a test may choose."""
    folder, host = tmp_path_factory.mktemp("dask"), f"tcp://{request.param}"
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    process = start_dask(folder / "scheduler", *SCHEDULER, "--host", host, "--port", str(port))
    connect(f"{host}:{port}").close()
    yield f"{host}:{port}"
    process.kill()
    process.wait()


@pytest.fixture
def workers(
    scheduler: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[list[subprocess.Popen[bytes]]]:
    folder = tmp_path_factory.mktemp("workers")
    processes = [start_dask(folder / str(i), *WORKER, scheduler) for i in range(2)]
    with connect(scheduler) as client:
        client.wait_for_workers(len(processes), timeout=HANGS_AFTER)
    yield processes
    for process in processes:
        process.kill()
        process.wait()


def connect(scheduler: str) -> Client:
    """A client, as soon as the scheduler answers."""
    end = time.monotonic() + HANGS_AFTER
    while True:
        try:
            return Client(scheduler, timeout=5, set_as_default=False)
        except OSError:
            assert time.monotonic() < end
            time.sleep(0.2)


def test_a_cluster_gives_the_same_bits_for_every_variant_and_the_network_of_a_user(
    workspace: Path, scheduler: str, workers: list[subprocess.Popen[bytes]]
) -> None:
    """The folders of the workers have no networks/."""
    write_own(workspace)
    asked: dict[str, Any] = {"sweep": {"num_points": 6}, "variants": {"plain": {}, **VARIANTS}}
    train(workspace, **asked)
    local = models(workspace)
    (workspace / "data" / "cache").rename(workspace / "data" / "elsewhere")
    on_dask = {"executor": "dask", "scheduler": scheduler}
    output, _ = train(workspace, runtime=on_dask, **asked)
    assert "18 trials: 0 reused, 18 to train" in output
    assert models(workspace) == local
    output, _ = train(workspace, **asked)
    assert "18 trials: 18 reused, 0 to train" in output


def test_a_worker_killed_in_mid_sweep_changes_nothing(
    workspace: Path, scheduler: str, workers: list[subprocess.Popen[bytes]]
) -> None:
    sweep, epochs = {"num_points": 20}, {"epochs": 60}
    on_dask = {"executor": "dask", "scheduler": scheduler}
    write_params(workspace, sweep=sweep, train=epochs, runtime=on_dask)
    process = start_stage(workspace, "train")
    wait_until(lambda: len(entries(workspace)) >= 1)
    workers[0].send_signal(signal.SIGKILL)
    output, errors = process.communicate(timeout=HANGS_AFTER)
    assert process.returncode == 0, errors
    assert "20/20 trained" in output
    survived = models(workspace)
    (workspace / "data" / "cache").rename(workspace / "data" / "elsewhere")
    write_params(workspace, sweep=sweep, train=epochs)
    run_stage(workspace, "train")
    assert survived == models(workspace)


def test_a_sweep_without_workers_waits_for_one_to_join(
    workspace: Path, scheduler: str, workers: list[subprocess.Popen[bytes]], tmp_path: Path
) -> None:
    on_dask = {"executor": "dask", "scheduler": scheduler}
    write_params(workspace, sweep={"num_points": 20}, train={"epochs": 60}, runtime=on_dask)
    process = start_stage(workspace, "train")
    wait_until(lambda: len(entries(workspace)) >= 1)
    for worker in workers:
        worker.kill()
    assert process.stderr
    assert process.stderr.readline() == "no Dask worker is left; waiting for one to join\n"
    workers.append(start_dask(tmp_path / "late", *WORKER, scheduler))
    output, errors = process.communicate(timeout=HANGS_AFTER)
    assert process.returncode == 0, errors
    assert "20/20 trained" in output


def test_a_lost_scheduler_is_one_line(
    workspace: Path, scheduler: str, workers: list[subprocess.Popen[bytes]]
) -> None:
    on_dask = {"executor": "dask", "scheduler": scheduler}
    write_params(workspace, sweep={"num_points": 20}, train={"epochs": 60}, runtime=on_dask)
    process = start_stage(workspace, "train")
    wait_until(lambda: len(entries(workspace)) >= 1)
    kill(scheduler)
    _, errors = process.communicate(timeout=HANGS_AFTER)
    assert process.returncode == 1
    assert errors.startswith(f"train: runtime.scheduler = {scheduler}: the cluster was lost")
    assert errors.count("\n") == 1


def kill(scheduler: str) -> None:
    port = scheduler.rpartition(":")[2]
    subprocess.run(["pkill", "-9", "-f", f"dask_scheduler.*{port}"], check=True)


@pytest.fixture
def lacking(scheduler: str, tmp_path: Path) -> Iterator[Path]:
    """The folder of a worker in whose place `safetensors.py` there is imported."""
    folder = tmp_path / "lacking"
    folder.mkdir()
    (folder / "safetensors.py").touch()
    process = start_dask(folder, *WORKER, scheduler)
    with connect(scheduler) as client:
        client.wait_for_workers(1, timeout=HANGS_AFTER)
    yield folder
    process.kill()
    process.wait()


@pytest.mark.parametrize(
    ("on_import", "message"),
    [
        ("import not_installed", "No module named 'not_installed'"),
        ("raise RuntimeError('two\\nlines')", "RuntimeError('two"),
    ],
)
def test_a_worker_that_cannot_import_the_code_is_one_line(
    workspace: Path, scheduler: str, lacking: Path, on_import: str, message: str
) -> None:
    (lacking / "safetensors.py").write_text(on_import)
    write_params(workspace, runtime={"executor": "dask", "scheduler": scheduler})
    errors = fail_stage(workspace, "train")
    assert errors.startswith(f"train: runtime.scheduler = {scheduler}: a worker failed: ")
    assert message in errors


def test_a_scheduler_lost_while_workers_are_set_up_is_one_line(
    workspace: Path, scheduler: str, lacking: Path
) -> None:
    slow = "import time; open('importing', 'w').close(); time.sleep(1000)"
    (lacking / "safetensors.py").write_text(slow)
    write_params(workspace, runtime={"executor": "dask", "scheduler": scheduler})
    process = start_stage(workspace, "train")
    wait_until((lacking / "importing").exists)
    kill(scheduler)
    _, errors = process.communicate(timeout=HANGS_AFTER)
    assert process.returncode == 1
    assert errors.startswith(f"train: runtime.scheduler = {scheduler}: the cluster was lost")
    assert errors.count("\n") == 1


def test_no_scheduler_is_one_line_in_seconds(workspace: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{free.getsockname()[1]}"
    write_params(workspace, runtime={"executor": "dask", "scheduler": address})
    errors = fail_stage(workspace, "train")
    assert errors == (
        f"train: runtime.scheduler = {address}: no Dask scheduler answers there within 5 s\n"
    )


def has_ipv6() -> bool:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


NEEDS_IPV6 = pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6")


@pytest.mark.parametrize(
    "scheduler", ["127.0.0.1", pytest.param("[::1]", marks=NEEDS_IPV6)], indirect=True
)
def test_no_worker_is_one_line(workspace: Path, scheduler: str) -> None:
    write_params(workspace, runtime={"executor": "dask", "scheduler": scheduler})
    errors = fail_stage(workspace, "train")
    assert errors.endswith("no worker is connected to it\n")
    assert errors.count("\n") == 1


@pytest.mark.parametrize("protocol", ["tls", "wss"])
def test_an_address_that_needs_certificates_says_so_in_one_line(
    workspace: Path, protocol: str
) -> None:
    on_dask = {"executor": "dask", "scheduler": f"{protocol}://127.0.0.1:8786"}
    write_params(workspace, runtime=on_dask)
    errors = fail_stage(workspace, "train")
    assert "needs certificates; set DASK_DISTRIBUTED__COMM__TLS__CA_FILE" in errors


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (b"", "no Dask scheduler answers there within 5 s"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "what answers there is no Dask scheduler"),
        (bytes(64), "what answers there is no Dask scheduler"),
    ],
)
def test_another_program_at_the_address_is_one_line(
    workspace: Path, answer: bytes, message: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"tcp://127.0.0.1:{server.getsockname()[1]}"
        write_params(workspace, runtime={"executor": "dask", "scheduler": address})
        process = start_stage(workspace, "train")
        connection, _ = server.accept()
        with connection:
            connection.sendall(answer)
            _, errors = process.communicate(timeout=HANGS_AFTER)
    assert process.returncode == 1
    assert errors.startswith(f"train: runtime.scheduler = {address}: {message}")
    assert errors.count("\n") == 1


def test_a_worker_is_not_taken_for_a_scheduler(
    workspace: Path, scheduler: str, workers: list[subprocess.Popen[bytes]]
) -> None:
    with connect(scheduler) as client:
        worker = next(iter(client.nthreads()))
    write_params(workspace, runtime={"executor": "dask", "scheduler": worker})
    errors = fail_stage(workspace, "train")
    assert errors.endswith("there is a Worker, not a Dask scheduler\n")
