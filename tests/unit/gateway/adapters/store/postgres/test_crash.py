"""The server is killed in the middle of a load and comes back: what was acknowledged is there, what was not is nowhere or asked again, and it adds up."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from gateway.adapters.store.postgres.connecting import Access
from gateway.domain.conservation import discrepancies
from gateway.domain.faults import StoreFault
from gateway.domain.writes.commits import Authorised
from tests.contract.postgres_seat import PostgresSeat
from tests.contract.store_desk import Desk, limit, terms, writes
from tests.fakes.clock import FakeClock
from tests.fakes.ids import CountingIds
from tests.fakes.postgres import Server, programs


@pytest.fixture
async def own_server() -> AsyncIterator[Server]:
    """One that a test may kill."""
    server = Server(programs())
    try:
        server.start()
        await server.ready()
        yield server
    finally:
        server.end()


async def test_a_server_killed_under_load_loses_nothing_it_acknowledged(own_server: Server) -> None:
    """Four gateways, a budget of 40; the postmaster is killed and started again; exactly 40 are authorised, and no gateway has to be restarted."""
    access: Access = await own_server.database()
    clock, ids = FakeClock(), CountingIds()
    seat = PostgresSeat(access)
    desks = [Desk(store=await seat.open(clock, ids), seat=seat, clock=clock, ids=ids, terms=terms(budgets=[])) for _ in range(4)]
    await desks[0].activate(tenant=[limit(40)])
    acknowledged: list[str] = []
    enough = asyncio.Event()

    async def claim(n: int) -> None:
        """Asked until it is answered, with the same key, as a caller would."""
        desk = desks[n % 4]
        while True:
            try:
                reply = await desk.write(desk.claim(desk.ask(f"K-{n}", costs=writes())))
            except StoreFault:
                await asyncio.sleep(0.02)
                continue
            if isinstance(reply, Authorised):
                acknowledged.append(reply.row.commit_id)
            if len(acknowledged) == 10:
                enough.set()
            return

    async def crash() -> None:
        await enough.wait()
        own_server.kill()
        own_server.start()
        await own_server.ready()

    async with asyncio.timeout(60):
        await asyncio.gather(crash(), *(_one_after_the_other(claim, range(start, 60, 12)) for start in range(12)))

    books = await desks[0].store.books()
    assert discrepancies(books) == []
    assert {*acknowledged} <= {row.commit_id for row in books.commits if row.attempts}
    assert sum(bool(row.attempts) for row in books.commits) == 40
    assert all(desk.store.ready() for desk in desks)
    for desk in desks:
        await desk.store.close()


async def _one_after_the_other(claim: Callable[[int], Awaitable[None]], numbers: range) -> None:
    for n in numbers:
        await claim(n)
