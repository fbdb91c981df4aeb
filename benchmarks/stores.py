"""Where the gateway of a benchmark records: a SQLite file, or a PostgreSQL server of the benchmark's own; both on a disk.

1. The server is the one the tests bring, in a folder of the benchmark, its syncs on and its vacuum too; it ends with the benchmark.
2. Whatever works for the store is named by process, so that its syncs can be counted and it is pinned with those who are not measured.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks import machine
from benchmarks.books import look_into_postgres, look_into_sqlite
from benchmarks.proof import Stored
from tests.fakes.postgres import Server, programs

LIKE_IN_EARNEST: Final = ("autovacuum=on", "wal_level=replica")


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One store."""

    name: str
    section: Mapping[str, object]  # `store` of the settings
    look: Callable[[], Awaitable[Stored]]  # once the gateway has ended
    processes: Callable[[], Sequence[int]]  # besides the gateway


@asynccontextmanager
async def sqlite(folder: Path) -> AsyncIterator[Place]:
    file = folder / "store.db"
    yield Place(name="sqlite", section={"sqlite": {"path": str(file)}}, look=lambda: look_into_sqlite(file), processes=list)


def _server(folder: Path) -> Server:
    folder.chmod(0o711)  # run by root, the server is somebody else, who has to get to his own folder in it
    return Server(programs(), settings=LIKE_IN_EARNEST, parent=folder)


@asynccontextmanager
async def postgres(folder: Path) -> AsyncIterator[Place]:
    server = _server(folder)
    try:
        server.start()
        access = await server.database()
        yield Place(
            name="postgres",
            section={"postgres": {"host": access.host, "database": access.database, "user": access.user}},
            look=lambda: look_into_postgres(access),
            processes=lambda: [server.pid, *machine.children(server.pid)],
        )
    finally:
        server.end()


STORES: Final = {"sqlite": sqlite, "postgres": postgres}
