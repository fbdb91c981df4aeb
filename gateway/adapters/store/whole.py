"""A store's file read whole, beside the gateway that serves it or after one that was killed; nothing is changed.

One read transaction sees one state. While it lasts the write-ahead log cannot begin anew, so it grows: of a large store, read a copy.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import apsw

from gateway.adapters.store.codec import entry_of
from gateway.adapters.store.opening import check_library
from gateway.adapters.store.read import Reader
from gateway.adapters.store.statements import Statements, migrations
from gateway.adapters.store.trouble import StoreRefused, translated
from gateway.domain.audit import Entry
from gateway.domain.conservation import Books
from gateway.domain.faults import StoreFault
from gateway.domain.lifecycle import State
from gateway.ports.system import Clock

WHOLE: Final = Statements("whole")

_VERSION: Final = WHOLE.taking("schema_version")
_ENTRIES: Final = WHOLE.taking("every_entry")
_NEWEST_BOOT: Final = WHOLE.taking("newest_boot")
_BUSY_MS: Final = 5_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Whole:
    """Everything that has to agree."""

    books: Books
    entries: tuple[Entry, ...]  # in the order they were written
    left_behind: tuple[str, ...]  # commits still FORWARDING that recovery should have found by now


def read_whole(path: Path, clock: Clock) -> Whole:
    """Raises StoreRefused for a file that is none of this gateway's stores."""
    check_library(apsw.sqlite_lib_version())
    if not path.is_file():
        raise StoreRefused(f"there is no store {path}.")
    try:
        with translated("read"):
            return _read(apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY), path, clock)
    except StoreFault as fault:
        raise StoreRefused(f"{path} cannot be read: {fault.detail}") from fault


def _read(connection: apsw.Connection, path: Path, clock: Clock) -> Whole:
    try:
        connection.set_busy_timeout(_BUSY_MS)
        connection.execute("BEGIN")
        version, newest = connection.execute(_VERSION).fetchall()[0][0], migrations()[-1][0]
        if version != newest:
            raise StoreRefused(f"{path} has schema version {version}, and this command reads {newest}: serve it once with this version, or use its own.")
        books = Reader(connection, boot_id="", clock=clock).books()
        entries = tuple(entry_of(values) for values in connection.execute(_ENTRIES))
        boots = connection.execute(_NEWEST_BOOT).fetchall()
        newest_boot = str(boots[0][0]) if boots else ""
        behind = tuple(row.commit_id for row in books.commits if row.state is State.FORWARDING and row.boot_id != newest_boot)
        return Whole(books=books, entries=entries, left_behind=behind)
    finally:
        connection.close()
