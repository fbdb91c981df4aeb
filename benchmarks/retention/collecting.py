"""Taking out what is old from a full store while others write: rows a second, and what those who write notice of it.

1. The product's own collector, shelf by shelf, bounded in rows: with the pace it has unless told otherwise, and without a rest.
2. Writes beside it are held against writes without it in the same store, in turns, one at a time.
"""

import asyncio
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from benchmarks.retention.commits import EXPIRE_MS, RUN_COMMITS
from benchmarks.retention.latencies import Side, Turn, compared, latencies
from gateway.config.settings import Retention as Declared
from gateway.domain.writes.collecting import Retention
from gateway.ports.store import Shelf, Store
from gateway.ports.system import Clock
from gateway.service.collect import Collector, CollectorPace

_UNLESS_TOLD: Final = Declared()
AT_ONCE: Final = _UNLESS_TOLD.at_once
RESTS_MS: Final = {"at_its_pace": _UNLESS_TOLD.rest_ms, "without_a_rest": 0}
_DUE: Final = Retention(keep_ms=0, tombstone_ms=0)  # whatever has ended and expired
_LOOKS: Final = 9


class Ahead:
    """The machine's clocks, the wall's set ahead. Implements `ports.system.Clock`."""

    def __init__(self, clock: Clock) -> None:
        self._clock, self._ahead_ms = clock, 0

    def now_ms(self) -> int:
        return self._clock.now_ms() + self._ahead_ms

    def boot_s(self) -> float:
        return self._clock.boot_s()

    def let_expire(self) -> None:
        """What was made so far can no longer be used."""
        self._ahead_ms += EXPIRE_MS


@dataclass(frozen=True, slots=True, kw_only=True)
class Gone:
    """What went from one shelf."""

    rows: int
    elapsed_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Collected:
    """What a collector of one pace took out, and what writes beside it took against as many without it."""

    rest_ms: int
    rows_at_once: int
    rows: Mapping[str, int]  # by shelf
    rows_a_second: Mapping[str, int]
    writes_beside_it: Mapping[str, object]


class Collecting:
    """One store, and the collector of one pace over it."""

    def __init__(self, store: Store, clock: Clock, *, rest_ms: int) -> None:
        self._store, self._clock, self._rest_ms = store, clock, rest_ms
        self._bookmarks: dict[Shelf, str] = {}

    async def clear(self, shelf: Shelf, *, rows_max: int) -> Gone:
        pace = CollectorPace(interval_ms=1, at_once=AT_ONCE, rest_ms=self._rest_ms, stretches_max=max(1, rows_max // AT_ONCE))
        collector = Collector(store=self._store, clock=self._clock, retention=_DUE, pace=pace, bookmarks=self._bookmarks)
        began_s = time.perf_counter()
        rows = await collector.clear(shelf)
        return Gone(rows=rows, elapsed_s=time.perf_counter() - began_s)


async def collect(side: Side, clock: Clock, *, rest_ms: int, commits: int, turns: int, tell: Callable[[str], None]) -> Collected:
    """Takes out `commits` oldest commits in so many `turns`, then the runs that they were all of, then the tombstones of both."""
    collecting = Collecting(side.store, clock, rest_ms=rest_ms)
    made, gone = [], []
    for number in range(turns):
        turn, went = await _turn(side, collecting, rows_max=commits // turns)
        made.append(turn)
        gone.append(went)
        tell(f"turn {number + 1} of {turns}: {went.rows:,} commits went, {went.rows / went.elapsed_s:.0f} a second")
    taken = {Shelf.COMMITS: Gone(rows=sum(one.rows for one in gone), elapsed_s=sum(one.elapsed_s for one in gone))}
    for shelf, rows_max in ((Shelf.RUNS, commits // RUN_COMMITS), (Shelf.TOMBSTONES, 2 * commits)):
        taken[shelf] = await collecting.clear(shelf, rows_max=rows_max)
        tell(f"{taken[shelf].rows:,} {shelf} went in {taken[shelf].elapsed_s:.1f} s")
    return Collected(
        rest_ms=rest_ms, rows_at_once=AT_ONCE, rows={shelf: one.rows for shelf, one in taken.items()},
        rows_a_second={shelf: round(one.rows / one.elapsed_s) for shelf, one in taken.items()}, writes_beside_it=compared(made, "beside", "without"),
    )  # fmt: skip


async def looks(store: Store) -> dict[str, float]:
    """Milliseconds of the collector's first look at each shelf, where a sweep begins: the median of some."""
    took: dict[str, list[float]] = {shelf: [] for shelf in Shelf}
    for _ in range(_LOOKS):
        for shelf in Shelf:
            began_s = time.perf_counter()
            await store.shelf(shelf, bookmark="", limit=AT_ONCE)
            took[shelf].append((time.perf_counter() - began_s) * 1000)
    return {shelf: round(statistics.median(spans), 2) for shelf, spans in took.items()}


async def _turn(side: Side, collecting: Collecting, *, rows_max: int) -> tuple[Turn, Gone]:
    """As many writes without the collector as there were beside it."""
    sweeping = asyncio.create_task(collecting.clear(Shelf.COMMITS, rows_max=rows_max))
    writes = 0
    while not sweeping.done():
        await side.write()
        await side.recall()
        writes += 1
    beside = latencies(side.taken())
    for _ in range(writes):
        await side.write()
        await side.recall()
    return Turn(one=beside, other=latencies(side.taken())), await sweeping
