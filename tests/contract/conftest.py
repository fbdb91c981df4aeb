"""Every store takes the same exam: `desk` seats one after the other."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.contract.postgres_seat import PostgresSeat
from tests.contract.store_desk import Desk, MemorySeat, Seat, SqliteSeat
from tests.fakes.clock import FakeClock
from tests.fakes.ids import CountingIds
from tests.fakes.postgres import Server


@pytest.fixture(params=["memory", "sqlite", "postgres"])
async def desk(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Desk]:
    """A fresh store; when the test is done, everything in it has to add up."""
    server = request.getfixturevalue("postgres") if request.param == "postgres" else None
    async with _seat(request.param, tmp_path, server) as seat:
        clock, ids = FakeClock(), CountingIds()
        seated = Desk(store=await seat.open(clock, ids), seat=seat, clock=clock, ids=ids)
        yield seated
        await seated.leave()


@asynccontextmanager
async def _seat(kind: str, folder: Path, server: Server | None) -> AsyncIterator[Seat]:
    if server is None:
        yield MemorySeat() if kind == "memory" else SqliteSeat(folder)
        return
    async with server.lent() as access:
        yield PostgresSeat(access)
