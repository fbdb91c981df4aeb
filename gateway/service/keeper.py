"""The keeper owns work that outlives its caller: from the moment T1 is handed to the store, the record may not be abandoned.

1. Kept work is a task of the app. A caller that leaves, is cancelled or runs out of time changes nothing about it.
2. Shutdown drains it, for a bounded time; what is not done by then is found again by its lease.
3. What escapes kept work reaches the caller that waits, as an exception. A fault is no more than that; anything else is a bug, told once, here.
"""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from gateway.domain.faults import Fault

Result = TypeVar("Result")


class Keeper:
    def __init__(self, *, told: Callable[[BaseException], None]) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()
        self._told = told

    def keep(self, work: Coroutine[Any, Any, Result], *, name: str) -> "asyncio.Task[Result]":
        """Starts the work at once; it runs to its end."""
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: "asyncio.Task[Any]") -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (broke := task.exception()) is not None and not isinstance(broke, Fault):
            self._told(broke)

    def __len__(self) -> int:
        return len(self._tasks)

    async def drain(self, *, grace_s: float) -> int:
        """Waits for what is kept; returns how many were still at it when the grace ran out."""
        deadline_s = asyncio.get_running_loop().time() + grace_s
        while self._tasks:
            left_s = deadline_s - asyncio.get_running_loop().time()
            if left_s <= 0:
                break
            await asyncio.wait(set(self._tasks), timeout=left_s)
        return len(self._tasks)


async def wait_until(task: "asyncio.Task[Result]", *, answer_by_s: float) -> Result | None:
    """The task's result, or None when the time to answer has come first. The task goes on either way."""
    await _wait(task, by_s=answer_by_s)
    return task.result() if task.done() else None


async def until_ended(task: "asyncio.Task[Any]") -> None:
    """However it ends. The task goes on when whoever waits is cancelled."""
    await _wait(task, by_s=None)


async def _wait(task: "asyncio.Task[Any]", *, by_s: float | None) -> None:
    """`asyncio.wait` for one task, without the sets: every commit waits twice."""
    if task.done():
        return
    loop = asyncio.get_running_loop()
    woken: asyncio.Future[None] = loop.create_future()

    def wake(_: object = None) -> None:
        if not woken.done():
            woken.set_result(None)

    task.add_done_callback(wake)
    timer = None if by_s is None else loop.call_at(by_s, wake)
    try:
        await woken
    finally:
        task.remove_done_callback(wake)
        if timer is not None:
            timer.cancel()
