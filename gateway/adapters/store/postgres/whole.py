"""A database read whole, beside the gateways that serve it; nothing is changed.

1. One transaction sees one state. While it lasts the server keeps what others replace meanwhile: of a large store, read a copy.
2. Rows are fetched some at a time, shown and not kept: a store may be larger than memory, and no statement outlasts a connection's patience.
"""

from collections.abc import Callable
from contextlib import ExitStack
from typing import Any, Final

from gateway.adapters.store.codec import Columns, commit_of, entry_of
from gateway.adapters.store.postgres.connecting import OPEN, Access, Wire, connect
from gateway.adapters.store.postgres.read import READ
from gateway.adapters.store.postgres.rows import decision_of, run_of, window_of
from gateway.adapters.store.postgres.statements import Statements, migrations
from gateway.adapters.store.postgres.trouble import translated
from gateway.adapters.store.trouble import StoreRefused
from gateway.adapters.store.whole import Gone, checking
from gateway.domain.checking import Check, Checked
from gateway.domain.faults import StoreFault
from gateway.domain.records import RunName

WHOLE: Final = Statements("whole")

_HAS_SCHEMA: Final = OPEN.taking("has_schema")
_VERSION: Final = WHOLE.taking("schema_version")
_WINDOWS: Final = READ.taking("every_window")
_COMMITS: Final = READ.taking("every_commit")
_DECISIONS: Final = READ.taking("every_decision")
_RUNS: Final = READ.taking("every_run")
_STEPS: Final = WHOLE.taking("every_step")
_ENTRIES: Final = WHOLE.taking("every_entry")
_NOW: Final = WHOLE.taking("now")
_FOUND_WITHIN_MS: Final = 5_000  # after its lease, a commit left behind is found by any gateway
_TOGETHER: Final = 500  # rows of one fetch


async def check_whole(access: Access) -> Checked:
    """Raises StoreRefused for a database that is none of this gateway's stores."""
    try:
        connection = await connect(access)
        try:
            with translated("read"), ExitStack() as heaps:
                async with connection.transaction(isolation="repeatable_read", readonly=True):
                    check = heaps.enter_context(checking(await _begun(connection)))
                    await _show(connection, check)
                return check.said()  # the transaction has ended: the server would end one that asks nothing for so long
        finally:
            connection.terminate()
    except StoreFault as fault:
        raise StoreRefused(f"the PostgreSQL store cannot be read: {fault.detail}") from fault


async def _begun(connection: Wire) -> Gone:
    if not await connection.fetchval(_HAS_SCHEMA):
        raise StoreRefused("the database holds no store of this gateway; `countersign store migrate` makes one.")
    version, newest = await connection.fetchval(_VERSION), migrations()[-1].version
    if version != newest:
        raise StoreRefused(f"the database has schema version {version}, and this command reads {newest}: migrate it, or use that version's command.")
    now_ms: int = await connection.fetchval(_NOW)
    return lambda row: row.lease_until_ms + _FOUND_WITHIN_MS < now_ms


async def _show(connection: Wire, check: Check) -> None:
    shown: tuple[tuple[str, Callable[[Columns], Any], Callable[[Any], None]], ...] = (
        (_WINDOWS, window_of, check.node), (_COMMITS, commit_of, check.commit), (_DECISIONS, decision_of, check.decision), (_RUNS, run_of, check.run),
        (_STEPS, lambda values: RunName(*values), check.step_recorded), (_ENTRIES, entry_of, check.entry),
    )  # fmt: skip
    for sql, row_of, show in shown:
        async for values in connection.cursor(sql, prefetch=_TOGETHER):
            show(row_of(tuple(values)))
