"""What the benchmark asks of Linux: processor time, cores, children, file systems; and what may be told of the machine.

1. Processor time is user and system time of all threads of a process, from /proc, in ticks of 10 ms: read it over seconds, not over calls.
2. Nothing that names the machine or a place on it is told: model, cores, kernel and Python version only.
"""

import os
import platform
import time
from collections.abc import Mapping
from itertools import takewhile
from pathlib import Path
from typing import Final

IN_MEMORY: Final = frozenset({"tmpfs", "ramfs", "devtmpfs", "hugetlbfs"})
_PROC: Final = Path("/proc")
_TICK_S: Final = 1 / os.sysconf("SC_CLK_TCK")
_SYNCS: Final = 100
_PAGE: Final = bytes(4096)


def cpu_s(pid: int) -> float:
    """User and system time of the process so far. Raises OSError when it has ended."""
    fields = _stat(pid)
    return (int(fields[11]) + int(fields[12])) * _TICK_S


def children(pid: int) -> list[int]:
    """Those alive, and theirs."""
    parents: dict[int, list[int]] = {}
    for entry in _PROC.iterdir():
        if entry.name.isdigit():
            try:
                parents.setdefault(int(_stat(int(entry.name))[1]), []).append(int(entry.name))
            except OSError:  # ended meanwhile
                continue
    found: list[int] = []
    pending = [pid]
    while pending:
        here = parents.get(pending.pop(), [])
        found += here
        pending += here
    return sorted(found)


def program(pid: int) -> str:
    """The name of the process's executable. Raises OSError."""
    return (_PROC / str(pid) / "comm").read_text().strip()


def pin(pid: int, core: int) -> None:
    """Every thread of the process to one core; threads made later inherit it. Raises OSError."""
    for task in (_PROC / str(pid) / "task").iterdir():
        os.sched_setaffinity(int(task.name), {core})


def cores() -> tuple[int, int] | None:
    """(gateway's, everybody else's); None when there are not two to be had."""
    mine = sorted(os.sched_getaffinity(0))
    return (mine[0], mine[1]) if len(mine) > 1 else None


def file_system(folder: Path, mounts: str) -> str:
    """The type of the file system the folder is on; `mounts` is the text of /proc/self/mounts."""
    best, kind = -1, ""
    for line in mounts.splitlines():
        _, place, found, *_ = line.split(" ")
        mounted = Path(place.replace("\\040", " "))
        if folder.resolve().is_relative_to(mounted) and len(mounted.parts) >= best:
            best, kind = len(mounted.parts), found
    return kind


def mounts() -> str:
    return (_PROC / "self" / "mounts").read_text()


def sync_us(folder: Path) -> float:
    """What one appended page and its fdatasync take in this folder, median, µs."""
    file = folder / "sync-probe"
    spans = []
    with file.open("wb", buffering=0) as opened:
        for _ in range(_SYNCS):
            began_ns = time.perf_counter_ns()
            opened.write(_PAGE)
            os.fdatasync(opened.fileno())
            spans.append((time.perf_counter_ns() - began_ns) / 1000)
    file.unlink()
    return sorted(spans)[_SYNCS // 2]


def described() -> Mapping[str, str | int]:
    return {"cpu": _model(), "cores": os.cpu_count() or 0, "kernel": _kernel(platform.release()), "python": platform.python_version()}


def _kernel(release: str) -> str:
    """The version alone: what a builder of kernels hangs on it may say whose machine this is."""
    return ".".join(takewhile(str.isdigit, release.partition("-")[0].split(".")))


def _model() -> str:
    lines = (_PROC / "cpuinfo").read_text().splitlines()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def _stat(pid: int) -> list[str]:
    """The fields after the name, which may hold anything; state first."""
    return (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
