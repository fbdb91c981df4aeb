"""Opening a store: each thing that is not as it must be is refused with what was seen and what to do."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from typing import Any

import asyncpg
import pytest

from gateway.adapters.store.postgres.connecting import Access, why_unsafe
from gateway.adapters.store.postgres.opening import check_clocks, open_store
from gateway.adapters.store.postgres.statements import migrations
from gateway.adapters.store.trouble import StoreRefused
from gateway.adapters.system import SystemClock
from tests.fakes.postgres import Server

GOOD: dict[str, Any] = {"recovering": False, "fsync": "on", "synchronous": "on", "standbys": "", "ha": False}


def why(change: dict[str, Any]) -> str:
    return why_unsafe(**(GOOD | change))


async def refused(access: Access) -> str:
    with pytest.raises(StoreRefused) as caught:
        await open_store(access, boot_id="b-1", clock=SystemClock())
    return caught.value.detail


async def altered(admin: "asyncpg.Connection[asyncpg.Record]", access: Access, setting: str) -> str:
    """What opening says while a setting of the gateway's role stands."""
    await admin.execute(f'ALTER ROLE gateway IN DATABASE "{access.database}" SET {setting}')
    return await refused(access)


async def test_a_store_that_is_as_it_must_be_is_opened(database: Access, admin: "asyncpg.Connection[asyncpg.Record]") -> None:
    """A boot begins, under the identity that the store was made with."""
    store_id = await open_store(database, boot_id="b-1", clock=SystemClock())

    assert store_id == str(await admin.fetchval("SELECT store_id FROM identity"))
    assert [tuple(row) for row in await admin.fetch("SELECT boot_id, closed_at_ms, batch, counter FROM boots")] == [("b-1", 0, 0, 1)]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"recovering": True}, "is a standby"),
        ({"fsync": "off"}, "fsync=off"),
        ({"synchronous": "off"}, "synchronous_commit is off"),
        ({"synchronous": "local"}, "synchronous_commit is local"),
        ({"ha": True}, "synchronous_standby_names is empty"),
        ({"ha": True, "standbys": "one", "synchronous": "remote_write"}, "synchronous_commit is remote_write"),
    ],
)
def test_a_server_that_could_lose_what_it_acknowledged_is_refused(change: dict[str, Any], said: str) -> None:
    """Each with what to set."""
    assert said in why(change)


@pytest.mark.parametrize("change", [{}, {"synchronous": "remote_write"}, {"synchronous": "remote_apply"}, {"ha": True, "standbys": "ANY 1 (a, b)"}])
def test_a_server_that_keeps_it_is_taken(change: dict[str, Any]) -> None:
    """Remote ones too, and with standbys where they are asked for."""
    assert why(change) == ""


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("synchronous_commit = off", "synchronous_commit is off"),
        ("synchronous_commit = local", "synchronous_commit is local"),
        ("default_transaction_read_only = on", "lets this role read only"),
    ],
)
async def test_what_is_set_for_the_role_counts(database: Access, admin: "asyncpg.Connection[asyncpg.Record]", setting: str, said: str) -> None:
    """Not only what stands in the server's file."""
    assert said in await altered(admin, database, setting)


async def test_ha_without_standbys_is_refused(database: Access) -> None:
    """By a real server."""
    assert "synchronous_standby_names is empty" in await refused(replace(database, ha=True))


async def test_a_role_that_may_change_the_record_is_refused(database: Access) -> None:
    """The owner, and an administrator."""
    for role in ("owner", "postgres"):
        assert f"the role {role} may change or delete what is recorded" in await refused(replace(database, user=role))


@pytest.fixture
async def empty(postgres: Server) -> AsyncIterator[Access]:
    access = await postgres.empty_database()
    yield access
    await postgres.drop(access)


async def test_a_database_without_the_schema_names_the_command(empty: Access) -> None:
    """A gateway never migrates."""
    assert "countersign store migrate" in await refused(empty)


async def test_an_older_schema_names_the_command(database: Access, admin: "asyncpg.Connection[asyncpg.Record]") -> None:
    """Both versions are said."""
    await admin.execute("DELETE FROM schema_versions")

    said = await refused(database)

    assert f"schema version 0, and this gateway needs {len(migrations())}" in said
    assert "countersign store migrate" in said


@pytest.mark.parametrize(("serves", "taken"), [(1, True), (2, False)])
async def test_a_newer_schema_is_taken_while_it_serves_us(
    database: Access,
    admin: "asyncpg.Connection[asyncpg.Record]",
    serves: int,
    taken: bool,  # noqa: FBT001 - a case
) -> None:
    """One that only adds; not one that took something away."""
    newest = len(migrations())
    await admin.execute("INSERT INTO schema_versions VALUES ($1, 'of tomorrow', $2, 0)", newest + 1, newest if serves == 1 else newest + 1)

    if taken:
        assert await open_store(database, boot_id="b-1", clock=SystemClock())
    else:
        assert f"serves gateways that know version {newest + 1} or newer; this one knows {newest}" in await refused(database)


async def test_a_server_that_is_not_there_is_said(database: Access) -> None:
    """The address, the database, the user: what could be wrong."""
    nowhere: Sequence[Access] = [replace(database, port=5999), replace(database, database="nothing"), replace(database, user="nobody_known")]
    for access in nowhere:
        assert "cannot be opened" in await refused(access)


async def test_a_database_of_another_encoding_is_refused(postgres: Server) -> None:
    """Names are compared by their bytes."""
    await postgres.ready()
    connection = await postgres.administer()
    await connection.execute("CREATE DATABASE latin TEMPLATE template0 ENCODING 'LATIN1'")
    await connection.close()

    assert "encoded in LATIN1" in await refused(postgres.access("latin"))

    await postgres.drop(postgres.access("latin"))


def test_clocks_that_are_apart_are_refused() -> None:
    """Half a second, whichever is ahead; what the reading itself took is not held against anybody."""
    check_clocks(before_ms=1_000, server_ms=1_500, after_ms=1_000)
    check_clocks(before_ms=1_500, server_ms=1_000, after_ms=9_000)
    for server_ms in (499, 2_001):
        with pytest.raises(StoreRefused, match="501 ms apart"):
            check_clocks(before_ms=1_000, server_ms=server_ms, after_ms=1_500)


async def test_the_gateways_role_adds_to_the_record_and_does_nothing_else_to_it(database: Access) -> None:
    """By the server's own word, with the role that the gateway logs in as."""
    connection = await asyncpg.connect(host=database.host, user=database.user, database=database.database)
    row = "'OUTCOME', 1, 'b', 1, 't', 'w', 'r', 's', '', decode(repeat('00', 32), 'hex')"
    names = "kind, time_ms, boot_id, counter, tenant, workflow, run_id, subject_id, leaf, leaf_hash"
    await connection.execute(f"INSERT INTO countersign.entries ({names}) VALUES ({row})")  # noqa: S608 - from the lines above
    forbidden = [
        "UPDATE countersign.entries SET leaf = ''", "DELETE FROM countersign.entries", "TRUNCATE countersign.entries", "DROP TABLE countersign.entries",
        "ALTER TABLE countersign.entries DISABLE TRIGGER ALL", "UPDATE countersign.schema_versions SET version = 9", "UPDATE countersign.identity SET one = 1",
        "CREATE TABLE countersign.more (one INTEGER)", "DELETE FROM countersign.activations", "DELETE FROM countersign.halts", "DELETE FROM countersign.gate",
    ]  # fmt: skip

    for statement in forbidden:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(statement)
    await connection.close()
