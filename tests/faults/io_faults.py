"""EIO and ENOSPC on the Nth write and the Nth sync of the store, over every scenario: refused or unknown, never a wrong answer.

1. After an error that may have cost an acknowledged write, the gateway ends itself; the next one recovers.
2. A host that was written to while T2 could not be recorded leaves an unknown, and what it did is found out afterwards.
"""

from typing import Final

from tests.faults.scenarios import SCENARIOS
from tests.faults.sweep import Sweep
from tests.prove.suite import Assignment, Report

_CALLS: Final = ("pwrite64", "fdatasync", "fsync", "ftruncate")


def _inject(call: str, number: int) -> str:
    error, _, name = call.partition(":")
    return f"{name}:error={error}:when={number}"


SWEEP: Final = Sweep(calls=_CALLS, scenarios=tuple(name for name in SCENARIOS if name != "resent"), inject=_inject, variants=("EIO:", "ENOSPC:"))


def run(given: Assignment) -> Report:
    return SWEEP.run(given)
