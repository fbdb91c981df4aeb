"""Desks at PostgreSQL stores, for what only a server with several gateways can be asked."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack

import asyncpg
import pytest

from gateway.adapters.store.postgres.connecting import Access
from gateway.domain.conservation import discrepancies
from tests.contract.postgres_seat import PostgresSeat
from tests.contract.store_desk import Desk
from tests.fakes.clock import FakeClock
from tests.fakes.ids import CountingIds
from tests.fakes.postgres import Server

Seated = Callable[..., Awaitable[Desk]]


@pytest.fixture
async def seated(database: Access) -> AsyncIterator[Seated]:
    """Seats one more gateway at the same database, on the same clock; at the end everything in it has to add up."""
    clock, ids = FakeClock(), CountingIds()
    desks: list[Desk] = []

    async def seat(access: Access = database) -> Desk:
        made = PostgresSeat(access)
        desks.append(Desk(store=await made.open(clock, ids), seat=made, clock=clock, ids=ids))
        return desks[-1]

    async with AsyncExitStack() as stack:
        yield seat
        checker = await seat()
        for desk in desks:
            stack.push_async_callback(desk.store.close)
        assert discrepancies(await checker.store.books()) == []


@pytest.fixture
async def desk(seated: Seated) -> Desk:
    return await seated()


@pytest.fixture
async def admin(postgres: Server, database: Access) -> "AsyncIterator[asyncpg.Connection[asyncpg.Record]]":
    """An administrator in the test's database, without any of the gateway's limits."""
    connection = await postgres.administer(database.database)
    await connection.execute("SET search_path = countersign")
    yield connection
    await connection.close()
