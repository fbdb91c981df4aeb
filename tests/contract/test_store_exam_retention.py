"""The store's exam, retention: what has ended goes when its time is over, what has not never does, and a key that was used is not used again."""

from collections.abc import Sequence
from typing import Final

import pytest

from gateway.domain.asks import Refuse, Twin
from gateway.domain.boundary import RunTerms
from gateway.domain.budget import BudgetLimit, Cost, Ledger, Level, NodeRow, Window
from gateway.domain.lifecycle import Event, State, Thinking
from gateway.domain.reasons import DecideStop, Reason, RunStop
from gateway.domain.records import CommitRow, DecisionRow, KeyName, KeyRow, KeySpace, Note, RunName, RunRow, StepRow, Tombstone
from gateway.domain.rows import Write
from gateway.domain.writes.collecting import CollectCommit, CollectDecision, CollectRun, CollectStep, CollectWindow, ForgetKey
from gateway.domain.writes.resolutions import Resolve
from gateway.domain.writes.runs import FinishRun, StepTaken
from gateway.ports.store import Shelf, Shelved, StoredCommit
from tests.contract.store_desk import EXPIRES_IN_MS, LEASE_MS, RUN, TENANT, Desk, limit, run_named, terms, writes
from tests.contract.test_store_exam_runs import finish, step

KEEP_MS: Final = 7 * 86_400_000
TOMBSTONE_MS: Final = 90 * 86_400_000
KEY: Final = KeyName(KeySpace.COMMIT, TENANT, b"K-1")
TOKENS: Final = [Cost(ledger=Ledger.TOKENS, currency="", amount=1_000), Cost(ledger=Ledger.SPEND, currency="USD", amount=500)]


def of_commit(row: CommitRow, decision: DecisionRow | None = None) -> CollectCommit:
    return CollectCommit(
        commit_id=row.commit_id, key=KeyName(KeySpace.COMMIT, row.tenant, row.key), run=RunName(row.tenant, row.workflow, row.run_id),
        decision_key=decision.key if decision else b"", keep_ms=KEEP_MS,
    )  # fmt: skip


def of_decision(row: DecisionRow) -> CollectDecision:
    name = KeyName(KeySpace.DECIDE, row.tenant, row.key)
    return CollectDecision(decision_id=row.decision_id, key=name, run=RunName(row.tenant, row.workflow, row.run_id), keep_ms=KEEP_MS)


def of_step(row: StepRow) -> CollectStep:
    return CollectStep(entry_hash=row.entry_hash, key=KeyName(KeySpace.STEP, row.run.tenant, row.key), run=row.run, keep_ms=KEEP_MS)


def of_run(row: RunRow) -> CollectRun:
    return CollectRun(run=row.name, finish_key=row.finish_key, tombstone_ms=TOMBSTONE_MS)


def of_window(row: NodeRow) -> CollectWindow:
    return CollectWindow(node_key=row.node.key, window_start_ms=row.window_start_ms, keep_ms=KEEP_MS)


def ample(*, budgets: Sequence[BudgetLimit] = ()) -> RunTerms:
    """Runs that stay open for as long as anything here is kept."""
    return terms(wall_ms_max=366 * 86_400_000, budgets=budgets)


@pytest.fixture(autouse=True)
def patient(desk: Desk) -> None:
    desk.terms = ample()


def is_retired(reply: object) -> bool:
    return isinstance(reply, Refuse) and reply.refusal.reason is Reason.KEY_RETIRED


async def run_of(desk: Desk, name: RunName = RUN) -> RunRow:
    run = await desk.store.run(name)
    assert run is not None
    return run


async def all_of(desk: Desk, shelf: Shelf, *, limit: int = 2) -> list[Shelved]:
    """A whole shelf, stretch by stretch."""
    found: list[Shelved] = []
    bookmark = ""
    for _ in range(100):
        stretch = await desk.store.shelf(shelf, bookmark=bookmark, limit=limit)
        found += stretch.rows
        bookmark = stretch.bookmark
        if not bookmark:
            return found
    raise AssertionError("the shelf has no end")


async def aged(desk: Desk, ms: int = KEEP_MS + EXPIRES_IN_MS) -> None:
    """Nothing that is asked after this is younger than what happened before it."""
    desk.clock.advance(ms=ms)


@pytest.mark.parametrize("event", [Event.HOST_DID, Event.HOST_DID_NOT])
async def test_what_has_ended_goes_when_its_time_is_over(desk: Desk, event: Event) -> None:
    """Not a millisecond sooner; once; and everything adds up before and after."""
    desk.terms = ample(budgets=[limit(5)])
    row = await desk.committed(desk.ask("K-1", costs=writes(2)), event)
    desk.clock.advance(ms=EXPIRES_IN_MS + KEEP_MS - 1)
    early = await desk.write(of_commit(row))
    desk.clock.advance(ms=1)

    gone = [await desk.write(of_commit(row)) for _ in range(2)]

    assert (early, gone) == (False, [True, False])
    assert await desk.store.commit(row.commit_id) is None
    assert await desk.store.body(row.commit_id) is None
    assert await all_of(desk, Shelf.COMMITS) == []


async def test_time_counts_from_the_end_where_that_is_later_than_expiry(desk: Desk) -> None:
    """A commit may be resolved long after its request expired."""
    row = await desk.settled(await desk.authorised(desk.ask("K-1")), Event.NOBODY_KNOWS)
    desk.clock.advance(ms=30 * 86_400_000)
    still_unknown = await desk.write(of_commit(row))
    await desk.write(Resolve(
        commit_id=row.commit_id, tenant=TENANT, expected=row.state, event=Event.FOUND_DONE, by="dora", evidence="seen", salt=b"s", host_status=200,
        response=b"",
    ))  # fmt: skip
    desk.clock.advance(ms=KEEP_MS - 1)
    early = await desk.write(of_commit(row))
    desk.clock.advance(ms=1)

    assert (still_unknown, early, await desk.write(of_commit(row))) == (False, False, True)


async def test_what_has_not_ended_is_never_collected(desk: Desk) -> None:
    """FORWARDING, UNKNOWN and THINKING stay, with their keys and what they hold, whatever the clock says."""
    desk.terms = ample(budgets=[limit(9)])
    flying = await desk.authorised(desk.ask("K-1", costs=writes(1)))
    unknown = await desk.settled(await desk.authorised(desk.ask("K-2", costs=writes(2))), Event.NOBODY_KNOWS)
    thinking = await desk.begun(desk.thinking_ask("D-1", costs=writes(3)))
    await aged(desk, 1_000 * 86_400_000)

    kept = [await desk.write(write) for write in (of_commit(flying), of_commit(unknown), of_decision(thinking), of_run(await run_of(desk)))]

    assert kept == [False] * 4
    assert await desk.balances() == {"run": (6, 0)}
    assert isinstance(await desk.store.commit_of_key(KEY), StoredCommit)


async def test_a_collected_key_answers_that_it_is_retired(desk: Desk) -> None:
    """To the same content, to other content, to a superseder and to whoever looks; in another tenant the same bytes are free."""
    ask = desk.ask("K-1")
    row = await desk.committed(ask, Event.HOST_DID_NOT)
    await aged(desk)
    await desk.write(of_commit(row))
    retired_at_ms = desk.clock.now_ms()

    again = [await desk.refused(one) for one in (desk.ask("K-1"), desk.ask("K-1", content="other"), desk.ask("K-1", supersedes=row.commit_id))]

    assert again == [Reason.KEY_RETIRED] * 3
    assert await desk.store.commit_of_key(KEY) == KeyRow(name=KEY, generations=(), retired_at_ms=retired_at_ms)
    elsewhere = await desk.authorised(desk.ask("K-1", run=run_named("run-1", tenant="umbrella")))
    assert elsewhere.state is State.FORWARDING


async def test_a_key_lives_by_its_latest_generation(desk: Desk) -> None:
    """An older generation goes alone; its fingerprint still finds the latest. The key is retired when that goes."""
    first = await desk.committed(desk.ask("K-1", content="first"), Event.HOST_DID_NOT)
    desk.clock.advance(ms=KEEP_MS)
    second = await desk.committed(desk.ask("K-1", content="second", supersedes=first.commit_id))
    desk.clock.advance(ms=EXPIRES_IN_MS)

    gone = [await desk.write(of_commit(row)) for row in (first, second)]
    by_either = [await desk.write(desk.claim(desk.ask("K-1", content=content))) for content in ("first", "second")]
    desk.clock.advance(ms=KEEP_MS)
    later = await desk.write(of_commit(second))

    assert (gone, by_either, later) == ([True, False], [Twin(second.commit_id)] * 2, True)
    assert await desk.refused(desk.ask("K-1", content="first")) is Reason.KEY_RETIRED


async def test_the_latest_generation_may_go_before_an_older_one(desk: Desk) -> None:
    """The older one's time was longer: its key is retired all the same, and it goes when its time has come."""
    first = await desk.committed(desk.ask("K-1", expire_at_ms=desk.clock.now_ms() + 86_400_000), Event.HOST_DID_NOT)
    second = await desk.committed(desk.ask("K-1", supersedes=first.commit_id), Event.HOST_DID_NOT)
    await aged(desk)

    gone = [await desk.write(of_commit(row)) for row in (first, second)]
    retired = await desk.refused(desk.ask("K-1"))
    await aged(desk, 86_400_000)

    assert (gone, retired) == ([False, True], Reason.KEY_RETIRED)
    assert await desk.write(of_commit(first))
    assert await desk.refused(desk.ask("K-1")) is Reason.KEY_RETIRED


async def test_a_key_is_collected_and_claimed_in_one_batch(desk: Desk) -> None:
    """Whichever comes first, no request executes again: one is told its twin, the other that the key is retired."""
    row = await desk.committed(desk.ask("K-1"))
    await aged(desk)

    claim = desk.claim(desk.ask("K-1"))
    before, gone, after = await desk.together([claim, of_commit(row), claim])

    assert (before, gone) == (Twin(row.commit_id), True)
    assert isinstance(after, Refuse)
    assert after.refusal.reason is Reason.KEY_RETIRED


async def test_a_tombstone_is_forgotten_when_its_time_is_over(desk: Desk) -> None:
    """Within it nothing executes again; after it the key is as if it had never been used."""
    row = await desk.committed(desk.ask("K-1"))
    await aged(desk)
    await desk.write(of_commit(row))
    [tombstone] = await all_of(desk, Shelf.TOMBSTONES)
    assert isinstance(tombstone, Tombstone)
    desk.clock.advance(ms=TOMBSTONE_MS - 1)
    forget = ForgetKey(tombstone=tombstone, tombstone_ms=TOMBSTONE_MS)
    early, refused = await desk.write(forget), await desk.refused(desk.ask("K-1"))
    desk.clock.advance(ms=1)

    over = [await desk.write(forget) for _ in range(2)]

    assert (early, refused, over) == (False, Reason.KEY_RETIRED, [True, True])
    assert len(tombstone.key_hash) == 32
    assert await all_of(desk, Shelf.TOMBSTONES) == []
    assert (await desk.authorised(desk.ask("K-1"))).generation == 1


async def test_what_was_settled_is_remembered_where_it_was_counted(desk: Desk) -> None:
    """Collecting gives no budget back: the limit stands against what was spent."""
    desk.terms = ample(budgets=[limit(5)])
    spent = await desk.committed(desk.ask("K-1", costs=writes(4)))
    released = await desk.committed(desk.ask("K-2", costs=writes(1)), Event.HOST_DID_NOT)
    await aged(desk)

    gone = await desk.together([of_commit(spent), of_commit(released)])

    assert (gone, await desk.balances()) == ([True, True], {"run": (0, 4)})
    assert (await run_of(desk)).steps == 2


async def test_a_decision_goes_with_the_commit_that_consumed_it(desk: Desk) -> None:
    """Neither before the time of both is over; afterwards both keys are retired."""
    desk.terms = ample(budgets=[limit(1_000, ledger=Ledger.TOKENS), limit(900, ledger=Ledger.SPEND, currency="USD")])
    decision = await desk.concluded(await desk.begun(desk.thinking_ask("D-1", costs=TOKENS), ttl_ms=EXPIRES_IN_MS + 5_000))
    row = await desk.committed(desk.ask("K-1", decision_id=decision.decision_id))
    await aged(desk)
    alone, early = await desk.write(of_decision(decision)), await desk.write(of_commit(row, decision))
    desk.clock.advance(ms=5_000)

    gone = await desk.write(of_commit(row, decision))

    assert (alone, early, gone) == (False, False, True)
    assert await desk.store.decision(decision.decision_id) is None
    assert is_retired(await desk.write(desk.claim(desk.ask("K-1"))))
    assert is_retired(await desk.write(desk.thought(desk.thinking_ask("D-1"))))


async def test_a_decision_that_was_given_back_goes_alone(desk: Desk) -> None:
    """So does one that nobody ever used, and one that was stopped at the door."""
    decision = await desk.decided("D-1")
    row = await desk.committed(desk.ask("K-1", decision_id=decision.decision_id), Event.HOST_DID_NOT)
    stopped = await desk.concluded(await desk.begun(desk.thinking_ask("D-2")), state=Thinking.STOPPED, stop=DecideStop.TIMEOUT)
    await aged(desk, KEEP_MS + 900_000)

    gone = [await desk.write(write) for write in (of_commit(row, decision), of_decision(decision), of_decision(stopped))]

    assert gone == [True] * 3
    assert await all_of(desk, Shelf.DECISIONS) == []


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
    await desk.write(FinishRun(key=key, fingerprint=b"f", run=name, stop=RunStop.FINAL_RESULT, note="", salt=b"s"))
    desk.clock.advance(ms=1 + LEASE_MS)
    return row
