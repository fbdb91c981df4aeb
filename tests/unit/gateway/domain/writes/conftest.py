"""A desk at the store in dictionaries: what a write makes of its rows can be looked at there, to the last byte of a leaf."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest

from tests.contract.store_desk import Desk, MemorySeat
from tests.fakes.clock import FakeClock
from tests.fakes.ids import CountingIds
from tests.fakes.store import MemoryStore


@dataclass(slots=True)
class OpenDesk(Desk):
    """A desk whose drawers are open."""

    @property
    def memory(self) -> MemoryStore:
        assert isinstance(self.store, MemoryStore)
        return self.store

    def leaves(self) -> list[dict[str, object]]:
        """Every leaf, read as JSON."""
        return [json.loads(entry.leaf) for entry in self.memory.record]


@pytest.fixture
async def desk() -> AsyncIterator[OpenDesk]:
    seat, clock, ids = MemorySeat(), FakeClock(), CountingIds()
    made = OpenDesk(store=await seat.open(clock, ids), seat=seat, clock=clock, ids=ids)
    yield made
    await made.leave()
