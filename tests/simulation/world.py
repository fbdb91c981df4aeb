"""The simulated world: one seed of chance, one clock, one trace, and the ports of a process that can die at any of them.

1. The store keeps what it has applied, whatever becomes of the process that asked; a reply may be lost on the way back.
2. A process that has died asks nothing more: each of its calls ends there, as if it had never come back.
3. What the host was sent is on its way, whoever dies; it arrives, late perhaps, and does what chance says.
"""

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Final, TypeVar

from gateway.domain.faults import PolicyFault, StoreAmbiguous, StoreFault
from gateway.domain.reasons import DecideStop
from gateway.domain.rows import Write
from gateway.ports.agent import Brief, Meter, Thought
from gateway.ports.policy import PolicyAnswer, Question, Undefined
from gateway.ports.store import Store
from tests.fakes.clock import FakeClock
from tests.fakes.policy import ALLOW, FakePolicyEngine, deny
from tests.fakes.thinker import FakeThinker, Says
from tests.fakes.troubled_store import TroubledStore

Reply = TypeVar("Reply")

BEGAN_MS: Final = 1_800_000_000_000
BOOTED_S: Final = 1_000.0


@dataclass(slots=True)
class World:
    """Chance, time and what is written down of them."""

    chance: random.Random
    healed: bool = False  # from now on nothing goes wrong
    said: list[str] = field(default_factory=list)

    def say(self, *words: object) -> None:
        self.said.append(f"{asyncio.get_running_loop().time():.6f} {' '.join(map(str, words))}")

    def trace_hash(self) -> str:
        return sha256("".join(self.said).encode()).hexdigest()

    def happens(self, probability: float) -> bool:
        return not self.healed and self.chance.random() < probability

    async def while_it_takes(self) -> None:
        """Mostly nothing or milliseconds, at times a second, rarely long enough for a lease."""
        drawn = self.chance.random()
        if drawn < 0.4 or self.healed:
            return await asyncio.sleep(0)
        longest_s = 0.02 if drawn < 0.94 else 1.5 if drawn < 0.99 else 12.0
        return await asyncio.sleep(self.chance.random() * longest_s)


class WorldClock(FakeClock):
    """The loop's time, and a wall clock that somebody may set by a second or two."""

    def __init__(self) -> None:
        super().__init__(now_ms=BEGAN_MS, boot_s=BOOTED_S)
        self.set_off_ms = 0

    def now_ms(self) -> int:
        return BEGAN_MS + self.set_off_ms + round(asyncio.get_running_loop().time() * 1000)

    def boot_s(self) -> float:
        return BOOTED_S + asyncio.get_running_loop().time()


class Mortal:
    """Whether the process that holds this port is still there."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.dead = False

    async def take_a_while(self) -> None:
        self.live()
        await self.world.while_it_takes()
        self.live()

    def live(self) -> None:
        if self.dead:
            raise asyncio.CancelledError


class SimulatedStore(TroubledStore):
    """Writes happen wholly or not at all, and are kept; replies may be late, lost, or faults."""

    def __init__(self, inner: Store, life: Mortal, watch: Callable[[Write[Any], object], None]) -> None:
        super().__init__(inner)
        self._life, self._watch = life, watch

    async def write(self, write: Write[Reply], *, hand_over_by_s: float) -> Reply:
        world = self._life.world
        await self._life.take_a_while()
        if self.down or world.happens(0.003):
            self.down = True
            raise StoreFault("the disk has failed for good")
        if world.happens(0.02):
            raise StoreFault("busy")
        if world.happens(0.006):
            raise StoreAmbiguous("the connection broke before it was applied")
        reply = await self.inner.write(write, hand_over_by_s=hand_over_by_s)
        world.say("stored", type(write).__name__, type(reply).__name__)
        self._watch(write, reply)
        await self._life.take_a_while()
        if world.happens(0.015):
            raise StoreAmbiguous("the connection broke after it was applied")
        return reply

    async def facts(self, **asked: Any) -> Any:
        await self._life.take_a_while()
        found = await self.inner.facts(**asked)
        await self._life.take_a_while()
        return found

    async def commit(self, commit_id: str) -> Any:
        await self._life.take_a_while()
        return await self.inner.commit(commit_id)

    async def due(self, *, limit: int) -> Any:
        await self._life.take_a_while()
        return await self.inner.due(limit=limit)

    async def body(self, commit_id: str) -> Any:
        await self._life.take_a_while()
        return await self.inner.body(commit_id)


class SimulatedPolicy(FakePolicyEngine):
    """Mostly allows; denies, is undefined, is down, or takes too long."""

    def __init__(self, life: Mortal) -> None:
        super().__init__()
        self._life = life

    async def ask(self, question: Question) -> PolicyAnswer:
        world = self._life.world
        await self._life.take_a_while()
        if world.happens(0.02) or asyncio.get_running_loop().time() > question.deadline_s:
            raise PolicyFault("no verdict")
        answer = deny("TOO_RISKY") if world.happens(0.04) else Undefined() if world.happens(0.01) else ALLOW
        await self._life.take_a_while()
        return answer


class SimulatedThinker(FakeThinker):
    """Takes its time, and does not always come to a decision."""

    def __init__(self, life: Mortal) -> None:
        super().__init__()
        self._life = life

    async def think(self, brief: Brief, meter: Meter) -> Thought:
        world = self._life.world
        meter.tokens_reserved = 100
        await self._life.take_a_while()
        stop = world.chance.choice([DecideStop.ABSTAINED, DecideStop.TIMEOUT, DecideStop.MODEL_FAULT]) if world.happens(0.15) else DecideStop.FINAL_RESULT
        self.script.append(Says(stop=stop, tokens_in=world.chance.randrange(50, 400), breaks=world.happens(0.02)))
        thought = await super().think(brief, meter)
        await self._life.take_a_while()
        return thought
