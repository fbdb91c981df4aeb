"""`countersign ledger check` over a store, in a process of its own: how long it takes, the most memory it had, and what it found."""

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from benchmarks.terms import ROOT

_COMMAND: Final = (sys.executable, "-m", "gateway", "ledger", "check", "--json")


class CheckFailed(Exception):
    """It could not be made, or something does not add up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What it took, and how much there was."""

    elapsed_s: float
    cpu_s: float
    memory_bytes_max: int
    commits: int
    runs: int
    budgets: int
    entries: int


async def check(arguments: Sequence[str]) -> Checked:
    """Raises `CheckFailed`."""
    return await asyncio.to_thread(_check, arguments)


def _check(arguments: Sequence[str]) -> Checked:
    began_s = time.perf_counter()
    child = subprocess.Popen([*_COMMAND, *arguments], cwd=ROOT, stdout=subprocess.PIPE)
    assert child.stdout is not None, "it was asked for"
    with child.stdout as told:
        said = told.read()
    _, status, used = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise CheckFailed(f"ledger check ended with {child.returncode}: {said.decode()[:2_000]}")
    found = json.loads(said)
    return Checked(
        elapsed_s=round(time.perf_counter() - began_s, 1), cpu_s=round(used.ru_utime + used.ru_stime, 1), memory_bytes_max=used.ru_maxrss * 1024,
        commits=found["commits"], runs=found["runs"], budgets=found["budgets"], entries=found["entries"],
    )  # fmt: skip
