"""Where the stores of this benchmark are: two beside each other on one disk, a full one that is kept and an empty one that is made anew.

1. SQLite: two files. PostgreSQL: two databases of one server, which is the benchmark's own, in the same folder, with its vacuum and its syncs on.
2. What is counted and sized is asked beside the store, over a connection of its own, and changes nothing.
3. Both stores are told the time by the clock they are opened with, so that a small one can be looked at as if its time had passed.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

import apsw
import asyncpg

from benchmarks.stores import LIKE_IN_EARNEST
from benchmarks.terms import settings
from gateway.adapters.store.postgres.migrating import migrate
from gateway.adapters.store.postgres.store import PostgresStore
from gateway.adapters.store.sqlite import SqliteStore
from gateway.adapters.system import SystemIds
from gateway.ports.store import Store
from gateway.ports.system import Clock
from tests.fakes.postgres import Server, owner_of, programs

FULL: Final = "full"
EMPTY: Final = "empty"
_SHARED_BUFFERS: Final = "shared_buffers=128MB"  # what a server has that nobody has set anything on
_LOGS: Final = ("-wal", "-shm", ".lock")


class Place(Protocol):
    """One folder with both stores."""

    @property
    def server(self) -> Mapping[str, str]:
        """Which, and what is set of it."""
        ...

    async def empty(self) -> None:
        """Makes the empty store anew. Neither may be open."""
        ...

    async def open(self, which: str, clock: Clock) -> Store: ...

    async def commits(self) -> int:
        """How many the full store holds."""
        ...

    async def sizes(self) -> Mapping[str, Mapping[str, int]]:
        """Of the full store, by table: bytes of its rows and of each index, "" for the whole store with what it keeps free."""
        ...

    async def dead(self) -> Mapping[str, int]:
        """Of the full store: what is in its tables and no row any more, by the store's own name for it."""
        ...

    def check_arguments(self) -> list[str]:
        """What `countersign ledger check` is told of the full store."""
        ...


@dataclass(frozen=True, slots=True)
class _Sqlite:
    """Implements `Place`."""

    folder: Path

    @property
    def server(self) -> Mapping[str, str]:
        return {"sqlite": apsw.sqlite_lib_version()}

    def file(self, which: str) -> Path:
        return self.folder / f"{which}.db"

    async def empty(self) -> None:
        await asyncio.to_thread(self._remove, EMPTY)

    async def open(self, which: str, clock: Clock) -> Store:
        return await SqliteStore.open(self.file(which), ids=SystemIds(), clock=clock, reserve_bytes=0)

    async def commits(self) -> int:
        if not self.file(FULL).exists():
            return 0
        return await asyncio.to_thread(self._number, "SELECT count(*) FROM commits")

    async def sizes(self) -> Mapping[str, Mapping[str, int]]:
        return await asyncio.to_thread(self._sizes)

    async def dead(self) -> Mapping[str, int]:
        return {"free_pages_bytes": await asyncio.to_thread(self._number, "SELECT freelist_count * page_size FROM pragma_freelist_count, pragma_page_size")}

    def check_arguments(self) -> list[str]:
        return ["--store", str(self.file(FULL))]

    def _remove(self, which: str) -> None:
        for ending in ("", *_LOGS):
            Path(f"{self.file(which)}{ending}").unlink(missing_ok=True)

    def _sizes(self) -> Mapping[str, Mapping[str, int]]:
        found: dict[str, dict[str, int]] = {"": {"": self.file(FULL).stat().st_size}}
        for table, name, size in self._rows(
            "SELECT coalesce(s.tbl_name, d.name), d.name, d.pgsize FROM dbstat AS d LEFT JOIN sqlite_schema AS s ON s.name = d.name WHERE d.aggregate = TRUE"
        ):
            found.setdefault(str(table), {})["rows" if table == name else str(name)] = int(str(size))
        return found

    def _number(self, sql: str) -> int:
        return int(str(self._rows(sql)[0][0]))

    def _rows(self, sql: str) -> list[tuple[object, ...]]:
        connection = apsw.Connection(str(self.file(FULL)), flags=apsw.SQLITE_OPEN_READONLY)
        try:
            return [tuple(values) for values in connection.execute(sql)]
        finally:
            connection.close()


@dataclass(frozen=True, slots=True)
class _Postgres:
    """Implements `Place`."""

    own: Server
    version: str
    settings: Path  # of a gateway that serves the full store

    @property
    def server(self) -> Mapping[str, str]:
        return {"postgres": self.version, "settings": ", ".join((*LIKE_IN_EARNEST, _SHARED_BUFFERS))}

    async def empty(self) -> None:
        await self._tell("postgres", f'DROP DATABASE IF EXISTS "{EMPTY}" WITH (FORCE)')

    async def open(self, which: str, clock: Clock) -> Store:
        if not await self._ask("postgres", "SELECT 1 FROM pg_database WHERE datname = $1", which):
            await self._tell("postgres", f"CREATE DATABASE \"{which}\" OWNER owner TEMPLATE template0 ENCODING 'UTF8'")
        await migrate(owner_of(self.own.access(which)), gateway_role="gateway")
        return await PostgresStore.open(self.own.access(which), ids=SystemIds(), clock=clock, store_clock=clock)

    async def commits(self) -> int:
        if not await self._ask("postgres", "SELECT 1 FROM pg_database WHERE datname = $1", FULL):
            return 0
        return int(str((await self._ask(FULL, "SELECT count(*) FROM countersign.commits"))[0][0]))

    async def sizes(self) -> Mapping[str, Mapping[str, int]]:
        found: dict[str, dict[str, int]] = {"": {"": int(str((await self._ask(FULL, "SELECT pg_database_size(current_database())"))[0][0]))}}
        for table, rows in await self._ask(
            FULL, "SELECT relname::text, pg_table_size(oid) FROM pg_class WHERE relnamespace = 'countersign'::regnamespace AND relkind = 'r'"
        ):
            found[str(table)] = {"rows": int(str(rows))}
        for table, name, size in await self._ask(
            FULL,
            "SELECT indrelid::regclass::text, c.relname::text, pg_relation_size(c.oid) FROM pg_index JOIN pg_class AS c ON c.oid = indexrelid "
            "WHERE c.relnamespace = 'countersign'::regnamespace",
        ):
            found[str(table).removeprefix("countersign.")][str(name)] = int(str(size))
        return found

    async def dead(self) -> Mapping[str, int]:
        asked = "SELECT relname::text, n_dead_tup FROM pg_stat_user_tables WHERE schemaname = 'countersign' AND n_dead_tup > 0"
        return {f"dead_rows_of_{table}": int(str(count)) for table, count in await self._ask(FULL, asked)}

    def check_arguments(self) -> list[str]:
        return ["--settings", str(self.settings)]

    async def _ask(self, database: str, sql: str, *values: object) -> list[tuple[object, ...]]:
        connection = await self.own.administer(database)
        try:
            return [tuple(found) for found in await connection.fetch(sql, *values)]
        finally:
            await connection.close()

    async def _tell(self, database: str, *statements: str) -> None:
        connection = await self.own.administer(database)
        try:
            for statement in statements:
                await connection.execute(statement)
        finally:
            await connection.close()


@asynccontextmanager
async def sqlite(folder: Path) -> AsyncIterator[Place]:
    yield _Sqlite(folder)


@asynccontextmanager
async def postgres(folder: Path) -> AsyncIterator[Place]:
    """A server of the benchmark's own, as long as the place is used; what it holds stays in the folder."""
    server = _server(folder)
    try:
        server.start()
        await server.ready()
        connection = await server.administer()
        try:
            for role in ("owner", "gateway"):
                if not await connection.fetchval("SELECT 1 FROM pg_roles WHERE rolname = $1", role):
                    await connection.execute(f"CREATE ROLE {role} LOGIN")
            version = str(await connection.fetchval("SHOW server_version"))
        finally:
            await connection.close()
        yield _Postgres(server, version, _settings(folder, server))
        await _settled(server)
    finally:
        server.end()


def _server(folder: Path) -> Server:
    folder.chmod(0o711)  # run by root, the server is somebody else, who has to get to his own folder in it
    return Server(programs(), settings=(*LIKE_IN_EARNEST, _SHARED_BUFFERS), kept=folder / "server")


def _settings(folder: Path, server: Server) -> Path:
    """Of a gateway that serves the full store: a command that reads the store needs no more of it than that."""
    access, file = server.access(FULL), folder / "settings.yaml"
    section = {"postgres": {"host": access.host, "database": access.database, "user": access.user}}
    file.write_text(settings(base_url="http://127.0.0.1:9", socket=folder / "gateway.sock", store=section))
    return file


async def _settled(server: Server) -> None:
    """So that the server ends at once."""
    connection = await asyncpg.connect(host=str(server.folder), user="postgres", database="postgres", timeout=5)
    try:
        await connection.execute("CHECKPOINT")
    finally:
        await connection.close()


PLACES: Final = {"sqlite": sqlite, "postgres": postgres}
