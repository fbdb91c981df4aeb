"""Calls that come close together go in together; alone, nobody waits."""

import asyncio

from gateway.service.turnstile import FULL, QUIET_S_MAX, WAIT_S_MAX, Turnstile


class Visitors:
    """Calls that go in, say when, and stay inside until the test lets them out."""

    def __init__(self, turnstile: Turnstile) -> None:
        self._turnstile = turnstile
        self.entered: list[tuple[str, float]] = []
        self.out = asyncio.Event()
        self._moved = asyncio.Condition()
        self.tasks: list[asyncio.Task[None]] = []

    def send(self, name: str) -> None:
        self.tasks.append(asyncio.ensure_future(self._visit(name)))

    async def _visit(self, name: str) -> None:
        async with self._turnstile:
            async with self._moved:
                self.entered.append((name, asyncio.get_running_loop().time()))
                self._moved.notify_all()
            await self.out.wait()

    async def until(self, count: int) -> None:
        async with asyncio.timeout(5), self._moved:
            await self._moved.wait_for(lambda: len(self.entered) >= count)

    async def end(self) -> None:
        self.out.set()
        await asyncio.gather(*self.tasks, return_exceptions=True)


def goes_in_at_once(turnstile: Turnstile) -> bool:
    """Whether a call goes in without giving one turn of the loop away."""
    going = turnstile.__aenter__()
    try:
        going.send(None)
    except StopIteration:
        return True
    going.close()
    return False


async def test_alone_a_call_goes_in_at_once() -> None:
    """Nobody inside and nobody waiting: no turn of the loop is given away. The next one waits."""
    turnstile = Turnstile()

    alone, second = goes_in_at_once(turnstile), goes_in_at_once(turnstile)

    assert (alone, second) == (True, False)


async def test_those_who_come_together_go_in_together() -> None:
    """While somebody is inside, calls of several turns of the loop are let in by one opening."""
    visitors = Visitors(Turnstile())
    visitors.send("first")
    await visitors.until(1)

    for name in "abc":
        visitors.send(name)
        await asyncio.sleep(0)
    none_yet = len(visitors.entered)
    await visitors.until(4)
    times = [at_s for _, at_s in visitors.entered[1:]]
    await visitors.end()

    assert none_yet == 1
    assert [name for name, _ in visitors.entered] == ["first", "a", "b", "c"]
    assert max(times) - min(times) < QUIET_S_MAX


async def test_full_means_at_once() -> None:
    """A batch that is full waits for nobody else, however long a while would have been."""
    visitors = Visitors(Turnstile())
    visitors.send("first")
    await visitors.until(1)
    began_s = asyncio.get_running_loop().time()

    for number in range(FULL):
        visitors.send(str(number))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    entered = len(visitors.entered)
    await visitors.end()

    assert entered == 1 + FULL
    assert all(at_s - began_s < WAIT_S_MAX for _, at_s in visitors.entered)


async def test_a_stream_of_calls_keeps_nobody_waiting_for_ever() -> None:
    """With a newcomer in every turn of the loop there is never a quiet moment; the first goes in all the same."""
    visitors = Visitors(Turnstile())
    for number in range(FULL):
        visitors.send(f"crowd {number}")
    await visitors.until(FULL)
    before = len(visitors.entered)

    async with asyncio.timeout(5):
        while len(visitors.entered) == before:
            if len(visitors.tasks) < before + FULL - 1:
                visitors.send("newcomer")
            await asyncio.sleep(0)
    await visitors.end()

    assert len(visitors.entered) == len(visitors.tasks)


async def test_who_leaves_while_waiting_is_not_counted() -> None:
    """A cancelled call neither goes in nor keeps the turnstile busy for good: a later one that is alone goes in at once."""
    turnstile = Turnstile()
    visitors = Visitors(turnstile)
    visitors.send("first")
    await visitors.until(1)
    visitors.send("gone")
    await asyncio.sleep(0)

    visitors.tasks[-1].cancel()
    await visitors.end()
    async with asyncio.timeout(5), turnstile:
        pass

    assert [name for name, _ in visitors.entered] == ["first"]
    assert goes_in_at_once(turnstile)
