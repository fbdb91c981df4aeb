"""Looks into the store of a benchmark, opened again as the gateway opens it.

1. Only once the gateway has ended: a store has one owner, and its lock says so.
2. The pragmas are asked of the very connection that writes: they belong to a connection, not to the file.
"""

from pathlib import Path
from typing import Final

from benchmarks.proof import Stored
from gateway.adapters.store.opening import close_boot, open_store
from gateway.adapters.store.sqlite import SqliteStore
from gateway.adapters.system import SystemClock, SystemIds
from gateway.domain.conservation import discrepancies
from gateway.domain.lifecycle import State

_RESERVE_BYTES: Final = 16 * 1024 * 1024


async def look(store: Path) -> Stored:
    """Raises `StoreRefused` when the gateway still has it, or when it is damaged."""
    synchronous, journal = pragmas(store)
    opened = await SqliteStore.open(store, ids=SystemIds(), clock=SystemClock(), reserve_bytes=_RESERVE_BYTES)
    try:
        books = await opened.books()
    finally:
        await opened.close()
    succeeded = sum(row.state is State.SUCCEEDED for row in books.commits)
    wrong = tuple(f"{one.what} of {one.where}: expected {one.expected}, seen {one.seen}" for one in discrepancies(books))
    return Stored(succeeded=succeeded, others=len(books.commits) - succeeded, imbalances=wrong, synchronous=synchronous, journal=journal)


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
