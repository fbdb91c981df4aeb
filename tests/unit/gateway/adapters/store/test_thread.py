"""A lane whose work is done on a thread: what leaves when, what is withdrawn, what a broken batch leaves behind."""

import asyncio
import threading
from collections.abc import Iterator

import pytest

from gateway.adapters.store.lane import Errand, Lane
from gateway.adapters.store.thread import Thread
from gateway.domain.faults import StoreAmbiguous, StoreFault
from gateway.ports.store import Withdrawn

FOREVER_S = float("inf")


class Word(Errand[str]):
    """Comes back in capitals."""

    def __init__(self, word: str, *, by_s: float = FOREVER_S) -> None:
        super().__init__(by_s=by_s)
        self.word = word


class Shouter:
    """The thread's work: it can be held up, and it can break."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.go_on = threading.Event()
        self.go_on.set()
        self.breaks = False
        self.is_untidy = False
        self.tidied = threading.Event()

    def __call__(self, words: list[Word]) -> None:
        self.batches.append([word.word for word in words])
        assert self.go_on.wait(10)
        if self.breaks:
            raise ZeroDivisionError
        for word in words:
            if word.word == "bad":
                word.failed(StoreFault("a bad word"))
            else:
                word.made(word.word.upper())

    def untidy(self) -> bool:
        return self.is_untidy


@pytest.fixture
def shouter() -> Shouter:
    return Shouter()


@pytest.fixture
def thread(shouter: Shouter) -> Iterator[Thread[Word]]:
    made: Thread[Word] = Thread("test-lane", shouter, untidy=shouter.untidy, tidy=shouter.tidied.set)
    yield made
    shouter.go_on.set()
    made.end()


@pytest.fixture
async def lane(thread: Thread[Word]) -> Lane[Word]:
    return Lane("test-lane", thread, batch_max=4)


async def say(lane: Lane[Word], *words: str) -> list[str]:
    """All in one turn of the loop."""
    errands = [Word(word) for word in words]
    for errand in errands:
        lane.put(errand)
    return await asyncio.gather(*(errand.future for errand in errands))


async def test_what_is_asked_in_one_turn_travels_together(lane: Lane[Word], shouter: Shouter) -> None:
    """And what each asked is what each gets."""
    assert await say(lane, "a", "b", "c") == ["A", "B", "C"]

    assert shouter.batches == [["a", "b", "c"]]


async def test_more_than_fits_leaves_in_turn(lane: Lane[Word], shouter: Shouter) -> None:
    """In the order they came, never more than the batch holds."""
    await say(lane, *"abcdefgh")

    assert shouter.batches == [list("abcd"), list("efgh")]


async def test_one_failure_is_its_own(lane: Lane[Word]) -> None:
    """The neighbours of a failed errand have their answers."""
    errands = [Word("a"), Word("bad"), Word("c")]
    for errand in errands:
        lane.put(errand)
    found = await asyncio.gather(*(errand.future for errand in errands), return_exceptions=True)

    assert [str(one) for one in found] == ["A", "a bad word", "C"]


async def test_what_waits_behind_a_stuck_batch_is_withdrawn_at_its_time(lane: Lane[Word], shouter: Shouter) -> None:
    """It never leaves, its caller knows at once, and whoever has more time stays."""
    shouter.go_on.clear()
    stuck = Word("stuck")
    lane.put(stuck)
    await asyncio.sleep(0)
    now_s = asyncio.get_running_loop().time()
    late, patient = Word("late", by_s=now_s + 0.01), Word("patient", by_s=now_s + 60)
    lane.put(patient)
    lane.put(late)

    with pytest.raises(Withdrawn):
        await late.future
    still_stuck = not stuck.future.done()
    shouter.go_on.set()

    assert still_stuck
    assert [await stuck.future, await patient.future] == ["STUCK", "PATIENT"]
    assert shouter.batches == [["stuck"], ["patient"]]


async def test_a_caller_that_has_gone_is_not_handed_over(lane: Lane[Word], shouter: Shouter) -> None:
    """Cancelled while it waited: nothing is done for it. Cancelled while it is away: nobody minds."""
    shouter.go_on.clear()
    away, gone = Word("away"), Word("gone")
    lane.put(away)
    await asyncio.sleep(0)
    lane.put(gone)
    gone.future.cancel()
    away.future.cancel()
    shouter.go_on.set()

    assert await say(lane, "next") == ["NEXT"]
    assert shouter.batches == [["away"], ["next"]]


async def test_work_that_breaks_leaves_its_batch_ambiguous_and_the_lane_alive(lane: Lane[Word], shouter: Shouter) -> None:
    """Nobody knows what came of it; what broke reaches the loop's exception handler."""
    heard: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: heard.append(context["exception"]))
    shouter.breaks = True

    with pytest.raises(StoreAmbiguous):
        await say(lane, "a")
    shouter.breaks = False

    assert await say(lane, "b") == ["B"]
    assert [type(one) for one in heard] == [ZeroDivisionError]


async def test_tidying_comes_after_the_answers(lane: Lane[Word], thread: Thread[Word], shouter: Shouter) -> None:
    """And only when there is something to tidy."""
    await say(lane, "a")
    tidied_for_nothing = shouter.tidied.is_set()
    shouter.is_untidy = True
    await say(lane, "b")
    await thread.do(lambda: None)

    assert (tidied_for_nothing, shouter.tidied.is_set()) == (False, True)


async def test_a_closed_lane_ends_what_it_has_and_takes_nothing(lane: Lane[Word], shouter: Shouter) -> None:
    """Closing waits for what waits and what is away."""
    shouter.go_on.clear()
    words = [Word(word) for word in "abcdef"]
    for word in words:
        lane.put(word)
    closing = asyncio.ensure_future(lane.close())
    await asyncio.sleep(0)
    shouter.go_on.set()
    await closing

    assert [word.future.result() for word in words] == list("ABCDEF")
    with pytest.raises(StoreFault):
        await say(lane, "late")


async def test_closing_an_idle_lane_ends(lane: Lane[Word]) -> None:
    """Also when all that waited was withdrawn."""
    lane.put(Word("late", by_s=asyncio.get_running_loop().time() - 1))

    await asyncio.wait_for(lane.close(), timeout=5)
