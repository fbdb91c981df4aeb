"""A thousand writes of 0.10 against 5.00, all at once, with a kill -9 midway: fifty are admitted, and never one more.

1. After the kill every caller asks again with its own key until it has an answer; nobody's answer changes.
2. Fifty holds are made, to the unit. A host that definitely did not get a write may give one back, and only then may another be admitted.
"""

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from countersign import Commit, Reason, Refused
from gateway.domain.audit import EntryKind
from gateway.domain.lifecycle import State
from tests.faults.arena import Arena
from tests.prove.ledger_check import read_sqlite
from tests.prove.suite import Assignment, Failure, Report, each

_WRITES: Final = 1_000
_ADMITTED: Final = 50
_CALLERS: Final = 64
_ROUNDS_MAX: Final = 20


def run(given: Assignment) -> Report:
    with Arena(given.folder) as arena:
        report = each(given, [f"race-{number}" for number in range(given.volume or 6)], lambda case: _race(arena, case, given.draw(case).randrange(5, 400)))
        wrong = arena.check_settled()
        arena.kill()
    at_the_end = tuple(Failure(case="", what=f"at the end: {what}") for what in wrong)
    return Report(volume=report.volume, failures=(*report.failures, *at_the_end), note=f"{_WRITES} writes each, killed midway")


def _race(arena: Arena, case: str, kill_after: int) -> str:
    """Leaves a gateway running."""
    if arena.pid == 0:
        arena.start()
    answered = threading.Semaphore(0)
    keys = [f"{case}-{number}" for number in range(_WRITES)]

    def ask(key: str) -> bool:
        try:
            return _is_answer(arena.attempt(key, run_id=case, workflow="race", deadline_s=3.0))
        finally:
            answered.release()

    with ThreadPoolExecutor(_CALLERS) as callers:
        first = [callers.submit(ask, key) for key in keys]
        for _ in range(kill_after):
            answered.acquire()
        for one in first:
            one.cancel()
        arena.kill()
    open_keys = [key for key, one in zip(keys, first, strict=True) if one.cancelled() or not one.result()]
    arena.start()
    for _ in range(_ROUNDS_MAX):
        with ThreadPoolExecutor(_CALLERS) as callers:
            open_keys = [key for key, told in zip(open_keys, callers.map(ask, open_keys), strict=True) if not told]
        if not open_keys:
            break
    return "; ".join([*_wrong(arena, case, len(open_keys)), *arena.check()])


def _is_answer(told: Commit | Refused | None) -> bool:
    """A tenant's denials are recorded at a limited rate; beyond it the no is not recorded, and is a no."""
    return told is not None and (isinstance(told, Commit) or told.reason is Reason.TOO_MANY_DENIALS)


def _wrong(arena: Arena, case: str, unanswered: int) -> list[str]:
    stored = read_sqlite(arena.store)
    rows = [row for row in stored.books.commits if row.run_id == case]
    given_back = sum(row.state is State.FAILED for row in rows)
    held = sum(row.state in {State.SUCCEEDED, State.UNKNOWN, State.FORWARDING} for row in rows)
    intents = sum(entry.kind is EntryKind.INTENT and entry.run_id == case for entry in stored.entries)
    found = []
    if unanswered:
        found.append(f"{unanswered} callers have no answer")
    if held > _ADMITTED or intents - given_back != held or held + given_back < _ADMITTED:
        found.append(f"I5: {intents} were admitted, {held} stand, {given_back} were given back; {_ADMITTED} fit")
    return found
