"""Settle: one durable end, whoever asks for it and however often."""

import pytest

from gateway.domain.audit import EntryKind
from gateway.domain.budget import HoldState
from gateway.domain.faults import StoreFault
from gateway.domain.handoffs import Answered, Concluded
from gateway.domain.lifecycle import Event, State, Thinking
from gateway.domain.reasons import DecideStop, Reason, RunStop
from gateway.domain.records import CommitRow, DecisionRow, Note, Usage
from gateway.domain.writes.commits import Authorised, SettleCommit
from gateway.domain.writes.decisions import ThinkingBegun
from gateway.domain.writes.resolutions import Resolve
from gateway.stages.authorise import authorise_step
from gateway.stages.settle import settle_commit, settle_decision
from tests.fakes.commands import decide_command
from tests.fakes.gateway import FakeGateway, gateway
from tests.fakes.rows import RUN
from tests.unit.gateway.stages.test_authorise import claim, judged, permitted

SILENT = Note(reason=Reason.HOST_SILENT)


async def in_flight(one: FakeGateway, *, decision_id: str = "") -> CommitRow:
    """A commit between T1 and T2."""
    found = await claim(one, await judged(one, decision_id=decision_id))
    assert isinstance(found, Authorised)
    return found.row


def answer(row: CommitRow, event: Event, *notes: Note, response: bytes = b"") -> Answered:
    return Answered(
        row=row, attempt_id=row.attempt_id, event=event, for_every_attempt=False, notes=notes, host_status=201, response=response, response_truncated=False
    )


async def test_a_success_settles_stores_the_response_and_records() -> None:
    """One transaction."""
    async with gateway() as one:
        row = await in_flight(one)

        outcome = await settle_commit(answer(row, Event.HOST_DID, response=b'{"id":7}'), one.store)

        assert (outcome.row.state, outcome.response, outcome.replayed) == (State.SUCCEEDED, b'{"id":7}', False)
        assert [(held.state, held.settled) for held in outcome.row.holds] == [(HoldState.SETTLED, 1_000)]
        stored = await one.store.commit(row.commit_id)
        assert stored is not None
        assert (stored.row, stored.response) == (outcome.row, b'{"id":7}')
        assert await one.entries() == [EntryKind.INTENT, EntryKind.OUTCOME]


async def test_a_definite_no_releases_and_gives_the_decision_back() -> None:
    """What never happened costs nothing."""
    async with gateway() as one:
        decided = await one.decide(decide_command())
        row = await in_flight(one, decision_id=decided.row.decision_id)

        outcome = await settle_commit(answer(row, Event.HOST_DID_NOT, Note(reason=Reason.HOST_REFUSED)), one.store)

        given_back = await one.store.decision(decided.row.decision_id)
        assert given_back is not None
        assert (outcome.row.state, given_back.consumed_by) == (State.FAILED, "")
        assert [held.state for held in outcome.row.holds] == [HoldState.RELEASED]


async def test_a_silence_keeps_the_hold_and_the_decision() -> None:
    """An unknown outcome is a state."""
    async with gateway() as one:
        decided = await one.decide(decide_command())
        row = await in_flight(one, decision_id=decided.row.decision_id)

        outcome = await settle_commit(answer(row, Event.NOBODY_KNOWS, SILENT), one.store)

        kept = await one.store.decision(decided.row.decision_id)
        assert kept is not None
        assert (outcome.row.state, kept.consumed_by) == (State.UNKNOWN, row.commit_id)
        assert [held.state for held in outcome.row.holds] == [HoldState.OPEN]


@pytest.mark.parametrize("event", [Event.HOST_DID, Event.HOST_DID_NOT])
async def test_a_terminal_row_does_not_change_twice(event: Event) -> None:
    """The same write again only says that it came late."""
    async with gateway() as one:
        row = await in_flight(one)
        first = await settle_commit(answer(row, event, SILENT, response=b"1"), one.store)

        again = await settle_commit(answer(row, event, SILENT, response=b"2"), one.store)

        stored = await one.store.commit(row.commit_id)
        assert stored is not None
        assert (again.row, stored.response) == (first.row, b"1")
        assert await one.entries() == [EntryKind.INTENT, EntryKind.OUTCOME, EntryKind.LATE_OUTCOME]


@pytest.mark.parametrize(("event", "response"), [(Event.NOBODY_KNOWS, b""), (Event.HOST_DID, b"of the first"), (Event.HOST_DID_NOT, b"no")])
async def test_a_sender_that_comes_late_tells_what_the_record_has(event: Event, response: bytes) -> None:
    """A query has found out meanwhile: whoever asks from then on gets that answer, and so does the first caller."""
    async with gateway() as one:
        row = await in_flight(one)
        await settle_commit(answer(row, Event.NOBODY_KNOWS, SILENT), one.store)
        found = Resolve(
            commit_id=row.commit_id, tenant=row.tenant, expected=State.UNKNOWN, event=Event.FOUND_DONE, by="query", evidence="", salt=b"",
            host_status=201, response=b"of the query",
        )  # fmt: skip
        await one.store.write(found, hand_over_by_s=float("inf"))

        outcome = await settle_commit(answer(row, event, SILENT, response=response), one.store)

        assert (outcome.row.state, outcome.response) == (State.SUCCEEDED, b"of the query")


async def test_a_late_answer_that_contradicts_says_so() -> None:
    """OUTCOME_CONFLICT stands in the record; the row stays."""
    async with gateway() as one:
        row = await in_flight(one)
        await settle_commit(answer(row, Event.HOST_DID_NOT, SILENT), one.store)

        late = await settle_commit(answer(row, Event.HOST_DID), one.store)

        entries = await one.store.entries(RUN, after=0, limit=10)
        assert late.row.state is State.FAILED
        assert Reason.OUTCOME_CONFLICT.encode() in entries[-1][1].leaf


async def test_the_owners_late_answer_resolves_an_unknown() -> None:
    """R4: with itself as evidence."""
    async with gateway() as one:
        row = await in_flight(one)
        await settle_commit(answer(row, Event.NOBODY_KNOWS, SILENT), one.store)

        late = await settle_commit(answer(row, Event.HOST_DID), one.store)

        assert late.row.state is State.SUCCEEDED
        assert await one.entries() == [EntryKind.INTENT, EntryKind.OUTCOME, EntryKind.RESOLUTION]


async def test_a_t2_that_fails_is_raised() -> None:
    """Whether to go on is the story's to say."""
    async with gateway() as one:
        row = await in_flight(one)
        one.store.fails(SettleCommit, StoreFault("disk"))

        with pytest.raises(StoreFault):
            await settle_commit(answer(row, Event.HOST_DID), one.store)
        await settle_commit(answer(row, Event.HOST_DID), one.store)


async def thinking(one: FakeGateway) -> DecisionRow:
    found = await authorise_step(await permitted(one), decision_id="dec-1", store=one.store, ids=one.ids)
    assert isinstance(found, ThinkingBegun)
    return found.row


def conclusion(*, stop: DecideStop = DecideStop.FINAL_RESULT, spend_micros: int = 30, stops_run: frozenset[str] = frozenset()) -> Concluded:
    decided = stop is DecideStop.FINAL_RESULT
    return Concluded(
        decision_id="dec-1", state=Thinking.DECIDED if decided else Thinking.STOPPED, option="pro" if decided else "", source="AGENT" if decided else "",
        stop=stop, notes=(), rationale="", evidence=(), usage=Usage(steps=1, spend_micros=spend_micros), agent_version="", transcript_sha256=b"",
        stops_run=stops_run,
    )  # fmt: skip


@pytest.mark.parametrize(("used", "left"), [(30, 10**12 - 30), (2_000, 10**12 - 2_000), (5_000, 10**12 - 5_000)])
async def test_thinking_is_settled_with_what_it_used(used: int, left: int) -> None:
    """The rest comes back; more than was held is recorded as it is."""
    async with gateway() as one:
        await thinking(one)

        decided = await settle_decision(conclusion(spend_micros=used), one.store)

        assert [(held.state, held.settled, held.left) for held in decided.row.holds] == [(HoldState.SETTLED, used, left)]


async def test_a_decision_lives_from_its_end() -> None:
    """Its ttl begins when it is made, not when it was asked for."""
    async with gateway() as one:
        begun = await thinking(one)
        one.clock.advance(ms=5_000)

        decided = await settle_decision(conclusion(), one.store)

        assert decided.row.expire_at_ms == begun.created_at_ms + 5_000 + begun.ttl_ms


async def test_a_decision_ends_once() -> None:
    """Whoever concludes it later finds it as it is."""
    async with gateway() as one:
        await thinking(one)
        await settle_decision(conclusion(stop=DecideStop.CANCELLED), one.store)

        late = await settle_decision(conclusion(), one.store)

        assert (late.row.state, late.row.stop) == (Thinking.STOPPED, DecideStop.CANCELLED)
        assert await one.entries() == [EntryKind.DECISION]


@pytest.mark.parametrize(("stops_run", "expected"), [(frozenset({"TIMEOUT"}), RunStop.TIMEOUT), (frozenset({"POLICY_DENIAL"}), None)])
async def test_a_stop_that_the_workflow_lists_stops_the_run(stops_run: frozenset[str], expected: RunStop | None) -> None:
    """In the same transaction."""
    async with gateway() as one:
        await thinking(one)

        await settle_decision(conclusion(stop=DecideStop.TIMEOUT, stops_run=stops_run), one.store)

        run = await one.store.run(RUN)
        assert run is not None
        assert run.stop is expected
