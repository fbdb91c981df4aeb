"""What T1 relies on is read under a lock: a halt that is being thrown is waited for, whatever else is in the batch, and nobody waits for ever."""

import asyncio

import asyncpg
import pytest

from gateway.adapters.store.codec import key_hash
from gateway.adapters.store.postgres.connecting import Access
from gateway.domain.asks import Refuse, Twin
from gateway.domain.change import replace
from gateway.domain.halts import HaltScope
from gateway.domain.lifecycle import Event, State
from gateway.domain.reasons import Reason
from gateway.domain.records import KeyName, KeySpace, Note
from gateway.domain.rows import Rows, Wants, Write
from gateway.domain.writes.commits import Authorised, Denied
from gateway.domain.writes.halts import ThrowHalt
from gateway.domain.writes.resolutions import ClaimLook
from tests.contract.store_desk import RUN, TENANT, Desk, limit, reasons, run_named, terms, writes
from tests.fakes.postgres import Server
from tests.unit.gateway.adapters.store.postgres.conftest import Seated

THROWN = (
    "INSERT INTO halts VALUES ('h-1', '', '', '', '', '', '', '', 'incident', 'dora', 1, 0, '', '', '', '')",
    "UPDATE gate SET version = version + 1",
)


async def until_waiting(admin: "asyncpg.Connection[asyncpg.Record]", count: int = 1) -> None:
    """Until the server shows so many sessions of gateways that wait for a lock."""
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'countersign' AND wait_event_type = 'Lock'"
    async with asyncio.timeout(10):
        while await admin.fetchval(waiting) < count:
            await admin.execute("SELECT pg_stat_clear_snapshot()")
            await asyncio.sleep(0.005)


async def test_a_halt_that_is_not_committed_yet_is_waited_for(desk: Desk, admin: "asyncpg.Connection[asyncpg.Record]") -> None:
    """Another connection moves gate and halts without committing; T1 waits on the lock; after the commit it is HALTED."""
    await desk.authorised(desk.ask("K-0"))
    halting = admin.transaction()
    await halting.start()
    for statement in THROWN:
        await admin.execute(statement)
    asked = asyncio.ensure_future(desk.denied(desk.ask("K-1")))
    await until_waiting(admin)
    assert not asked.done()

    await halting.commit()

    assert reasons(await asked) == [Reason.HALTED]


async def test_a_batch_of_all_kinds_waits_for_it_too(desk: Desk, admin: "asyncpg.Connection[asyncpg.Record]") -> None:
    """Admit, refuse, deny, twin, superseder: after the halt nothing of them holds anything, and what is refused leaves its key free."""
    desk.terms = terms(budgets=[limit(10)])
    failed = await desk.committed(desk.ask("K-0", costs=writes()), Event.HOST_DID_NOT)
    refused = desk.ask("K-2", expire_at_ms=desk.clock.now_ms())
    admitted = desk.ask("K-1", costs=writes(3))
    halting = admin.transaction()
    await halting.start()
    for statement in THROWN:
        await admin.execute(statement)
    batch = [
        desk.claim(admitted), desk.claim(refused), desk.claim(desk.ask("K-3", denial=[Note(reason=Reason.POLICY_DENIED)])), desk.claim(admitted),
        desk.claim(desk.ask("K-0", supersedes=failed.commit_id, costs=writes(4))),
    ]  # fmt: skip
    asked = asyncio.ensure_future(desk.together(batch))
    await until_waiting(admin)

    await halting.commit()

    first, gone, denied, twin, superseder = await asked
    assert [type(reply) for reply in (first, gone, denied, twin, superseder)] == [Denied, Refuse, Denied, Twin, Denied]
    assert [reasons(reply.row) for reply in (first, denied, superseder) if isinstance(reply, Denied)] == [[Reason.HALTED]] * 3
    assert (await desk.balances())["run"] == (0, 0)
    assert await desk.kinds() == ["INTENT", "OUTCOME", "DENIAL", "DENIAL", "DENIAL"]
    assert await desk.store.commit_of_key(refused.key) is None


async def test_a_halt_is_not_kept_waiting_by_a_stream_of_writes(seated: Seated) -> None:
    """Four gateways write all the time; a halt gets its turn, and after it has returned nothing more is admitted."""
    desks = [await seated() for _ in range(4)]
    over = asyncio.Event()

    async def stream(number: int) -> list[bool]:
        desk, admitted = desks[number], []
        for n in range(2_000):
            after = over.is_set()
            reply = await desk.write(desk.claim(desk.ask(f"K-{number}-{n}", run=run_named(f"run-{number}"))))
            if after:
                admitted.append(isinstance(reply, Authorised))
                break
        return admitted

    streams = [asyncio.ensure_future(stream(number)) for number in range(4)]
    async with asyncio.timeout(10):
        await desks[0].authorised(desks[0].ask("K-first"))
        await desks[1].write(ThrowHalt(halt_id="h-1", scope=HaltScope(), reason="incident", principal="dora", salt=b"s"))
    over.set()

    assert await asyncio.gather(*streams) == [[False]] * 4


async def test_whoever_comes_after_a_halt_waits_behind_it(desk: Desk, admin: "asyncpg.Connection[asyncpg.Record]", database: Access) -> None:
    """While a halt waits for those who share the gate, nobody new shares it: it is next, however many write."""
    await desk.authorised(desk.ask("K-0"))
    newcomer = await asyncpg.connect(host=database.host, user="gateway", database=database.database)
    await newcomer.execute("SET search_path = countersign; SET lock_timeout = '50ms'")
    sharing = admin.transaction()
    await sharing.start()
    await admin.execute("SELECT one FROM gate FOR SHARE")
    thrown = asyncio.ensure_future(desk.write(ThrowHalt(halt_id="h-1", scope=HaltScope(), reason="incident", principal="dora", salt=b"s")))
    await until_waiting(admin)

    with pytest.raises(asyncpg.LockNotAvailableError):
        await newcomer.execute("SELECT one FROM gate FOR SHARE")
    await sharing.commit()

    assert (await thrown).halt.halt_id == "h-1"
    await newcomer.close()


class Lift(Write[None]):
    """A change of the gate that the writer has never heard of."""

    def wants(self) -> Wants:
        return Wants()

    def apply(self, rows: Rows) -> None:
        assert rows.gate.activation is not None
        rows.put_activation(replace(rows.gate.activation, number=rows.gate.activation.number + 1), minimum_number=0)


async def test_whoever_moves_the_gate_has_it_alone(seated: Seated, postgres: Server) -> None:
    """Two who share it and then both move it would lock each other up: found out while deciding, and begun again with the gate alone."""
    one, other = await seated(), await seated()
    await one.activate()
    before = postgres.said("deadlock detected")

    for _ in range(5):
        await asyncio.gather(one.write(Lift()), other.write(Lift()))

    gate = await one.store.gate()
    assert gate.activation is not None
    assert (gate.activation.number, postgres.said("deadlock detected")) == (11, before)


async def test_batches_that_name_the_same_rows_in_other_orders_are_all_decided(seated: Seated) -> None:
    """Two gateways, the same runs, budgets and keys, one forwards and one backwards: everything is decided, each key once."""
    one, other = await seated(), await seated()
    await one.activate(tenant=[limit(1_000)], workflow=[limit(1_000)])
    own = terms(budgets=[limit(1_000)])

    async def claim_all(desk: Desk, numbers: range) -> list[object]:
        asks = [desk.ask(f"K-{n}", costs=writes(), run=run_named(f"run-{n % 9}"), terms=own) for n in numbers]
        return list(await desk.together([desk.claim(ask) for ask in asks]))

    forwards, backwards = await asyncio.gather(claim_all(one, range(200)), claim_all(other, range(199, -1, -1)))

    pairs = [sorted([type(left).__name__, type(right).__name__]) for left, right in zip(forwards, reversed(backwards), strict=True)]
    assert pairs == [["Authorised", "Twin"]] * 200
    assert await one.balances() == {"run": (one_run := (await one.balances())["run"]), "workflow": (200, 0), "tenant": (200, 0)}
    assert one_run[0] in {22, 23}


async def test_two_batches_held_up_at_one_key_do_not_hold_each_other_up(seated: Seated, admin: "asyncpg.Connection[asyncpg.Record]", postgres: Server) -> None:
    """The same thirty keys, asked for in opposite orders, and a third hand on the one in the middle: both go on when it lets go."""
    one, other = await seated(), await seated()
    for desk in (one, other):
        await desk.authorised(desk.ask(f"K-{desk.ids.fresh()}"))
    holding = admin.transaction()
    await holding.start()
    middle = key_hash(KeyName(KeySpace.COMMIT, TENANT, b"K-15"))
    await admin.execute("INSERT INTO keys VALUES ($1, 0)", middle)
    claims = [
        asyncio.ensure_future(desk.together([desk.claim(desk.ask(f"K-{n}")) for n in numbers]))
        for desk, numbers in ((one, range(30)), (other, range(29, -1, -1)))
    ]
    await until_waiting(admin, 2)
    before = postgres.said("deadlock detected")

    await holding.rollback()

    replies = [reply for batch in await asyncio.gather(*claims) for reply in batch]
    assert [sum(isinstance(reply, kind) for reply in replies) for kind in (Authorised, Twin)] == [30, 30]
    assert postgres.said("deadlock detected") == before


async def test_one_look_at_an_unknown_belongs_to_one_gateway(seated: Seated) -> None:
    """Both see that it is due; the lease on it is taken once."""
    desks = [await seated() for _ in range(4)]
    row = await desks[0].committed(desks[0].ask("K-1"), Event.NOBODY_KNOWS)
    seen = await asyncio.gather(*(desk.store.due(limit=10) for desk in desks))

    claimed = await asyncio.gather(*(desk.write(ClaimLook(commit_id=row.commit_id, lease_ms=2_000)) for desk in desks))

    assert [due.unknown for due in seen] == [(row.commit_id,)] * 4
    assert sum(found is not None for found in claimed) == 1


async def test_a_key_that_is_being_claimed_elsewhere_is_waited_for(desk: Desk, seated: Seated, admin: "asyncpg.Connection[asyncpg.Record]") -> None:
    """Two gateways, one key, the first held up at the gate: the second waits for its end, and is its twin."""
    other = await seated()
    for one in (desk, other):
        await one.authorised(one.ask(f"K-{one.ids.fresh()}"))
    holding = admin.transaction()
    await holding.start()
    await admin.execute("UPDATE gate SET version = version + 1")
    first = asyncio.ensure_future(desk.authorised(desk.ask("K-1")))
    await until_waiting(admin)
    second = asyncio.ensure_future(other.write(other.claim(other.ask("K-1"))))
    await until_waiting(admin, 2)

    await holding.commit()

    row = await first
    assert await second == Twin(row.commit_id)
    assert row.state is State.FORWARDING


async def test_what_is_refused_leaves_no_row_behind(desk: Desk, database: Access, admin: "asyncpg.Connection[asyncpg.Record]") -> None:
    """Neither the key nor the places that were claimed to lock run and budgets."""
    del database
    desk.terms = terms(budgets=[limit(5)])
    await desk.activate(tenant=[limit(5)])
    assert await desk.refused(desk.ask("K-1", costs=writes(), expire_at_ms=desk.clock.now_ms())) is Reason.REQUEST_EXPIRED

    left = {table: await admin.fetchval(f"SELECT count(*) FROM {table}") for table in ("keys", "generations", "runs", "nodes", "windows")}  # noqa: S608 - from the tuple

    assert left == dict.fromkeys(left, 0)
    assert await desk.store.facts(key=KeyName(KeySpace.COMMIT, TENANT, b"K-1"), run=RUN, decision_id="") is not None
