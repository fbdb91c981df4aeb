"""The store's exam, unknowns: nothing goes back to absent, nobody says FAILED too early, and what is resolved stays resolved."""

from collections.abc import Sequence

import pytest

from gateway.domain.asks import Refuse, Twin
from gateway.domain.budget import HoldState
from gateway.domain.halts import HaltScope
from gateway.domain.lifecycle import Event, State, Thinking
from gateway.domain.limits import CLOCK_SKEW_MS
from gateway.domain.reasons import DecideStop, Reason
from gateway.domain.records import CommitRow, Note
from gateway.domain.writes.halts import ThrowHalt
from gateway.domain.writes.resolutions import ClaimLook, ClaimResend, DeferLook, Interrupt, NotResent, Resent, Resolve
from gateway.ports.store import Recovered
from tests.contract.store_desk import LEASE_MS, MARGIN_MS, RUN, TENANT, Desk, by_state, limit, reasons, states, terms, writes


def resolve(row: CommitRow, event: Event, *, tenant: str = TENANT, by: str = "dora", expected: State = State.UNKNOWN, response: bytes = b"") -> Resolve:
    return Resolve(
        commit_id=row.commit_id, tenant=tenant, expected=expected, event=event, by=by, evidence="seen in the billing console", salt=b"salt",
        host_status=200, response=response,
    )  # fmt: skip


def resend(row: CommitRow, *, attempt_id: str = "a-again", retention_ms: int = 86_400_000) -> ClaimResend:
    return ClaimResend(commit_id=row.commit_id, attempt_id=attempt_id, lease_ms=LEASE_MS, send_margin_ms=MARGIN_MS, retention_ms=retention_ms)


async def unknown(desk: Desk, key: str = "K-1") -> CommitRow:
    """A commit whose host fell silent, holding 2 of 5."""
    desk.terms = terms(budgets=[limit(5)])
    silent: Sequence[Note] = [Note(reason=Reason.HOST_SILENT)]
    return await desk.settled(await desk.authorised(desk.ask(key, costs=writes(2))), Event.NOBODY_KNOWS, notes=silent)


async def test_an_expired_lease_means_nobody_knows(desk: Desk) -> None:
    """FORWARDING becomes UNKNOWN at the end of its lease, not before, and keeps its hold; its key stays taken."""
    desk.terms = terms(budgets=[limit(5)])
    ask = desk.ask("K-1", costs=writes(2))
    row = await desk.authorised(ask)
    desk.clock.advance(ms=LEASE_MS - 1)
    early = await desk.write(Interrupt(commit_id=row.commit_id, earlier_boot=False))
    not_yet = await desk.store.due(limit=10)
    desk.clock.advance(ms=1)

    due = await desk.store.due(limit=10)
    interrupted = [await desk.write(Interrupt(commit_id=row.commit_id, earlier_boot=False)) for _ in range(2)]

    left = await desk.stored(row.commit_id)
    assert (early, not_yet.interrupted, due.interrupted, interrupted) == (False, (), (row.commit_id,), [True, False])
    assert (left.state, reasons(left), states(left.holds)) == (State.UNKNOWN, [Reason.INTERRUPTED], {HoldState.OPEN})
    assert await desk.write(desk.claim(ask)) == Twin(row.commit_id)
    assert await desk.kinds() == ["INTENT", "OUTCOME"]


async def test_the_senders_own_late_answer_resolves_an_unknown(desk: Desk) -> None:
    """It slept through its lease and then heard the host: that is evidence."""
    ended = {}
    for event in Event.HOST_DID, Event.HOST_DID_NOT:
        row = await unknown(desk, f"K-{event}")
        ended[event] = await desk.settled(row, event)

    assert {event: (row.state, row.resolved_by, states(row.holds)) for event, row in ended.items()} == {
        Event.HOST_DID: (State.SUCCEEDED, "", {HoldState.SETTLED}),
        Event.HOST_DID_NOT: (State.FAILED, "", {HoldState.RELEASED}),
    }
    assert (await desk.kinds()).count("RESOLUTION") == 2


async def test_a_late_answer_to_what_has_ended_is_only_recorded(desk: Desk) -> None:
    """Terminal rows never change; a contradiction raises OUTCOME_CONFLICT in its entry."""
    row = await unknown(desk)
    resolved = await desk.write(resolve(row, Event.FOUND_DONE))

    agreeing = await desk.settled(row, Event.HOST_DID)
    contradicting = await desk.settled(row, Event.HOST_DID_NOT)
    silent = await desk.settled(row, Event.NOBODY_KNOWS)

    assert (agreeing, contradicting, silent) == (resolved, resolved, resolved)
    assert await desk.stored(row.commit_id) == resolved
    late = [entry for _, entry in await desk.store.entries(RUN, after=0, limit=10) if entry.kind == "LATE_OUTCOME"]
    assert [b"OUTCOME_CONFLICT" in entry.leaf for entry in late] == [False, True]
    assert (await desk.balances())["run"] == (0, 2)


async def test_an_operator_says_done_at_once_and_not_done_only_when_no_sender_can_wake(desk: Desk) -> None:
    """FAILED is refused before not_after of every attempt plus skew; SUCCEEDED is evidence at any time."""
    done, undone = await unknown(desk, "K-1"), await unknown(desk, "K-2")
    early = await desk.write(resolve(undone, Event.FOUND_NOT_DONE))
    succeeded = await desk.write(resolve(done, Event.FOUND_DONE, response=b'{"id":7}'))
    desk.clock.advance(ms=LEASE_MS - MARGIN_MS + CLOCK_SKEW_MS)
    failed = await desk.write(resolve(undone, Event.FOUND_NOT_DONE))

    assert isinstance(early, Refuse)
    assert early.refusal.reason is Reason.MALFORMED
    assert isinstance(succeeded, CommitRow)
    assert isinstance(failed, CommitRow)
    assert (succeeded.state, succeeded.resolved_by, reasons(succeeded), states(succeeded.holds)) == (State.SUCCEEDED, "dora", [], {HoldState.SETTLED})
    assert (failed.state, reasons(failed), states(failed.holds)) == (State.FAILED, [Reason.HOST_SILENT], {HoldState.RELEASED})
    stored = await desk.store.commit(done.commit_id)
    assert stored is not None
    assert stored.response == b'{"id":7}'
    assert (await desk.balances())["run"] == (0, 2)


async def test_resolving_what_is_not_there_not_unknown_or_anothers_is_refused(desk: Desk) -> None:
    """The expected state must be the state; another tenant sees nothing; "*" sees every tenant."""
    row = await unknown(desk)
    flying = await desk.authorised(desk.ask("K-2"))

    hidden = await desk.write(resolve(row, Event.FOUND_DONE, tenant="other"))
    wrong = await desk.write(resolve(flying, Event.FOUND_DONE))
    expected = await desk.write(resolve(row, Event.FOUND_DONE, expected=State.FORWARDING))
    first = await desk.write(resolve(row, Event.FOUND_DONE, tenant="*"))
    twice = await desk.write(resolve(row, Event.FOUND_DONE))

    assert [reply.refusal.reason for reply in (hidden, wrong, expected, twice) if isinstance(reply, Refuse)] == [
        Reason.NOT_FOUND, Reason.MALFORMED, Reason.MALFORMED, Reason.MALFORMED,
    ]  # fmt: skip
    assert isinstance(first, CommitRow)


async def test_a_resend_is_an_attempt_of_its_own_and_moves_only_towards_done(desk: Desk) -> None:
    """RESENT is durable before it is sent; its no proves nothing about the first attempt, its yes does; not_after is the latest."""
    row = await unknown(desk)
    desk.clock.advance(ms=1_000)

    made = await desk.write(resend(row))
    assert isinstance(made, Resent)
    under_lease = await desk.write(resend(row, attempt_id="a-third"))
    refused = await desk.settled(row, Event.HOST_DID_NOT, attempt_id="a-again")
    first_says_no = await desk.settled(row, Event.HOST_DID_NOT)
    done = await desk.settled(row, Event.HOST_DID, attempt_id="a-again")

    now_ms = desk.clock.now_ms()
    assert (made.attempt.number, made.attempt.not_after_ms, made.row.not_after_ms) == (2, now_ms + LEASE_MS - MARGIN_MS, now_ms + LEASE_MS - MARGIN_MS)
    assert under_lease is NotResent.LEASED
    assert (refused, first_says_no) == (made.row, made.row)
    assert (done.state, done.resolved_by, done.attempts, done.attempt_id) == (State.SUCCEEDED, "resend", 2, row.attempt_id)
    assert await desk.kinds() == ["INTENT", "OUTCOME", "RESENT", "RESOLUTION"]


async def test_a_late_no_to_one_attempt_contradicts_no_other(desk: Desk) -> None:
    """The first attempt had done it; the second heard "no" after that was known."""
    row = await unknown(desk)
    assert isinstance(await desk.write(resend(row)), Resent)
    await desk.settled(row, Event.HOST_DID)

    await desk.settled(row, Event.HOST_DID_NOT, attempt_id="a-again")

    _, last = (await desk.store.entries(RUN, after=0, limit=10))[-1]
    assert (last.kind, b"OUTCOME_CONFLICT" in last.leaf) == ("LATE_OUTCOME", False)


@pytest.mark.parametrize("why", NotResent)
async def test_no_resend_where_it_must_not_be(desk: Desk, why: NotResent) -> None:
    """Under a halt, past what the host remembers, when it has ended, while another attempt is under way."""
    row, flying = await unknown(desk), await desk.authorised(desk.ask("K-flying"))
    retention_ms = 86_400_000
    match why:
        case NotResent.HALTED:
            await desk.write(ThrowHalt(halt_id="h-1", scope=HaltScope(target="billing"), reason="incident", principal="dora", salt=b"s"))
        case NotResent.FORGOTTEN:
            retention_ms = 1
            desk.clock.advance(ms=1)
        case NotResent.NOT_UNKNOWN:
            await desk.settled(row, Event.HOST_DID)
        case NotResent.LEASED:
            await desk.write(resend(row))
    before = await desk.stored(row.commit_id)

    made = await desk.write(resend(row, attempt_id="a-third", retention_ms=retention_ms))

    assert made is why
    assert await desk.stored(row.commit_id) == before
    assert await desk.write(resend(flying)) is NotResent.NOT_UNKNOWN


async def test_a_look_is_leased_and_put_off(desk: Desk) -> None:
    """One reconciler looks at a time; it looks again when told to; looking no more asks for an operator."""
    row = await unknown(desk)
    at_once = await desk.store.due(limit=10)
    first = await desk.write(ClaimLook(commit_id=row.commit_id, lease_ms=2_000))
    beaten = await desk.write(ClaimLook(commit_id=row.commit_id, lease_ms=2_000))
    leased = await desk.store.due(limit=10)
    put_off = await desk.write(DeferLook(commit_id=row.commit_id, after_ms=500, looked=True))
    waiting = await desk.store.due(limit=10)
    desk.clock.advance(ms=500)
    again = await desk.store.due(limit=10)
    given_up = await desk.write(DeferLook(commit_id=row.commit_id, after_ms=0, looked=True))
    desk.clock.advance(ms=10**9)
    never = await desk.store.due(limit=10)

    assert [due.unknown for due in (at_once, leased, waiting, again, never)] == [(row.commit_id,), (), (), (row.commit_id,), ()]
    assert first is not None
    assert (first.looks, beaten, put_off.looks, put_off.look_until_ms) == (1, None, 1, 0)
    assert reasons(given_up) == [Reason.HOST_SILENT, Reason.NEEDS_OPERATOR]
    assert states(given_up.holds) == {HoldState.OPEN}


async def test_a_look_that_was_kept_from_being_one_is_given_back(desk: Desk) -> None:
    """However often: the count stands where it stood, and the next look comes all the same."""
    row = await unknown(desk)
    counted = await desk.write(ClaimLook(commit_id=row.commit_id, lease_ms=2_000))
    await desk.write(DeferLook(commit_id=row.commit_id, after_ms=500, looked=True))
    looks = []
    for _ in range(3):
        desk.clock.advance(ms=500)
        await desk.write(ClaimLook(commit_id=row.commit_id, lease_ms=2_000))
        looks.append((await desk.write(DeferLook(commit_id=row.commit_id, after_ms=500, looked=False))).looks)

    left = await desk.stored(row.commit_id)
    assert counted is not None
    assert (counted.looks, looks, left.look_until_ms, left.look_at_ms) == (1, [1, 1, 1], 0, desk.clock.now_ms() + 500)


async def test_a_no_that_the_host_replays_stands_for_every_attempt(desk: Desk) -> None:
    """To the re-send or, late, to the first: FAILED, released, resolved. What ended otherwise is contradicted by it."""

    async def sent_again(key: str) -> CommitRow:
        made = await desk.write(resend(await unknown(desk, key), attempt_id=f"{key} again"))
        assert isinstance(made, Resent)
        return made.row

    refused = [Note(reason=Reason.HOST_REFUSED)]
    second = await desk.settled(await sent_again("K-1"), Event.HOST_DID_NOT, attempt_id="K-1 again", notes=refused, for_every_attempt=True)
    first = await desk.settled(await sent_again("K-2"), Event.HOST_DID_NOT, notes=refused, for_every_attempt=True)
    done = await desk.settled(await sent_again("K-3"), Event.HOST_DID)
    await desk.settled(done, Event.HOST_DID_NOT, attempt_id="K-3 again", for_every_attempt=True)

    assert (second.state, second.resolved_by, reasons(second), states(second.holds)) == (
        State.FAILED, "resend", [Reason.HOST_REFUSED], {HoldState.RELEASED},
    )  # fmt: skip
    assert (first.state, first.resolved_by, states(first.holds)) == (State.FAILED, "", {HoldState.RELEASED})
    _, last = (await desk.store.entries(RUN, after=0, limit=50))[-1]
    assert (last.kind, b"OUTCOME_CONFLICT" in last.leaf) == ("LATE_OUTCOME", True)
    assert (await desk.balances())["run"] == (0, 2)


async def test_what_an_earlier_boot_left_is_ended_by_recovery(desk: Desk) -> None:
    """FORWARDING becomes UNKNOWN at once, THINKING is LOST; holds stay or are charged; nothing of this boot is touched."""
    desk.terms = terms(budgets=[limit(100)])
    left = [await desk.authorised(desk.ask(f"K-{n}", costs=writes(1))) for n in range(40)]
    thinking = await desk.begun(desk.thinking_ask("D-1", costs=writes(7)))
    done = await desk.committed(desk.ask("K-done", costs=writes(1)))
    await desk.reopen()
    own = await desk.authorised(desk.ask("K-own", costs=writes(1)))

    recovered = await desk.store.recover()
    again = await desk.store.recover()

    assert (recovered, again) == (Recovered(commits=40, decisions=1), Recovered(commits=0, decisions=0))
    assert by_state([await desk.stored(row.commit_id) for row in (*left, done, own)]) == {State.FORWARDING: 1, State.SUCCEEDED: 1, State.UNKNOWN: 40}
    lost = await desk.store.decision(thinking.decision_id)
    assert lost is not None
    assert (lost.state, lost.stop) == (Thinking.STOPPED, DecideStop.LOST)
    assert (await desk.balances())["run"] == (41, 8)
    assert len((await desk.store.due(limit=64)).unknown) == 40


async def test_everything_survives_a_restart(desk: Desk) -> None:
    """Rows, keys, generations, budgets and the record are what they were; entries of another boot count anew."""
    desk.terms = terms(budgets=[limit(5)])
    failed = await desk.committed(desk.ask("K-1", costs=writes(2)), Event.HOST_DID_NOT)
    second = await desk.authorised(desk.ask("K-1", costs=writes(3), supersedes=failed.commit_id))
    before = await desk.store.entries(RUN, after=0, limit=10)
    await desk.reopen()

    late = await desk.settled(second, Event.HOST_DID)
    short = await desk.denied(desk.ask("K-2", costs=writes(3)))

    after = await desk.store.entries(RUN, after=0, limit=10)
    assert after[: len(before)] == before
    assert [entry.counter for _, entry in after] == [1, 2, 3, 1, 2]
    assert len({entry.boot_id for _, entry in after}) == 2
    assert (late.state, short.notes[0].facts["left"]) == (State.SUCCEEDED, "2")
    assert await desk.stored(failed.commit_id) == failed
