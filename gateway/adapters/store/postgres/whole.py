"""A database read whole, beside the gateways that serve it; nothing is changed.

One transaction sees one state. While it lasts the server keeps what others replace meanwhile: of a large store, read a copy.
"""

from typing import Final

from gateway.adapters.store.codec import entry_of
from gateway.adapters.store.postgres.connecting import OPEN, Access, Wire, connect
from gateway.adapters.store.postgres.read import books_of
from gateway.adapters.store.postgres.statements import Statements, migrations
from gateway.adapters.store.postgres.trouble import translated
from gateway.adapters.store.trouble import StoreRefused
from gateway.adapters.store.whole import Whole
from gateway.domain.faults import StoreFault
from gateway.domain.lifecycle import State

WHOLE: Final = Statements("whole")

_HAS_SCHEMA: Final = OPEN.taking("has_schema")
_VERSION: Final = WHOLE.taking("schema_version")
_ENTRIES: Final = WHOLE.taking("every_entry")
_NOW: Final = WHOLE.taking("now")
_FOUND_WITHIN_MS: Final = 5_000  # after its lease, a commit left behind is found by any gateway


async def read_whole(access: Access) -> Whole:
    """Raises StoreRefused for a database that is none of this gateway's stores."""
    try:
        connection = await connect(access)
        try:
            with translated("read"):
                async with connection.transaction(isolation="repeatable_read", readonly=True):
                    return await _read(connection)
        finally:
            connection.terminate()
    except StoreFault as fault:
        raise StoreRefused(f"the PostgreSQL store cannot be read: {fault.detail}") from fault


async def _read(connection: Wire) -> Whole:
    if not await connection.fetchval(_HAS_SCHEMA):
        raise StoreRefused("the database holds no store of this gateway; `countersign store migrate` makes one.")
    version, newest = await connection.fetchval(_VERSION), migrations()[-1].version
    if version != newest:
        raise StoreRefused(f"the database has schema version {version}, and this command reads {newest}: migrate it, or use that version's command.")
    books, now_ms = await books_of(connection), await connection.fetchval(_NOW)
    entries = tuple([entry_of(tuple(values)) for values in await connection.fetch(_ENTRIES)])
    behind = tuple(row.commit_id for row in books.commits if row.state is State.FORWARDING and row.lease_until_ms + _FOUND_WITHIN_MS < now_ms)
    return Whole(books=books, entries=entries, left_behind=behind)
