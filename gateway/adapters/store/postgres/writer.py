"""The one writer of a gateway: a batch of members is one transaction, decided in order over rows locked inside it.

1. BEGIN, lock and read, decide, write back, COMMIT. Nobody has an answer before COMMIT has said yes. READ COMMITTED, no savepoints.
2. What the server rolls back because of others (40001, 40P01), or a connection that is lost before COMMIT was sent, is tried again with the same
   members and the same ids, a bounded number of times. Any other failure: the members are tried one by one, for a bounded time.
3. A COMMIT that did not answer is found out (R8): `Link.fate` waits for that transaction's end, reads what became of it, and makes one more
   acknowledged write before anybody hears yes. Rolled back, it is done again with the same ids, its keys inserted again.
4. When that cannot be found out in time, its members are given up: each hears `StoreAmbiguous`, nobody ever sends for it, and what is found later to
   have been authorised is told to `given_up`.
5. A batch that turns out to move the gate while it only shared it is rolled back and done again with the gate alone.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

from gateway.adapters.store.lane import Errand, Reply
from gateway.adapters.store.postgres.hands import GateMemory, Locking
from gateway.adapters.store.postgres.link import Fate, Link
from gateway.adapters.store.postgres.load import claims, load
from gateway.adapters.store.postgres.save import Before, Saver
from gateway.adapters.store.postgres.trouble import LinkLost, TryAgain, translated
from gateway.adapters.store.trouble import BUGS, StoreDown
from gateway.domain.faults import StoreAmbiguous, StoreFault
from gateway.domain.rows import Rows, Write
from gateway.domain.writes.halts import Activate, LiftHalt, ThrowHalt
from gateway.ports.system import Clock

_TRIES: Final = 4  # of one batch
_TRIES_S_MAX: Final = 5.0
_PAUSE_S: Final = 0.01  # before a try, doubling
_SINGLY_S_MAX: Final = 5.0
_FATE_S_MAX: Final = 10.0
_COUNTED_S: Final = 1.0  # how long a number of open runs stands
_TENANTS_MAX: Final = 10_000  # whose denials are remembered
_MOVES_GATE: Final = (ThrowHalt, LiftHalt, Activate)


class WriteErrand(Errand[Reply]):
    """One member and, once decided, what it will answer when the transaction is durable."""

    __slots__ = ("_decided", "write")

    def __init__(self, write: Write[Reply], *, by_s: float) -> None:
        super().__init__(by_s=by_s, keys=claims(write))
        self.write = write
        self._decided: Reply

    def decide(self, rows: Rows) -> None:
        self._decided = self.write.apply(rows)

    @property
    def decided(self) -> Reply:
        return self._decided

    def durable(self) -> None:
        self.made(self._decided)


Batch = Sequence[WriteErrand[object]]


class _GateMoved(Exception):
    """A member moves the gate that the batch only shares."""


class Writer:
    """Carries out one batch at a time over its link. `given_up` is told of authorisations whose caller was told that nobody knows."""

    def __init__(self, link: Link, *, given_up: Callable[[object], None], store_clock: Clock | None) -> None:
        self.down: StoreDown | None = None
        self._link = link
        self._given_up = given_up
        self._store_clock = store_clock
        self._memory = GateMemory()
        self._open_runs: dict[str, tuple[float, int]] = {}
        self._denials: dict[str, tuple[int, ...]] = {}  # by tenant, when those lately recorded were made: this gateway's, in no row
        self._unsure: list[object] = []  # what was decided by a batch of which nobody knows

    async def work(self, errands: Batch) -> None:
        """Fills every errand."""
        understood = False
        try:
            await self._together(errands)
            understood = True
        finally:
            if not understood:
                self.down = StoreDown("the writer met something it does not know")

    async def _together(self, errands: Batch) -> None:
        if self.down is not None:
            _fail(errands, StoreDown(self.down.detail))
            return
        try:
            await self._with_patience(errands)
        except StoreDown as why:
            self.down = why
            _fail(errands, why)
        except (StoreAmbiguous, LinkLost) as why:
            _fail(errands, why)  # no second try: each member would wait as long
        except (StoreFault, *BUGS) as why:
            if len(errands) == 1:
                errands[0].failed(why)
                return
            await self._singly(errands, why)

    async def _singly(self, errands: Batch, why: BaseException) -> None:
        """Only the guilty one gets the exception; when time runs out, those that are left hear why the batch failed."""
        loop = asyncio.get_running_loop()
        until_s = loop.time() + _SINGLY_S_MAX
        for errand in errands:
            if loop.time() < until_s:
                await self._together([errand])
            else:
                errand.failed(why if isinstance(why, StoreFault) else StoreFault("the batch broke, and there was no time to try its members one by one"))

    async def _with_patience(self, errands: Batch) -> None:
        alone = any(isinstance(errand.write, _MOVES_GATE) for errand in errands)
        pause_s = _PAUSE_S
        until_s = asyncio.get_running_loop().time() + _TRIES_S_MAX
        for left in reversed(range(_TRIES)):
            try:
                if await self._transaction(errands, alone=alone):
                    return
            except _GateMoved:
                alone = True
            except (TryAgain, LinkLost):
                if not left or asyncio.get_running_loop().time() >= until_s:
                    raise  # a wire that swallows what is sent costs each try its whole patience
                await asyncio.sleep(pause_s)
                pause_s *= 2
        raise StoreFault("the transaction was rolled back again and again; nothing was taken")

    async def _transaction(self, errands: Batch, *, alone: bool) -> bool:
        """True when it is durable; False when its COMMIT is known to have been rolled back."""
        await self._connected()
        with translated("begin"):
            await self._link.connection.execute("BEGIN")
        rows, counted = await self._decide(errands, alone=alone)
        said = await self._link.commit(counter=rows.counter)
        if said is Fate.UNKNOWN:
            said = await self._find_out(errands)
        if said is Fate.ROLLED_BACK:
            return False
        self._open_runs |= {tenant: (at_s, rows.open_runs[tenant]) for tenant, at_s in counted.items()}
        self._denials = rows.denials if len(rows.denials) <= _TENANTS_MAX else {}
        for errand in errands:
            errand.durable()
        return True

    async def _connected(self) -> None:
        """A link whose past is known. What was unsure before is told now."""
        if self._link.usable:
            return
        self._memory.kept = None
        self._open_runs.clear()
        fate = await self._link.open()
        unsure, self._unsure = self._unsure, []
        if fate is Fate.DURABLE:
            for decided in unsure:
                self._given_up(decided)

    async def _decide(self, errands: Batch, *, alone: bool) -> tuple[Rows, dict[str, float]]:
        """Everything between BEGIN and COMMIT, and when the open runs of which tenant were counted; rolled back unless it returns."""
        decided = False
        link = self._link
        given_ms = self._store_clock.now_ms() if self._store_clock else None
        hands = Locking(link.connection, self._memory, given_ms=given_ms, alone=alone)
        known, now_s = self._counted(), asyncio.get_running_loop().time()
        try:
            with translated("write"):
                rows = await load([errand.write for errand in errands], hands, boot_id=link.boot_id, counter=link.counter, open_runs=known)
                rows.denials = dict(self._denials)
                counted = {tenant: self._open_runs[tenant][0] if tenant in known else now_s for tenant in rows.open_runs}
                before = Before.of(rows)
                for errand in errands:
                    errand.decide(rows)
                if not alone and (rows.dirty.halts or rows.dirty.activation):
                    raise _GateMoved
                saver = Saver(link.connection)
                await saver.save(rows.dirty, before, hands.claimed)
                await saver.move_boot(link.boot_id, batch=link.batch + 1, counter=rows.counter)
            decided = True
            return rows, counted
        finally:
            if not decided:
                await link.roll_back()

    def _counted(self) -> dict[str, int]:
        """Open runs of tenants, as they were counted a moment ago: the limit on them is no budget."""
        since_s = asyncio.get_running_loop().time() - _COUNTED_S
        return {tenant: count for tenant, (at_s, count) in self._open_runs.items() if at_s >= since_s}

    async def _find_out(self, errands: Batch) -> Fate:
        until_s = asyncio.get_running_loop().time() + _FATE_S_MAX
        pause_s = _PAUSE_S
        why: StoreFault | None = None
        while asyncio.get_running_loop().time() < until_s:
            try:
                self._memory.kept = None
                return await self._link.open()
            except StoreDown:
                raise
            except StoreFault as failed:
                why = failed
                await asyncio.sleep(pause_s)
                pause_s = min(pause_s * 2, 0.5)
        self._unsure = [errand.decided for errand in errands]
        raise StoreAmbiguous(f"COMMIT did not answer, and what came of it could not be found out: {why}")


def _fail(errands: Batch, why: StoreFault) -> None:
    for errand in errands:
        errand.failed(why)
