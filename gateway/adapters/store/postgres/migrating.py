"""Migrations: run by the schema's owner before the gateways that need them, never by a gateway.

1. Numbered files, oldest first, in one transaction under one lock: two who migrate at once do it once.
2. A file only adds (expand), or takes away what no gateway that is still served needs (contract); `serves` says so.
3. After them the gateway's role gets what it needs and loses everything else.
"""

from dataclasses import dataclass
from typing import Final

from gateway.adapters.store.postgres.connecting import OPEN, Access, Wire, connect
from gateway.adapters.store.postgres.statements import Statements, migrations
from gateway.adapters.store.postgres.trouble import translated
from gateway.adapters.store.trouble import StoreRefused
from gateway.domain.faults import StoreFault

GRANTS: Final = Statements("grants")

_MAKE_SCHEMA: Final = OPEN.taking("make_schema")
_ONE_AT_A_TIME: Final = OPEN.taking("one_migration_at_a_time")
_HAS_SCHEMA: Final = OPEN.taking("has_schema")
_VERSION: Final = OPEN.taking("schema_version")
_INSERT_VERSION: Final = OPEN.taking("insert_schema_version", "version", "name", "serves")
_KNOWN_ROLE: Final = OPEN.taking("known_role", "role")
_GRANTS: Final = GRANTS.taking("grants")


@dataclass(frozen=True, slots=True, kw_only=True)
class Migrated:
    """What was done. `version` is what the store has now."""

    applied: tuple[str, ...]
    version: int


async def migrate(owner: Access, *, gateway_role: str) -> Migrated:
    """Brings the schema up to date and grants `gateway_role` what the gateway needs. Raises StoreRefused; then nothing was changed."""
    try:
        connection = await connect(owner)
        try:
            with translated("migrate"):
                async with connection.transaction():
                    await _check_roles(connection, gateway_role)
                    migrated = await _apply(connection)
                    await connection.execute(_GRANTS.format(role='"' + gateway_role.replace('"', '""') + '"'))
            return migrated
        finally:
            connection.terminate()
    except (StoreFault, AssertionError) as why:
        raise StoreRefused(f"the store was not migrated, nothing was changed ({why}).") from why


async def _check_roles(connection: Wire, gateway_role: str) -> None:
    found = await connection.fetchrow(_KNOWN_ROLE, gateway_role)
    assert found is not None
    known, own = found
    if not known:
        raise StoreRefused(f'there is no role {gateway_role}; as an administrator: CREATE ROLE "{gateway_role}" LOGIN; with a password or certificate.')
    if own:
        raise StoreRefused(f"{gateway_role} would own the record, and the gateway's role may only add to it; migrate as another role, the owner.")


async def _apply(connection: Wire) -> Migrated:
    await connection.execute(_ONE_AT_A_TIME)
    await connection.execute(_MAKE_SCHEMA)
    version = (await connection.fetchrow(_VERSION) or [0])[0] or 0 if await connection.fetchval(_HAS_SCHEMA) else 0
    applied = []
    for one in migrations()[version:]:
        await connection.execute(one.sql)
        await connection.execute(_INSERT_VERSION, one.version, one.name, one.serves)
        applied.append(one.name)
    return Migrated(applied=tuple(applied), version=version + len(applied))
