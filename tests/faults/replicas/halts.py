"""Four gateways write and think all the time; a halt is thrown at one of them: once it has returned, nothing in its scope is admitted anywhere.

1. Three witnesses, each enough: no row in scope appears in the store after `Halt` returned; no request in scope that began later is admitted, at any
   gateway; and in the record no INTENT in scope stands between a HALT and its RESUME.
2. A trial waits for work in scope to be admitted before, and for a request in scope at every gateway after. Each kind of scope has its turn.
"""

import asyncio
import time
from collections.abc import Iterator, Sequence
from typing import Final

import asyncpg

from countersign.operator import HaltScope as Scope
from gateway.domain.audit import EntryKind
from gateway.domain.halts import HaltScope, Reach, covers
from gateway.domain.lifecycle import State
from tests.faults.replicas.fleet import Fleet, NotCome, comes
from tests.faults.replicas.streams import Asked, Streams
from tests.prove.ledger_check import Stored
from tests.prove.suite import Assignment, Failure, Report, each

_GATEWAYS: Final = 4
_COMMITS: Final = "SELECT commit_id, tenant, workflow, step, run_id, action, target FROM countersign.commits WHERE attempts > 0 AND place > $1"
_PLACE: Final = "SELECT coalesce(max(place), 0) FROM countersign.commits"
_DECISIONS: Final = "SELECT decision_id, tenant, workflow, step, run_id FROM countersign.decisions WHERE counted AND created_at_ms > $1"
_BACK: Final = 200  # places: further than any transaction that is under way
_BACK_MS: Final = 10_000
SCOPES: Final[dict[str, dict[str, str]]] = {
    "everything": {},
    "tenant": {"tenant": "acme"},
    "workflow": {"workflow": "payouts"},
    "run": {"tenant": "acme", "workflow": "payments", "run_id": ""},  # one of two
    "step": {"step": "refund"},
    "action": {"action": "notify"},
    "target": {"target": "desk"},
    "model": {"model": "mute"},
    "two-at-once": {"tenant": "acme", "workflow": "payments", "target": "bank"},
}


def run(given: Assignment) -> Report:
    kinds = [*SCOPES]
    with Fleet(given.folder, size=_GATEWAYS, looks_every_ms=1_000) as fleet, asyncio.Runner() as runner:
        looking = runner.run(fleet.server.administer(fleet.access.database))
        trials = Trials(fleet, looking, runner, given)
        with trials.streams:
            report = each(given, [f"{kinds[number % len(kinds)]}-{number}" for number in range(given.volume)], trials.one)
        runner.run(looking.close())
        wrong = [*fleet.check_settled(), *_between(fleet.stored(), trials.thrown)][: given.failures_max]
    at_the_end = tuple(Failure(case="", what=f"at the end: {what}") for what in wrong)
    note = f"{_GATEWAYS} gateways; {len(kinds)} kinds of scope; in scope {trials.before} admitted before, {trials.after} asked after"
    return Report(volume=report.volume, failures=(*report.failures, *at_the_end), note=note)


class Trials:
    def __init__(self, fleet: Fleet, looking: "asyncpg.Connection[asyncpg.Record]", runner: asyncio.Runner, given: Assignment) -> None:
        self.streams = Streams(fleet, given)
        self.thrown: dict[str, HaltScope] = {}
        self.before = self.after = 0
        self._fleet, self._looking, self._runner, self._given = fleet, looking, runner, given
        self._operators = [gateway.operator() for gateway in fleet.gateways]

    def one(self, case: str) -> str:
        kind, _, number = case.rpartition("-")
        self.streams.runs = (f"run-{number}-a", f"run-{number}-b")  # a run that is halted by its name has ended
        said = {name: value or self.streams.runs[0] for name, value in SCOPES[kind].items()}
        scope = self.streams.aim = HaltScope(**said)
        operator = self._operators[self._given.draw(case).randrange(_GATEWAYS)]
        began_s = time.monotonic()
        try:
            comes(lambda: bool(self.streams.asked(scope, since_s=began_s, admitted=True)), f"something admitted in {kind}")
            halted = operator.halt(Scope(**said), reason=case)
            returned_s = time.monotonic()
            self.thrown[halted.halt.halt_id] = scope
            self.streams.all_in_aim = True
            first = self._admitted(scope)
            try:
                comes(lambda: self._heard(scope, returned_s) == _GATEWAYS, f"a request in {kind} at every gateway")
                later = self._admitted(scope)
            finally:
                resumed_s = time.monotonic()
                self.streams.all_in_aim = False
                operator.resume(halted.halt.halt_id, reason="the trial is over")
        except NotCome as why:
            return str(why)
        asked = [one for one in self.streams.asked(scope, since_s=returned_s) if one.ended_s < resumed_s]
        self.before += len(self.streams.asked(scope, since_s=began_s, admitted=True))
        self.after += len(asked)
        self.streams.forget(resumed_s)
        return "; ".join(_wrong(first, later, asked))

    def _heard(self, scope: HaltScope, since_s: float) -> int:
        return len({one.gateway for one in self.streams.asked(scope, since_s=since_s)})

    def _admitted(self, scope: HaltScope) -> frozenset[str]:
        return self._runner.run(self._read(scope))

    async def _read(self, scope: HaltScope) -> frozenset[str]:
        place = await self._looking.fetchval(_PLACE)
        commits = await self._looking.fetch(_COMMITS, place - _BACK)
        decisions = await self._looking.fetch(_DECISIONS, time.time_ns() // 1_000_000 - _BACK_MS)
        reaches = [(one[0], Reach(tenant=one[1], workflow=one[2], step=one[3], run_id=one[4], action=one[5], target=one[6])) for one in commits]
        reaches += [(one[0], Reach(tenant=one[1], workflow=one[2], step=one[3], run_id=one[4], models=("mute",))) for one in decisions]
        return frozenset(name for name, reach in reaches if covers(scope, reach))


def _wrong(first: frozenset[str], later: frozenset[str], asked: Sequence[Asked]) -> Iterator[str]:
    # what was seen first may be too old to be looked at later; nothing may be new
    if new := later - first:
        yield f"{len(new)} were admitted in scope after Halt had returned: {sorted(new)[:3]}"
    if told := [one for one in asked if one.admitted]:
        yield f"{len(told)} requests that began after Halt had returned were admitted: {told[:3]}"


def _between(stored: Stored, thrown: dict[str, HaltScope]) -> Iterator[str]:
    """Over the whole record, in the order of its places."""
    rows = {row.commit_id: row for row in stored.books.commits}
    standing: dict[str, HaltScope] = {}
    for entry in stored.entries:
        match entry.kind:
            case EntryKind.HALT:
                standing[entry.subject_id] = thrown[entry.subject_id]
            case EntryKind.RESUME:
                del standing[entry.subject_id]
            case EntryKind.INTENT:
                row = rows[entry.subject_id]
                reach = Reach(tenant=row.tenant, workflow=row.workflow, step=row.step, run_id=row.run_id, action=row.action, target=row.target)
                if any(covers(scope, reach) for scope in standing.values()):
                    yield f"the INTENT of {row.commit_id} stands between a HALT that covers it and its RESUME"
            case _:
                pass
    if {row.state for row in rows.values()} & {State.FORWARDING}:
        yield "something is still FORWARDING"
