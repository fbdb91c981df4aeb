"""One lane: errands of many callers, gathered in the loop and done together on one thread of its own.

1. One batch is away at a time. The next leaves no sooner than `gap_s` after the last one left, so that a busy lane fills its batches; at once when
   the last batch had one member (nobody to wait for), when it is full, and when the gap has passed.
2. "At once" is the end of this turn of the loop: what is asked in one turn travels together.
3. An errand that has not left by `by_s` never leaves: it is withdrawn, also while a batch is stuck on the thread. Nor does one whose caller has gone.
4. A batch that breaks the thread's work leaves its errands ambiguous: nobody knows.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Final, Generic, TypeVar

from gateway.domain.faults import StoreAmbiguous, StoreFault
from gateway.ports.store import Withdrawn

Reply = TypeVar("Reply")
Result = TypeVar("Result")
_FOREVER_S: Final = float("inf")
_TICK_S: Final = 0.001  # a timer may come this much early


class Errand(Generic[Reply]):
    """Something asked: filled on the lane's thread by `made` or `failed`, handed over in the loop by `deliver`."""

    __slots__ = ("_failure", "_filled", "_reply", "by_s", "future")

    def __init__(self, *, by_s: float) -> None:
        self.by_s = by_s  # the running loop's clock
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
            self.future.set_exception(StoreAmbiguous("the store's thread broke off; nobody knows what came of this"))
        elif self._failure is None:
            self.future.set_result(self._reply)
        else:
            self.future.set_exception(self._failure)


Kind = TypeVar("Kind", bound=Errand[Any])


class Lane(Generic[Kind]):
    """`work` fills a batch on the thread; `tidy` runs there after a batch was delivered, whenever `untidy` says so."""

    def __init__(
        self, name: str, work: Callable[[list[Kind]], None], *, gap_s: float, batch_max: int, untidy: Callable[[], bool], tidy: Callable[[], None]
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=name)
        self._work, self._gap_s, self._batch_max, self._untidy, self._tidy = work, gap_s, batch_max, untidy, tidy
        self._waiting: list[Kind] = []
        self._away = False
        self._left_at_s = 0.0
        self._last_size = 0
        self._departure: asyncio.Handle | None = None
        self._departs_at_once = False
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

    async def on_thread(self, do: Callable[[], Result]) -> Result:
        """Runs `do` on the lane's thread, between batches."""
        return await self._loop.run_in_executor(self._thread, do)

    async def close(self) -> None:
        """Lets what waits leave and come back; takes nothing more. The thread stays until `end`."""
        self._closed = True
        self._plan()
        await self._idle.wait()

    def end(self) -> None:
        self._thread.shutdown(wait=True)

    def _plan(self) -> None:
        if self._away or not self._waiting:
            return
        due_s = self._left_at_s + self._gap_s
        at_once = self._closed or self._last_size <= 1 or len(self._waiting) >= self._batch_max or self._loop.time() >= due_s
        if self._departure is not None:
            if self._departs_at_once or not at_once:
                return
            self._departure.cancel()
        self._departs_at_once = at_once
        self._departure = self._loop.call_soon(self._leave) if at_once else self._loop.call_at(due_s, self._leave)

    def _leave(self) -> None:
        self._departure = None
        self._withdraw_late()
        batch = self._waiting[: self._batch_max]
        del self._waiting[: self._batch_max]
        if not batch:
            self._idle.set()
            return
        self._away, self._left_at_s, self._last_size = True, self._loop.time(), len(batch)
        ran = self._thread.submit(self._work, batch)
        ran.add_done_callback(lambda done: self._loop.call_soon_threadsafe(self._returned, batch, done))

    def _returned(self, batch: list[Kind], ran: Future[None]) -> None:
        self._away = False
        for errand in batch:
            errand.deliver()
        if self._untidy():
            self._thread.submit(self._tidy)
        if self._waiting:
            self._plan()
        else:
            self._idle.set()
        ran.result()  # what broke off the work is for the loop's exception handler, after every caller has an answer

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
        if not self._waiting and not self._away:
            self._idle.set()
