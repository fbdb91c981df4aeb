"""One lane: errands of many callers, gathered in the loop and carried out together, one batch at a time, for every store.

1. One batch is away at a time; whoever comes meanwhile fills the next one. Otherwise nobody waits: a batch leaves at the end of this turn of the loop.
2. At most one member of a batch has a given key: a second waits for the next batch. An errand that names no keys keeps nobody waiting.
3. An errand that has not left by `by_s` never leaves: it is withdrawn, also while a batch is stuck. Nor does one whose caller has gone.
4. Work that breaks leaves its errands ambiguous: nobody knows. What broke it is for the loop's exception handler, once every caller has an answer.
"""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Any, Final, Generic, TypeVar

from gateway.domain.faults import StoreAmbiguous, StoreFault
from gateway.ports.store import Withdrawn

Reply = TypeVar("Reply")
_FOREVER_S: Final = float("inf")
_TICK_S: Final = 0.001  # a timer may come this much early


class Errand(Generic[Reply]):
    """Something asked: `keys` are those it claims; filled by `made` or `failed`, on any thread, and handed over in the loop by `deliver`."""

    __slots__ = ("_failure", "_filled", "_reply", "by_s", "future", "keys")

    def __init__(self, *, by_s: float, keys: tuple[Hashable, ...] = ()) -> None:
        self.by_s = by_s  # the running loop's clock
        self.keys = keys
        self.future: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self._failure: BaseException | None = None
        self._filled = False
        self._reply: Reply

    def made(self, reply: Reply) -> None:
        self._reply, self._filled = reply, True

    def failed(self, why: BaseException) -> None:
        self._failure, self._filled = why, True

    def deliver(self) -> None:
        if self.future.done():
            return  # the caller has gone
        if not self._filled:
            self.future.set_exception(StoreAmbiguous("the store's work broke off; nobody knows what came of this"))
        elif self._failure is None:
            self.future.set_result(self._reply)
        else:
            self.future.set_exception(self._failure)


Kind = TypeVar("Kind", bound=Errand[Any])


class Lane(Generic[Kind]):
    """`work` fills every errand of the batch it is given."""

    def __init__(self, name: str, work: Callable[[list[Kind]], Awaitable[None]], *, batch_max: int) -> None:
        self._loop = asyncio.get_running_loop()
        self._name, self._work, self._batch_max = name, work, batch_max
        self._waiting: list[Kind] = []
        self._away: asyncio.Task[None] | None = None
        self._departure: asyncio.Handle | None = None
        self._sweep: asyncio.TimerHandle | None = None
        self._sweep_at_s = _FOREVER_S
        self._closed = False
        self._idle = asyncio.Event()
        self._idle.set()

    def put(self, errand: Kind) -> None:
        if self._closed:
            errand.failed(StoreFault("the store is closed"))
            errand.deliver()
            return
        self._idle.clear()
        self._waiting.append(errand)
        self._sweep_by(errand.by_s)
        self._plan()

    async def close(self) -> None:
        """Lets what waits leave and come back; takes nothing more."""
        self._closed = True
        self._plan()
        await self._idle.wait()

    def _plan(self) -> None:
        if self._away is None and self._departure is None and self._waiting:
            self._departure = self._loop.call_soon(self._leave)

    def _leave(self) -> None:
        self._departure = None
        self._withdraw_late()
        batch = self._pick()
        if not batch:
            self._idle.set()
            return
        self._away = self._loop.create_task(self._carry_out(batch), name=self._name)
        self._away.add_done_callback(self._told)

    def _pick(self) -> list[Kind]:
        batch: list[Kind] = []
        kept: list[Kind] = []
        taken: set[Hashable] = set()
        for errand in self._waiting:
            if len(batch) >= self._batch_max or not taken.isdisjoint(errand.keys):
                kept.append(errand)
            else:
                batch.append(errand)
            taken.update(errand.keys)  # also of one that waits: nobody behind it overtakes it
        self._waiting = kept
        return batch

    async def _carry_out(self, batch: list[Kind]) -> None:
        try:
            await self._work(batch)
        finally:
            self._away = None
            for errand in batch:
                errand.deliver()
            if self._waiting:
                self._plan()
            else:
                self._idle.set()

    def _told(self, ended: "asyncio.Task[None]") -> None:
        if not ended.cancelled() and (broke := ended.exception()) is not None:
            self._loop.call_exception_handler({"message": f"the work of {self._name} broke off", "exception": broke})

    def _withdraw_late(self) -> None:
        late_s = self._loop.time() + _TICK_S
        kept = []
        for errand in self._waiting:
            if errand.future.done():
                continue
            if errand.by_s <= late_s:
                errand.failed(Withdrawn("the store had no room in time; the request was never handed over"))
                errand.deliver()
            else:
                kept.append(errand)
        self._waiting = kept

    def _sweep_by(self, by_s: float) -> None:
        if by_s >= self._sweep_at_s:
            return
        if self._sweep is not None:
            self._sweep.cancel()
        self._sweep_at_s = by_s
        self._sweep = self._loop.call_at(by_s, self._swept)

    def _swept(self) -> None:
        self._sweep, self._sweep_at_s = None, _FOREVER_S
        self._withdraw_late()
        self._sweep_by(min((errand.by_s for errand in self._waiting), default=_FOREVER_S))
        if not self._waiting and self._away is None:
            self._idle.set()
