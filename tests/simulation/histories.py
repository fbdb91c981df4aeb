"""What callers of the simulated world asked and were told, when; and what the store held in the end: a history for the checker."""

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Final

from gateway.domain.budget import Ledger
from gateway.domain.commands import CommitCommand
from gateway.domain.fingerprint import VERSION
from gateway.domain.halts import Halt, HaltScope
from gateway.domain.handoffs import InProgress, Outcome
from gateway.domain.lifecycle import State
from gateway.domain.reasons import Reason
from gateway.domain.records import CommitRow
from gateway.domain.refusal import Refusal
from gateway.domain.targets import HostMode
from gateway.domain.writes.halts import Thrown
from tests.fakes.activation import TENANT, activation, usd
from tests.fakes.commands import commit_command, patient
from tests.fakes.gateway import FakeGateway
from tests.fakes.store import MemoryStore
from tests.simulation.history import History
from tests.simulation.ledger_spec import FOREVER_S, Claim, Look, Row, Switch, What
from tests.simulation.operators import OPERATOR, resolves, wall_clock
from tests.simulation.process import Machine, crashes
from tests.simulation.run import heal
from tests.simulation.sim_host import HostSystem
from tests.simulation.virtual import run_virtually
from tests.simulation.watch import Watch
from tests.simulation.wgl import Op
from tests.simulation.world import World, WorldClock

LIMIT: Final = 800
KEYS: Final = 8
TROUBLED_S: Final = 12.0
ANSWERS: Final = frozenset({Reason.IDEMPOTENCY_KEY_REUSED, Reason.SUPERSEDES_NOT_CURRENT})


@dataclass(slots=True)
class Recorder:
    """Turns answers into operations."""

    ops: list[Op[What]] = field(default_factory=list)
    amounts: dict[str, int] = field(default_factory=dict)  # by content

    def committed(self, command: Claim, begins_s: float, ends_s: float, *, name: str, state: str) -> None:
        """An answer that says which commit it is about."""
        self.ops.append(Op(what=replace(command, expected=name), begins_s=begins_s, ends_s=ends_s))
        self.looked(command.key, begins_s, ends_s, name=name, state=state, newest=False)

    def refused(self, command: Claim, begins_s: float, ends_s: float, *, reason: str) -> None:
        self.ops.append(Op(what=replace(command, expected=reason), begins_s=begins_s, ends_s=ends_s))

    def lost(self, what: What, begins_s: float) -> None:
        """It may have happened since, or never."""
        self.ops.append(Op(what=what, begins_s=begins_s, ends_s=FOREVER_S, optional=True))

    def looked(self, key: str, begins_s: float, ends_s: float, *, name: str, state: str, newest: bool) -> None:
        self.ops.append(Op(what=Look(key=key, name=name, state=state, newest=newest), begins_s=begins_s, ends_s=ends_s))

    def switched(self, name: str, begins_s: float, ends_s: float, *, on: bool) -> None:
        self.ops.append(Op(what=Switch(name=name, on=on), begins_s=begins_s, ends_s=ends_s))

    def history(self, stored: Sequence[CommitRow], *, limit: int) -> History:
        """With what the store held in the end."""
        return History(told=[*self.ops], rows=rows_of(stored, self.amounts), limit=limit)


def rows_of(stored: Sequence[CommitRow], amounts: dict[str, int]) -> dict[str, Sequence[Row]]:
    """By key, oldest generation first."""
    found: dict[str, list[CommitRow]] = {}
    for row in stored:
        found.setdefault(row.key.decode(), []).append(row)
    return {
        key: [
            Row(
                name=row.commit_id, content=row.fingerprint.hex(), amount=amounts[row.fingerprint.hex()], state=str(row.state),
                reason=str(row.notes[0].reason) if row.state is State.DENIED else "",
            )
            for row in sorted(of_key, key=lambda one: one.generation)
        ]
        for key, of_key in found.items()
    }  # fmt: skip


def simulated(seed: str) -> History:
    return run_virtually(_simulated(seed))


async def _simulated(seed: str) -> History:
    world, clock, recorder = World(random.Random(seed)), WorldClock(), Recorder()  # noqa: S311 - reproducible on purpose
    hosts = {name: HostSystem(world, clock, world.chance.choice([*HostMode]), enforces_not_after=True) for name in ("billing", "mail")}
    law = activation(
        steps_max=10_000, wall_ms_max=10**9, run_budgets=(usd(Ledger.VALUE, LIMIT),), tenant_budgets=(usd(Ledger.VALUE, 10**9), usd(Ledger.SPEND, 10**9))
    )
    durable = MemoryStore(clock=clock)
    watch = Watch(durable, hosts)
    machine = Machine(world, clock, durable, hosts, watch, law)
    await machine.boot()
    callers = [_caller(machine, recorder) for _ in range(world.chance.randrange(2, 5))]
    await asyncio.gather(
        *callers, crashes(machine, TROUBLED_S), _operator(machine, recorder), wall_clock(machine, TROUBLED_S), resolves(machine, watch, TROUBLED_S)
    )
    await heal(world, clock, machine, watch)
    history = recorder.history([*durable.rows.values()], limit=LIMIT)
    await machine.shut_down()
    return history


async def _caller(machine: Machine, recorder: Recorder) -> None:
    chance, loop = machine.world.chance, asyncio.get_running_loop()
    ended: list[CommitRow] = []
    while loop.time() < TROUBLED_S:
        await asyncio.sleep(chance.random())
        number, superseded = chance.randrange(KEYS), chance.choice(ended) if ended and chance.random() < 0.3 else None
        if chance.random() < 0.25:
            await _get(machine, recorder, f"K-{number}")
            continue
        amount = 50 + 50 * number + (10 if chance.random() < 0.1 else 0)
        key = superseded.key.decode() if superseded else f"K-{number}"
        command = commit_command(
            key, payload={"account": "a", "slot": 1, "amount": amount}, supersedes=superseded.commit_id if superseded else "",
            expire_at_ms=machine.clock.now_ms() + 10**8,
        )  # fmt: skip
        recorder.amounts[command.fingerprints[VERSION].hex()] = amount
        row = await _commit(machine, recorder, command)
        if row is not None and row.state in {State.FAILED, State.DENIED}:
            ended.append(row)


async def _commit(machine: Machine, recorder: Recorder, command: CommitCommand) -> CommitRow | None:
    loop = asyncio.get_running_loop()
    begins_s = loop.time()
    claim = Claim(key=command.key.key.decode(), content=command.fingerprints[VERSION].hex(), supersedes=command.supersedes, expected="")
    answered = await machine.ask(partial(_committed, command), hang_up_after_s=machine.world.chance.choice([0.02, 10.0, 10.0, 10.0]))
    match answered:
        case Outcome(row=row):
            recorder.committed(claim, begins_s, loop.time(), name=row.commit_id, state=str(row.state))
            return row
        case Refusal(reason=reason) if reason in ANSWERS:
            recorder.refused(claim, begins_s, loop.time(), reason=reason)
        case Refusal():
            pass  # not taken
        case _:
            recorder.lost(claim, begins_s)
    return None


async def _committed(command: CommitCommand, gateway: FakeGateway) -> Outcome | InProgress | Refusal:
    return await gateway.committer.commit(replace(command, patience=patient(4.0)))


async def _get(machine: Machine, recorder: Recorder, key: str) -> None:
    loop, name = asyncio.get_running_loop(), commit_command(key).key
    begins_s = loop.time()
    found = await machine.ask(lambda gateway: gateway.lookup.commit(name, tenant=TENANT), hang_up_after_s=10.0)
    if isinstance(found, Outcome):
        recorder.looked(key, begins_s, loop.time(), name=found.row.commit_id, state=str(found.row.state), newest=True)
    elif isinstance(found, Refusal) and found.reason is Reason.NOT_FOUND:
        recorder.looked(key, begins_s, loop.time(), name="", state="", newest=True)


async def _operator(machine: Machine, recorder: Recorder) -> None:
    chance, loop, number = machine.world.chance, asyncio.get_running_loop(), 0
    while loop.time() < TROUBLED_S:
        await asyncio.sleep(chance.expovariate(1 / 4.0))
        number += 1
        reason, begins_s = f"halt-{number}", loop.time()
        thrown = await machine.ask(partial(_throw, reason), hang_up_after_s=30.0)
        if isinstance(thrown, Thrown):
            recorder.switched(reason, begins_s, loop.time(), on=True)
        else:
            recorder.lost(Switch(name=reason, on=True), begins_s)
        await asyncio.sleep(chance.random() * 2)
        for halt in [halt for halt in await machine.durable.halts(include_lifted=False) if halt.reason == reason]:
            begins_s = loop.time()
            lifted = await machine.ask(partial(_lift, halt.halt_id), hang_up_after_s=30.0)
            if isinstance(lifted, Halt):
                recorder.switched(reason, begins_s, loop.time(), on=False)
            else:
                recorder.lost(Switch(name=reason, on=False), begins_s)


async def _throw(reason: str, gateway: FakeGateway) -> Thrown:
    return await gateway.halts.throw(HaltScope(), reason=reason, caller=OPERATOR, hand_over_by_s=FOREVER_S)


async def _lift(halt_id: str, gateway: FakeGateway) -> Halt | Refusal:
    return await gateway.halts.lift(halt_id, reason="over", caller=OPERATOR, hand_over_by_s=FOREVER_S)
