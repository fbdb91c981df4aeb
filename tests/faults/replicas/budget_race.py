"""A thousand writes of 0.10 against 5.00 at four gateways on one PostgreSQL, with a kill -9 of one of them midway: fifty are admitted, never one more.

1. The callers of the killed gateway ask on at the next one, with their own keys, until they have an answer; nobody's answer changes.
2. What it left is found by its lease. Fifty holds are made, to the unit; a host that definitely did not get a write may give one back, and only then may
   another be admitted.
"""

from collections.abc import Callable
from typing import Final

from gateway.domain.audit import EntryKind
from gateway.domain.lifecycle import State
from tests.faults.replicas.fleet import COMES_S_MAX, Fleet, NotCome, comes
from tests.faults.replicas.load import unanswered
from tests.prove.suite import Assignment, Failure, Report, each

_GATEWAYS: Final = 4
_WRITES: Final = 1_000
_ADMITTED: Final = 50
_CALLERS: Final = 64
_RACES: Final = 6
_FLYING: Final = "SELECT count(*) FROM countersign.commits WHERE run_id = $1 AND state = $2"


def run(given: Assignment) -> Report:
    with Fleet(given.folder, size=_GATEWAYS) as fleet:
        report = each(given, [f"race-{number}" for number in range(given.volume or _RACES)], lambda case: _race(fleet, case, given))
        wrong = fleet.check_settled()
    at_the_end = tuple(Failure(case="", what=f"at the end: {what}") for what in wrong)
    note = f"{_WRITES} writes each at {_GATEWAYS} gateways, one killed midway"
    return Report(volume=report.volume, failures=(*report.failures, *at_the_end), note=note)


def _race(fleet: Fleet, case: str, given: Assignment) -> str:
    draw = given.draw(case)
    kill_after, killed = draw.randrange(5, 400), fleet.gateways[draw.randrange(_GATEWAYS)]

    def strike(wait: Callable[[int], None]) -> None:
        wait(kill_after)
        killed.kill()

    left = unanswered(fleet, [f"{case}-{number}" for number in range(_WRITES)], strike, callers=_CALLERS, run_id=case, workflow="race", deadline_s=10.0)
    killed.start()
    try:
        comes(lambda: not _flying(fleet, case), "the end of what the killed gateway had left", within_s=2 * COMES_S_MAX)
    except NotCome as why:
        return str(why)
    return "; ".join([*_wrong(fleet, case, left), *fleet.check()])


def _flying(fleet: Fleet, case: str) -> bool:
    return bool(fleet.value(_FLYING, case, State.FORWARDING))


def _wrong(fleet: Fleet, case: str, left: list[str]) -> list[str]:
    stored = fleet.stored()
    rows = [row for row in stored.books.commits if row.run_id == case]
    given_back = sum(row.state is State.FAILED for row in rows)
    held = sum(row.state in {State.SUCCEEDED, State.UNKNOWN} for row in rows)
    intents = sum(entry.kind is EntryKind.INTENT and entry.run_id == case for entry in stored.entries)
    found = [f"{len(left)} callers have no answer"] if left else []
    if held > _ADMITTED or intents - given_back != held or held + given_back < _ADMITTED:
        found.append(f"I5: {intents} were admitted, {held} stand, {given_back} were given back; {_ADMITTED} fit")
    return found
