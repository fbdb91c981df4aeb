"""Weighing a full store: sizes, its check, latencies beside an empty one, collecting, sizes, as many commits again, sizes, its check.

Nothing of it needs the store to be as it was filled: weighed again, it has other rows and about as many.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass

from benchmarks.retention.checking import Checked, check
from benchmarks.retention.collecting import RESTS_MS, Ahead, collect, looks
from benchmarks.retention.commits import TENANT, Maker
from benchmarks.retention.filling import AT_ONCE, fill
from benchmarks.retention.latencies import PAGE, Side, compared, take_turns
from benchmarks.retention.places import EMPTY, FULL, Place
from gateway.domain.faults import StoreFault
from gateway.domain.lifecycle import State
from gateway.ports.store import Shelf, Store
from gateway.ports.system import Clock

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How much of each."""

    turns: int
    questions: int  # of a kind in a turn, at each side
    collect: int  # commits, at each pace
    collect_turns: int


async def weigh(place: Place, clock: Ahead, plan: Plan, tell: Tell) -> dict[str, object]:
    """Raises `CheckFailed`. Sets the clock ahead, by as much as what was made needs to expire."""
    await place.empty()
    commits, sizes = await place.commits(), await place.sizes()
    before = _summed(sizes, await place.dead())
    tell(f"{commits:,} commits")
    checked = [await _checked(place, tell)]
    async with AsyncExitStack() as closing:
        full, empty = [await _side(place, which, clock, closing) for which in (FULL, EMPTY)]
        turns = await take_turns(full, empty, turns=plan.turns, questions=plan.questions, tell=tell)
        nothing, looked = await _listing_of_nothing(full.store), await looks(full.store)
        clock.let_expire()
        collected = {
            pace: await collect(full, clock, rest_ms=rest_ms, commits=plan.collect, turns=plan.collect_turns, tell=tell) for pace, rest_ms in RESTS_MS.items()
        }
        after, there = _summed(await place.sizes(), await place.dead()), await place.commits()
        went = sum(one.rows[Shelf.COMMITS] for one in collected.values())
        again = await fill(full.maker, there=there, wanted=there + went, told=asyncio.Event(), tell=tell, at_once=AT_ONCE)
        later = _summed(await place.sizes(), await place.dead())
    checked.append(await _checked(place, tell))
    return {
        "commits": commits,
        "bytes_a_commit": {table: {name: round(size / commits, 1) for name, size in of.items()} for table, of in sizes.items()},
        "full_and_empty": compared(turns, "full", "empty"),
        "listing_that_finds_nothing_ms": nothing,
        "first_look_at_a_shelf_ms": looked,
        "collecting": {pace: asdict(one) for pace, one in collected.items()},
        "made_afterwards": {"commits": again.made, "a_second": round(again.per_s)},
        "bytes": {"before": before, "after_collecting": after, "after_as_many_more": later},
        "check": [asdict(one) for one in checked],
    }


async def _side(place: Place, which: str, clock: Clock, closing: AsyncExitStack) -> Side:
    store = await place.open(which, clock)
    closing.push_async_callback(store.close)
    await store.recover()
    maker = Maker(store, clock)
    await maker.begin()
    side = Side(store, maker)
    await side.prepare()
    return side


async def _checked(place: Place, tell: Tell) -> Checked:
    made = await check(place.check_arguments())
    tell(f"{made.commits:,} commits and {made.entries:,} entries add up: {made.elapsed_s} s, {made.memory_bytes_max // 2**20} MiB")
    return made


async def _listing_of_nothing(store: Store) -> int | str:
    """A page of what the store has none of: every commit is looked at."""
    began_s = time.perf_counter()
    try:
        assert not await store.commits(tenant=TENANT, state=State.FAILED, workflow="", before=0, limit=PAGE), "nothing fails here"
    except StoreFault as fault:
        return f"no answer: {type(fault).__name__}"
    return round((time.perf_counter() - began_s) * 1000)


def _summed(sizes: Mapping[str, Mapping[str, int]], dead: Mapping[str, int]) -> dict[str, int]:
    """The whole, its tables with their indexes, and what is in it and no row any more."""
    return {table or "all": sum(of.values()) for table, of in sizes.items()} | dict(dead)
