"""A store's file read whole, beside the gateway that serves it or after one that was killed; nothing is changed.

1. One read transaction sees one state. While it lasts the write-ahead log cannot begin anew, so it grows: of a large store, read a copy.
2. Rows are shown as they are read, and none is kept: a store may be larger than memory.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import apsw

from gateway.adapters.store.codec import Columns, commit_of, decision_of, entry_of, node_of, run_of
from gateway.adapters.store.heap import DiskHeap
from gateway.adapters.store.opening import check_library
from gateway.adapters.store.read import READ
from gateway.adapters.store.statements import Statements, migrations
from gateway.adapters.store.trouble import StoreRefused, translated
from gateway.domain.checking import Check, Checked
from gateway.domain.faults import StoreFault
from gateway.domain.records import CommitRow, RunName

WHOLE: Final = Statements("whole")

_VERSION: Final = WHOLE.taking("schema_version")
_NODES: Final = READ.taking("every_node")
_COMMITS: Final = READ.taking("every_commit")
_DECISIONS: Final = READ.taking("every_decision")
_RUNS: Final = READ.taking("every_run")
_STEPS: Final = WHOLE.taking("every_step")
_ENTRIES: Final = WHOLE.taking("every_entry")
_NEWEST_BOOT: Final = WHOLE.taking("newest_boot")
_BUSY_MS: Final = 5_000

Gone = Callable[[CommitRow], bool]


@contextmanager
def checking(gone: Gone) -> Iterator[Check]:
    """A check whose heaps are on disk."""
    sums, stories = DiskHeap(), DiskHeap()
    try:
        yield Check(sums=sums, stories=stories, gone=gone)
    finally:
        sums.close()
        stories.close()


def check_whole(path: Path) -> Checked:
    """Raises StoreRefused for a file that is none of this gateway's stores."""
    check_library(apsw.sqlite_lib_version())
    if not path.is_file():
        raise StoreRefused(f"there is no store {path}.")
    try:
        with translated("read"):
            connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
            try:
                with checking(_begun(connection, path)) as check:
                    _show(connection, check)
                    connection.execute("ROLLBACK")  # the log may begin anew: what follows looks at the heaps alone
                    return check.said()
            finally:
                connection.close()
    except StoreFault as fault:
        raise StoreRefused(f"{path} cannot be read: {fault.detail}") from fault


def _begun(connection: apsw.Connection, path: Path) -> Gone:
    connection.set_busy_timeout(_BUSY_MS)
    connection.execute("BEGIN")
    version, newest = connection.execute(_VERSION).fetchall()[0][0], migrations()[-1][0]
    if version != newest:
        raise StoreRefused(f"{path} has schema version {version}, and this command reads {newest}: serve it once with this version, or use its own.")
    boots = connection.execute(_NEWEST_BOOT).fetchall()
    newest_boot = str(boots[0][0]) if boots else ""
    return lambda row: row.boot_id != newest_boot


def _show(connection: apsw.Connection, check: Check) -> None:
    shown: tuple[tuple[str, Callable[[Columns], Any], Callable[[Any], None]], ...] = (
        (_NODES, node_of, check.node), (_COMMITS, commit_of, check.commit), (_DECISIONS, decision_of, check.decision), (_RUNS, run_of, check.run),
        (_STEPS, lambda values: RunName(*values), check.step_recorded), (_ENTRIES, entry_of, check.entry),
    )  # fmt: skip
    for sql, row_of, show in shown:
        for values in connection.execute(sql):
            show(row_of(values))
