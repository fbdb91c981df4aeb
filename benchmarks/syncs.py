"""Counts what the gateway really asks of the disk: an acknowledged transaction that was not synced is a figure for nothing.

1. Commits go one at a time, so that no two transactions can share a sync: each commit is T1 and T2, two syncs at least.
2. Counted from outside, by strace on whoever writes (the gateway, or the server it records on), after the clocks have stopped.
"""

import asyncio
import re
import shutil
import signal
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.load import Line, closed_loop
from benchmarks.terms import Requests

COMMITS: Final = 50
TRANSACTIONS_PER_COMMIT: Final = 2
_ATTACH_S_MAX: Final = 10.0
_CALLS: Final = re.compile(r"^\s*[\d.]+\s+[\d.]+\s+\d+\s+(\d+)\s+(?:\d+\s+)?(?:fsync|fdatasync)$", re.MULTILINE)


class StraceMissing(Exception):
    """Nothing here can count another process's system calls."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Syncs:
    commits: int
    transactions: int
    syncs: int


async def count_syncs(line: Line, requests: Requests, *, pids: Sequence[int], folder: Path) -> Syncs:
    """Raises `StraceMissing`, `CallFailed`."""
    strace = shutil.which("strace")
    if strace is None:
        raise StraceMissing("strace is not on PATH, so syncs cannot be counted; install it, or say --without-syncs")
    told = folder / "syncs.txt"
    process = await asyncio.create_subprocess_exec(
        strace,
        "-f",
        "-c",
        "-e",
        "trace=fsync,fdatasync",
        "-o",
        str(told),
        *(part for pid in pids for part in ("-p", str(pid))),
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        await _attached(process)
        await closed_loop(line.send, requests.take(COMMITS), in_flight=1)
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGINT)  # it lets go, and writes what it counted
        await process.wait()
    return Syncs(commits=COMMITS, transactions=COMMITS * TRANSACTIONS_PER_COMMIT, syncs=counted(told.read_text()))


def counted(summary: str) -> int:
    """The calls of fsync and fdatasync in a summary as strace -c writes it."""
    return sum(int(calls) for calls in _CALLS.findall(summary))


async def _attached(process: asyncio.subprocess.Process) -> None:
    assert process.stderr is not None, "its standard error is ours"
    try:
        said = (await asyncio.wait_for(process.stderr.readline(), _ATTACH_S_MAX)).decode()
    except TimeoutError:
        said = ""
    if "attached" not in said:
        raise StraceMissing(f"strace could not attach ({said.strip() or 'it said nothing'}), so syncs cannot be counted; say --without-syncs")
