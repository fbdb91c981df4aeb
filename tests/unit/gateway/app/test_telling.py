"""What the composition root tells of: every event it names is on the list, and telling never comes before stopping."""

import asyncio
import re
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Final

import pytest
import structlog

from gateway import app
from gateway.adapters import telemetry

ROOM: Final = Path(app.__file__).parent
SAID: Final = re.compile(r'telemetry\.log\(\)\.\w+\(\s*"(\w+)"')
WATCHED: Final = re.compile(r'_watch\(.*name="(\w+)"')


@pytest.fixture
def logging() -> Iterator[None]:
    """The log as a gateway has it; it takes no name that is not on the list."""
    telemetry.configure("error")
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory(), cache_logger_on_first_use=False)
    yield
    structlog.reset_defaults()


def test_every_event_that_is_said_is_on_the_list() -> None:
    """An event that is not breaks the very moment that was to be told of."""
    source = "".join(file.read_text() for file in ROOM.glob("*.py"))
    said = {*SAID.findall(source), *(f"{name}_ended" for name in WATCHED.findall(source))}

    assert {"serving", "transcript_lost", "collector_ended", "reconciler_ended"} <= said
    assert said <= telemetry.EVENTS


@pytest.mark.usefixtures("logging")
@pytest.mark.parametrize("name", ["reconciler", "collector"])
async def test_endless_work_that_ends_stops_the_gateway(name: str) -> None:
    """It must not serve on without the one that recovers or the one that collects."""
    stopped = asyncio.Event()

    async def breaks() -> None:
        raise LookupError("a bug")

    async with AsyncExitStack() as stack:
        await app._watch(asyncio.get_running_loop().create_task(breaks(), name=name), stack, stopped.set)
        await asyncio.wait_for(stopped.wait(), 1.0)

    assert stopped.is_set()
