"""Opening a store: what must be true of the server, the schema and our role before anything is admitted over it.

1. Each thing that is not so is refused with what was seen, what was expected and what to do. Nothing is repaired or migrated here.
2. A schema is older than this gateway knows: refused, and the command is named. Newer: taken while its migrations say that they serve us.
3. The gateway's own role adds to the record and can do nothing else to it: a role that could is refused.
4. A store that has gone backwards since this gateway wrote to it is refused, where the settings name a witness.
5. A boot begins with a row of its own; several gateways are several boots.
"""

from typing import Final

from gateway.adapters.store.postgres.connecting import OPEN, Access, Wire, connect, why_unsafe
from gateway.adapters.store.postgres.statements import migrations
from gateway.adapters.store.postgres.trouble import translated
from gateway.adapters.store.postgres.witness import seen_before, why_backwards
from gateway.adapters.store.trouble import StoreRefused
from gateway.domain.faults import StoreFault
from gateway.ports.system import Clock

_SERVER: Final = OPEN.taking("about_server")
_ROLE: Final = OPEN.taking("about_role")
_HAS_SCHEMA: Final = OPEN.taking("has_schema")
_VERSION: Final = OPEN.taking("schema_version")
_STORE_ID: Final = OPEN.taking("store_id")
_BATCH_OF_BOOT: Final = OPEN.taking("batch_of_boot", "boot_id")
_INSERT_BOOT: Final = OPEN.taking("insert_boot", "boot_id")

_SERVER_MIN: Final = 150_000
_APART_MS_MAX: Final = 500  # between our clock and the server's: the age of a verdict is told by one and judged by the other
MIGRATE: Final = "Run `countersign store migrate --settings FILE --owner-dsn-file FILE` as the owner of the schema."


async def open_store(access: Access, *, boot_id: str, clock: Clock | None) -> str:
    """Begins a boot and returns the store's id. `clock` is ours, to be compared with the server's. Raises StoreRefused."""
    try:
        connection = await connect(access)
        try:
            return await _checked(connection, access, boot_id, clock)
        finally:
            connection.terminate()
    except (StoreFault, AssertionError) as why:
        raise StoreRefused(f"the PostgreSQL store cannot be opened ({why}). Are address, database, user, password and authority right?") from why


async def _checked(connection: Wire, access: Access, boot_id: str, clock: Clock | None) -> str:
    with translated("open"):
        before_ms = clock.now_ms() if clock else 0
        found = await connection.fetchrow(_SERVER)
        after_ms = clock.now_ms() if clock else 0
    assert found is not None
    version, fsync, synchronous, standbys, recovering, read_only, encoding, server_ms = found
    if version < _SERVER_MIN:
        raise StoreRefused(f"the server is PostgreSQL {version // 10_000}; {_SERVER_MIN // 10_000} or newer is needed.")
    why = why_unsafe(recovering=recovering, fsync=fsync, synchronous=synchronous, standbys=standbys, ha=access.ha)
    if why:
        raise StoreRefused(why)
    if read_only != "off":
        raise StoreRefused("the server lets this role read only (default_transaction_read_only); let it write.")
    if encoding != "UTF8":
        raise StoreRefused(f"the database is encoded in {encoding}; make one with ENCODING 'UTF8'.")
    if clock:
        check_clocks(before_ms=before_ms, server_ms=server_ms, after_ms=after_ms)
    await _check_schema(connection)
    await _check_role(connection)
    await _check_history(connection, access)
    with translated("begin a boot"):
        store_id = await connection.fetchval(_INSERT_BOOT, boot_id)
    return str(store_id)


def check_clocks(*, before_ms: int, server_ms: int, after_ms: int) -> None:
    """Raises StoreRefused when the server's clock, read between two looks at ours, is too far from it."""
    apart_ms = max(before_ms - server_ms, server_ms - after_ms, 0)
    if apart_ms > _APART_MS_MAX:
        raise StoreRefused(
            f"the server's clock and this machine's are {apart_ms} ms apart, and {_APART_MS_MAX} is the most: what one judged would be out of date "
            "for the other. Let both keep time (NTP)."
        )


async def _check_schema(connection: Wire) -> None:
    known = migrations()[-1].version
    with translated("look at the schema"):
        if not await connection.fetchval(_HAS_SCHEMA):
            raise StoreRefused(f"the database has no schema `countersign`, or this role may not use it. {MIGRATE}")
        found = await connection.fetchrow(_VERSION)
    version, serves = found if found is not None and found[0] is not None else (0, 0)
    if version < known:
        raise StoreRefused(f"the store has schema version {version}, and this gateway needs {known}. {MIGRATE}")
    if serves > known:
        raise StoreRefused(
            f"the store has schema version {version}, which serves gateways that know version {serves} or newer; this one knows {known}. "
            "Run a newer gateway: a store is never taken back to an older schema."
        )


async def _check_history(connection: Wire, access: Access) -> None:
    seen = seen_before(access.witness)
    if seen is None:
        return
    with translated("look at the past"):
        store_id = await connection.fetchval(_STORE_ID)
        batch = await connection.fetchval(_BATCH_OF_BOOT, seen.boot_id)
    why = why_backwards(seen, store_id=str(store_id), batch=batch, path=access.witness)
    if why:
        raise StoreRefused(why)


async def _check_role(connection: Wire) -> None:
    with translated("look at the role"):
        found = await connection.fetchrow(_ROLE)
    assert found is not None
    inserts, updates, deletes, truncates, role = found
    if not inserts:
        raise StoreRefused(f"the role {role} may not add to the record. {MIGRATE}")
    if updates or deletes or truncates:
        raise StoreRefused(
            f"the role {role} may change or delete what is recorded, as owners and superusers may; the gateway's may only add to it. "
            f"Make a role of its own for the gateway and name it in the settings. {MIGRATE}"
        )
