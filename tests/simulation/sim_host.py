"""The simulated host: what was sent arrives some time later, whoever has died meanwhile, and everything it ever did is known."""

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Final

from gateway.domain.host_answer import NotSent, NotSentWhy, Observation, QueryFinding, Silent
from gateway.domain.targets import HostMode
from gateway.ports.host import Delivery, QueryAnswer
from tests.fakes.host import CREATED, FakeHost, answered
from tests.simulation.world import World, WorldClock

READS_S_MAX: Final = 3.0
TRAVELS_S_MAX: Final = 2.0  # less than the skew that the product allows for
REFUSED: Final = answered(422, applied=False).observation
FAILED: Final = answered(503, applied=False).observation


def _nobody(key: str) -> None:
    """Whoever is told of arrivals, until somebody is."""


class HostSystem:
    """Outlives every gateway."""

    def __init__(self, world: World, clock: WorldClock, mode: HostMode, *, enforces_not_after: bool) -> None:
        self.world, self.clock, self.mode, self.enforces_not_after = world, clock, mode, enforces_not_after
        self.effects: Counter[str] = Counter()
        self.arrived: list[Delivery] = []
        self.closed: set[str] = set()  # keys that it has said will never be applied
        self.told: Callable[[str], None] = _nobody
        self._answers: dict[str, Observation] = {}

    def arrive(self, delivery: Delivery, reply: "asyncio.Future[Observation]") -> None:
        self.arrived.append(delivery)
        self.told(delivery.key)
        answer = self._answer(delivery)
        self.world.say("host", delivery.key, type(answer).__name__, self.effects[delivery.key])
        if not reply.done() and not self.world.happens(0.05):
            reply.set_result(answer)

    def _answer(self, delivery: Delivery) -> Observation:
        key, world = delivery.key, self.world
        if key in self._answers and self.mode is HostMode.DEDUPE:
            return self._answers[key]
        if key in self.closed or (self.enforces_not_after and self.clock.now_ms() > delivery.not_after_ms) or world.happens(0.07):
            return REFUSED
        if world.happens(0.06):
            return FAILED
        self.effects[key] += 1
        self._answers[key] = CREATED
        return FAILED if world.happens(0.05) else CREATED

    def look_up(self, key: str) -> QueryFinding:
        if key in self.effects:
            return QueryFinding.APPLIED
        if self.world.happens(0.3):
            return self.world.chance.choice([QueryFinding.IN_PROGRESS, QueryFinding.NO_ANSWER])
        if not self.enforces_not_after:
            self.closed.add(key)
            return QueryFinding.NOT_APPLIED
        return QueryFinding.NOT_FOUND


class SimulatedHost(FakeHost):
    """One process's way to the host. Checks the time immediately before the first byte leaves."""

    def __init__(self, system: HostSystem) -> None:
        super().__init__(system.clock)
        self._system = system

    async def apply(self, delivery: Delivery) -> Observation:
        system, loop = self._system, asyncio.get_running_loop()
        world = system.world
        await world.while_it_takes()
        if world.happens(0.05):
            return NotSent(NotSentWhy.NOT_REACHED, "nobody there")
        await world.while_it_takes()
        if system.clock.boot_s() > delivery.send_by_s or system.clock.now_ms() > delivery.not_after_ms:
            return NotSent(NotSentWhy.TOO_LATE, "the time to send has passed")
        reply: asyncio.Future[Observation] = loop.create_future()
        loop.call_later(world.chance.random() * (TRAVELS_S_MAX if world.happens(0.25) else 0.01), system.arrive, delivery, reply)
        try:
            return await asyncio.wait_for(reply, READS_S_MAX)
        except TimeoutError:
            return Silent("no answer in time")

    async def query(self, *, key: str, deadline_s: float) -> QueryAnswer:
        await self._system.world.while_it_takes()
        finding = self._system.look_up(key)
        applied = finding is QueryFinding.APPLIED
        return QueryAnswer(finding=finding, status=201 if applied else 0, body=CREATED.body if applied else b"", detail="")
