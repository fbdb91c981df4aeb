"""Many small things made into few sends: a lane keeps what arrived since its last send, and sends it together.

1. Alone means at once, which is the end of this turn of the loop: with nothing outstanding and a last batch of one, an item waits for nobody
   but those asked in the same turn.
2. Otherwise sends are at least `gap_s` apart, so that a lane under load fills its batches instead of chasing single items.
3. A full batch, in items or in bytes, leaves immediately. No item is ever dropped or sent twice.
4. The lane knows nothing of what it carries but its size; `send` owns success, failure and time.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneLimits:
    items_max: int
    bytes_max: int  # an item over it goes alone
    gap_s: float


class Lane(Generic[Item]):
    """Single-loop; `put` never waits."""

    def __init__(self, send: Callable[[list[Item]], Awaitable[None]], *, limits: LaneLimits) -> None:
        self._send = send
        self._limits = limits
        self._loop = asyncio.get_running_loop()
        self._waiting: list[Item] = []
        self._waiting_bytes = 0
        self._sends: set[asyncio.Task[None]] = set()
        self._timer: asyncio.Handle | None = None
        self._last_size = 0
        self._last_s = float("-inf")

    def put(self, item: Item, *, size_bytes: int) -> None:
        if self._waiting and self._waiting_bytes + size_bytes > self._limits.bytes_max:
            self._flush()
        self._waiting.append(item)
        self._waiting_bytes += size_bytes
        if len(self._waiting) >= self._limits.items_max or self._waiting_bytes >= self._limits.bytes_max:
            self._flush()
        elif self._timer is None:
            due_s = self._last_s + self._limits.gap_s
            alone = not self._sends and self._last_size <= 1
            self._timer = self._loop.call_soon(self._flush) if alone or self._loop.time() >= due_s else self._loop.call_at(due_s, self._flush)

    async def drain(self) -> None:
        """Send what waits and return when every send has ended."""
        self._flush()
        while self._sends:
            await asyncio.wait(tuple(self._sends))

    def _flush(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if not self._waiting:
            return
        batch, self._waiting, self._waiting_bytes = self._waiting, [], 0
        self._last_size, self._last_s = len(batch), self._loop.time()
        task = asyncio.ensure_future(self._run(batch))
        self._sends.add(task)
        task.add_done_callback(self._sends.discard)

    async def _run(self, batch: list[Item]) -> None:
        await self._send(batch)
