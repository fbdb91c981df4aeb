"""Looks into the store of a benchmark, opened again as the gateway opens it, once the gateway has ended.

1. SQLite's pragmas are asked of the very connection that writes: they belong to a connection, not to the file.
2. A store is sound when it says itself that what it acknowledged is on the disk.
"""

from pathlib import Path
from typing import Final

import asyncpg

from benchmarks.proof import Stored
from gateway.adapters.store.opening import close_boot, open_store
from gateway.adapters.store.postgres.connecting import Access
from gateway.adapters.store.postgres.store import PostgresStore
from gateway.adapters.store.sqlite import SqliteStore
from gateway.adapters.system import SystemClock, SystemIds
from gateway.domain.conservation import Books, discrepancies
from gateway.domain.lifecycle import State

SYNCHRONOUS_FULL: Final = 2  # https://sqlite.org/pragma.html#pragma_synchronous
_RESERVE_BYTES: Final = 16 * 1024 * 1024
_SOUND: Final = {"fsync": "on", "full_page_writes": "on", "synchronous_commit": "on"}


async def look_into_sqlite(store: Path) -> Stored:
    """Raises `StoreRefused` when the gateway still has it, or when it is damaged."""
    synchronous, journal = pragmas(store)
    unsound = [
        *([f"PRAGMA synchronous is {synchronous}, not FULL ({SYNCHRONOUS_FULL})"] if synchronous != SYNCHRONOUS_FULL else []),
        *([f"the journal is {journal}, not wal"] if journal != "wal" else []),
    ]
    opened = await SqliteStore.open(store, ids=SystemIds(), clock=SystemClock(), reserve_bytes=_RESERVE_BYTES)
    try:
        return _stored(await opened.books(), unsound)
    finally:
        await opened.close()


async def look_into_postgres(access: Access) -> Stored:
    """Raises `StoreRefused`, `StoreFault`."""
    opened = await PostgresStore.open(access, ids=SystemIds(), clock=SystemClock())
    try:
        books = await opened.books()
    finally:
        await opened.close()
    connection = await asyncpg.connect(host=access.host, user=access.user, database=access.database, timeout=5)
    try:
        said = {name: str(await connection.fetchval(f"SHOW {name}")) for name in _SOUND}
    finally:
        await connection.close()
    return _stored(books, [f"{name} is {said[name]}, not {sound}" for name, sound in _SOUND.items() if said[name] != sound])


def _stored(books: Books, unsound: list[str]) -> Stored:
    succeeded = sum(row.state is State.SUCCEEDED for row in books.commits)
    wrong = tuple(f"{one.what} of {one.where}: expected {one.expected}, seen {one.seen}" for one in discrepancies(books))
    return Stored(succeeded=succeeded, others=len(books.commits) - succeeded, imbalances=wrong, unsound=tuple(unsound))


def pragmas(store: Path) -> tuple[int, str]:
    """(synchronous, journal mode) of the connection that the store would write with."""
    clock, boot_id = SystemClock(), SystemIds().fresh()
    opened = open_store(store, boot_id=boot_id, clock=clock)
    try:
        synchronous, journal = opened.writer.pragma("synchronous"), opened.writer.pragma("journal_mode")
        close_boot(opened.writer, boot_id=boot_id, now_ms=clock.now_ms())
    finally:
        opened.reader.close()
        opened.writer.close()
        opened.lock.release()
    assert isinstance(synchronous, int), "SQLite numbers its levels"
    return synchronous, str(journal)
