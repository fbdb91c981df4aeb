"""The reconciler settles what nobody waits for: expired leases, unknown outcomes, lost thoughts, runs out of time.

1. Each look is leased, backed off and bounded; after `looks_max` the commit NEEDS_OPERATOR and stays held. A look that a halt or a lease
   kept from being one does not count, however long it does.
2. `query` hosts are asked; `dedupe` hosts get a re-send with the same key, written before it is sent; `none` waits for an operator.
3. Nothing here ever turns an unknown into "not done" before every attempt's time to send, with skew, has passed.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final, assert_never

from gateway.domain.asks import Refuse
from gateway.domain.faults import Fault
from gateway.domain.host_answer import QueryFinding, Resolution, resolve_by_query
from gateway.domain.lifecycle import Event, State
from gateway.domain.limits import CLOCK_SKEW_MS
from gateway.domain.records import CommitRow
from gateway.domain.targets import HostMode
from gateway.domain.writes.decisions import lost
from gateway.domain.writes.resolutions import ClaimLook, ClaimResend, DeferLook, Interrupt, NotResent, Resolve
from gateway.domain.writes.runs import TimeOutRun
from gateway.ports.host import QueryAnswer
from gateway.ports.store import Due, Store
from gateway.ports.system import Clock, Ids
from gateway.service.commit import Way
from gateway.stages.forward import downstream_key, forward
from gateway.stages.settle import record_answer

_NEVER_S: Final = float("inf")
_DUE_MAX: Final = 64


class Looked(Enum):
    """What came of one look."""

    SETTLED = auto()
    STILL_UNKNOWN = auto()
    KEPT_OFF = auto()  # nobody was asked: a halt, or an attempt that may still be under way


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How often, and for how long, the reconciler looks."""

    interval_ms: int  # between sweeps
    backoff_ms: int  # after the first look; doubles
    backoff_ms_max: int
    looks_max: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciler:
    store: Store
    ways: Mapping[str, Way]
    clock: Clock
    ids: Ids
    pace: Pace

    async def run(self) -> None:
        """Sweeps until cancelled. A fault of the store ends one sweep, not the reconciler."""
        while True:
            try:
                await self.sweep()
            except Fault:
                if not self.store.ready():
                    return
            await asyncio.sleep(self.pace.interval_ms / 1000)

    async def sweep(self) -> Due:
        """One round over everything due; returns what it found."""
        due = await self.store.due(limit=_DUE_MAX)
        for commit_id in due.interrupted:
            await self.store.write(Interrupt(commit_id=commit_id, earlier_boot=False), hand_over_by_s=_NEVER_S)
        for decision_id in due.lost:
            await self.store.write(lost(decision_id), hand_over_by_s=_NEVER_S)
        for run in due.timed_out:
            await self.store.write(TimeOutRun(run=run), hand_over_by_s=_NEVER_S)
        await asyncio.gather(*(self.look(commit_id) for commit_id in due.unknown))
        return due

    async def look(self, commit_id: str) -> bool:
        """One leased look at one unknown commit. False: it has ended, or somebody is looking."""
        row = await self.store.write(ClaimLook(commit_id=commit_id, lease_ms=self._lease_ms()), hand_over_by_s=_NEVER_S)
        if row is None:
            return False
        way = self.ways.get(row.target)
        mode = way.terms.mode if way else HostMode.NONE  # a target taken out of the settings can only be settled by hand
        match mode:
            case HostMode.QUERY:
                assert way is not None
                looked = await self._query(row, way)
            case HostMode.DEDUPE:
                assert way is not None
                looked = await self._resend(row, way)
            case HostMode.NONE:
                looked = Looked.STILL_UNKNOWN
            case _:
                assert_never(mode)
        if looked is not Looked.SETTLED:
            counts = looked is Looked.STILL_UNKNOWN
            after_ms = 0 if mode is HostMode.NONE or (counts and row.looks >= self.pace.looks_max) else self._pause_ms(row)
            await self.store.write(DeferLook(commit_id=commit_id, after_ms=after_ms, looked=counts), hand_over_by_s=_NEVER_S)
        return True

    async def _query(self, row: CommitRow, way: Way) -> Looked:
        deadline_s = asyncio.get_running_loop().time() + way.terms.wire_ms_max / 1000
        answer = await way.host.query(key=downstream_key(row.commit_id), deadline_s=deadline_s)
        passed = self.clock.now_ms() >= row.not_after_ms + CLOCK_SKEW_MS
        found = resolve_by_query(answer.finding, enforces_not_after=way.terms.enforces_not_after, not_after_passed_with_skew=passed)
        if found is Resolution.STILL_UNKNOWN:
            return Looked.STILL_UNKNOWN
        resolved = await self.store.write(_by_query(row, answer, done=found is Resolution.DONE), hand_over_by_s=_NEVER_S)
        return Looked.STILL_UNKNOWN if isinstance(resolved, Refuse) else Looked.SETTLED

    async def _resend(self, row: CommitRow, way: Way) -> Looked:
        terms = way.terms
        body = await self.store.body(row.commit_id)
        if body is None:
            return Looked.STILL_UNKNOWN
        send_by_s = self.clock.boot_s() + (terms.lease_ms - terms.send_margin_ms) / 1000  # taken before the attempt is made durable (R2)
        claim = ClaimResend(
            commit_id=row.commit_id, attempt_id=self.ids.fresh(), lease_ms=terms.lease_ms, send_margin_ms=terms.send_margin_ms,
            retention_ms=terms.retention_ms,
        )  # fmt: skip
        resent = await self.store.write(claim, hand_over_by_s=_NEVER_S)
        if isinstance(resent, NotResent):
            return _KEPT[resent]
        attempt = resent.attempt
        answered = await forward(
            resent.row, attempt_id=attempt.attempt_id, not_after_ms=attempt.not_after_ms, payload=body.payload, send_by_s=send_by_s,
            host=way.host, target=terms,
        )  # fmt: skip
        row = await record_answer(answered, self.store)
        return Looked.STILL_UNKNOWN if row.state is State.UNKNOWN else Looked.SETTLED

    def _lease_ms(self) -> int:
        return 2 * max((way.terms.lease_ms for way in self.ways.values()), default=10_000)

    def _pause_ms(self, row: CommitRow) -> int:
        """Until the next look: doubles with each that counted."""
        return int(min(self.pace.backoff_ms * 2 ** (row.looks - 1), self.pace.backoff_ms_max))


def _by_query(row: CommitRow, answer: QueryAnswer, *, done: bool) -> Resolve:
    return Resolve(
        commit_id=row.commit_id, tenant=row.tenant, expected=State.UNKNOWN, event=Event.FOUND_DONE if done else Event.FOUND_NOT_DONE,
        by="query", evidence="", salt=b"", host_status=answer.status, response=answer.body if answer.finding is QueryFinding.APPLIED else b"",
    )  # fmt: skip


_KEPT: Final = {
    NotResent.NOT_UNKNOWN: Looked.SETTLED,
    NotResent.LEASED: Looked.KEPT_OFF,
    NotResent.HALTED: Looked.KEPT_OFF,
    NotResent.FORGOTTEN: Looked.STILL_UNKNOWN,
}
