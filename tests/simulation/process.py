"""One gateway process after another over the same store and the same hosts: booted, recovered, crashed.

A crash drops everything that is not in the store or on its way to a host: every task of the process ends, and none of its ports answers again.
"""

import asyncio
import contextlib
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from gateway.domain.boundary import Activation
from gateway.domain.faults import Fault
from gateway.domain.refusal import Refusal
from gateway.domain.writes.halts import Activate
from gateway.service.commit import Way
from gateway.service.doorkeeper import Doorkeeper
from gateway.service.keeper import Keeper
from gateway.service.reconcile import Pace, Reconciler
from tests.fakes.activation import standing
from tests.fakes.gateway import FakeGateway, terms
from tests.fakes.ids import CountingIds
from tests.fakes.store import MemoryStore
from tests.simulation.sim_host import HostSystem, SimulatedHost
from tests.simulation.watch import Watch
from tests.simulation.world import Mortal, SimulatedPolicy, SimulatedStore, SimulatedThinker, World, WorldClock

Result = TypeVar("Result")

PACE = Pace(interval_ms=500, backoff_ms=400, backoff_ms_max=4_000, looks_max=1_000)


class Lost:
    """The call broke off: the caller knows nothing."""


class Unavailable:
    """A fault before T1, in our own words: nothing was forwarded."""


class Machine:
    """Where the process runs; `gateway` is None while there is none."""

    def __init__(self, world: World, clock: WorldClock, durable: MemoryStore, hosts: dict[str, HostSystem], watch: Watch, law: Activation) -> None:
        self.world, self.clock, self.durable, self.hosts, self.watch, self.law = world, clock, durable, hosts, watch, law
        self.gateway: FakeGateway | None = None
        self.bugs: list[BaseException] = []
        self.ids, self.boots = CountingIds(), 0
        self._life = Mortal(world)
        self._tasks: set[asyncio.Task[Any]] = set()

    async def boot(self) -> None:
        self.boots += 1
        self.durable.restart(f"boot-{self.boots}")
        self._life = life = Mortal(self.world)
        gateway = self._made(life)
        recovered = await self.durable.recover()
        self.watch.after_recovery(self.durable.boot_id)
        self.world.say("boot", self.boots, recovered)
        if self.boots == 1:
            await self.durable.write(Activate(revision=self.law.revision, digest=self.law.digest, standing=standing(self.law)), hand_over_by_s=float("inf"))
        self.gateway = gateway
        self._keep(gateway.reconciler.run())

    def crash(self) -> None:
        self.world.say("crash", self.boots)
        self._life.dead = True
        gateway, self.gateway = self.gateway, None
        doomed = self._tasks | (gateway.keeper._tasks if gateway else set())
        for task in sorted(doomed, key=lambda one: one.get_name()):
            task.cancel()

    async def ask(self, call: Callable[[FakeGateway], Coroutine[Any, Any, Result]], *, hang_up_after_s: float) -> Result | Refusal | Lost | Unavailable:
        """One RPC. A caller that hangs up, a process that dies: the call is lost."""
        gateway, life = self.gateway, self._life
        if gateway is None or not gateway.store.ready():
            return Lost()
        handler = self._keep(call(gateway))
        await asyncio.wait({handler}, timeout=hang_up_after_s)
        if not handler.done():
            handler.cancel()
            await asyncio.wait({handler})
        if handler.cancelled() or life.dead:
            return Lost()
        broke = handler.exception()
        if isinstance(broke, Fault):
            return Unavailable()
        if broke is not None:
            self.bugs.append(broke)
            return Lost()
        return handler.result()

    async def shut_down(self) -> None:
        """In good order: what is kept is drained."""
        if self.gateway:
            await self.gateway.keeper.drain(grace_s=30.0)
            self.crash()

    def _made(self, life: Mortal) -> FakeGateway:
        hosts = {name: SimulatedHost(system) for name, system in self.hosts.items()}
        ways = {
            name: Way(host=host, terms=terms(name, self.hosts[name].mode, enforces_not_after=self.hosts[name].enforces_not_after))
            for name, host in hosts.items()
        }
        store = SimulatedStore(self.durable, life, self.watch.at_write)
        gateway = FakeGateway(
            clock=self.clock, ids=self.ids, store=store, policy=SimulatedPolicy(life), thinker=SimulatedThinker(life), hosts=hosts,
            keeper=Keeper(told=self.bugs.append), door=Doorkeeper(in_flight_max=100),
            study=Doorkeeper(in_flight_max=100), activation=self.law, bugs=self.bugs, ways=ways,
        )  # fmt: skip
        gateway.reconciler = Reconciler(store=store, ways=ways, clock=self.clock, ids=self.ids, pace=PACE)
        return gateway

    def _keep(self, work: Coroutine[Any, Any, Result]) -> "asyncio.Task[Result]":
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


async def crashes(machine: Machine, until_s: float) -> None:
    """Boots it, lets it run for a while, kills it, and again."""
    world, loop = machine.world, asyncio.get_running_loop()
    while loop.time() < until_s:
        if machine.gateway is None:
            await machine.boot()
        await asyncio.sleep(world.chance.expovariate(1 / 8.0))
        if not machine.gateway or world.happens(0.25):
            await machine.shut_down()
        else:
            machine.crash()
        await asyncio.sleep(world.chance.random() * world.chance.choice([0.1, 1.0]))
    with contextlib.suppress(asyncio.CancelledError):
        await machine.boot()
