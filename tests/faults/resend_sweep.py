"""SIGKILL at the system calls around a re-send: a host that dedupes gets the same key again, and one effect comes of it. Slow: a lease passes in each."""

from typing import Final

from tests.faults.sweep import Sweep
from tests.faults.tracing import WRITES
from tests.prove.suite import Assignment, Report

SWEEP: Final = Sweep(calls=WRITES, scenarios=("resent",), inject=lambda call, number: f"{call}:signal=SIGKILL:when={number}", read_timeout_ms=300)


def run(given: Assignment) -> Report:
    return SWEEP.run(given)
