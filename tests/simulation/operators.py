"""Operators of the simulated world: they throw halts and lift them, set a clock, and end what is unknown by what the host really did."""

import asyncio
from functools import partial
from typing import Final

from gateway.domain.halts import Halt, HaltScope
from gateway.domain.handoffs import Outcome
from gateway.domain.identity import Role
from gateway.domain.lifecycle import State
from gateway.domain.limits import CLOCK_SKEW_MS
from gateway.domain.refusal import Refusal
from gateway.domain.targets import HostMode
from gateway.domain.writes.halts import Thrown
from tests.fakes.activation import TENANT
from tests.fakes.commands import caller
from tests.fakes.gateway import FakeGateway
from tests.simulation.callers import shown
from tests.simulation.process import Machine
from tests.simulation.watch import Watch

OPERATOR: Final = caller("*", name="ops", role=Role.OPERATOR)
FOREVER_S: Final = float("inf")
SCOPES: Final = (
    HaltScope(), HaltScope(tenant=TENANT), HaltScope(action="top_up"), HaltScope(target="mail"), HaltScope(run_id="run-1"), HaltScope(step="select"),
    HaltScope(model="small"),
)  # fmt: skip


async def halts(machine: Machine, watch: Watch, until_s: float) -> None:
    """Throws one now and then, and lifts it a little later. It is in force from the moment its thrower was told."""
    chance, loop = machine.world.chance, asyncio.get_running_loop()
    while loop.time() < until_s:
        await asyncio.sleep(chance.expovariate(1 / 20.0))
        scope = chance.choice(SCOPES)
        thrown = await machine.ask(partial(_throw, scope), hang_up_after_s=30.0)
        machine.world.say("halt", type(thrown).__name__)
        if isinstance(thrown, Thrown):
            watch.halted[thrown.halt.halt_id] = scope
            await asyncio.sleep(chance.random() * 3)
            del watch.halted[thrown.halt.halt_id]
    await lift_all(machine)


async def lift_all(machine: Machine) -> None:
    for halt in await machine.durable.halts(include_lifted=False):
        await machine.ask(partial(_lift, halt.halt_id), hang_up_after_s=30.0)


async def _throw(scope: HaltScope, gateway: FakeGateway) -> Thrown:
    return await gateway.halts.throw(scope, reason="drill", caller=OPERATOR, hand_over_by_s=FOREVER_S)


async def _lift(halt_id: str, gateway: FakeGateway) -> Halt | Refusal:
    return await gateway.halts.lift(halt_id, reason="over", caller=OPERATOR, hand_over_by_s=FOREVER_S)


async def wall_clock(machine: Machine, until_s: float) -> None:
    """Somebody sets it, by less than the skew that is allowed for."""
    chance, loop = machine.world.chance, asyncio.get_running_loop()
    while loop.time() < until_s:
        await asyncio.sleep(chance.expovariate(1 / 15.0))
        machine.clock.set_off_ms = chance.randrange(-1_000, 1_000)


async def resolves(machine: Machine, watch: Watch, until_s: float) -> None:
    """Looks at what nobody else can settle. Says FAILED only of what can no longer happen; what happened is found at the host."""
    loop = asyncio.get_running_loop()
    while loop.time() < until_s:
        await asyncio.sleep(1.0 + machine.world.chance.random() * 3)
        for row in [row for row in machine.durable.rows.values() if row.state is State.UNKNOWN]:
            system = machine.hosts[row.target]
            done = system.effects[f"cs-{row.commit_id}"] > 0
            may_say_no = machine.clock.now_ms() >= row.not_after_ms + CLOCK_SKEW_MS
            if system.mode is HostMode.NONE and (done or may_say_no):
                await _resolve(machine, watch, row.commit_id, done=done)


async def _resolve(machine: Machine, watch: Watch, commit_id: str, *, done: bool) -> None:
    answered = await machine.ask(
        lambda gateway: gateway.halts.resolve(commit_id, done=done, evidence="looked", caller=OPERATOR, hand_over_by_s=FOREVER_S), hang_up_after_s=30.0
    )
    machine.world.say("resolve", done, shown(answered))
    if isinstance(answered, Outcome):
        stored = await machine.durable.commit(commit_id)
        assert stored is not None, "what was resolved is stored"
        watch.at_answer(Outcome(row=stored.row, response=stored.response, replayed=True))
