"""The store's exam, retention: what has ended goes when its time is over, what has not never does, and a key that was used is not used again."""

from typing import Final

import pytest

from gateway.domain.asks import Refuse, Twin
from gateway.domain.budget import Cost, Ledger
from gateway.domain.lifecycle import Event, State, Thinking
from gateway.domain.reasons import DecideStop, Reason
from gateway.domain.records import KeyName, KeyRow, KeySpace, Tombstone
from gateway.domain.writes.collecting import ForgetKey
from gateway.domain.writes.resolutions import Resolve
from gateway.ports.store import Shelf, StoredCommit
from tests.contract.collecting import KEEP_MS, TOMBSTONE_MS, aged, all_of, ample, is_retired, of_commit, of_decision, of_run, run_of
from tests.contract.store_desk import EXPIRES_IN_MS, TENANT, Desk, limit, run_named, writes

KEY: Final = KeyName(KeySpace.COMMIT, TENANT, b"K-1")
TOKENS: Final = [Cost(ledger=Ledger.TOKENS, currency="", amount=1_000), Cost(ledger=Ledger.SPEND, currency="USD", amount=500)]


@pytest.fixture(autouse=True)
def patient(desk: Desk) -> None:
    desk.terms = ample()


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
