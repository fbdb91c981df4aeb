"""A loop without a world: no sockets, no threads, no clock but its own. Time passes only when nothing is left to do, and then at once.

1. The same coroutines over the same chance run in the same order, to the microsecond. What is due at one moment runs as it was asked for.
2. A loop in which everybody waits and no timer runs would wait for ever: it says so instead.
3. It does what asyncio's own does and no more: a simulated run is mostly this loop's turns.
"""

import asyncio
import contextvars
import gc
from collections import deque
from collections.abc import Callable, Coroutine
from heapq import heappop, heappush
from typing import Any, Final, TypeVar, TypeVarTuple

Result = TypeVar("Result")
Arguments = TypeVarTuple("Arguments")

_SAME_MOMENT_S: Final = 1e-9
_OF_THIS_RUN: Final = 1  # the generation of what came into being while nothing was collected, or little before


class Stuck(Exception):
    """Everybody waits for somebody else."""


class _Due(asyncio.TimerHandle):
    """A call that is to be made. Forgotten, it keeps its place and does nothing there."""

    __slots__ = ("arguments", "at_s", "call", "context", "forgotten")

    def __init__(self, call: Callable[..., object], arguments: tuple[Any, ...], context: contextvars.Context | None, at_s: float) -> None:
        self.call, self.arguments, self.at_s, self.forgotten = call, arguments, at_s, False
        self.context = contextvars.copy_context() if context is None else context

    def cancel(self) -> None:
        self.forgotten = True

    def cancelled(self) -> bool:
        return self.forgotten

    def when(self) -> float:
        return self.at_s


class VirtualLoop(asyncio.BaseEventLoop):
    def __init__(self) -> None:
        super().__init__()
        self._now_s = 0.0
        self._now_due: deque[_Due] = deque()
        self._later: list[tuple[float, int, _Due]] = []  # a heap: when, which was asked for first
        self._asked = self._begun = 0
        self._ended = False  # the turns, until somebody runs it again
        self.broke: list[dict[str, Any]] = []
        self.set_exception_handler(lambda _loop, context: self.broke.append(context))

    def time(self) -> float:
        return self._now_s

    def call_soon(self, callback: Callable[[*Arguments], object], *args: *Arguments, context: contextvars.Context | None = None) -> asyncio.Handle:
        due = _Due(callback, args, context, self._now_s)
        self._now_due.append(due)
        return due

    def call_at(
        self, when: float, callback: Callable[[*Arguments], object], *args: *Arguments, context: contextvars.Context | None = None
    ) -> asyncio.TimerHandle:
        due = _Due(callback, args, context, when)
        self._asked += 1
        heappush(self._later, (when, self._asked, due))
        return due

    def call_later(
        self, delay: float, callback: Callable[[*Arguments], object], *args: *Arguments, context: contextvars.Context | None = None
    ) -> asyncio.TimerHandle:
        return self.call_at(self._now_s + delay, callback, *args, context=context)

    def create_task(self, coro: Any, *, name: object = None, context: contextvars.Context | None = None) -> "asyncio.Task[Any]":
        """Named by its place in this loop, which is the same in every process."""
        self._begun += 1
        return asyncio.Task(coro, loop=self, name=f"task-{self._begun:06}" if name is None else str(name), context=context)

    def stop(self) -> None:
        self._ended = True
        super().stop()

    def get_debug(self) -> bool:
        return False

    def _run_once(self) -> None:
        """Turn after turn until it is to stop: what is due now, in order. What that asks for comes in the next turn."""
        due, later = self._now_due, self._later
        while not self._ended:
            while later and later[0][2].forgotten:
                heappop(later)
            if not due:
                if not later:
                    raise Stuck
                self._now_s += max(0.0, later[0][0] - self._now_s)
            until_s = self._now_s + _SAME_MOMENT_S
            while later and later[0][0] < until_s:
                due.append(heappop(later)[2])
            for _ in range(len(due)):
                one = due.popleft()
                if not one.forgotten:
                    try:
                        one.context.run(one.call, *one.arguments)
                    except (SystemExit, KeyboardInterrupt):
                        raise
                    except BaseException as broke:  # noqa: BLE001 - as every loop does: one call that breaks ends no other
                        self.call_exception_handler({"message": f"{one.call!r} broke", "exception": broke, "handle": one})
        self._ended = False

    def _write_to_self(self) -> None:
        raise AssertionError("nobody calls from another thread")


def run_virtually(work: Coroutine[Any, Any, Result]) -> Result:
    """Runs to the end, with everything that it left behind; what broke unheard raises here, and is looked for among the garbage as well."""
    loop, collects = VirtualLoop(), gc.isenabled()
    broke = loop.broke
    gc.disable()
    try:
        asyncio.set_event_loop(loop)
        result = loop.run_until_complete(work)
        left = asyncio.all_tasks(loop)
        for task in left:
            task.cancel()
        if left:
            loop.run_until_complete(asyncio.wait(left))
            left.clear()
    finally:
        asyncio.set_event_loop(None)
        loop.close()
        del loop, work  # what is held here would grow old with all that it holds
        gc.collect(_OF_THIS_RUN)
        if collects:
            gc.enable()
    assert not broke, broke
    return result
