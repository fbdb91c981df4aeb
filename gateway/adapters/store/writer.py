"""The one writer: a batch of members is one transaction, decided in order over rows read inside it.

1. BEGIN IMMEDIATE, then read, decide, write back, COMMIT. Nobody has an answer before COMMIT has said yes.
2. A batch that fails before COMMIT is rolled back and its members tried one by one: only the guilty one gets the exception.
3. Whatever goes wrong at COMMIT is ambiguous, and the store is down for good: it is never tried again, nor is a sync.
4. The write-ahead log is moved into the database between batches, by us: SQLite's own way of doing it ignores a failed sync.
"""

from collections.abc import Sequence
from typing import Any, Final

import apsw

from gateway.adapters.store.lane import Errand, Reply
from gateway.adapters.store.load import load
from gateway.adapters.store.memory import RememberingLoader
from gateway.adapters.store.reserve import Reserve
from gateway.adapters.store.save import Before, Saver
from gateway.adapters.store.trouble import BUGS, StoreDown, translated
from gateway.domain.faults import StorageLow, StoreAmbiguous, StoreFault
from gateway.domain.rows import Rows, Write
from gateway.domain.writes.commits import AuthoriseCommit
from gateway.domain.writes.decisions import AuthoriseThinking
from gateway.ports.system import Clock

_CHECKPOINT_PAGES: Final = 4_000  # 16 MiB: fewer syncs, and still read again in a blink at the next start
_CHECKPOINT_PAGES_MAX: Final = 16_000  # beyond it, wait for readers until the log can begin anew
_BEGINNINGS: Final = (AuthoriseCommit, AuthoriseThinking)  # what needs room for its T2


class WriteErrand(Errand[Reply]):
    """One member and, once decided, what it will answer when the transaction is durable."""

    __slots__ = ("_decided", "write")

    def __init__(self, write: Write[Reply], *, by_s: float) -> None:
        super().__init__(by_s=by_s)
        self.write = write
        self._decided: Reply

    def decide(self, rows: Rows) -> None:
        self._decided = self.write.apply(rows)

    def durable(self) -> None:
        self.made(self._decided)


Batch = Sequence[WriteErrand[object]]


class Writer:
    """Lives on one thread; only `down` and `untidy` are looked at from another."""

    def __init__(self, connection: apsw.Connection, *, boot_id: str, clock: Clock, reserve: Reserve) -> None:
        self.down: StoreDown | None = None
        self._connection = connection
        self._cursor = connection.cursor()
        self._boot_id = boot_id
        self._clock = clock
        self._reserve = reserve
        self._source = RememberingLoader(connection)
        self._saver = Saver(connection)
        self._counter = 1
        self._data_version = 0
        self._log_pages = 0
        connection.set_wal_hook(self._logged)

    def work(self, errands: Batch) -> None:
        """Fills every errand."""
        understood = False
        try:
            self._together(self._with_room(errands))
            understood = True
        finally:
            if not understood:
                self.down = StoreDown("the writer met something it does not know")

    def _with_room(self, errands: Batch) -> Batch:
        """Below the reserve nothing begins; what has begun goes on."""
        lack = self._reserve.lack()
        if not lack:
            return errands
        for errand in errands:
            if isinstance(errand.write, _BEGINNINGS):
                errand.failed(StorageLow(lack))
        return [errand for errand in errands if not isinstance(errand.write, _BEGINNINGS)]

    def untidy(self) -> bool:
        return self._log_pages >= _CHECKPOINT_PAGES and self.down is None

    def tidy(self) -> None:
        """Moves the log into the database. A failed sync here loses what was acknowledged, so it ends the store as one at COMMIT does."""
        mode = apsw.SQLITE_CHECKPOINT_PASSIVE if self._log_pages < _CHECKPOINT_PAGES_MAX else apsw.SQLITE_CHECKPOINT_RESTART
        self._log_pages = 0
        try:
            with translated("checkpoint"):
                self._connection.wal_checkpoint(None, mode)
        except StoreDown as why:
            self.down = why
        except StoreFault:
            pass  # no room or no quiet moment: the log stays, and the next commit asks again

    def _together(self, errands: Batch) -> None:
        if self.down is not None:
            for errand in errands:
                errand.failed(StoreDown(self.down.detail))
            return
        if not errands or not self._begin(errands):
            return
        try:
            rows = self._decide(errands)
        except (StoreFault, *BUGS) as why:
            self._source.forget()
            if isinstance(why, StoreDown):
                self.down = why
            if len(errands) == 1:
                errands[0].failed(why)
                return
            for errand in errands:
                self._together([errand])
            return
        self._commit(errands, rows)

    def _begin(self, errands: Batch) -> bool:
        try:
            with translated("begin"):
                self._cursor.execute("BEGIN IMMEDIATE")
        except StoreFault as why:
            if isinstance(why, StoreDown):
                self.down = why
            for errand in errands:
                errand.failed(StoreFault(why.detail))  # no second try: a file that somebody else keeps locked would cost each member its patience
            return False
        return True

    def _decide(self, errands: Batch) -> Rows:
        """Everything between BEGIN and COMMIT; rolled back unless it returns."""
        decided = False
        try:
            with translated("write"):
                rows = self._rows()
                load(rows, [errand.write for errand in errands], self._source)
                before = Before.of(rows)
                for errand in errands:
                    errand.decide(rows)
                self._saver.save(rows.dirty, before)
                if self._reserve.lack():
                    self._connection.cache_flush()  # a full disk shows here, where nothing has happened yet, rather than at COMMIT
            decided = True
            return rows
        finally:
            if not decided:
                self._roll_back()

    def _rows(self) -> Rows:
        version: Any = self._cursor.execute("PRAGMA data_version").fetchall()[0][0]
        if version != self._data_version:
            self._source.forget()
            self._data_version = version
        return Rows(now_ms=self._clock.now_ms(), boot_id=self._boot_id, counter=self._counter, gate=self._source.gate(), open_runs={})

    def _roll_back(self) -> None:
        try:
            with translated("rollback"):
                if self._connection.in_transaction:
                    self._cursor.execute("ROLLBACK")
        except (StoreFault, AssertionError) as why:
            self.down = StoreDown(str(why))

    def _commit(self, errands: Batch, rows: Rows) -> None:
        try:
            with translated("commit"):
                self._cursor.execute("COMMIT")
        except (StoreFault, AssertionError) as why:
            self.down = StoreDown(str(why))
            for errand in errands:
                errand.failed(StoreAmbiguous(f"COMMIT did not say whether it was done; the store is down until a restart recovers it. {why}"))
            return
        self._source.keep(rows)
        self._counter = rows.counter
        for errand in errands:
            errand.durable()

    def _logged(self, connection: apsw.Connection, name: str, pages: int) -> int:
        del connection, name
        self._log_pages = pages
        return apsw.SQLITE_OK
