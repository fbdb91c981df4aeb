"""What was read once is not read again, for as long as that is honest."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping

import pytest

from agent.tools.memory import BYTES_MAX, READS_MAX, RUNS_MAX, RunMemory, Shelf
from agent.tools.port import Result
from tests.unit.agent.made import ACCOUNT, CITY

RUN = "acme/activate/r-1"


class Counting:
    """A tool that says which call this is, and whether it went well."""

    def __init__(self, *, note: str = "", size: int = 0) -> None:
        self._note = note
        self._size = size
        self.calls = 0

    async def call(self, *, args: Mapping[str, str | int], context: Mapping[str, object], traceparent: str) -> Result:
        self.calls += 1
        await asyncio.sleep(0)
        return Result(arguments=args, body=b"x" * self._size or str(self.calls).encode(), note=self._note, ok=not self._note)


class Clock:
    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def fetching(tool: Counting, args: Mapping[str, str | int]) -> Callable[[], Awaitable[Result]]:
    return lambda: tool.call(args=args, context={}, traceparent="")


async def test_a_decision_reads_once() -> None:
    """The same tool with the same arguments; what comes from memory says so."""
    shelf, tool = Shelf(), Counting()
    reads: list[tuple[str, Mapping[str, str | int]]] = [("a", {}), ("a", {}), ("b", {}), ("a", {"n": 1}), ("a", {"n": "1"})]

    results = [await shelf.read(name, args, fetching(tool, args)) for name, args in reads]

    assert [(one.body, one.cached) for one in results] == [(b"1", False), (b"1", True), (b"2", False), (b"3", False), (b"4", False)]


async def test_two_who_ask_at_once_are_one_read() -> None:
    """The second waits for the first."""
    shelf, tool = Shelf(), Counting()

    results = await asyncio.gather(*[shelf.read("a", {}, fetching(tool, {})) for _ in range(5)])

    assert tool.calls == 1
    assert [one.cached for one in results] == [False, True, True, True, True]


async def test_what_failed_is_read_again() -> None:
    """Also what was cut."""
    shelf, tool = Shelf(), Counting(note="it answered HTTP 503")

    results = [await shelf.read("a", {}, fetching(tool, {})) for _ in range(2)]

    assert tool.calls == 2
    assert [one.cached for one in results] == [False, False]


async def read(memory: RunMemory, tool: Counting, *, run: str = RUN, account: str = "harbour", city: str = "Oslo", fresh_ms: int = 60_000) -> Result:
    over = memory.over(tool, name="weather", slots={"account": ACCOUNT, "city": CITY}, fresh_ms=fresh_ms, run=run)
    return await over.call(args={"city": city}, context={"account": account}, traceparent="")


async def test_a_run_remembers_as_long_as_its_tool_stays_fresh() -> None:
    """Counted from the read, not from the last look."""
    clock, tool = Clock(), Counting()
    memory = RunMemory(clock)

    first = await read(memory, tool)
    clock.now_s += 59.9
    second = await read(memory, tool)
    clock.now_s += 0.1
    third = await read(memory, tool)

    assert [(one.body, one.cached) for one in (first, second, third)] == [(b"1", False), (b"1", True), (b"2", False)]


@pytest.mark.parametrize("other", [{"run": "acme/activate/r-2"}, {"account": "foundry"}, {"city": "Lima"}, {"run": ""}, {"fresh_ms": 0}])
async def test_nothing_passes_to_another_run_or_another_read(other: Mapping[str, str | int]) -> None:
    """Nor to a tool that never stays fresh."""
    tool, memory = Counting(), RunMemory(Clock())
    await read(memory, tool)

    await read(memory, tool, **other)  # type: ignore[arg-type]  # one keyword at a time, each of its own type

    assert tool.calls == 2


async def test_a_read_that_is_none_is_not_remembered() -> None:
    """A failure, and a call that could not be filled."""
    tool, memory = Counting(note="it answered HTTP 503"), RunMemory(Clock())

    for _ in range(2):
        await read(memory, tool)
        await read(memory, tool, city="Berlin")

    assert tool.calls == 4


async def test_what_is_remembered_is_bounded() -> None:
    """By reads of a run, by runs and by bytes; what was begun first goes first."""
    clock = Clock()

    reads, tool = RunMemory(clock), Counting()
    for number in range(READS_MAX + 1):
        await read(reads, tool, account=f"a-{number}")
    runs, small = RunMemory(clock), Counting()
    for number in range(RUNS_MAX + 1):
        await read(runs, small, run=f"r-{number}")
    sizes, large = RunMemory(clock), Counting(size=BYTES_MAX // 2)
    for number in range(3):
        await read(sizes, large, run=f"r-{number}")

    assert [(await read(reads, tool, account=f"a-{number}")).cached for number in (READS_MAX, 0)] == [True, False]
    assert [(await read(runs, small, run=f"r-{number}")).cached for number in (RUNS_MAX, 0)] == [True, False]
    assert [(await read(sizes, large, run=f"r-{number}")).cached for number in (2, 0)] == [True, False]
