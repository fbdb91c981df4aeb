"""Every await at a port is a point, numbered as a call comes by: one before the port does it, one after. A call can be stopped at any one of them.

Likewise every turn of a handler: wherever it has been waiting, for a port, for its turn or for kept work that goes on without it.
"""

import asyncio
from collections.abc import Coroutine, Generator
from functools import partial
from typing import Any, Generic, TypeVar

from gateway.domain.host_answer import Observation
from gateway.ports.agent import Brief, Meter, Thought
from gateway.ports.host import Delivery
from gateway.ports.policy import PolicyAnswer, Question
from tests.fakes.host import FakeHost
from tests.fakes.policy import FakePolicyEngine
from tests.fakes.store import MemoryStore
from tests.fakes.thinker import FakeThinker

Reply = TypeVar("Reply")


class Points:
    """Counts while armed; whoever comes to the point that was named stays there until `release`."""

    def __init__(self) -> None:
        self.reached = asyncio.Event()
        self.name = ""
        self._released = asyncio.Event()
        self._armed = False
        self._left = 0

    def stop_at(self, number: int) -> None:
        """The first is 0."""
        self._armed, self._left = True, number

    def release(self) -> None:
        self._armed = False
        self._released.set()

    async def around(self, name: str, work: Coroutine[Any, Any, Reply]) -> Reply:
        begun = False
        try:
            await self._come_by(f"before {name}")
            await asyncio.sleep(0)  # as anything outside takes at least a turn
            begun = True
            done = await work
        finally:
            if not begun:
                work.close()  # it never will
        await self._come_by(f"after {name}")
        return done

    def steps(self, work: Coroutine[Any, Any, Reply]) -> "Steps[Reply]":
        """`work`, with a point wherever it has been waiting, whatever for."""
        return Steps(self, work)

    async def _come_by(self, name: str) -> None:
        if not self._armed:
            return
        self._left -= 1
        if self._left >= 0:
            return
        self._armed, self.name = False, name
        self.reached.set()
        await self._released.wait()


class Steps(Generic[Reply]):
    """Awaited in place of a coroutine: stands between it and the loop."""

    def __init__(self, points: Points, work: Coroutine[Any, Any, Reply]) -> None:
        self._points, self._work = points, work

    def __await__(self) -> Generator[Any, Any, Reply]:
        count, resume = 0, partial(self._work.send, None)
        while True:
            try:
                waits_for = resume()
            except StopIteration as ended:
                reply: Reply = ended.value
                return reply
            try:
                yield waits_for
                count += 1
                yield from self._points._come_by(f"wait {count}").__await__()
                resume = partial(self._work.send, None)
            except asyncio.CancelledError as cancelled:
                resume = partial(self._work.throw, cancelled)


class PointedStore(MemoryStore):
    """The store in memory, with points at what the stories ask of it."""

    points: Points

    async def write(self, write: Any, *, hand_over_by_s: float) -> Any:
        return await self.points.around(type(write).__name__, super().write(write, hand_over_by_s=hand_over_by_s))

    async def facts(self, **asked: Any) -> Any:
        return await self.points.around("facts", super().facts(**asked))

    async def commit(self, commit_id: str) -> Any:
        return await self.points.around("commit", super().commit(commit_id))

    async def decision(self, decision_id: str) -> Any:
        return await self.points.around("decision", super().decision(decision_id))

    async def try_out(self, write: Any) -> Any:
        return await self.points.around("try_out", super().try_out(write))

    async def run(self, name: Any) -> Any:
        return await self.points.around("run", super().run(name))

    async def entries(self, run: Any, *, after: int, limit: int) -> Any:
        return await self.points.around("entries", super().entries(run, after=after, limit=limit))

    async def halts(self, *, include_lifted: bool) -> Any:
        return await self.points.around("halts", super().halts(include_lifted=include_lifted))


class PointedPolicy(FakePolicyEngine):
    points: Points

    async def ask(self, question: Question) -> PolicyAnswer:
        return await self.points.around("policy", super().ask(question))


class PointedThinker(FakeThinker):
    points: Points

    async def think(self, brief: Brief, meter: Meter) -> Thought:
        return await self.points.around("think", super().think(brief, meter))


class PointedHost(FakeHost):
    points: Points

    async def apply(self, delivery: Delivery) -> Observation:
        return await self.points.around("host", super().apply(delivery))
