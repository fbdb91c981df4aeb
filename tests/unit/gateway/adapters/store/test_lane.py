"""The lane: one batch at a time, one member a key, and whoever has not left in time never leaves."""

import asyncio

import pytest

from gateway.adapters.store.lane import Errand, Lane
from gateway.domain.faults import StoreAmbiguous, StoreFault
from gateway.ports.store import Withdrawn

FOREVER_S = float("inf")


class Work:
    """Carries out batches when it is let go, and remembers them by their keys."""

    def __init__(self) -> None:
        self.batches: list[list[object]] = []
        self.go = asyncio.Event()
        self.go.set()
        self.breaks = False

    async def __call__(self, errands: list[Errand[str]]) -> None:
        self.batches.append([errand.keys[0] if errand.keys else None for errand in errands])
        await self.go.wait()
        if self.breaks:
            raise LookupError("a bug of ours")
        for errand in errands:
            errand.made("done")


def put(lane: "Lane[Errand[str]]", *keys: str, by_s: float = FOREVER_S) -> "asyncio.Future[str]":
    errand: Errand[str] = Errand(by_s=by_s, keys=keys)
    lane.put(errand)
    return errand.future


async def test_what_is_asked_in_one_turn_travels_together() -> None:
    """Up to the greatest batch; the rest leaves when it has come back."""
    work = Work()
    lane: Lane[Errand[str]] = Lane("lane", work, batch_max=3)

    answers = await asyncio.gather(*(put(lane, str(n)) for n in range(7)))

    assert answers == ["done"] * 7
    assert work.batches == [["0", "1", "2"], ["3", "4", "5"], ["6"]]
    await lane.close()


async def test_a_second_member_of_a_key_waits_for_the_next_batch() -> None:
    """And so does whoever shares a key with one that waits: nobody overtakes."""
    work = Work()
    lane: Lane[Errand[str]] = Lane("lane", work, batch_max=8)

    await asyncio.gather(put(lane, "a"), put(lane, "a", "b"), put(lane, "b"), put(lane, "c"), put(lane), put(lane))

    assert work.batches == [["a", "c", None, None], ["a"], ["b"]]
    await lane.close()


async def test_who_is_late_is_withdrawn_while_a_batch_is_stuck() -> None:
    """Also while another batch is away; it is never carried out."""
    work = Work()
    lane: Lane[Errand[str]] = Lane("lane", work, batch_max=8)
    work.go.clear()
    stuck = put(lane, "a")
    await asyncio.sleep(0)
    late = put(lane, "b", by_s=asyncio.get_running_loop().time() + 0.01)

    with pytest.raises(Withdrawn):
        await late
    work.go.set()

    assert await stuck == "done"
    assert work.batches == [["a"]]
    await lane.close()


async def test_whose_caller_has_gone_never_leaves() -> None:
    """Nobody would hear the answer."""
    work = Work()
    lane: Lane[Errand[str]] = Lane("lane", work, batch_max=8)
    work.go.clear()
    stuck = put(lane, "a")
    await asyncio.sleep(0)
    put(lane, "b").cancel()
    work.go.set()

    await stuck
    await lane.close()

    assert work.batches == [["a"]]


async def test_who_comes_while_a_batch_is_away_fills_the_next_one() -> None:
    """One batch at a time, however many turns of the loop they come in; nobody waits once it is back."""
    work = Work()
    lane: Lane[Errand[str]] = Lane("lane", work, batch_max=8)
    work.go.clear()
    answers = []
    for name in "abcd":
        answers.append(put(lane, name))
        await asyncio.sleep(0)
    away = list(work.batches)
    work.go.set()

    await asyncio.gather(*answers)

    assert (away, work.batches) == ([["a"]], [["a"], ["b", "c", "d"]])
    await lane.close()


async def test_work_that_breaks_leaves_its_errands_ambiguous() -> None:
    """Nobody knows; what broke is told to the loop, and the lane goes on."""
    told: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context["exception"]))
    work = Work()
    work.breaks = True
    lane: Lane[Errand[str]] = Lane("lane", work, batch_max=8)

    with pytest.raises(StoreAmbiguous):
        await put(lane, "a")
    work.breaks = False

    assert await put(lane, "b") == "done"
    await lane.close()
    with pytest.raises(StoreFault, match="closed"):
        await put(lane, "c")
