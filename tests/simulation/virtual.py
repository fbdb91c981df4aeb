"""A loop without a world: no sockets, no threads, no clock but its own. Time passes only when nothing is left to do, and then at once.

1. The same coroutines over the same chance run in the same order, to the microsecond.
2. A loop in which everybody waits and no timer runs would wait for ever: it says so instead.
"""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

Result = TypeVar("Result")


class Stuck(Exception):
    """Everybody waits for somebody else."""


class _NoSelector:
    """What the loop asks for events: there are none, so the time until the next timer is over at once."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def select(self, timeout_s: float | None) -> list[Any]:
        if timeout_s is None:
            raise Stuck
        self.now_s += max(0.0, timeout_s)
        return []


class VirtualLoop(asyncio.BaseEventLoop):
    def __init__(self) -> None:
        super().__init__()
        self._selector = _NoSelector()
        self.broke: list[dict[str, Any]] = []
        self.set_exception_handler(lambda _loop, context: self.broke.append(context))

    def time(self) -> float:
        return self._selector.now_s

    def _process_events(self, event_list: list[Any]) -> None:
        assert not event_list, "nothing comes from outside"

    def _write_to_self(self) -> None:
        raise AssertionError("nobody calls from another thread")


def run_virtually(work: Coroutine[Any, Any, Result]) -> Result:
    """Runs to the end, with everything that it left behind; what broke unheard raises here."""
    loop = VirtualLoop()
    try:
        asyncio.set_event_loop(loop)
        result = loop.run_until_complete(work)
        left = asyncio.all_tasks(loop)
        for task in left:
            task.cancel()
        if left:
            loop.run_until_complete(asyncio.wait(left))
    finally:
        asyncio.set_event_loop(None)
        loop.close()
    assert not loop.broke, loop.broke
    return result
