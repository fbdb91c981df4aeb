"""The collector takes out what is old, shelf by shelf, a little at a time: nothing that people wait for waits for it.

1. It looks at a stretch of a shelf, writes what is due, rests, and goes on from its bookmark. On a shelf whose rows age in order it turns back at the
   first that is young; a sweep of any shelf is bounded. Between two sweeps it pauses, unless the first took rows out and was not done.
2. Whether a row may go is decided again, under the store's locks, by the write that takes it out.
3. A fault of the store ends one sweep; a store that has failed for good ends the collector.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, assert_never

from gateway.domain.budget import NodeRow
from gateway.domain.faults import Fault
from gateway.domain.records import CommitRow, DecisionRow, KeyName, KeySpace, RunName, RunRow, StepRow, Tombstone
from gateway.domain.rows import Write
from gateway.domain.writes.collecting import (
    CollectCommit,
    CollectDecision,
    CollectRun,
    CollectStep,
    CollectWindow,
    ForgetKey,
    Retention,
    commit_kept_until_ms,
    decision_kept_until_ms,
    run_kept_until_ms,
    step_kept_until_ms,
    window_kept_until_ms,
)
from gateway.ports.store import Shelf, Shelved, Store
from gateway.ports.system import Clock

_NEVER_S: Final = float("inf")


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectorPace:
    """How often, and how much at once."""

    interval_ms: int  # between sweeps
    at_once: int  # rows looked at, and at most written, together
    rest_ms: int  # between two of these
    stretches_max: int  # of one shelf in one sweep


@dataclass(frozen=True, slots=True, kw_only=True)
class Collector:
    store: Store
    clock: Clock
    retention: Retention
    pace: CollectorPace
    bookmarks: dict[Shelf, str] = field(default_factory=dict)

    async def run(self) -> None:
        """Sweeps until cancelled."""
        while True:
            behind = False
            try:
                gone = await self.sweep()
                behind = any(count and self.bookmarks[shelf] for shelf, count in gone.items())
            except Fault:
                if not self.store.ready():
                    return
            if not behind:
                await asyncio.sleep(self.pace.interval_ms / 1000)

    async def sweep(self) -> dict[Shelf, int]:
        """One round over every shelf; how many rows went from each."""
        return {shelf: await self.clear(shelf) for shelf in Shelf}

    async def clear(self, shelf: Shelf) -> int:
        """One shelf's part of a sweep; how many rows went."""
        gone = 0
        for _ in range(self.pace.stretches_max):
            stretch = await self.store.shelf(shelf, bookmark=self.bookmarks.get(shelf, ""), limit=self.pace.at_once)
            gone += await self._collect(stretch.rows)
            turn = not stretch.bookmark or (shelf in _IN_ORDER_OF_AGE and self._is_young(stretch.rows[-1]))
            self.bookmarks[shelf] = "" if turn else stretch.bookmark
            if turn:
                break
            await asyncio.sleep(self.pace.rest_ms / 1000)
        return gone

    async def _collect(self, rows: Sequence[Shelved]) -> int:
        due = [row for row in rows if self._kept_until_ms(row) <= self.clock.now_ms()]
        writes = [await self._write(row) for row in due]
        return sum(await asyncio.gather(*(self.store.write(write, hand_over_by_s=_NEVER_S) for write in writes)))

    def _is_young(self, row: Shelved) -> bool:
        """Whatever came after it is younger still, and nothing this young is due."""
        terms = self.retention
        match row:
            case CommitRow() | DecisionRow():
                return row.created_at_ms + terms.keep_ms > self.clock.now_ms()
            case RunRow():
                return row.stopped_at_ms + terms.tombstone_ms > self.clock.now_ms()
            case StepRow() | Tombstone():
                return self._kept_until_ms(row) > self.clock.now_ms()
            case NodeRow():
                return False
            case _:
                assert_never(row)

    def _kept_until_ms(self, row: Shelved) -> int:
        terms = self.retention
        match row:
            case CommitRow():
                return commit_kept_until_ms(row, terms.keep_ms)
            case DecisionRow():
                return decision_kept_until_ms(row, terms.keep_ms)
            case StepRow():
                return step_kept_until_ms(row, terms.keep_ms)
            case RunRow():
                return run_kept_until_ms(row, terms.tombstone_ms)
            case NodeRow():
                return window_kept_until_ms(row, terms.keep_ms)
            case Tombstone():
                return row.retired_at_ms + terms.tombstone_ms
            case _:
                assert_never(row)

    async def _write(self, row: Shelved) -> Write[bool]:
        """The write that takes a row out."""
        terms = self.retention
        match row:
            case CommitRow():
                decision = await self.store.decision(row.decision_id) if row.decision_id else None
                return CollectCommit(
                    commit_id=row.commit_id, key=KeyName(KeySpace.COMMIT, row.tenant, row.key), run=_run(row),
                    decision_key=decision.key if decision else b"", keep_ms=terms.keep_ms,
                )  # fmt: skip
            case DecisionRow():
                key = KeyName(KeySpace.DECIDE, row.tenant, row.key)
                return CollectDecision(decision_id=row.decision_id, key=key, run=_run(row), keep_ms=terms.keep_ms)
            case StepRow():
                key = KeyName(KeySpace.STEP, row.run.tenant, row.key)
                return CollectStep(entry_hash=row.entry_hash, key=key, run=row.run, keep_ms=terms.keep_ms)
            case RunRow():
                return CollectRun(run=row.name, finish_key=row.finish_key, tombstone_ms=terms.tombstone_ms)
            case NodeRow():
                return CollectWindow(node_key=row.node.key, window_start_ms=row.window_start_ms, keep_ms=terms.keep_ms)
            case Tombstone():
                return ForgetKey(tombstone=row, tombstone_ms=terms.tombstone_ms)
            case _:
                assert_never(row)


def _run(row: CommitRow | DecisionRow) -> RunName:
    return RunName(row.tenant, row.workflow, row.run_id)


_IN_ORDER_OF_AGE: Final = frozenset(Shelf) - {Shelf.WINDOWS}
