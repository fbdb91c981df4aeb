"""What tests of several rooms share: one PostgreSQL server a session, started when the first of them asks for it."""

import os
from collections.abc import AsyncIterator, Iterator

import pytest

from gateway.adapters.store.postgres.connecting import Access
from tests.fakes.postgres import Server, programs


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    server = Server(programs(embedded=os.environ.get("TEST_POSTGRES") == "embedded"))
    try:
        server.start()
        yield server
    finally:
        server.end()


@pytest.fixture
async def database(postgres: Server) -> AsyncIterator[Access]:
    """A migrated database of the test's own."""
    async with postgres.lent() as access:
        yield access
