"""A scripted gateway on a socket of its own, a client of it, and a clock that only rests move."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from countersign import Client, connect
from tests.unit.clients.scripted import ScriptedGateway


class StillClock:
    """Time passes only while resting; chance always gives the same."""

    def __init__(self) -> None:
        self.rests_s: list[float] = []

    def now_s(self) -> float:
        return sum(self.rests_s)

    def rest_s(self, seconds: float) -> None:
        self.rests_s.append(seconds)

    def spread(self) -> float:
        return 0.0


@pytest.fixture
def clock() -> StillClock:
    return StillClock()


@pytest.fixture
def folder() -> Iterator[Path]:
    """A short path: the name of a socket has at most 107 bytes."""
    with tempfile.TemporaryDirectory(prefix="cs-") as name:
        yield Path(name)


@pytest.fixture
def gateway(folder: Path) -> Iterator[ScriptedGateway]:
    scripted = ScriptedGateway(folder)
    scripted.start()
    yield scripted
    scripted.stop()


@pytest.fixture
def client(gateway: ScriptedGateway, clock: StillClock) -> Iterator[Client]:
    with connect(gateway.address, deadline_s=10.0, clock=clock) as made:
        yield made
