"""One simulated run: a seed in, a trace and what was wrong out."""

import asyncio
import random
from collections import Counter
from dataclasses import dataclass

from gateway.domain.budget import Ledger, Window
from gateway.domain.lifecycle import TERMINAL, Thinking
from gateway.domain.targets import HostMode
from tests.fakes.activation import activation, counted, usd
from tests.fakes.store import MemoryStore
from tests.simulation.callers import Caller
from tests.simulation.operators import halts, lift_all, resolves, wall_clock
from tests.simulation.process import Machine, crashes
from tests.simulation.sim_host import HostSystem
from tests.simulation.virtual import run_virtually
from tests.simulation.watch import Watch
from tests.simulation.world import World, WorldClock

TROUBLED_S = 25.0
SETTLES_S_MAX = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Simulated:
    trace_hash: str
    wrong: tuple[str, ...]
    said: tuple[str, ...]  # the trace, for a person
    ended: Counter[str]  # commits by how they ended
    boots: int


def simulate(seed: str) -> Simulated:
    return run_virtually(_run(seed))


async def _run(seed: str) -> Simulated:
    world, clock = World(random.Random(seed)), WorldClock()  # noqa: S311 - reproducible on purpose
    hosts = {
        name: HostSystem(world, clock, world.chance.choice([*HostMode]), enforces_not_after=world.chance.random() < 0.5) for name in ("billing", "mail")
    }  # fmt: skip
    law = activation(
        steps_max=40, wall_ms_max=90_000, stops_run=("BUDGET_LIMIT",) if world.chance.random() < 0.3 else (), run_budgets=(counted(Ledger.WRITES, 6),),
        workflow_budgets=(counted(Ledger.WRITES, 12, Window.MINUTE),),
        tenant_budgets=(usd(Ledger.VALUE, 1_500), usd(Ledger.SPEND, 30_000), counted(Ledger.TOKENS, 60_000)),
    )  # fmt: skip
    durable = MemoryStore(clock=clock)
    watch = Watch(durable, hosts)
    for system in hosts.values():
        system.told = watch.at_arrival
    machine = Machine(world, clock, durable, hosts, watch, law)
    await machine.boot()
    callers = [Caller(name=f"caller-{number}", world=world, machine=machine, watch=watch) for number in range(world.chance.randrange(2, 6))]
    work = [one.live(TROUBLED_S) for one in callers]
    await asyncio.gather(
        *work, crashes(machine, TROUBLED_S), halts(machine, watch, TROUBLED_S), wall_clock(machine, TROUBLED_S), resolves(machine, watch, TROUBLED_S)
    )
    await heal(world, clock, machine, watch)
    wrong = [*await watch.at_the_end(), *(f"bug: {bug!r}" for bug in machine.bugs)]
    await machine.shut_down()
    return Simulated(trace_hash=world.trace_hash(), wrong=tuple(wrong), said=tuple(world.said), ended=watch.counted(), boots=machine.boots)


async def heal(world: World, clock: WorldClock, machine: Machine, watch: Watch) -> None:
    """Faults stop: within a bounded time everything has to end."""
    world.healed, clock.set_off_ms = True, 0
    if machine.gateway is None or not machine.gateway.store.ready():
        machine.crash()
        await machine.boot()
    await lift_all(machine)
    loop = asyncio.get_running_loop()
    until_s = loop.time() + SETTLES_S_MAX
    resolving = asyncio.ensure_future(resolves(machine, watch, until_s))
    while loop.time() < until_s and not _settled(machine.durable):  # noqa: ASYNC110 - virtual time: the store has nobody to tell
        await asyncio.sleep(1.0)
    resolving.cancel()
    await asyncio.wait({resolving})


def _settled(durable: MemoryStore) -> bool:
    return all(row.state in TERMINAL for row in durable.rows.values()) and all(row.state is not Thinking.THINKING for row in durable.thoughts.values())
