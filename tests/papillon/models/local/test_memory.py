"""How much memory can be had, by what the machine and the cgroups' files say."""

from __future__ import annotations

import ctypes
import platform
from pathlib import Path

import pytest

from papillon.models.local.memory import available, give_back, megabytes

MIB = 2**20


def machine(folder: Path, groups: str) -> Path:
    (folder / "self").mkdir(parents=True)
    (folder / "meminfo").write_text("MemTotal:  9000 kB\nMemAvailable:    8192 kB\n")
    (folder / "self" / "cgroup").write_text(groups)
    return folder


def group(folder: Path, files: dict[str, str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name).write_text(text + "\n")


def test_without_limits_it_is_the_machines(tmp_path: Path) -> None:
    proc = machine(tmp_path / "proc", "0::/\n")
    group(tmp_path / "cg", {"memory.max": "max", "memory.current": "1", "memory.stat": "inactive_file 0"})
    assert available(proc, tmp_path / "cg") == 8 * MIB


def test_the_narrowest_limit_above_counts_and_pages_of_files_are_free(tmp_path: Path) -> None:
    proc, cgroups = machine(tmp_path / "proc", "0::/a/b\n"), tmp_path / "cg"
    stat = {"memory.stat": f"anon 5\nactive_file {MIB}\ninactive_file {MIB}"}
    group(cgroups / "a", {"memory.max": str(5 * MIB), "memory.current": str(4 * MIB), **stat})
    group(cgroups / "a" / "b", {"memory.max": "max", "memory.current": str(4 * MIB), **stat})
    assert available(proc, cgroups) == 3 * MIB


def test_the_older_version_of_cgroups_too(tmp_path: Path) -> None:
    proc, cgroups = machine(tmp_path / "proc", "4:memory:/a\n1:cpu:/a\n0::/\n"), tmp_path / "cg"
    limits = {"memory.limit_in_bytes": str(2 * MIB), "memory.usage_in_bytes": str(3 * MIB)}
    group(cgroups / "memory" / "a", {**limits, "memory.stat": f"total_active_file {MIB // 2}"})
    assert available(proc, cgroups) == 0
    group(cgroups / "memory" / "a", {"memory.usage_in_bytes": str(MIB)})
    assert available(proc, cgroups) == MIB + MIB // 2


def test_where_nothing_says_it_is_unknown(tmp_path: Path) -> None:
    assert available(tmp_path, tmp_path) is None


def test_it_is_said_in_megabytes() -> None:
    assert megabytes(1_234_500_000) == "1,234 MB"


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries have no call for it")
def test_what_was_freed_goes_back_to_the_machine() -> None:
    def held() -> int:
        lines = Path("/proc/self/status").read_text().splitlines()
        return next(1024 * int(line.split()[1]) for line in lines if line.startswith("RssAnon:"))

    texts = [bytes(2000) for _ in range(30_000)]
    # Every hundredth stays, so that nothing is freed as a whole.
    texts = texts[::100]
    before = held()
    give_back()
    assert before - held() > 20 * MIB
    assert len(texts) == 300


def test_where_the_c_library_has_no_call_for_it_nothing_is_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda name: object())
    give_back()
