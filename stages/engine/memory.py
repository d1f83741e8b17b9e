"""How much memory training takes, and what to say where there is not enough."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import psutil

from stages.core.networks import count, moment_shapes
from stages.core.records import snapshot_tensors
from stages.core.trial import Trial
from stages.process.door import InputError
from stages.process.pace import counted, gigabytes

_TIMES = 4
"""As often a process holds a network at the end of its training: as what is trained, as the tensors
that come out of it, as their files, and as the message with these. 3.2 to 4.6 were measured."""

_REFUSED = re.compile("can't allocate memory|out of memory|not enough memory")
"""What torch says on the CPU, on CUDA and on Windows, in a RuntimeError."""


def network_bytes(trial: Trial) -> int:
    """What is kept of a trial: what is handed on, and the optimiser's state."""
    return handed_on_bytes(trial) + 4 * count(moment_shapes(trial.network, trial.optimizer))


def handed_on_bytes(trial: Trial) -> int:
    """What later stages get of a trial: parameters at both ends, and snapshots."""
    snapshots = {name: shape for name, (_, shape) in snapshot_tensors(trial).items()}
    return 8 * count(trial.network.shapes) + 4 * count(snapshots)


def training_bytes(trial: Trial, networks: int) -> int:
    """Roughly the memory that so many networks like that of `trial` take, images left out."""
    return _TIMES * networks * network_bytes(trial)


def free_bytes(device: str = "cpu") -> int:
    """Memory that is not in use, of this machine or of its CUDA device."""
    if device == "cuda":
        import torch  # a process that only submits trials does without

        return torch.cuda.mem_get_info(device)[0]
    return int(psutil.virtual_memory().available)


@contextmanager
def enough_memory(trial: Trial, networks: int, device: str) -> Iterator[None]:
    """Around the training of so many networks; raises InputError if memory is refused."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not isinstance(error, MemoryError) and not _REFUSED.search(str(error)):
            raise
        needed, free = map(gigabytes, (training_bytes(trial, networks), free_bytes(device)))
        raise InputError(
            f"there is not enough memory: to train {counted(networks, 'network')} at a time takes "
            f"roughly {needed} GB, {free} GB are free; fewer runtime.workers or a smaller network "
            "need less"
        ) from None
