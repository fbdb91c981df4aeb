"""The store that the settings name, opened and recovered."""

import asyncio
from contextlib import AsyncExitStack

from gateway.adapters import telemetry
from gateway.adapters.store.postgres.connecting import Access
from gateway.adapters.store.postgres.store import PostgresStore
from gateway.adapters.store.sqlite import SqliteStore
from gateway.config import RefusedToStart, Settings
from gateway.config.stores import Postgres, Sqlite
from gateway.ports.store import Store
from gateway.ports.system import Clock, Ids


async def open_store(settings: Settings, clock: Clock, ids: Ids, stack: AsyncExitStack) -> Store:
    """Closed with the stack. Raises `RefusedToStart` or the adapter's `StoreRefused`."""
    store = await _open(settings, clock, ids)
    stack.push_async_callback(store.close)
    recovered = await store.recover()
    telemetry.log().info("recovered", commits=recovered.commits, decisions=recovered.decisions, boot_id=store.boot_id)
    return store


async def _open(settings: Settings, clock: Clock, ids: Ids) -> SqliteStore | PostgresStore:
    declared = settings.store
    if declared.postgres is not None:
        return await PostgresStore.open(access(declared.postgres), ids=ids, clock=clock)
    assert declared.sqlite is not None, "the settings name a store"
    await asyncio.to_thread(_make_folder, declared.sqlite)
    return await SqliteStore.open(declared.sqlite.path, ids=ids, clock=clock, reserve_bytes=declared.sqlite.reserve_bytes)


def access(declared: Postgres) -> Access:
    return Access(
        dsn=declared.dsn.value if declared.dsn else "", host=declared.host or "", port=declared.port, user=declared.user or "",
        password=declared.password.value if declared.password else "", database=declared.database or "", ca_file=declared.ca_file,
        plain=declared.plain, ha=declared.ha, reads_max=declared.readers_max,
        witness=declared.witness_file,
    )  # fmt: skip


def _make_folder(declared: Sqlite) -> None:
    try:
        declared.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as wrong:
        raise RefusedToStart(
            f"the store's folder {declared.path.parent} cannot be made: {wrong.strerror}", write="Name a folder this user can write."
        ) from wrong
