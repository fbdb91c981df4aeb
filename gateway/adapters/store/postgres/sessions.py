"""The connections that read: a pool of them, none of which can write.

1. Every one is checked when it is made: whoever answers may have become a standby, which does not know the latest.
2. A connection that has not answered to the end is cut. It is not waited for once more: where nobody hears a question, nobody hears its cancellation;
   and the server ends by itself what has taken too long.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import asyncpg

from gateway.adapters.store.postgres.connecting import Access, Connection, Pool, Wire, arguments, check_again
from gateway.adapters.store.postgres.trouble import translated

_BEGIN: Final = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"


class Sessions:
    """Made by `open`. What goes wrong is a `StoreFault`."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    @staticmethod
    async def open(access: Access, *, store_id: str) -> "Sessions":
        async def check(connection: Wire) -> None:
            await check_again(connection, access, store_id=store_id)

        with translated("connect"):
            pool = await asyncpg.create_pool(**arguments(access, reads=True), min_size=0, max_size=access.reads_max, init=check, reset=_leave_as_it_is)
        return Sessions(pool)

    def close(self) -> None:
        self._pool.terminate()

    async def one(self, sql: str, *values: object) -> "asyncpg.Record | None":
        async with self._asked() as connection:
            return await connection.fetchrow(sql, *values)

    async def all(self, sql: str, *values: object) -> "list[asyncpg.Record]":
        async with self._asked() as connection:
            return await connection.fetch(sql, *values)

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[Connection]:
        """A connection that sees one state of the store."""
        async with self._asked() as connection:
            await connection.execute(_BEGIN)
            yield connection
            await connection.execute("COMMIT")

    @asynccontextmanager
    async def _asked(self) -> AsyncIterator[Connection]:
        """A connection, in the hands of one question."""
        answered = False
        with translated("read"):
            async with self._pool.acquire() as connection:
                try:
                    yield connection
                    answered = True
                finally:
                    if not answered:
                        connection.terminate()


async def _leave_as_it_is(connection: object) -> None:
    """A session is never changed, so nothing has to be put back."""
    del connection
