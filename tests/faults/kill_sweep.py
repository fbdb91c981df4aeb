"""SIGKILL at every system call that writes, syncs or sends: nothing acknowledged is lost, nothing is sent twice. Re-sends have a sweep of their own."""

from typing import Final

from tests.faults.scenarios import SCENARIOS
from tests.faults.sweep import Sweep
from tests.faults.tracing import WRITES
from tests.prove.suite import Assignment, Report

SWEEP: Final = Sweep(
    calls=WRITES, scenarios=tuple(name for name in SCENARIOS if name != "resent"), inject=lambda call, number: f"{call}:signal=SIGKILL:when={number}"
)


def run(given: Assignment) -> Report:
    return SWEEP.run(given)
