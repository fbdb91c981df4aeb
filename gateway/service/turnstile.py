"""The turnstile: calls that come close together go in together, so that each later stage finds its batches made.

1. A call that finds nobody inside goes in at once: alone, nobody waits for company.
2. Otherwise those who wait go in together: when nobody has come for a while, when `FULL` of them wait, or when the first has waited `WAIT_S_MAX`.
3. "A while" grows with how many are inside, from nothing to `QUIET_S_MAX`: few calls hardly wait, many fill the batches.
4. It refuses nobody; the doorkeeper does.

Why it is here and not in the lanes: the library hands over one call in some turns of the loop. A gateway that sets to work on each as it comes
spends the time in which it would be handed the next, and every batch is a batch of one.
"""

import asyncio
from types import TracebackType
from typing import Final

from gateway.domain.limits import BATCH_MAX

FULL: Final = BATCH_MAX
QUIET_S_MAX: Final = 0.008
WAIT_S_MAX: Final = 0.03
_CROWD: Final = 16  # calls inside, from which on the longest quiet is waited for
_TICK_S: Final = 0.001  # a timer may come this much early


class Turnstile:
    """`async with turnstile:` around what is done for one call. Belongs to one loop."""

    def __init__(self) -> None:
        self._inside = 0
        self._first_s = 0.0  # the running loop's clock, as the next one
        self._last_s = 0.0
        self._waiting: list[asyncio.Future[None]] = []

    async def __aenter__(self) -> None:
        if self._inside or self._waiting:
            await self._wait()
        self._inside += 1

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._inside -= 1

    async def _wait(self) -> None:
        loop = asyncio.get_running_loop()
        turn: asyncio.Future[None] = loop.create_future()
        self._last_s = loop.time()
        if not self._waiting:
            self._first_s = self._last_s
            loop.call_at(self._due_s(), self._look)
        self._waiting.append(turn)
        if len(self._waiting) >= FULL:
            self._open()
        await turn

    def _look(self) -> None:
        """One timer runs while somebody waits."""
        if not self._waiting:
            return
        loop, due_s = asyncio.get_running_loop(), self._due_s()
        if loop.time() + _TICK_S / 2 >= due_s:
            self._open()
        else:
            loop.call_at(due_s, self._look)

    def _due_s(self) -> float:
        quiet_s = QUIET_S_MAX * min(self._inside, _CROWD) / _CROWD
        return min(self._last_s + quiet_s, self._first_s + WAIT_S_MAX)

    def _open(self) -> None:
        waiting, self._waiting = self._waiting, []
        for turn in waiting:
            if not turn.done():
                turn.set_result(None)
