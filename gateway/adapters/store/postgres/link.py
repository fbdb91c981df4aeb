"""The writer's connection, and what is known of the transactions sent over it.

1. Every batch moves the boot's own row (`batch`, `counter`) in its own transaction. Whoever lost a COMMIT's reply locks that row over a new
   connection: the lock waits for the old transaction's end, wherever it is; the number then says whether it was done. Nothing else moves this row.
2. Done is only said after one more write to that row was acknowledged: what one can read may not be durable everywhere yet.
3. A number below what was acknowledged means that the server has lost what it promised (a failover, a backup restored): the store is down for good.
4. COMMIT has no time limit that would cancel it: when it takes too long the connection is cut, and what came of it is found out.
"""

import asyncio
from enum import Enum
from typing import Final

from gateway.adapters.store.postgres.connecting import OPEN, Access, Wire, check_again, connect
from gateway.adapters.store.postgres.trouble import LinkLost, translated
from gateway.adapters.store.postgres.witness import Seen, Witness
from gateway.adapters.store.trouble import StoreDown
from gateway.domain.faults import StoreFault

_OWN_BOOT: Final = OPEN.taking("own_boot", "boot_id")
_CONFIRM_BOOT: Final = OPEN.taking("confirm_boot", "boot_id")
_CLOSE_BOOT: Final = OPEN.taking("close_boot", "boot_id")

_COMMIT_S_MAX: Final = 10.0
_NEVER_S: Final = 86_400.0  # longer than any COMMIT is waited for: the library's own limit would cancel it
_ROLLED_BACK: Final = frozenset({"40001", "40P01"})  # what a COMMIT may definitely answer
_END_S: Final = 2.0


class Fate(Enum):
    """Of the latest transaction that was sent to COMMIT."""

    DURABLE = "durable"
    ROLLED_BACK = "rolled back"
    UNKNOWN = "unknown"


class Link:
    """At most one connection. `batch` and `counter` are what is known to be durable of this boot."""

    def __init__(self, access: Access, *, boot_id: str, store_id: str) -> None:
        self.boot_id = boot_id
        self.batch = 0
        self.counter = 1
        self._access = access
        self._store_id = store_id
        self._connection: Wire | None = None
        self._unsure = False  # a COMMIT was sent and has not answered
        self._warned = False
        self._witness = Witness(access.witness)

    @property
    def connection(self) -> Wire:
        if self._connection is None:
            raise LinkLost("there is no connection")
        return self._connection

    @property
    def usable(self) -> bool:
        return self._connection is not None and not self._connection.is_closed() and not self._unsure

    async def open(self) -> Fate:
        """Connects anew and finds out about the past: DURABLE or ROLLED_BACK for a COMMIT that had not answered. Raises `StoreFault`."""
        self.cut()
        connection = await connect(self._access)
        settled = False
        try:
            await check_again(connection, self._access, store_id=self._store_id)
            connection.add_log_listener(self._listen)
            fate = await self._past(connection)
            self._connection, self._unsure = connection, False
            settled = True
            return fate
        finally:
            if not settled:
                connection.terminate()

    async def commit(self, *, counter: int) -> Fate:
        """Sends COMMIT of a transaction that moved the boot's row to the next batch and `counter`. UNKNOWN: `open` finds out."""
        self._unsure = True
        said = await self._commit_on(self.connection)
        if said is Fate.UNKNOWN:
            self.cut()
        else:
            self._unsure = False
        if said is Fate.DURABLE:
            self._acknowledged(self.batch + 1, counter)
        return said

    async def roll_back(self) -> None:
        """Ends the transaction that is open; a connection that cannot even do that is cut."""
        connection, rolled_back = self._connection, False
        if connection is None or connection.is_closed():
            self.cut()
            return
        try:
            with translated("rollback"):
                await connection.execute("ROLLBACK", timeout=_END_S)
            rolled_back = True
        except (StoreFault, AssertionError):
            pass  # cut below: the server rolls back what has lost its client
        finally:
            if not rolled_back:
                self.cut()

    async def close(self) -> None:
        """Marks a clean stop where that is possible."""
        self._witness.write()
        try:
            if self.usable:
                with translated("close"):
                    await self.connection.execute(_CLOSE_BOOT, self.boot_id, timeout=_END_S)
                    await self.connection.close(timeout=_END_S)
        except (StoreFault, AssertionError):
            pass  # whoever opens the store next goes by leases, not by this mark
        finally:
            self.cut()

    def cut(self) -> None:
        """Drops the connection without a word to the server."""
        if self._connection is not None:
            self._connection.terminate()
            self._connection = None

    async def _commit_on(self, connection: Wire) -> Fate:
        self._warned = False
        sent = asyncio.get_running_loop().create_task(_send_commit(connection))
        await asyncio.wait({sent}, timeout=_COMMIT_S_MAX)
        if not sent.done():
            connection.terminate()
        said = await sent
        stopped_waiting = said is Fate.DURABLE and self._warned  # the server warns: it has not heard from its standbys
        return Fate.UNKNOWN if stopped_waiting else said

    async def _past(self, connection: Wire) -> Fate:
        with translated("find out"):
            await connection.execute("BEGIN")
            found = await connection.fetchrow(_OWN_BOOT, self.boot_id)
        batch, counter = found if found is not None else (-1, 1)
        if batch < self.batch or batch > self.batch + self._unsure:
            raise StoreDown(
                f"the server has lost what it acknowledged: it knows {batch} transactions of this gateway, and {self.batch} were acknowledged. "
                "Was it failed over to a standby that had not everything, or restored from a backup? Nothing is admitted over it."
            )
        with translated("find out"):
            await connection.execute(_CONFIRM_BOOT, self.boot_id)
        if await self._commit_on(connection) is not Fate.DURABLE:
            raise LinkLost("what became of the past is known, and one more write was not acknowledged")
        fate = Fate.DURABLE if batch == self.batch + 1 else Fate.ROLLED_BACK
        self._acknowledged(batch, counter)
        return fate

    def _acknowledged(self, batch: int, counter: int) -> None:
        self.batch, self.counter = batch, counter
        self._witness.note(Seen(store_id=self._store_id, boot_id=self.boot_id, batch=batch), now_s=asyncio.get_running_loop().time())

    def _listen(self, connection: object, message: object) -> None:
        del connection, message
        self._warned = True


async def _send_commit(connection: Wire) -> Fate:
    try:
        with translated("commit"):
            said = await connection.execute("COMMIT", timeout=_NEVER_S)
    except (StoreFault, AssertionError) as why:
        return Fate.ROLLED_BACK if getattr(why.__cause__, "sqlstate", "") in _ROLLED_BACK else Fate.UNKNOWN
    return Fate.DURABLE if said == "COMMIT" else Fate.ROLLED_BACK
