"""The keeper: work that outlives its caller, told of when it breaks, drained for a bounded time."""

import asyncio

import pytest

from gateway.domain.faults import StoreFault
from gateway.service.keeper import Keeper, wait_until


def in_s(seconds: float) -> float:
    return asyncio.get_running_loop().time() + seconds


async def broken(why: BaseException) -> None:
    raise why


async def test_kept_work_runs_to_its_end_without_its_caller() -> None:
    """Cancelling whoever waits does not reach it."""
    keeper, gate, ended = Keeper(told=_never), asyncio.Event(), asyncio.Event()

    async def work() -> None:
        await gate.wait()
        ended.set()

    kept = keeper.keep(work(), name="work")
    waiting = asyncio.create_task(wait_until(kept, answer_by_s=in_s(10)))
    await asyncio.wait({waiting}, timeout=0.01)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    gate.set()

    assert await keeper.drain(grace_s=5.0) == 0
    assert (ended.is_set(), len(keeper)) == (True, 0)


async def test_a_bug_is_told_once_and_reaches_whoever_waits() -> None:
    """Also when nobody does."""
    told: list[BaseException] = []
    keeper = Keeper(told=told.append)

    with pytest.raises(LookupError):
        await wait_until(keeper.keep(broken(LookupError("bug")), name="waited for"), answer_by_s=in_s(5))
    keeper.keep(broken(KeyError("bug")), name="not waited for")
    await keeper.drain(grace_s=5.0)

    assert [type(one) for one in told] == [LookupError, KeyError]


async def test_a_fault_is_for_whoever_waits() -> None:
    """It is not a bug: nobody is told of it here."""
    keeper = Keeper(told=_never)

    with pytest.raises(StoreFault):
        await wait_until(keeper.keep(broken(StoreFault("disk")), name="work"), answer_by_s=in_s(5))


async def test_when_time_is_up_the_answer_is_none_and_the_work_goes_on() -> None:
    """A past time answers at once; what has ended is still its result."""
    keeper, gate = Keeper(told=_never), asyncio.Event()

    async def work() -> str:
        await gate.wait()
        return "done"

    kept = keeper.keep(work(), name="work")
    early = [await wait_until(kept, answer_by_s=in_s(0.01)), await wait_until(kept, answer_by_s=in_s(-1))]
    gate.set()
    await kept

    assert (early, await wait_until(kept, answer_by_s=in_s(-1))) == ([None, None], "done")


async def test_a_drain_is_bounded_and_takes_along_what_kept_work_keeps() -> None:
    """A T1 whose T2 is kept apart is one story."""
    keeper, gate = Keeper(told=_never), asyncio.Event()

    async def second() -> None:
        await gate.wait()

    async def first() -> None:
        await gate.wait()
        keeper.keep(second(), name="second")

    keeper.keep(first(), name="first")
    left = await keeper.drain(grace_s=0.01)
    gate.set()

    assert (left, await keeper.drain(grace_s=5.0)) == (1, 0)


def _never(bug: BaseException) -> None:
    raise AssertionError(bug)
