"""What one question or one write takes: in the full store and in the empty one, or with the collector beside it and without.

1. One at a time. The two sides take turns, question by question, and who goes first changes: a moment that is bad is bad for both.
2. A ratio is taken within one turn of so many questions; of several turns the median is told, with the lowest and the highest.
"""

import statistics
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from benchmarks.retention.commits import RUN_COMMITS, TENANT, Maker
from gateway.domain.records import CommitRow, KeyName, KeySpace, RunName
from gateway.ports.store import Store

T1: Final = "t1"
T2: Final = "t2"
RECALL: Final = "recall_of_a_new_key"
PAGE: Final = 100
_KNOWN: Final = 200  # old rows that are asked for
_WARM: Final = 20

Spans = dict[str, list[float]]  # seconds, by what was asked


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    """Of single questions, in microseconds."""

    p50_us: int
    p99_us: int
    longest_us: int


def latency(spans: Sequence[float]) -> Latency:
    ordered = sorted(spans)
    p99 = ordered[min(len(ordered) - 1, int(0.99 * len(ordered)))]
    return Latency(p50_us=round(statistics.median(ordered) * 1e6), p99_us=round(p99 * 1e6), longest_us=round(ordered[-1] * 1e6))


class Side:
    """One store that is asked."""

    def __init__(self, store: Store, maker: Maker) -> None:
        self.store, self.maker = store, maker
        self.spans: Spans = {}
        self._run = maker.fresh_run()
        self._commits = 0
        self._known: list[tuple[int, CommitRow]] = []

    async def prepare(self) -> None:
        """Warms up, and finds old rows to ask for, all over the store."""
        for _ in range(_WARM):
            await self.write()
        self.spans.clear()
        ((newest, _),) = await self.store.commits(tenant=TENANT, state="", workflow="", before=0, limit=1)
        for number in range(1, _KNOWN + 1):
            before = newest * number // _KNOWN + 1
            self._known += await self.store.commits(tenant=TENANT, state="", workflow="", before=before, limit=1)

    async def write(self) -> None:
        """A T1 and its T2; runs end outside of what is measured."""
        took = await self.maker.commit(self._run)
        self.spans.setdefault(T1, []).append(took.t1_s)
        self.spans.setdefault(T2, []).append(took.t2_s)
        self._commits += 1
        if self._commits % RUN_COMMITS == 0:
            await self.maker.finish(self._run)
            self._run = self.maker.fresh_run()

    async def recall(self) -> None:
        """What a request recalls before it is judged, of a key that nobody used."""
        run = self.maker.fresh_run()
        await self._timed(RECALL, self.store.facts(key=self.maker.fresh_key(run), run=run, decision_id=""))

    async def look_back(self, number: int) -> None:
        """What a repeated request recalls, a page of a listing somewhere in the store, what waits for the reconciler."""
        place, row = self._known[number % len(self._known)]
        key, run = KeyName(KeySpace.COMMIT, row.tenant, row.key), RunName(row.tenant, row.workflow, row.run_id)
        await self._timed("recall_of_an_old_key", self.store.facts(key=key, run=run, decision_id=""))
        await self._timed("page_of_a_listing", self.store.commits(tenant=TENANT, state="", workflow="", before=place + PAGE, limit=PAGE))
        await self._timed("what_is_due", self.store.due(limit=PAGE))

    async def _timed(self, name: str, asked: Awaitable[object]) -> None:
        began_s = time.perf_counter()
        await asked
        self.spans.setdefault(name, []).append(time.perf_counter() - began_s)

    def taken(self) -> Spans:
        """What was measured since the last time."""
        spans, self.spans = self.spans, {}
        return spans


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """What both sides took for the same questions."""

    one: Mapping[str, Latency]
    other: Mapping[str, Latency]


async def take_turns(full: Side, empty: Side, *, turns: int, questions: int, tell: Callable[[str], None]) -> list[Turn]:
    """`questions` of each kind in each of `turns`."""
    made: list[Turn] = []
    for number in range(turns):
        for question in range(questions):
            for side in (full, empty) if (question + number) % 2 else (empty, full):
                await side.write()
                await side.recall()
                await side.look_back(number * questions + question)
        made.append(Turn(one=latencies(full.taken()), other=latencies(empty.taken())))
        tell(f"turn {number + 1} of {turns}: a T1 in {made[-1].one[T1].p50_us} µs where it is full, in {made[-1].other[T1].p50_us} µs where it is empty")
    return made


def compared(turns: Sequence[Turn], one: str, other: str) -> dict[str, object]:
    """By question: the ratios `one` ÷ `other`, and the medians they come from."""
    return {question: _compared([(turn.one[question], turn.other[question]) for turn in turns], one, other) for question in turns[0].one}


def _compared(pairs: Sequence[tuple[Latency, Latency]], one: str, other: str) -> dict[str, object]:
    p50, p99 = [a.p50_us / b.p50_us for a, b in pairs], [a.p99_us / b.p99_us for a, b in pairs]
    return {
        "ratio_p50": round(statistics.median(p50), 3), "ratio_p50_range": [round(min(p50), 3), round(max(p50), 3)],
        "ratio_p99": round(statistics.median(p99), 3), "ratio_p99_range": [round(min(p99), 3), round(max(p99), 3)],
        f"{one}_us": _told([a for a, _ in pairs]), f"{other}_us": _told([b for _, b in pairs]),
    }  # fmt: skip


def _told(found: Sequence[Latency]) -> dict[str, int]:
    return {
        "p50": round(statistics.median(one.p50_us for one in found)), "p99": round(statistics.median(one.p99_us for one in found)),
        "longest": max(one.longest_us for one in found),
    }  # fmt: skip


def latencies(spans: Spans) -> dict[str, Latency]:
    return {name: latency(took) for name, took in spans.items()}
