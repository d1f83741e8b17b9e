"""How many cores there are to train on, and how much cache each has."""

import os
from math import ceil, inf
from pathlib import Path


def available_cores() -> int:
    """Cores that this process may use: those it may run on, or as many as its quota pays for."""
    if hasattr(os, "sched_getaffinity"):
        cores = len(os.sched_getaffinity(0))
    else:
        cores = os.cpu_count() or 1
    return max(1, ceil(min(cores, cpu_quota())))


def cpu_quota(
    groups: Path = Path("/proc/self/cgroup"), mounted: Path = Path("/sys/fs/cgroup")
) -> float:
    """Cores' worth of time that the control groups of this process allow; inf without a limit.

    `groups` lists them, below `mounted` lie their limits: `docs.kernel.org/admin-guide/cgroup-v2`
    (cpu.max) and `docs.kernel.org/scheduler/sched-bwc` (version 1). A limit further up holds too.
    """
    try:
        lines = [line.split(":", 2) for line in groups.read_text().splitlines()]
    except OSError:
        return inf
    quotas = [inf]
    for _, controllers, name in lines:
        if controllers and "cpu" not in controllers.split(","):
            continue
        top = mounted / "cpu" if controllers else mounted
        group = top / name.lstrip("/")
        quotas += [
            _quota(folder) for folder in (group, *group.parents) if folder.is_relative_to(top)
        ]
    return min(quotas)


def _quota(group: Path) -> float:
    """The quota of one control group; inf where it has none."""
    try:
        if (group / "cpu.max").exists():
            time, period = (group / "cpu.max").read_text().split()
        else:
            time, period = (
                (group / f"cpu.cfs_{name}_us").read_text() for name in ("quota", "period")
            )
        return int(time) / int(period) if int(time) > 0 else inf
    except (OSError, ValueError):  # no such limit, or "max"
        return inf


_USUAL_SHARE = 8 * 2**20
_OTHERS = 2
"""Half of a cache is left to images, results and other programs."""


def cache_share(caches: Path = Path("/sys/devices/system/cpu/cpu0/cache")) -> int:
    """Bytes of the last cache for the state of what one core trains, if all train.

    `caches` describes them: `docs.kernel.org/admin-guide/abi-testing` (cacheinfo). Where it is
    missing, a usual share.
    """
    try:
        last = max(caches.glob("index*"), key=lambda cache: int((cache / "level").read_text()))
        size = int((last / "size").read_text().strip().removesuffix("K")) * 2**10
        sharing = int((last / "shared_cpu_map").read_text().replace(",", ""), 16).bit_count()
    except (OSError, ValueError):
        return _USUAL_SHARE
    return size // (_OTHERS * max(1, min(sharing, available_cores())))
