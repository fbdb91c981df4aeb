"""Opening a store: what must be true of the library, the folder, the file and its schema before anything is admitted over it.

1. Each thing that is not so is refused with what was seen, what was expected and what to do. Nothing is repaired silently.
2. The lock comes before the file is touched; it is given back when opening fails.
3. A newer schema is refused; an older one is migrated by numbered files, each in one transaction.
4. A store that was not closed cleanly is checked before it is used, for a bounded time.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import apsw

from gateway.adapters.store.lock import FileLock
from gateway.adapters.store.statements import Statements, migrations
from gateway.adapters.store.trouble import StoreRefused, translated
from gateway.domain.faults import StoreFault
from gateway.ports.system import Clock

Settings = Mapping[str, str | int]

OPEN: Final = Statements("open")

_TABLES: Final = OPEN.taking("tables")
_SCHEMA_VERSION: Final = OPEN.taking("schema_version")
_INSERT_SCHEMA_VERSION: Final = OPEN.taking("insert_schema_version", "version", "name", "applied_at_ms")
_UNCLEAN: Final = OPEN.taking("stopped_unclean")
_INSERT_BOOT: Final = OPEN.taking("insert_boot", "boot_id", "process_id", "opened_at_ms")
_CLOSE_BOOT: Final = OPEN.taking("close_boot", "closed_at_ms", "boot_id")

_LIBRARY_MIN: Final = (3, 51, 3)  # 3.7.0 to 3.51.2 can reset the write-ahead log under a second connection
_APPLICATION_ID: Final = 0x43534731  # "CSG1", in the file's header
_BUSY_MS: Final = 2_000
_CHECK_S: Final = 2.0
_CHECK_EVERY_OPS: Final = 20_000
_WRITER: Final[Settings] = {
    "synchronous": "FULL",
    "cache_size": -32_768,
    "journal_size_limit": 64 * 1024 * 1024,
    "trusted_schema": "OFF",
    "cell_size_check": "ON",
}
_READER: Final[Settings] = {"query_only": "ON", "cache_size": -16_384, "trusted_schema": "OFF", "cell_size_check": "ON"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A store that may be used. `checked` says whether its pages were: not needed, complete, or unfinished in the time given."""

    folder: Path  # where it really is
    lock: FileLock
    writer: apsw.Connection
    reader: apsw.Connection
    checked: str


def open_store(path: Path, *, boot_id: str, clock: Clock) -> Opened:
    """Blocking. Raises StoreRefused."""
    check_library(apsw.sqlitelibversion())
    store = path.resolve()
    if not store.parent.is_dir():
        raise StoreRefused(f"the folder {store.parent} does not exist; create it for the gateway alone (mode 0700), or name another in the settings.")
    lock = FileLock.take(store)
    opened = False
    try:
        made = _open_locked(store, lock, boot_id=boot_id, clock=clock)
        opened = True
    except (StoreFault, AssertionError) as why:
        raise StoreRefused(f"{store} cannot be opened ({why}). If it is damaged, put the last good backup in its place.") from why
    finally:
        if not opened:
            lock.release()
    return made


def close_boot(connection: apsw.Connection, *, boot_id: str, now_ms: int) -> None:
    """Marks a clean stop."""
    with translated("close"):
        connection.execute(_CLOSE_BOOT, (now_ms, boot_id))


def check_library(version: str) -> None:
    """Raises StoreRefused for a library that can corrupt the store."""
    if tuple(int(part) for part in version.split(".")) < _LIBRARY_MIN:
        least = ".".join(map(str, _LIBRARY_MIN))
        raise StoreRefused(
            f"SQLite {version} can lose its write-ahead log when two connections are open; {least} or newer is needed. "
            "Install the pinned requirements: the apsw they name carries its own SQLite."
        )


def _open_locked(store: Path, lock: FileLock, *, boot_id: str, clock: Clock) -> Opened:
    try:
        os.close(os.open(store, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))  # the log and its index take this mode too
    except OSError as error:
        raise StoreRefused(f"{store} cannot be written: {error.strerror}; the store is a file that the gateway may read and write.") from error
    with translated("open"):
        writer = apsw.Connection(str(store), flags=apsw.SQLITE_OPEN_READWRITE)
    opened = False
    try:
        checked = _prepare(writer, store, clock)
        with translated("open"):
            writer.execute(_INSERT_BOOT, (boot_id, os.getpid(), clock.now_ms()))
            reader = apsw.Connection(str(store), flags=apsw.SQLITE_OPEN_READONLY)
            reader.set_busy_timeout(_BUSY_MS)
            _pragmas(reader, _READER)
        opened = True
        return Opened(folder=store.parent, lock=lock, writer=writer, reader=reader, checked=checked)
    finally:
        if not opened:
            writer.close()


def _prepare(writer: apsw.Connection, store: Path, clock: Clock) -> str:
    writer.set_busy_timeout(_BUSY_MS)
    known = migrations()
    newest = known[-1][0]
    version = _version_of(writer, store)
    if version > newest:
        raise StoreRefused(
            f"{store} has schema version {version}; this gateway knows versions up to {newest}. Run the gateway that wrote it, or a newer one: "
            "a store is never taken back to an older schema."
        )
    with translated("open"):
        mode = writer.pragma("journal_mode", "wal")
        _pragmas(writer, _WRITER)
        unclean = version > 0 and _number(writer, _UNCLEAN) > 0
    if mode != "wal":
        raise StoreRefused(f"{store} cannot be opened with a write-ahead log (SQLite answers {mode!r}); put it on a local disk.")
    checked = _check(writer, store, clock) if unclean else "not needed"
    for number, name, sql in known[version:]:
        _migrate(writer, number, name, sql, clock)
    return checked


def _version_of(writer: apsw.Connection, store: Path) -> int:
    """0 for a file that is empty."""
    try:
        with translated("open"):
            tables = _number(writer, _TABLES)
            application_id = _number(writer, "PRAGMA application_id")
    except StoreFault as why:
        if isinstance(why.__cause__, apsw.NotADBError):
            raise StoreRefused(f"{store} is not a database; name another file in the settings, or move this one away.") from why
        raise
    if tables == 0 and application_id in {0, _APPLICATION_ID}:
        return 0
    if application_id != _APPLICATION_ID:
        raise StoreRefused(f"{store} is the database of something else ({tables} tables, application id {application_id}); name another file in the settings.")
    with translated("open"):
        return _number(writer, _SCHEMA_VERSION)


def _check(writer: apsw.Connection, store: Path, clock: Clock) -> str:
    until_s = clock.boot_s() + _CHECK_S
    writer.set_progress_handler(lambda: clock.boot_s() > until_s, _CHECK_EVERY_OPS)
    try:
        with translated("check"):
            found = writer.execute("PRAGMA quick_check(1)").fetchall()[0][0]
    except StoreFault as why:
        if isinstance(why.__cause__, apsw.InterruptError):
            return "unfinished"
        raise
    finally:
        writer.set_progress_handler(None)
    if found != "ok":
        raise StoreRefused(f"{store} is damaged: {found}. Put the last good backup in its place; nothing was changed.")
    return "complete"


def _migrate(writer: apsw.Connection, number: int, name: str, sql: str, clock: Clock) -> None:
    with translated(f"migration {name}"), writer:
        writer.execute(sql)
        writer.execute(_INSERT_SCHEMA_VERSION, (number, name, clock.now_ms()))
        writer.pragma("application_id", _APPLICATION_ID)


def _pragmas(connection: apsw.Connection, settings: Settings) -> None:
    for name, value in settings.items():
        connection.pragma(name, value)


def _number(connection: apsw.Connection, sql: str) -> int:
    (number,) = connection.execute(sql).fetchall()[0]
    assert isinstance(number, int)
    return number
