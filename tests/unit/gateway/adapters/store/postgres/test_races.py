"""Several gateways add to one sum at once, over rows that are all there already: nothing but their locks keeps them apart."""

import asyncio

import asyncpg

from gateway.domain.writes.commits import Authorised
from tests.contract.store_desk import limit, run_named, writes
from tests.unit.gateway.adapters.store.postgres.conftest import Seated
from tests.unit.gateway.adapters.store.postgres.test_locks import until_waiting


async def test_what_is_left_is_given_once(seated: Seated, admin: "asyncpg.Connection[asyncpg.Record]") -> None:
    """49 of 50 places are left, each of four gateways has a run with 60 writes, and none can write before all of them wait: 49 are admitted."""
    desks = [await seated() for _ in range(4)]
    await desks[0].activate(tenant=[limit(5_000_000)])
    await desks[0].authorised(desks[0].ask("K-first", costs=writes(100_000)))
    runs = [run_named(f"run-{n}") for n in range(4)]
    for desk, run in zip(desks, runs, strict=True):
        await desk.authorised(desk.ask(f"K-{run.run_id}", run=run))
    holding = admin.transaction()
    await holding.start()
    await admin.execute("SELECT held FROM windows FOR UPDATE")
    asks = [(desk, desk.ask(f"K-{run.run_id}-{n}", run=run, costs=writes(100_000))) for n in range(60) for desk, run in zip(desks, runs, strict=True)]
    asked = [asyncio.ensure_future(desk.write(desk.claim(ask))) for desk, ask in asks]
    await until_waiting(admin, 4)

    await holding.rollback()

    assert sum(isinstance(reply, Authorised) for reply in await asyncio.gather(*asked)) == 49
    assert (await desks[0].balances())["tenant"] == (5_000_000, 0)
