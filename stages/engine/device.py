"""The device that trials are trained on, and what of it determines a result's bits."""

import platform
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from stages.process.door import InputError


def resolve_device(name: str) -> torch.device:
    """The device for runtime.device: `auto` is CUDA where there is one, else the CPU.

    Raises InputError for `cuda` where there is none.
    """
    if name == "cuda" and not torch.cuda.is_available():
        raise InputError("runtime.device = cuda: there is no CUDA device here; use cpu or auto")
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    return torch.device(name)


def device_model(device: torch.device) -> str:
    """The model of the device: matrix kernels, and with them roundings, are chosen by it."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{_processor()}, {torch.backends.cpu.get_cpu_capability()}"


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


@contextmanager
def one_fast_thread() -> Iterator[None]:
    """One thread a training (they run side by side), and inside no denormal numbers.

    With a small sigma Adam's moments become denormal, which triples the cost of its step. Outside
    they are wanted: JSON would be written with 0 in place of the smallest learning rates.
    """
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(False)
