"""Migrations: by the owner, under one lock, as a whole or not at all; and yesterday's gateway on tomorrow's schema."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import asyncpg
import pytest

from gateway.adapters.store.postgres.connecting import Access
from gateway.adapters.store.postgres.migrating import migrate
from gateway.adapters.store.postgres.statements import Migration, migrations
from gateway.adapters.store.trouble import StoreRefused
from gateway.domain.lifecycle import Event, State
from tests.contract.store_desk import writes
from tests.fakes.postgres import Server, owner_of
from tests.unit.gateway.adapters.store.postgres.conftest import Seated

NEWEST = len(migrations())
EXPAND = Migration(
    version=NEWEST + 1, name="of_tomorrow", serves=NEWEST,
    sql="ALTER TABLE commits ADD COLUMN mood TEXT NOT NULL DEFAULT 'fine'; CREATE TABLE moods (mood TEXT PRIMARY KEY);",
)  # fmt: skip
BROKEN = Migration(version=NEWEST + 1, name="of_nobody", serves=NEWEST, sql="CREATE TABLE moods (mood TEXT); INSERT INTO nowhere VALUES (1);")


@pytest.fixture
async def empty(postgres: Server) -> AsyncIterator[Access]:
    """A database nobody has migrated; the roles are there once another has been."""
    async with postgres.lent():
        access = await postgres.empty_database()
        yield access
        await postgres.drop(access)


async def versions(postgres: Server, access: Access) -> list[tuple[object, ...]]:
    connection = await postgres.administer(access.database)
    found = [tuple(row) for row in await connection.fetch("SELECT version, name, serves FROM countersign.schema_versions ORDER BY version")]
    await connection.close()
    return found


async def test_two_who_migrate_at_once_do_it_once(postgres: Server, empty: Access) -> None:
    """And a third finds nothing to do."""
    both = await asyncio.gather(*(migrate(owner_of(empty), gateway_role="gateway") for _ in range(2)))
    again = await migrate(owner_of(empty), gateway_role="gateway")

    assert sorted(len(one.applied) for one in (*both, again)) == [0, 0, NEWEST]
    assert again.version == NEWEST
    assert await versions(postgres, empty) == [(one.version, one.name, one.serves) for one in migrations()]


async def test_a_migration_that_fails_changes_nothing(postgres: Server, empty: Access, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those before it are not applied either: all, or none."""
    monkeypatch.setattr("gateway.adapters.store.postgres.migrating.migrations", lambda: [*migrations(), BROKEN])

    with pytest.raises(StoreRefused, match="nothing was changed"):
        await migrate(owner_of(empty), gateway_role="gateway")

    connection = await postgres.administer(empty.database)
    assert await connection.fetchval("SELECT count(*) FROM pg_namespace WHERE nspname = 'countersign'") == 0
    await connection.close()


async def test_a_gateway_goes_on_while_its_store_is_expanded(seated: Seated, database: Access, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before, during and after a migration that only adds; and one of the same version starts on the new schema."""
    desk = await seated()
    flying = await desk.authorised(desk.ask("K-1", costs=writes()))
    monkeypatch.setattr("gateway.adapters.store.postgres.migrating.migrations", lambda: [*migrations(), EXPAND])

    migrated = await migrate(owner_of(database), gateway_role="gateway")

    ended = await desk.settled(flying, Event.HOST_DID)
    later = await (await seated()).committed(desk.ask("K-2"))
    assert (migrated.applied, migrated.version) == (("of_tomorrow",), NEWEST + 1)
    assert (ended.state, later.state) == (State.SUCCEEDED, State.SUCCEEDED)


@pytest.mark.parametrize(("role", "said"), [("owner", "would own the record"), ("nobody_known", "there is no role nobody_known")])
async def test_the_gateways_role_is_another_and_there(empty: Access, role: str, said: str) -> None:
    """Nothing is made for a role that could not be used."""
    with pytest.raises(StoreRefused, match=said):
        await migrate(owner_of(empty), gateway_role=role)


async def test_a_role_that_may_not_migrate_is_told(database: Access) -> None:
    """The gateway's own."""
    with pytest.raises(StoreRefused, match="nothing was changed"):
        await migrate(replace(database), gateway_role="owner")


async def test_privileges_that_were_given_by_hand_are_taken_back(database: Access, admin: "asyncpg.Connection[asyncpg.Record]") -> None:
    """After every migration the role has what the grants say, and nothing else."""
    await admin.execute("GRANT DELETE ON entries TO gateway; SET ROLE owner; GRANT UPDATE ON entries TO gateway; RESET ROLE")

    await migrate(owner_of(database), gateway_role="gateway")

    found = {kind: await admin.fetchval("SELECT has_table_privilege('gateway', 'entries', $1)", kind) for kind in ("INSERT", "UPDATE", "DELETE")}
    assert found == {"INSERT": True, "UPDATE": False, "DELETE": False}
