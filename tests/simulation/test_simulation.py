"""The simulated world, for a few seeds; `make prove` runs thousands."""

import asyncio
from collections import Counter

import pytest

from gateway.domain.reasons import Reason
from tests.simulation.run import simulate
from tests.simulation.virtual import Stuck, run_virtually


def test_nothing_that_must_never_be_seen_is_seen() -> None:
    """Over crashes, hang-ups, faults, halts and late answers; and enough happens for that to mean something."""
    runs = [simulate(f"quick/{number}") for number in range(60)]

    ended = sum((one.ended for one in runs), Counter[str]())
    assert [one.wrong for one in runs if one.wrong] == []
    assert min(ended["SUCCEEDED"], ended["FAILED"], ended["DENIED"]) > 50
    assert any(Reason.INTERRUPTED in line for one in runs for line in one.said)


def test_the_same_seed_is_the_same_run() -> None:
    """To the last word of the trace; another seed is another run."""
    once, again, other = simulate("quick/1"), simulate("quick/1"), simulate("quick/2")

    assert once == again
    assert once.trace_hash != other.trace_hash


def test_virtual_time_passes_at_once_and_in_order() -> None:
    """A day is over before it begins."""

    async def a_day() -> list[str]:
        told: list[str] = []
        loop = asyncio.get_running_loop()
        loop.call_later(86_400, told.append, "evening")
        loop.call_later(1, told.append, "morning")
        await asyncio.sleep(90_000)
        return [*told, str(loop.time())]

    assert run_virtually(a_day()) == ["morning", "evening", "90000.0"]


def test_a_world_in_which_everybody_waits_is_told() -> None:
    """It would hang for ever."""

    async def for_ever() -> None:
        await asyncio.get_running_loop().create_future()

    with pytest.raises(Stuck):
        run_virtually(for_ever())


def test_what_is_due_at_one_moment_runs_as_it_was_asked_for() -> None:
    """However many, and whatever was forgotten between them."""

    async def at_once() -> list[int]:
        told: list[int] = []
        loop = asyncio.get_running_loop()
        timers = [loop.call_later(1, told.append, number) for number in range(100)]
        for timer in timers[::3]:
            timer.cancel()
        await asyncio.sleep(2)
        return told

    assert run_virtually(at_once()) == [number for number in range(100) if number % 3]


def test_what_broke_unheard_is_told() -> None:
    """Even where nobody but the collector of garbage comes upon it."""

    async def breaks() -> None:
        raise ValueError("unheard")

    async def hears_nothing() -> None:
        circle: list[object] = [asyncio.get_running_loop().create_task(breaks())]
        circle.append(circle)
        await asyncio.sleep(1)

    with pytest.raises(AssertionError, match="unheard"):
        run_virtually(hears_nothing())
