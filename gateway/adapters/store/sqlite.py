"""The store on SQLite: one file, one gateway, one writer, one reader.

1. Writes are gathered into batches of one transaction each (`lane`, `writer`); reads share one snapshot a batch (`read`).
2. A write is acknowledged when its transaction is on the disk (`synchronous=FULL`), never before.
3. After a failed sync, or any failure of COMMIT, the store is down for good: `ready` is False, and only a restart, which recovers, may go on.
"""

import asyncio
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeVar

import apsw

from gateway.adapters.store.lane import Lane
from gateway.adapters.store.opening import Opened, close_boot, open_store
from gateway.adapters.store.read import Reader, ReadErrand, ReadWork
from gateway.adapters.store.reserve import Reserve
from gateway.adapters.store.shelves import stretch_of
from gateway.adapters.store.thread import Thread
from gateway.adapters.store.writer import WriteErrand, Writer
from gateway.domain.audit import Entry
from gateway.domain.budget import NodeRow
from gateway.domain.conservation import Books
from gateway.domain.facts import Facts
from gateway.domain.faults import StoreFault
from gateway.domain.halts import Halt
from gateway.domain.limits import BATCH_MAX
from gateway.domain.records import Body, CommitRow, DecisionRow, KeyName, KeyRow, RunName, RunRow
from gateway.domain.rows import Gate, Write
from gateway.domain.writes.decisions import lost
from gateway.domain.writes.resolutions import Interrupt
from gateway.ports.store import Due, Recovered, Shelf, StoredCommit, Stretch
from gateway.ports.system import Clock, Ids

Reply = TypeVar("Reply")

_READS_MAX: Final = 256  # of one snapshot
_RECOVERED_AT_ONCE: Final = 8 * BATCH_MAX
_NEWEST: Final = 2**62
_FOREVER_S: Final = float("inf")


class SqliteStore:
    """Implements `ports.store.Store`. Made by `open`; belongs to the loop that opened it."""

    def __init__(self, opened: Opened, *, boot_id: str, clock: Clock, reserve: Reserve) -> None:
        self.boot_id = boot_id
        self.checked = opened.checked
        self._opened = opened
        self._clock = clock
        self._writer = Writer(opened.writer, boot_id=boot_id, clock=clock, reserve=reserve)
        self._answers = ReadWork(opened.reader, Reader(opened.reader, boot_id=boot_id, clock=clock))
        self._writing: Thread[WriteErrand[Any]] = Thread("store-writer", self._writer.work, untidy=self._writer.untidy, tidy=self._writer.tidy)
        self._reading: Thread[ReadErrand[Any]] = Thread("store-reader", self._answers)
        self._writes: Lane[WriteErrand[Any]] = Lane("store-writer", self._writing, batch_max=BATCH_MAX)
        self._reads: Lane[ReadErrand[Any]] = Lane("store-reader", self._reading, batch_max=_READS_MAX)

    @staticmethod
    async def open(path: Path, *, ids: Ids, clock: Clock, reserve_bytes: int) -> "SqliteStore":
        """Opens, migrates and begins a boot. `reserve_bytes`: no T1 is taken while less is free on the disk. Raises StoreRefused."""
        boot_id = ids.fresh()
        opened = await asyncio.to_thread(open_store, path, boot_id=boot_id, clock=clock)
        reserve = Reserve(opened.folder, reserve_bytes=reserve_bytes, clock=clock)
        return SqliteStore(opened, boot_id=boot_id, clock=clock, reserve=reserve)

    async def write(self, write: Write[Reply], *, hand_over_by_s: float) -> Reply:
        errand = WriteErrand(write, by_s=hand_over_by_s)
        self._writes.put(errand)
        return await errand.future

    async def try_out(self, write: Write[Reply]) -> Reply:
        return await self._read(lambda reader: reader.try_out(write))

    async def facts(self, *, key: KeyName, run: RunName, decision_id: str) -> Facts:
        return await self._read(lambda reader: reader.facts(key=key, run=run, decision_id=decision_id))

    async def commit(self, commit_id: str) -> StoredCommit | None:
        return await self._read(lambda reader: reader.stored(commit_id))

    async def commit_of_key(self, key: KeyName) -> StoredCommit | KeyRow | None:
        return await self._read(lambda reader: reader.of_key(key))

    async def decision(self, decision_id: str) -> DecisionRow | None:
        return await self._read(lambda reader: reader.decision(decision_id))

    async def body(self, commit_id: str) -> Body | None:
        return await self._read(lambda reader: reader.body(commit_id))

    async def run(self, name: RunName) -> RunRow | None:
        return await self._read(lambda reader: reader.run(name))

    async def runs_named(self, *, tenant: str, run_id: str) -> list[RunName]:
        return await self._read(lambda reader: reader.runs_named(tenant, run_id))

    async def entries(self, run: RunName, *, after: int, limit: int) -> list[tuple[int, Entry]]:
        return await self._read(lambda reader: reader.entries(run, after, limit))

    async def step_result(self, entry_hash: bytes) -> bytes:
        return await self._read(lambda reader: reader.step_result(entry_hash))

    async def commits(self, *, tenant: str, state: str, workflow: str, before: int, limit: int) -> list[tuple[int, CommitRow]]:
        found: list[tuple[int, CommitRow]] = []
        down_from = before or _NEWEST
        while down_from and len(found) < limit:
            stretch = partial(Reader.commits_down, tenant=tenant, state=state, workflow=workflow, before=down_from, limit=limit - len(found))
            more, down_from = await self._read(stretch)
            found += more
        return found

    async def halts(self, *, include_lifted: bool) -> list[Halt]:
        return await self._read(lambda reader: reader.halts(include_lifted=include_lifted))

    async def nodes(self, *, tenant: str, workflow: str) -> list[NodeRow]:
        return await self._read(lambda reader: reader.nodes(tenant=tenant, workflow=workflow))

    async def due(self, *, limit: int) -> Due:
        return await self._read(lambda reader: reader.due(limit))

    async def shelf(self, shelf: Shelf, *, bookmark: str, limit: int) -> Stretch:
        return await self._read(lambda reader: stretch_of(reader, shelf, bookmark=bookmark, limit=limit))

    async def gate(self) -> Gate:
        return await self._read(lambda reader: reader.gate())

    async def books(self) -> Books:
        return await self._read(lambda reader: reader.books())

    async def recover(self) -> Recovered:
        commits = decisions = 0
        while True:
            left = await self._read(lambda reader: reader.earlier_boots(_RECOVERED_AT_ONCE))
            if not any(left):
                return Recovered(commits=commits, decisions=decisions)
            interrupts = [self.write(Interrupt(commit_id=commit_id, earlier_boot=True), hand_over_by_s=_FOREVER_S) for commit_id in left[0]]
            ends = [self.write(lost(decision_id), hand_over_by_s=_FOREVER_S) for decision_id in left[1]]
            interrupted, ended = await asyncio.gather(asyncio.gather(*interrupts), asyncio.gather(*ends))
            assert all(interrupted), "a commit of an earlier boot is interrupted at once"
            commits += len(interrupted)
            decisions += len(ended)

    def ready(self) -> bool:
        return self._writer.down is None and self._answers.down is None

    async def close(self) -> None:
        """Lets what is under way end, marks a clean stop, gives the lock back. A store that is down is left as it is, for the next start to recover."""
        await self._writes.close()
        await self._reads.close()
        await self._writing.do(self._end)
        self._reading.end()
        self._writing.end()

    def _end(self) -> None:
        opened = self._opened
        try:
            opened.reader.close()
            if self._writer.down is None:
                close_boot(opened.writer, boot_id=self.boot_id, now_ms=self._clock.now_ms())
            else:
                opened.writer.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
        except StoreFault:
            opened.writer.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
        finally:
            opened.writer.close()
            opened.lock.release()

    async def _read(self, question: Callable[[Reader], Reply]) -> Reply:
        errand = ReadErrand(question)
        self._reads.put(errand)
        return await errand.future
