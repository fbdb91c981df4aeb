"""What is read: nobody waits twice for a server that does not answer."""

import asyncio
import os
import signal
from dataclasses import replace
from typing import Final

import asyncpg
import pytest

from gateway.adapters.store.postgres.connecting import Access
from gateway.domain.faults import StoreFault
from tests.unit.gateway.adapters.store.postgres.conftest import Seated

PATIENCE_S: Final = 1.0
OURS: Final = "SELECT pid FROM pg_stat_activity WHERE application_name = 'countersign' AND datname = current_database()"


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.adapters.store.postgres.connecting.STATEMENT_S_MAX", PATIENCE_S)


@pytest.mark.usefixtures("impatient")
async def test_a_session_that_does_not_answer_is_waited_for_once(seated: Seated, database: Access, admin: "asyncpg.Connection[asyncpg.Record]") -> None:
    """Not a second time for the end of what was asked: a wire that carries nothing carries no cancellation. The next question has a session of its own."""
    desk = await seated(replace(database, reads_max=1))
    await desk.store.gate()
    stopped = await admin.fetchval(OURS)
    loop = asyncio.get_running_loop()
    os.kill(stopped, signal.SIGSTOP)
    try:
        began_s = loop.time()
        with pytest.raises(StoreFault, match="Timeout"):
            await desk.store.gate()
        took_s = loop.time() - began_s
        again = await desk.store.gate()
    finally:
        os.kill(stopped, signal.SIGCONT)

    assert PATIENCE_S <= took_s < 1.9 * PATIENCE_S
    assert again is not None
