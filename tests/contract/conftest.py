"""Every store takes the same exam: `desk` seats one after the other."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.contract.store_desk import Desk, MemorySeat, Seat, SqliteSeat
from tests.fakes.clock import FakeClock
from tests.fakes.ids import CountingIds


@pytest.fixture(params=["memory", "sqlite"])
async def desk(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Desk]:
    """A fresh store; when the test is done, everything in it has to add up."""
    seat: Seat = MemorySeat() if request.param == "memory" else SqliteSeat(tmp_path)
    clock, ids = FakeClock(), CountingIds()
    seated = Desk(store=await seat.open(clock, ids), seat=seat, clock=clock, ids=ids)
    yield seated
    await seated.leave()
