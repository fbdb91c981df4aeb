"""A lane gathers what arrives close together, and lets a lone item through at once."""

import asyncio

from gateway.adapters.opa.gather import Lane, LaneLimits

LIMITS = LaneLimits(items_max=4, bytes_max=100, gap_s=0.01)


class Sends:
    """Keeps every batch; a send ends when the test lets it."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.open = asyncio.Event()
        self.arrived = asyncio.Condition()

    async def send(self, batch: list[str]) -> None:
        async with self.arrived:
            self.batches.append(batch)
            self.arrived.notify_all()
        await self.open.wait()

    async def until(self, count: int) -> None:
        async with asyncio.timeout(5), self.arrived:
            await self.arrived.wait_for(lambda: len(self.batches) >= count)


async def test_a_lone_item_is_sent_at_once() -> None:
    """Nothing outstanding, a single item: no window to wait for."""
    sends = Sends()
    lane = Lane(sends.send, limits=LaneLimits(items_max=4, bytes_max=100, gap_s=3600))

    lane.put("a", size_bytes=1)
    await sends.until(1)

    assert sends.batches == [["a"]]


async def test_items_behind_an_outstanding_send_leave_together() -> None:
    """Whatever arrives inside the window is one batch."""
    sends = Sends()
    lane = Lane(sends.send, limits=LIMITS)

    lane.put("a", size_bytes=1)
    await sends.until(1)
    for item in "bc":
        lane.put(item, size_bytes=1)
    await sends.until(2)

    assert sends.batches == [["a"], ["b", "c"]]


async def test_what_one_turn_of_the_loop_asks_is_one_batch() -> None:
    """At once means the end of this turn: nobody pays for being the first of several."""
    sends = Sends()
    lane = Lane(sends.send, limits=LaneLimits(items_max=4, bytes_max=100, gap_s=3600))

    for item in "abc":
        lane.put(item, size_bytes=1)
    await sends.until(1)

    assert sends.batches == [["a", "b", "c"]]


async def test_the_window_is_a_gap_between_sends() -> None:
    """Items of several turns of the loop still make one batch, as long as the gap lasts."""
    sends = Sends()
    lane = Lane(sends.send, limits=LaneLimits(items_max=4, bytes_max=100, gap_s=0.2))

    for item in "abcd":
        lane.put(item, size_bytes=1)
        await asyncio.sleep(0)
    await sends.until(2)

    assert sends.batches == [["a"], ["b", "c", "d"]]


async def test_a_full_batch_does_not_wait_for_the_window() -> None:
    """Four items are the most, whatever the gap."""
    sends = Sends()
    lane = Lane(sends.send, limits=LaneLimits(items_max=4, bytes_max=100, gap_s=3600))

    lane.put("a", size_bytes=1)
    await sends.until(1)
    for item in "bcdefghi":
        lane.put(item, size_bytes=1)
    await sends.until(3)

    assert sends.batches == [["a"], list("bcde"), list("fghi")]


async def test_a_batch_is_bounded_in_bytes_too() -> None:
    """An item that would burst the batch starts the next; one too large for any goes alone."""
    sends = Sends()
    lane = Lane(sends.send, limits=LaneLimits(items_max=4, bytes_max=100, gap_s=3600))

    for item, size_bytes in (("a", 1), ("b", 60), ("c", 60), ("huge", 500)):
        lane.put(item, size_bytes=size_bytes)
    await sends.until(3)

    assert sends.batches == [["a", "b"], ["c"], ["huge"]]


async def test_after_a_gathered_batch_the_lane_keeps_gathering() -> None:
    """Under load the next item waits for company instead of leaving alone."""
    sends = Sends()
    sends.open.set()
    lane = Lane(sends.send, limits=LIMITS)
    lane.put("a", size_bytes=1)
    await sends.until(1)
    for item in "bc":
        lane.put(item, size_bytes=1)
    await lane.drain()

    for item in "de":
        lane.put(item, size_bytes=1)
    await sends.until(3)

    assert sends.batches == [["a"], ["b", "c"], ["d", "e"]]


async def test_draining_sends_what_waits_and_waits_for_its_end() -> None:
    """Nothing is left behind."""
    sends = Sends()
    lane = Lane(sends.send, limits=LaneLimits(items_max=4, bytes_max=100, gap_s=3600))
    lane.put("a", size_bytes=1)
    await sends.until(1)
    lane.put("b", size_bytes=1)

    draining = asyncio.create_task(lane.drain())
    await sends.until(2)
    pending = not draining.done()
    sends.open.set()
    await draining

    assert pending
    assert sends.batches == [["a"], ["b"]]
