"""One consistent read of a PostgreSQL store, for the check of every suite: the gateway's own reading of its rows, and its record in order.

`Looking` is for those who wait for one row to change, and look again and again: over a connection that is kept, at that row alone.
"""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from typing import Any, Final

import asyncpg

from gateway.adapters.store.codec import commit_of, entry_of
from gateway.adapters.store.postgres.connecting import Access, connect
from gateway.adapters.store.postgres.read import READ
from gateway.adapters.store.postgres.rows import decision_of, run_of, window_of
from gateway.domain.conservation import Books
from gateway.domain.records import RunName
from tests.prove.ledger_check import Stored

_EVERY: Final = [READ.taking(f"every_{kind}") for kind in ("window", "commit", "decision", "run")]
_STEPS_RECORDED: Final = READ.taking("steps_recorded")
_ENTRIES: Final = "SELECT kind, time_ms, boot_id, counter, tenant, workflow, run_id, subject_id, leaf, leaf_hash FROM entries ORDER BY place"
_GONE: Final = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError)
_NEWEST_BOOT: Final = "SELECT boot_id FROM boots ORDER BY opened_at_ms DESC LIMIT 1"


def read_postgres(access: Access) -> Stored:
    """Beside the gateways that serve it; changes nothing."""
    return asyncio.run(_read(access))


async def _read(access: Access) -> Stored:
    connection = await connect(access)
    try:
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            windows, commits, decisions, runs = [await connection.fetch(sql) for sql in _EVERY]
            recorded = await connection.fetch(_STEPS_RECORDED)
            entries = await connection.fetch(_ENTRIES)
            boot_id = await connection.fetchval(_NEWEST_BOOT)
    finally:
        connection.terminate()
    books = Books(
        nodes=tuple(map(window_of, windows)), commits=tuple(commit_of(tuple(values)) for values in commits),
        decisions=tuple(map(decision_of, decisions)), runs=tuple(map(run_of, runs)),
        steps_recorded={RunName(*name): count for *name, count in recorded},
    )  # fmt: skip
    return Stored(books=books, entries=tuple(entry_of(tuple(values)) for values in entries), boot_id=str(boot_id))


class Looking:
    """From any thread, one look after the other. A connection that the server has let go is made anew, once a look."""

    def __init__(self, connect: Callable[[], Coroutine[Any, Any, "asyncpg.Connection[asyncpg.Record]"]]) -> None:
        self._connect = connect
        self._lock = threading.Lock()
        self._runner = asyncio.Runner()
        self._connection: asyncpg.Connection[asyncpg.Record] | None = None

    def first(self, query: str, *arguments: object) -> Any:
        """The first value of what is read; None where nothing is."""
        with self._lock:
            return self._runner.get_loop().run_until_complete(self._first(query, arguments))

    def close(self) -> None:
        with self._lock:
            if self._connection is not None:
                self._connection.terminate()
            self._runner.close()

    async def _first(self, query: str, arguments: tuple[object, ...]) -> Any:
        if self._connection is not None:
            try:
                return await self._connection.fetchval(query, *arguments)
            except _GONE:
                self._connection.terminate()
        self._connection = await self._connect()
        return await self._connection.fetchval(query, *arguments)
