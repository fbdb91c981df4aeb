"""A store with trouble planted in it, around any store that passes the exam.

1. `fails(kind, …)`: the next writes of that kind raise, before anything happens.
2. `holds(kind)`: writes of that kind happen and are then kept from their callers until `release`: a slow disk, seen from above.
3. `before(kind, do)`: something else happens first, once, as when somebody is faster.
4. `reads_fail(…)`: the next looks at one commit raise.
"""

import asyncio
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from gateway.domain.audit import Entry
from gateway.domain.budget import NodeRow
from gateway.domain.conservation import Books
from gateway.domain.facts import Facts
from gateway.domain.faults import StoreFault
from gateway.domain.halts import Halt
from gateway.domain.records import Body, CommitRow, DecisionRow, KeyName, KeyRow, RunName, RunRow
from gateway.domain.rows import Gate, Write
from gateway.ports.store import Due, Recovered, Shelf, Store, StoredCommit, Stretch

Reply = TypeVar("Reply")
Kind = type[Write[Any]]


class TroubledStore:
    """Implements `ports.store.Store`; everything but `write` and `commit` is the inner store's."""

    def __init__(self, inner: Store) -> None:
        self.inner = inner
        self.down = False
        self.written: list[Write[Any]] = []  # handed over, in order
        self._failures: defaultdict[Kind, deque[BaseException]] = defaultdict(deque)
        self._unread: deque[BaseException] = deque()
        self._firsts: dict[Kind, Callable[[], Awaitable[object]]] = {}
        self._held: set[Kind] = set()
        self._released = asyncio.Event()
        self._wrote = asyncio.Condition()

    def fails(self, kind: Kind, *failures: BaseException) -> None:
        self._failures[kind] += failures

    def reads_fail(self, *failures: BaseException) -> None:
        self._unread += failures

    def holds(self, *kinds: Kind) -> None:
        self._held |= {*kinds}
        self._released.clear()

    def release(self) -> None:
        self._held.clear()
        self._released.set()

    def before(self, kind: Kind, do: Callable[[], Awaitable[object]]) -> None:
        self._firsts[kind] = do

    async def until_written(self, kind: Kind, count: int = 1) -> None:
        """Waits until `count` writes of that kind have been handed over; the test's own timeout bounds it."""
        async with self._wrote:
            await self._wrote.wait_for(lambda: sum(isinstance(one, kind) for one in self.written) >= count)

    async def write(self, write: Write[Reply], *, hand_over_by_s: float) -> Reply:
        kind = type(write)
        if self.down:
            raise StoreFault("the store has failed for good")
        if kind in self._firsts:
            await self._firsts.pop(kind)()
        if self._failures[kind]:
            raise self._failures[kind].popleft()
        reply = await self.inner.write(write, hand_over_by_s=hand_over_by_s)
        async with self._wrote:
            self.written.append(write)
            self._wrote.notify_all()
        if kind in self._held:
            await self._released.wait()
        return reply

    async def try_out(self, write: Write[Reply]) -> Reply:
        return await self.inner.try_out(write)

    async def facts(self, *, key: KeyName, run: RunName, decision_id: str) -> Facts:
        return await self.inner.facts(key=key, run=run, decision_id=decision_id)

    async def commit(self, commit_id: str) -> StoredCommit | None:
        if self._unread:
            raise self._unread.popleft()
        return await self.inner.commit(commit_id)

    async def commit_of_key(self, key: KeyName) -> StoredCommit | KeyRow | None:
        return await self.inner.commit_of_key(key)

    async def decision(self, decision_id: str) -> DecisionRow | None:
        return await self.inner.decision(decision_id)

    async def body(self, commit_id: str) -> Body | None:
        return await self.inner.body(commit_id)

    async def run(self, name: RunName) -> RunRow | None:
        return await self.inner.run(name)

    async def runs_named(self, *, tenant: str, run_id: str) -> list[RunName]:
        return await self.inner.runs_named(tenant=tenant, run_id=run_id)

    async def entries(self, run: RunName, *, after: int, limit: int) -> list[tuple[int, Entry]]:
        return await self.inner.entries(run, after=after, limit=limit)

    async def step_result(self, entry_hash: bytes) -> bytes:
        return await self.inner.step_result(entry_hash)

    async def commits(self, *, tenant: str, state: str, workflow: str, before: int, limit: int) -> list[tuple[int, CommitRow]]:
        return await self.inner.commits(tenant=tenant, state=state, workflow=workflow, before=before, limit=limit)

    async def halts(self, *, include_lifted: bool) -> list[Halt]:
        return await self.inner.halts(include_lifted=include_lifted)

    async def nodes(self, *, tenant: str, workflow: str) -> list[NodeRow]:
        return await self.inner.nodes(tenant=tenant, workflow=workflow)

    async def due(self, *, limit: int) -> Due:
        return await self.inner.due(limit=limit)

    async def shelf(self, shelf: Shelf, *, bookmark: str, limit: int) -> Stretch:
        return await self.inner.shelf(shelf, bookmark=bookmark, limit=limit)

    async def gate(self) -> Gate:
        return await self.inner.gate()

    async def recover(self) -> Recovered:
        return await self.inner.recover()

    async def books(self) -> Books:
        return await self.inner.books()

    def ready(self) -> bool:
        return not self.down and self.inner.ready()

    async def close(self) -> None:
        await self.inner.close()
