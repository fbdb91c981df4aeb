"""Desks at a SQLite store, for what only SQLite can be asked."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.contract.store_desk import Desk, SqliteSeat
from tests.fakes.clock import FakeClock
from tests.fakes.faulty_disk import FaultyDisk, faulty_disk
from tests.fakes.ids import CountingIds


@pytest.fixture
def disk() -> Iterator[FaultyDisk]:
    with faulty_disk() as made:
        yield made


async def seated(folder: Path) -> Desk:
    seat, clock, ids = SqliteSeat(folder), FakeClock(), CountingIds()
    return Desk(store=await seat.open(clock, ids), seat=seat, clock=clock, ids=ids)


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    """A store on the real disk."""
    made = await seated(tmp_path)
    yield made
    await made.leave()


@pytest.fixture
async def shaky_desk(disk: FaultyDisk, tmp_path: Path) -> AsyncIterator[Desk]:
    """A store on a disk that fails when told to, and is whole again when the next process comes."""
    made = await seated(tmp_path)
    yield made
    disk.breaks.clear()
    await made.reopen()
    await made.leave()
