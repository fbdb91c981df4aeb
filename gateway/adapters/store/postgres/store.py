"""The store on PostgreSQL: several gateways, each with one writer and a few readers.

1. Writes are gathered into batches of one transaction each (`lane`, `writer`); what requests recall is gathered likewise (`read`).
2. A write is acknowledged when the server has acknowledged its COMMIT, and never on the word of a read alone.
3. The clock is the server's. Nothing of another boot is touched before its lease has run out: other gateways may live.
4. The server may go and come back: until then every call is a fault, and `ready` stays True. It is False for good once the server has lost what it
   acknowledged; then only an operator may go on.
"""

import asyncio
from typing import Any, Final, TypeVar

from gateway.adapters.store.lane import Lane
from gateway.adapters.store.postgres.connecting import Access
from gateway.adapters.store.postgres.link import Link
from gateway.adapters.store.postgres.opening import open_store
from gateway.adapters.store.postgres.read import Reader, Recall, RecallErrand
from gateway.adapters.store.postgres.writer import WriteErrand, Writer
from gateway.domain.audit import Entry
from gateway.domain.budget import NodeRow
from gateway.domain.conservation import Books
from gateway.domain.facts import Facts
from gateway.domain.halts import Halt
from gateway.domain.lifecycle import Event
from gateway.domain.limits import BATCH_MAX
from gateway.domain.reasons import Reason
from gateway.domain.records import Body, CommitRow, DecisionRow, KeyName, KeyRow, Note, RunName, RunRow
from gateway.domain.rows import Gate, Write
from gateway.domain.writes.commits import Authorised, SettleCommit
from gateway.domain.writes.decisions import lost
from gateway.domain.writes.resolutions import Interrupt
from gateway.ports.store import Due, Recovered, Shelf, StoredCommit, Stretch
from gateway.ports.system import Clock, Ids

Reply = TypeVar("Reply")

_RECALLS_MAX: Final = 256  # of one snapshot
_RECOVERED_AT_ONCE: Final = 8 * BATCH_MAX
_FOREVER_S: Final = float("inf")


class PostgresStore:
    """Implements `ports.store.Store`. Made by `open`; belongs to the loop that opened it."""

    def __init__(self, reader: Reader, link: Link, *, store_clock: Clock | None) -> None:
        self.boot_id = link.boot_id
        self._reader = reader
        self._link = link
        self._regretted: set[asyncio.Future[CommitRow]] = set()
        self._writer = Writer(link, given_up=self._regret, store_clock=store_clock)
        self._writes: Lane[WriteErrand[Any]] = Lane("store-writer", self._writer.work, batch_max=BATCH_MAX)
        self._recalls: Lane[RecallErrand] = Lane("store-reader", reader.recall, batch_max=_RECALLS_MAX)

    @staticmethod
    async def open(access: Access, *, ids: Ids, clock: Clock, store_clock: Clock | None = None) -> "PostgresStore":
        """Checks and begins a boot. `clock` is this machine's, compared with the server's; `store_clock` stands in for the server's. Raises StoreRefused."""
        boot_id = ids.fresh()
        store_id = await open_store(access, boot_id=boot_id, clock=None if store_clock else clock)
        reader = await Reader.open(access, boot_id=boot_id, store_id=store_id, store_clock=store_clock)
        return PostgresStore(reader, Link(access, boot_id=boot_id, store_id=store_id), store_clock=store_clock)

    async def write(self, write: Write[Reply], *, hand_over_by_s: float) -> Reply:
        return await self._hand_over(write, by_s=hand_over_by_s)

    async def try_out(self, write: Write[Reply]) -> Reply:
        return await self._reader.try_out(write)

    async def facts(self, *, key: KeyName, run: RunName, decision_id: str) -> Facts:
        errand = RecallErrand(Recall(key=key, run=run, decision_id=decision_id))
        self._recalls.put(errand)
        return await errand.future

    async def commit(self, commit_id: str) -> StoredCommit | None:
        return await self._reader.stored(commit_id)

    async def commit_of_key(self, key: KeyName) -> StoredCommit | KeyRow | None:
        return await self._reader.of_key(key)

    async def decision(self, decision_id: str) -> DecisionRow | None:
        return await self._reader.decision(decision_id)

    async def body(self, commit_id: str) -> Body | None:
        return await self._reader.body(commit_id)

    async def run(self, name: RunName) -> RunRow | None:
        return await self._reader.run(name)

    async def runs_named(self, *, tenant: str, run_id: str) -> list[RunName]:
        return await self._reader.runs_named(tenant, run_id)

    async def entries(self, run: RunName, *, after: int, limit: int) -> list[tuple[int, Entry]]:
        return await self._reader.entries(run, after, limit)

    async def step_result(self, entry_hash: bytes) -> bytes:
        return await self._reader.step_result(entry_hash)

    async def commits(self, *, tenant: str, state: str, workflow: str, before: int, limit: int) -> list[tuple[int, CommitRow]]:
        return await self._reader.commits(tenant=tenant, state=state, workflow=workflow, before=before, limit=limit)

    async def halts(self, *, include_lifted: bool) -> list[Halt]:
        return await self._reader.halts(include_lifted=include_lifted)

    async def nodes(self, *, tenant: str, workflow: str) -> list[NodeRow]:
        return await self._reader.nodes(tenant=tenant, workflow=workflow)

    async def due(self, *, limit: int) -> Due:
        return await self._reader.due(limit)

    async def shelf(self, shelf: Shelf, *, bookmark: str, limit: int) -> Stretch:
        return await self._reader.shelf(shelf, bookmark=bookmark, limit=limit)

    async def gate(self) -> Gate:
        return await self._reader.gate()

    async def books(self) -> Books:
        return await self._reader.books()

    async def recover(self) -> Recovered:
        """Only what is past its lease, whosever it was. What is found again in a second round has been ended by nobody: left to the reconciler."""
        commits = decisions = 0
        seen: set[str] = set()
        while True:
            due = await self.due(limit=_RECOVERED_AT_ONCE)
            left = {*due.interrupted, *due.lost} - seen
            if not left:
                return Recovered(commits=commits, decisions=decisions)
            seen |= left
            interrupts = [self._hand_over(Interrupt(commit_id=commit_id, earlier_boot=False), by_s=_FOREVER_S) for commit_id in due.interrupted]
            ends = [self._hand_over(lost(decision_id), by_s=_FOREVER_S) for decision_id in due.lost]
            interrupted, ended = await asyncio.gather(asyncio.gather(*interrupts), asyncio.gather(*ends))
            commits += sum(interrupted)
            decisions += len(ended)

    def ready(self) -> bool:
        return self._writer.down is None

    async def close(self) -> None:
        """Lets what is under way end, and marks a clean stop."""
        await self._writes.close()
        await self._recalls.close()
        await self._link.close()
        await self._reader.close()

    def _hand_over(self, write: Write[Reply], *, by_s: float) -> asyncio.Future[Reply]:
        errand = WriteErrand(write, by_s=by_s)
        self._writes.put(errand)
        return errand.future

    def _regret(self, decided: object) -> None:
        """An attempt was given up before anybody knew that it was authorised: nobody sends it, and that is recorded (R8)."""
        if not isinstance(decided, Authorised):
            return
        row = decided.row
        settle = SettleCommit(
            commit_id=row.commit_id, attempt_id=row.attempt_id, event=Event.HOST_DID_NOT, for_every_attempt=False,
            notes=(Note(reason=Reason.NOT_SENT_IN_TIME),), host_status=0, response=b"", response_truncated=False,
        )  # fmt: skip
        future = self._hand_over(settle, by_s=_FOREVER_S)
        self._regretted.add(future)
        future.add_done_callback(self._told)

    def _told(self, future: "asyncio.Future[CommitRow]") -> None:
        """Should even this fail, the lease finds the commit."""
        self._regretted.discard(future)
        if not future.cancelled():
            future.exception()
