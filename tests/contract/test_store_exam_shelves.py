"""The store's exam, shelves: steps, runs and windows go in their turn, what they counted is remembered, and a shelf is read from its oldest on."""

from collections.abc import Sequence

import pytest

from gateway.domain.budget import Level, NodeRow, Window
from gateway.domain.lifecycle import Event
from gateway.domain.reasons import Reason, RunStop
from gateway.domain.records import CommitRow, KeyName, KeySpace, Note, RunRow, StepRow, Tombstone
from gateway.domain.rows import Write
from gateway.domain.writes.collecting import CollectRun
from gateway.domain.writes.runs import FinishRun, StepTaken
from gateway.ports.store import Shelf, Shelved
from tests.contract.collecting import KEEP_MS, TOMBSTONE_MS, aged, all_of, ample, is_retired, of_commit, of_run, of_step, of_window, run_of
from tests.contract.store_desk import LEASE_MS, RUN, TENANT, Desk, limit, run_named, writes
from tests.contract.test_store_exam_runs import finish, step


@pytest.fixture(autouse=True)
def patient(desk: Desk) -> None:
    desk.terms = ample()


async def test_a_recorded_step_goes_with_its_key(desk: Desk) -> None:
    """The entry stays; its text and its salt do not."""
    taken = await desk.write(step(desk, "S-1"))
    assert isinstance(taken, StepTaken)
    [recorded] = await all_of(desk, Shelf.STEPS)
    assert isinstance(recorded, StepRow)
    desk.clock.advance(ms=KEEP_MS - 1)
    early = await desk.write(of_step(recorded))
    desk.clock.advance(ms=1)

    gone = [await desk.write(of_step(recorded)) for _ in range(2)]

    assert (early, gone) == (False, [True, False])
    assert await desk.store.step_result(taken.entry_hash) == b""
    assert is_retired(await desk.write(step(desk, "S-1")))
    assert await desk.kinds() == ["STEP_RECORDED"]


async def test_a_run_is_its_own_tombstone(desk: Desk) -> None:
    """Stopped, it stays stopped for the time of a tombstone; then it goes with its budgets and the key that finished it."""
    desk.terms = ample(budgets=[limit(5), limit(3, window=Window.DAY)])
    row = await desk.committed(desk.ask("K-1", costs=writes(2)))
    await desk.write(finish("F-1"))
    stopped_at_ms = desk.clock.now_ms()
    await aged(desk)
    await desk.write(of_commit(row))
    still = await desk.write(of_run(await run_of(desk)))
    denied = await desk.denied(desk.ask("K-2"))
    desk.clock.set_wall(now_ms=stopped_at_ms + TOMBSTONE_MS)
    await desk.write(of_commit(denied))

    gone = [await desk.write(of_run(await run_of(desk)))]
    gone.append(await desk.write(CollectRun(run=RUN, finish_key=b"F-1", tombstone_ms=TOMBSTONE_MS)))

    assert (still, gone) == (False, [True, False])
    assert await desk.store.run(RUN) is None
    assert await desk.store.nodes(tenant=TENANT, workflow="") == []
    assert is_retired(await desk.write(finish("F-1")))
    anew = await desk.authorised(desk.ask("K-3", costs=writes(3)))
    assert [held.left for held in anew.holds] == [2, 0]


async def test_a_run_stays_while_anything_of_it_does(desk: Desk) -> None:
    """One commit that is still unknown keeps it, with what it holds."""
    desk.terms = ample(budgets=[limit(5)])
    await desk.settled(await desk.authorised(desk.ask("K-1", costs=writes(2))), Event.NOBODY_KNOWS)
    await desk.write(finish("F-1"))
    await aged(desk, TOMBSTONE_MS)

    assert await desk.write(of_run(await run_of(desk))) is False
    assert await desk.balances() == {"run": (2, 0)}


async def test_a_past_window_goes_when_nothing_counts_in_it_any_more(desk: Desk) -> None:
    """Not while a commit that paid there stands, and never the newest: a window does not run backwards."""
    await desk.activate(tenant=[limit(5, window=Window.MINUTE)], workflow=[limit(9)])
    row = await desk.committed(desk.ask("K-1", costs=writes(2)))
    await aged(desk)
    newest_only = await all_of(desk, Shelf.WINDOWS)
    await desk.committed(desk.ask("K-2", costs=writes(1), run=run_named("run-2")))
    [past] = await all_of(desk, Shelf.WINDOWS)
    assert isinstance(past, NodeRow)
    early = await desk.write(of_window(past))
    await desk.write(of_commit(row))

    gone = [await desk.write(of_window(past)) for _ in range(2)]

    assert (newest_only, past.node.level, early, gone) == ([], Level.TENANT, False, [True, False])
    assert await desk.balances() == {"tenant": (0, 1), "workflow": (0, 3)}


async def test_a_window_that_has_just_passed_stays(desk: Desk) -> None:
    """Its time is counted from its end."""
    await desk.activate(tenant=[limit(5, window=Window.MINUTE)])
    desk.clock.set_wall(now_ms=1_800_000_000_000)
    row = await desk.committed(desk.ask("K-1", costs=writes(2), expire_at_ms=desk.clock.now_ms() + 1))
    desk.clock.advance(ms=KEEP_MS + 1)
    await desk.committed(desk.ask("K-2", run=run_named("run-2"), costs=writes(1)))
    await desk.write(of_commit(row))
    [past] = await all_of(desk, Shelf.WINDOWS)
    assert isinstance(past, NodeRow)

    desk.clock.set_wall(now_ms=1_800_000_000_000 + 60_000 + KEEP_MS - 1)
    early = await desk.write(of_window(past))
    desk.clock.advance(ms=1)

    assert (early, await desk.write(of_window(past))) == (False, True)


@pytest.mark.parametrize("limit_of", [1, 3, 100])
async def test_shelves_are_read_from_their_oldest_on(desk: Desk, limit_of: int) -> None:
    """Stretch by stretch everything is seen once, in order, also while what was seen goes."""
    rows = [await _ended(desk, number) for number in range(5)]
    commits: list[Shelved] = []
    bookmark = ""
    await aged(desk)
    for _ in range(10):
        stretch = await desk.store.shelf(Shelf.COMMITS, bookmark=bookmark, limit=limit_of)
        commits += stretch.rows
        await desk.together([of_commit(row) for row in stretch.rows if isinstance(row, CommitRow)])
        bookmark = stretch.bookmark
        if not bookmark:
            break

    runs = await all_of(desk, Shelf.RUNS, limit=limit_of)
    tombstones = await all_of(desk, Shelf.TOMBSTONES, limit=limit_of)

    assert rows == commits
    assert [run.name.run_id for run in runs if isinstance(run, RunRow)] == [f"run-{number}" for number in range(5)]
    assert len({tombstone.key_hash for tombstone in tombstones if isinstance(tombstone, Tombstone)}) == 5
    assert await all_of(desk, Shelf.COMMITS) == []


async def test_an_empty_store_has_empty_shelves(desk: Desk) -> None:
    """Open runs are on none."""
    await desk.denied(desk.ask("K-1", denial=[Note(reason=Reason.PAYLOAD_DRIFT)], run=run_named("open")))

    shelves = {shelf: await all_of(desk, shelf) for shelf in Shelf if shelf is not Shelf.COMMITS}

    assert shelves == {shelf: [] for shelf in Shelf if shelf is not Shelf.COMMITS}


async def test_collecting_survives_the_next_process(desk: Desk) -> None:
    """What is gone stays gone, what was remembered is still remembered."""
    desk.terms = ample(budgets=[limit(5)])
    row = await desk.committed(desk.ask("K-1", costs=writes(4)))
    await aged(desk)
    await desk.write(of_commit(row))

    await desk.reopen()

    assert await desk.refused(desk.ask("K-1")) is Reason.KEY_RETIRED
    assert (await run_of(desk)).collected == 1
    assert await desk.balances() == {"run": (0, 4)}


async def test_many_are_collected_among_live_writes(desk: Desk) -> None:
    """One node named by old and new members of one batch adds up."""
    await desk.activate(tenant=[limit(100)])
    old = [await desk.committed(desk.ask(f"K-{number}", costs=writes(1), run=run_named("old"))) for number in range(8)]
    await aged(desk)
    new: Sequence[Write[object]] = [desk.claim(desk.ask(f"N-{number}", costs=writes(2), run=run_named(f"new-{number}"))) for number in range(8)]
    collects: Sequence[Write[object]] = [of_commit(row) for row in old]

    await desk.together([write for pair in zip(collects, new, strict=True) for write in pair])

    assert await desk.balances() == {"tenant": (16, 8)}
    assert len(await all_of(desk, Shelf.COMMITS, limit=5)) == 8


async def _ended(desk: Desk, number: int) -> CommitRow:
    name = run_named(f"run-{number}")
    row = await desk.committed(desk.ask(f"K-{number}", run=name))
    key = KeyName(KeySpace.FINISH, TENANT, f"F-{number}".encode())
    await desk.write(FinishRun(key=key, fingerprints={1: b"f"}, run=name, stop=RunStop.FINAL_RESULT, note="", salt=b"s"))
    desk.clock.advance(ms=1 + LEASE_MS)
    return row
