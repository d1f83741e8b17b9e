"""How many cores a process may use where a container limits its time, and how much cache."""

from math import inf
from pathlib import Path

import pytest

from stages.engine.cores import available_cores, cache_share, cpu_quota


@pytest.mark.parametrize(
    ("groups", "limits", "cores"),
    [
        ("0::/", {"cpu.max": "150000 100000"}, 1.5),
        ("0::/", {"cpu.max": "max 100000"}, inf),
        ("0::/a/b", {"a/b/cpu.max": "max 100000", "a/cpu.max": "300000 100000"}, 3.0),
        ("0::/a/b", {"a/b/cpu.max": "50000 100000", "a/cpu.max": "300000 100000"}, 0.5),
        ("0::/seen/from/outside", {"cpu.max": "200000 100000"}, 2.0),
        (
            "4:memory:/m\n1:cpu,cpuacct:/c",
            {"cpu/c/cpu.cfs_quota_us": "400000", "cpu/c/cpu.cfs_period_us": "100000"},
            4.0,
        ),
        ("1:cpu:/", {"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}, inf),
        ("0::/", {"cpu.max": "junk"}, inf),
        ("", {}, inf),
    ],
)
def test_the_tightest_quota_of_all_control_groups_counts(
    tmp_path: Path, groups: str, limits: dict[str, str], cores: float
) -> None:
    listed, mounted = tmp_path / "cgroup", tmp_path / "mounted"
    listed.write_text(groups)
    for name, limit in limits.items():
        (mounted / name).parent.mkdir(parents=True, exist_ok=True)
        (mounted / name).write_text(limit + "\n")
    assert cpu_quota(listed, mounted) == cores


def test_without_control_groups_there_is_no_quota(tmp_path: Path) -> None:
    assert cpu_quota(tmp_path / "missing", tmp_path) == inf


def test_the_last_cache_is_shared_by_the_cores_that_train(tmp_path: Path) -> None:
    levels = [(1, "32K", "1"), (2, "1024K", "1"), (3, "32768K", "ffffffff,ffffffff")]
    for index, described in enumerate(levels):
        folder = tmp_path / f"index{index}"
        folder.mkdir()
        for name, value in zip(("level", "size", "shared_cpu_map"), described, strict=True):
            (folder / name).write_text(f"{value}\n")
    assert cache_share(tmp_path) == 32 * 2**20 // (2 * min(64, available_cores()))
    (tmp_path / "index2" / "shared_cpu_map").write_text("1\n")
    assert cache_share(tmp_path) == 16 * 2**20


def test_a_machine_that_describes_no_cache_has_a_usual_one(tmp_path: Path) -> None:
    assert cache_share(tmp_path / "missing") > 2**20
