"""The store of a benchmark, looked into once the gateway has ended."""

from pathlib import Path

import apsw
import pytest

from benchmarks.books import look_into_sqlite, pragmas
from gateway.adapters.store.sqlite import SqliteStore
from gateway.adapters.store.trouble import StoreRefused
from gateway.adapters.system import SystemClock, SystemIds


async def opened(file: Path) -> SqliteStore:
    return await SqliteStore.open(file, ids=SystemIds(), clock=SystemClock(), reserve_bytes=1)


async def test_a_store_says_how_it_syncs_and_that_it_balances(tmp_path: Path) -> None:
    """Asked of a connection opened as the gateway opens its own."""
    await (await opened(tmp_path / "store.db")).close()

    stored = await look_into_sqlite(tmp_path / "store.db")

    assert stored.unsound == ()
    assert (stored.succeeded, stored.others, stored.imbalances) == (0, 0, ())


async def test_money_that_nobody_holds_is_an_imbalance(tmp_path: Path) -> None:
    """A budget changed by hand is found."""
    await (await opened(tmp_path / "store.db")).close()
    connection = apsw.Connection(str(tmp_path / "store.db"))
    connection.execute(
        "INSERT INTO nodes (node_key, window_start_ms, level, tenant, workflow, run_id, ledger, currency, time_window, held, settled)"
        " VALUES ('tenant\x1fbench\x1f\x1f\x1fwrites\x1f\x1ftotal', 0, 'tenant', 'bench', '', '', 'writes', '', 'total', 7, 0)"
    )
    connection.close()

    (imbalance,) = (await look_into_sqlite(tmp_path / "store.db")).imbalances

    assert imbalance.startswith("held of tenant/bench")
    assert imbalance.endswith("expected 0, seen 7")


async def test_a_store_somebody_has_is_not_looked_into(tmp_path: Path) -> None:
    """The gateway has to have ended."""
    store = await opened(tmp_path / "store.db")
    try:
        with pytest.raises(StoreRefused):
            pragmas(tmp_path / "store.db")
    finally:
        await store.close()
