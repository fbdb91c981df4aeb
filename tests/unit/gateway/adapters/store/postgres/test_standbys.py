"""A server that waits for standbys: what it only stopped waiting for is not acknowledged, though it says that it is done."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from gateway.adapters.store.postgres.opening import open_store
from gateway.adapters.store.trouble import StoreRefused
from gateway.domain.lifecycle import State
from tests.contract.postgres_seat import PostgresSeat
from tests.contract.store_desk import Desk
from tests.fakes.clock import FakeClock
from tests.fakes.ids import CountingIds
from tests.fakes.postgres import Server, programs

WAITING = "SELECT pid FROM pg_stat_activity WHERE application_name = 'countersign' AND wait_event = 'SyncRep' AND pid <> $1"


@pytest.fixture
async def replicating() -> AsyncIterator[Server]:
    """A server that could have standbys."""
    server = Server(programs())
    try:
        server.start("wal_level=replica", "max_wal_senders=2")
        yield server
    finally:
        server.end()


async def test_a_commit_that_stopped_waiting_for_its_standbys_is_not_acknowledged(replicating: Server) -> None:
    """A wait that is cancelled ends in a warning and in COMMIT: only one more write, acknowledged, makes it safe."""
    access = await replicating.database()
    clock, ids = FakeClock(), CountingIds()
    seat = PostgresSeat(access)
    desk = Desk(store=await seat.open(clock, ids), seat=seat, clock=clock, ids=ids)
    await desk.authorised(desk.ask("K-0"))
    admin = await replicating.administer(access.database)
    await admin.execute("SET synchronous_commit = local; SET application_name = 'countersign admin'")
    await admin.execute("ALTER SYSTEM SET synchronous_standby_names = 'nobody'")
    await admin.execute("SELECT pg_reload_conf()")

    async def waiting(than: int) -> int:
        async with asyncio.timeout(10):
            while (pid := await admin.fetchval(WAITING, than)) is None:
                await admin.execute("SELECT pg_stat_clear_snapshot()")
        return int(pid)

    await _until_shown(replicating, access.database)
    asked = asyncio.ensure_future(desk.authorised(desk.ask("K-1")))
    first = await waiting(0)
    await admin.execute(f"SELECT pg_cancel_backend({first})")
    second = await waiting(first)
    assert not asked.done()

    await admin.execute("ALTER SYSTEM RESET synchronous_standby_names")
    await admin.execute("SELECT pg_reload_conf()")

    assert (await asked).state is State.FORWARDING
    assert second != first
    assert await desk.kinds() == ["INTENT", "INTENT"]
    await admin.close()
    await desk.store.close()


async def test_ha_is_refused_without_standbys(replicating: Server) -> None:
    """Said by the server itself."""
    access = await replicating.database()

    with pytest.raises(StoreRefused, match="synchronous_standby_names is empty"):
        await open_store(replace(access, ha=True), boot_id="b-1", clock=None)


async def _until_shown(server: Server, database: str) -> None:
    """A setting that was reloaded reaches sessions one after the other; a new one shows when the postmaster has it."""
    async with asyncio.timeout(10):
        while True:
            session = await server.administer(database)
            shown = await session.fetchval("SHOW synchronous_standby_names")
            await session.close()
            if shown:
                return
