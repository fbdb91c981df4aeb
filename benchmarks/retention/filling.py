"""Filling a store: runs of commits, many at once, until it holds so many; told as it goes on, and interrupted at any time.

1. Told to stop, it ends the runs it has begun. Killed, it leaves what a killed gateway leaves; whoever opens the store next recovers that.
2. How many are there is asked of the store itself, so that filling goes on from wherever it was.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Final

from benchmarks.retention.commits import RUN_COMMITS, Maker

AT_ONCE: Final = 128  # runs
_TOLD_EVERY_S: Final = 15.0


class Progress:
    """Of one filling."""

    def __init__(self, *, there: int, wanted: int, tell: Callable[[str], None], told_every_s: float = _TOLD_EVERY_S) -> None:
        self.made = 0
        self._there, self._wanted, self._tell, self._told_every_s = there, wanted, tell, told_every_s
        self._began_s = self._told_s = time.perf_counter()
        self._told_made = 0

    def one_more(self) -> None:
        self.made += RUN_COMMITS
        now_s = time.perf_counter()
        if now_s - self._told_s >= self._told_every_s:
            rate = (self.made - self._told_made) / (now_s - self._told_s)
            left_s = (self._wanted - self._there - self.made) / rate
            self._tell(f"{self._there + self.made:,} of {self._wanted:,} commits, {rate:.0f} a second, about {left_s / 60:.0f} minutes left")
            self._told_s, self._told_made = now_s, self.made

    @property
    def per_s(self) -> float:
        return self.made / max(1e-9, time.perf_counter() - self._began_s)


async def fill(maker: Maker, *, there: int, wanted: int, told: asyncio.Event, tell: Callable[[str], None], at_once: int) -> Progress:
    """Makes what is missing, `at_once` runs side by side; less when `told` to stop."""
    progress = Progress(there=there, wanted=wanted, tell=tell)
    left = iter(range(-(-max(0, wanted - there) // RUN_COMMITS)))

    async def work() -> None:
        for _ in left:
            if told.is_set():
                return
            await maker.run()
            progress.one_more()

    await asyncio.gather(*(work() for _ in range(at_once)))
    return progress
