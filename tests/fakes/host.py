"""A host in memory, for tests that need no wire. Takes the same exam as the real clients (`tests/contract/test_host_exam.py`).

1. One turn per write that reaches it, in order; after the last turn it does what it is asked and answers 201.
2. `deliveries` is what reached it, `writes` the key of every effect. With mode `dedupe` a key has its effect once, and is answered the same again.
3. `hold()` keeps answers back after the effect, until `release()`: a host that is slow, seen from the outside.
"""

import asyncio
from collections import deque
from dataclasses import dataclass
from typing import Final

from gateway.domain.host_answer import HttpReply, NotSent, NotSentWhy, Observation, QueryFinding, Silent
from gateway.ports.host import Delivery, QueryAnswer
from gateway.ports.system import Clock

CREATED: Final = HttpReply(status=201, body=b'{"ok":true}', body_truncated=False, content_type="application/json")


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """What is seen of one write, and what really happened to it."""

    observation: Observation
    delivered: bool  # the whole request reached the host
    applied: bool  # and had its effect


DID: Final = Turn(observation=CREATED, delivered=True, applied=True)
DID_AND_VANISHED: Final = Turn(observation=Silent("told to vanish after the effect"), delivered=True, applied=True)
VANISHED: Final = Turn(observation=Silent("told to vanish before the effect"), delivered=True, applied=False)
NOT_REACHED: Final = Turn(observation=NotSent(NotSentWhy.NOT_REACHED, "told not to be there"), delivered=False, applied=False)


def answered(status: int, body: bytes = b'{"ok":true}', *, applied: bool) -> Turn:
    return Turn(observation=HttpReply(status=status, body=body, body_truncated=False, content_type="application/json"), delivered=True, applied=applied)


class FakeHost:
    """Implements `ports.host.Host`."""

    def __init__(self, clock: Clock, *turns: Turn, dedupes: bool = True) -> None:
        self.deliveries: list[Delivery] = []
        self.writes: list[str] = []
        self.turns = deque(turns)
        self.findings: dict[str, QueryAnswer] = {}  # instead of what the writes say
        self._clock = clock
        self._dedupes = dedupes
        self._answers: dict[str, Observation] = {}
        self._released = asyncio.Event()
        self._released.set()
        self._arrived = asyncio.Condition()
        self._closed = False

    def hold(self) -> None:
        self._released.clear()

    def release(self) -> None:
        self._released.set()

    async def until_delivered(self, count: int) -> None:
        """Waits until `count` writes have reached this host; the test's own timeout bounds it."""
        async with self._arrived:
            await self._arrived.wait_for(lambda: len(self.deliveries) >= count)

    async def apply(self, delivery: Delivery) -> Observation:
        if self._closed:
            return NotSent(NotSentWhy.NOT_REACHED, "this host is closed")
        if self._clock.boot_s() > delivery.send_by_s or self._clock.now_ms() > delivery.not_after_ms:
            return NotSent(NotSentWhy.TOO_LATE, "the time to send has passed")
        turn = self.turns.popleft() if self.turns else DID
        if turn.delivered:
            async with self._arrived:
                self.deliveries.append(delivery)
                self._arrived.notify_all()
        observation = self._carry_out(turn, delivery.key)
        await self._released.wait()
        return observation

    async def query(self, *, key: str, deadline_s: float) -> QueryAnswer:
        try:
            async with asyncio.timeout_at(deadline_s):
                await self._released.wait()
        except TimeoutError:
            return QueryAnswer(finding=QueryFinding.NO_ANSWER, status=0, body=b"", detail="no answer to the query in time")
        if key in self.findings:
            return self.findings[key]
        if key not in self.writes:
            return QueryAnswer(finding=QueryFinding.NOT_FOUND, status=0, body=b"", detail="")
        return QueryAnswer(finding=QueryFinding.APPLIED, status=CREATED.status, body=CREATED.body, detail="")

    async def close(self) -> None:
        self._closed = True
        self._released.set()

    def _carry_out(self, turn: Turn, key: str) -> Observation:
        if not turn.applied:
            return turn.observation
        if self._dedupes and key in self._answers:
            return self._answers[key] if isinstance(turn.observation, HttpReply) else turn.observation
        self.writes.append(key)
        self._answers[key] = turn.observation if isinstance(turn.observation, HttpReply) else CREATED
        return turn.observation
