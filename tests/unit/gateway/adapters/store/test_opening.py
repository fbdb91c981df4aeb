"""Opening a store: each thing that is not as it must be is refused with what was seen and what to do, and nothing is touched."""

import os
from pathlib import Path

import apsw
import pytest

from gateway.adapters.store.opening import check_library, open_store
from gateway.adapters.store.sqlite import SqliteStore
from gateway.adapters.store.statements import migrations
from gateway.adapters.store.trouble import StoreRefused
from gateway.adapters.system import SystemIds
from gateway.ports.system import Clock
from tests.fakes.clock import FakeClock


async def opened(path: Path, *, clock: Clock | None = None) -> SqliteStore:
    return await SqliteStore.open(path, ids=SystemIds(), clock=clock or FakeClock(), reserve_bytes=0)


def table(path: Path, sql: str) -> list[tuple[object, ...]]:
    connection = apsw.Connection(str(path))
    try:
        return list(connection.execute(sql).fetchall())
    finally:
        connection.close()


def modes_in(folder: Path) -> dict[str, int]:
    return {file.name: file.stat().st_mode & 0o777 for file in folder.iterdir()}


async def test_a_new_store_has_its_schema_and_lets_nobody_else_in(tmp_path: Path) -> None:
    """The files are the gateway's alone."""
    path = tmp_path / "store.db"
    store = await opened(path)
    modes = modes_in(tmp_path)
    await store.close()

    assert modes == dict.fromkeys(("store.db", "store.db-wal", "store.db-shm", "store.db.lock"), 0o600)
    assert table(path, "SELECT version, name FROM schema_versions") == [(number, name) for number, name, _ in migrations()]
    assert table(path, "PRAGMA application_id") == [(0x43534731,)]


async def test_a_commit_is_synced_before_it_is_acknowledged(tmp_path: Path) -> None:
    """The journal is a write-ahead log, and every transaction is synced."""
    store = await opened(tmp_path / "store.db")

    pragmas = {name: store._opened.writer.pragma(name) for name in ("journal_mode", "synchronous", "query_only")}

    assert pragmas == {"journal_mode": "wal", "synchronous": 2, "query_only": 0}
    assert store._opened.reader.pragma("query_only") == 1
    await store.close()


async def test_a_second_gateway_is_refused_and_told_who_has_it(tmp_path: Path) -> None:
    """Also by another name of the same file; and the first goes on."""
    path = tmp_path / "store.db"
    (tmp_path / "alias.db").symlink_to(path)
    store = await opened(path)

    for name in "store.db", "alias.db":
        with pytest.raises(StoreRefused, match=rf"in use by the gateway with process id {os.getpid()} \(it holds store.db.lock\)"):
            await opened(tmp_path / name)

    assert store.ready()
    await store.close()


async def test_a_lock_left_behind_means_nothing(tmp_path: Path) -> None:
    """The kernel's lock goes with its process; the file stays."""
    path = tmp_path / "store.db"
    await (await opened(path)).close()
    (tmp_path / "store.db.lock").write_text("1\n")

    store = await opened(path)

    assert (tmp_path / "store.db.lock").read_text() == f"{os.getpid()}\n"
    await store.close()


async def test_a_newer_schema_is_refused_with_both_versions(tmp_path: Path) -> None:
    """Nothing is changed, and the lock is given back."""
    path = tmp_path / "store.db"
    await (await opened(path)).close()
    newest = len(migrations())
    table(path, "INSERT INTO schema_versions SELECT max(version) + 1, 'of tomorrow', 0 FROM schema_versions")

    for _ in range(2):
        with pytest.raises(StoreRefused, match=f"has schema version {newest + 1}; this gateway knows versions up to {newest}"):
            await opened(path)


async def test_what_is_no_database_is_refused(tmp_path: Path) -> None:
    """Its bytes are left alone."""
    path = tmp_path / "store.db"
    path.write_bytes(b"Dear diary, " * 1_000)

    with pytest.raises(StoreRefused, match="is not a database"):
        await opened(path)

    assert path.read_bytes() == b"Dear diary, " * 1_000


async def test_the_database_of_something_else_is_refused(tmp_path: Path) -> None:
    """Whatever has tables and is not ours."""
    path = tmp_path / "store.db"
    table(path, "CREATE TABLE diary (day TEXT)")

    with pytest.raises(StoreRefused, match=r"database of something else \(1 tables, application id 0\)"):
        await opened(path)

    assert table(path, "SELECT name FROM sqlite_schema") == [("diary",)]


async def test_a_folder_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    """The one who runs it decides where its data is."""
    with pytest.raises(StoreRefused, match="does not exist; create it"):
        await opened(tmp_path / "missing" / "store.db")


async def test_a_folder_that_cannot_be_written_is_refused() -> None:
    """Nobody, not even root, makes files there."""
    with pytest.raises(StoreRefused, match="cannot be written"):
        await opened(Path("/proc/self/store.db"))


async def test_a_folder_in_the_stores_place_is_refused(tmp_path: Path) -> None:
    """A path that names a folder."""
    (tmp_path / "store.db").mkdir()

    with pytest.raises(StoreRefused, match="cannot be written: Is a directory"):
        await opened(tmp_path / "store.db")


@pytest.mark.parametrize("version", ["3.7.0", "3.40.1", "3.51.2"])
def test_a_library_that_loses_its_log_is_refused(version: str) -> None:
    """3.7.0 to 3.51.2 reset the write-ahead log under a second connection."""
    with pytest.raises(StoreRefused, match=f"SQLite {version} can lose its write-ahead log.*3.51.3 or newer"):
        check_library(version)


@pytest.mark.parametrize("version", ["3.51.3", "3.54.1", "4.0.0"])
def test_a_sound_library_is_taken(version: str) -> None:
    """The one that apsw carries among them."""
    check_library(version)
    check_library(apsw.sqlitelibversion())


async def test_a_clean_stop_is_not_checked_and_an_unclean_one_is(tmp_path: Path) -> None:
    """The mark is the newest boot's end."""
    path = tmp_path / "store.db"
    first = await opened(path)
    await first.close()
    second = await opened(path)
    await second.close()
    table(path, "UPDATE boots SET closed_at_ms = 0 WHERE number = 2")
    third = await opened(path)
    await third.close()

    assert [store.checked for store in (first, second, third)] == ["not needed", "not needed", "complete"]


async def test_the_check_is_bounded(tmp_path: Path) -> None:
    """A large store is opened with its check unfinished rather than late."""

    class RunningClock(FakeClock):
        """A second for every look."""

        def boot_s(self) -> float:
            self.advance(ms=3_000)
            return super().boot_s()

    path = tmp_path / "store.db"
    await (await opened(path)).close()
    table(path, "CREATE TABLE heap AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 50000) SELECT i, hex(i) AS t FROM n")
    table(path, "UPDATE boots SET closed_at_ms = 0")

    store = await opened(path, clock=RunningClock())

    assert store.checked == "unfinished"
    await store.close()


async def test_a_damaged_store_is_refused(tmp_path: Path) -> None:
    """Found by the check after an unclean stop."""
    path = tmp_path / "store.db"
    await (await opened(path)).close()
    table(path, "UPDATE boots SET closed_at_ms = 0")
    page = 4096
    whole = bytearray(path.read_bytes())
    [(root,)] = table(path, "SELECT rootpage FROM sqlite_schema WHERE name = 'commits_open'")
    assert isinstance(root, int)
    whole[(root - 1) * page : root * page] = b"\x5a" * page
    path.write_bytes(whole)

    with pytest.raises(StoreRefused, match=r"is damaged|cannot be opened"):
        await opened(path)


def test_an_older_schema_is_migrated_file_by_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next version's gateway opens this version's store; a migration that fails changes nothing."""
    path = tmp_path / "store.db"
    ids = SystemIds()
    known = migrations()
    tomorrow = (len(known) + 1, "0002_tomorrow", "CREATE TABLE tomorrow (day TEXT) STRICT; INSERT INTO tomorrow VALUES ('fine');")
    broken = (len(known) + 1, "0002_broken", "CREATE TABLE tomorrow (day TEXT) STRICT; INSERT INTO nowhere VALUES (1);")

    def open_and_close(*more: tuple[int, str, str]) -> None:
        monkeypatch.setattr("gateway.adapters.store.opening.migrations", lambda: [*known, *more])
        made = open_store(path, boot_id=ids.fresh(), clock=FakeClock())
        made.reader.close()
        made.writer.close()
        made.lock.release()

    open_and_close()
    with pytest.raises(StoreRefused, match="0002_broken"):
        open_and_close(broken)
    after_the_broken_one = table(path, "SELECT count(*) FROM sqlite_schema WHERE name = 'tomorrow'")
    open_and_close(tomorrow)

    assert after_the_broken_one == [(0,)]
    assert table(path, "SELECT day FROM tomorrow") == [("fine",)]
    assert table(path, "SELECT max(version) FROM schema_versions") == [(len(known) + 1,)]
