"""The store's exam, decisions: thought once, held before, settled after, carried by one commit."""

import asyncio

import pytest

from gateway.domain.asks import Twin
from gateway.domain.budget import Cost, HoldState, Ledger
from gateway.domain.lifecycle import Event, State, Thinking
from gateway.domain.reasons import DecideStop, Reason, RunStop
from gateway.domain.records import Usage
from gateway.domain.writes.commits import Authorised, Denied
from gateway.domain.writes.decisions import ThinkingBegun, ThinkingDenied, lost
from tests.contract.store_desk import DIGEST, LEASE_MS, RUN, THRIFTY, Desk, limit, reasons, run_named, states, terms, writes

TOKENS = [Cost(ledger=Ledger.TOKENS, currency="", amount=1_000), Cost(ledger=Ledger.SPEND, currency="USD", amount=500)]


async def test_thinking_holds_the_whole_step_and_settles_what_was_used(desk: Desk) -> None:
    """Tokens and money are reserved at T1; T2 keeps what was used and returns the rest."""
    desk.terms = terms(budgets=[limit(1_000, ledger=Ledger.TOKENS), limit(900, ledger=Ledger.SPEND, currency="USD")])

    begun = await desk.begun(desk.thinking_ask("D-1", costs=TOKENS))
    ended = await desk.concluded(begun)

    assert (begun.state, begun.lease_until_ms, states(begun.holds)) == (Thinking.THINKING, desk.clock.now_ms() + LEASE_MS, {HoldState.OPEN})
    assert (ended.state, ended.option, ended.lease_until_ms, states(ended.holds)) == (Thinking.DECIDED, "team_pro", 0, {HoldState.SETTLED})
    assert [(hold.node.ledger, hold.settled, hold.left) for hold in ended.holds] == [("tokens", 350, 650), ("spend", 120, 780)]
    assert await desk.store.decision(begun.decision_id) == ended
    assert await desk.kinds() == ["DECISION"]


async def test_a_bill_above_the_reservation_is_recorded_as_it_is(desk: Desk) -> None:
    """Availability goes negative and blocks; nothing is clamped."""
    desk.terms = terms(budgets=[limit(1_000, ledger=Ledger.TOKENS)])
    begun = await desk.begun(desk.thinking_ask("D-1", costs=TOKENS))

    ended = await desk.concluded(begun, usage=Usage(tokens_in=4_000, tokens_out=1))
    denied = await desk.write(desk.thought(desk.thinking_ask("D-2", costs=TOKENS)))

    assert [(hold.settled, hold.left) for hold in ended.holds] == [(4_001, -3_001)]
    assert isinstance(denied, ThinkingDenied)
    assert denied.row.notes[0].facts["left"] == "-3001"


@pytest.mark.parametrize(
    ("state", "stop"), [(Thinking.ABSTAINED, DecideStop.ABSTAINED), (Thinking.STOPPED, DecideStop.INVALID_OPTION), (Thinking.STOPPED, DecideStop.TIMEOUT)]
)
async def test_thinking_that_decided_nothing_can_be_superseded(desk: Desk, state: Thinking, stop: DecideStop) -> None:
    """The next generation thinks anew; its twin is told which that is."""
    ended = await desk.concluded(await desk.begun(desk.thinking_ask("D-1")), state=state, stop=stop)

    again = desk.thinking_ask("D-1", supersedes=ended.decision_id, content="again")
    first, second = await desk.together([desk.thought(again), desk.thought(again)])

    assert (ended.state, ended.stop, ended.option) == (state, stop, "")
    assert isinstance(first, ThinkingBegun)
    assert first.row.generation == 2
    assert second == Twin(first.row.decision_id)


async def test_a_decision_that_stands_or_is_being_made_is_not_superseded(desk: Desk) -> None:
    """THINKING and DECIDED stand; the same request is their twin."""
    begun = await desk.begun(desk.thinking_ask("D-1"))
    while_thinking = await desk.write(desk.thought(desk.thinking_ask("D-1", supersedes=begun.decision_id)))
    decided = await desk.concluded(begun)
    afterwards = await desk.write(desk.thought(desk.thinking_ask("D-1")))

    assert not isinstance(while_thinking, ThinkingBegun | ThinkingDenied | Twin)
    assert afterwards == Twin(decided.decision_id)


async def test_a_no_at_t1_is_a_decision_stopped_at_once(desk: Desk) -> None:
    """Recorded under its key, counted as no step."""
    desk.terms = terms(budgets=[limit(10, ledger=Ledger.TOKENS)])

    reply = await desk.write(desk.thought(desk.thinking_ask("D-1", costs=TOKENS)))

    assert isinstance(reply, ThinkingDenied)
    assert (reply.row.state, reply.row.stop, reasons(reply.row)) == (Thinking.STOPPED, DecideStop.BUDGET_LIMIT, [Reason.BUDGET_EXHAUSTED])
    assert await desk.store.decision(reply.row.decision_id) == reply.row
    run = await desk.store.run(RUN)
    assert run is not None
    assert run.steps == 0


async def test_a_stop_that_stops_the_run_does_so_in_the_same_transaction(desk: Desk) -> None:
    """The workflow lists it in `stops_run`."""
    begun = await desk.begun(desk.thinking_ask("D-1"))

    await desk.concluded(begun, state=Thinking.STOPPED, stop=DecideStop.MAX_STEPS, stops_run=frozenset({"MAX_STEPS"}))

    run = await desk.store.run(RUN)
    assert run is not None
    assert run.stop is RunStop.MAX_STEPS
    assert await desk.kinds() == ["DECISION", "RUN_STOPPED"]


async def test_lost_thinking_is_charged_what_it_reserved_and_stays_lost(desk: Desk) -> None:
    """Nobody knows what was used; the agent that wakes later changes nothing."""
    desk.terms = terms(budgets=[limit(1_000, ledger=Ledger.TOKENS)])
    begun = await desk.begun(desk.thinking_ask("D-1", costs=TOKENS))

    ended = await desk.write(lost(begun.decision_id))
    late = await desk.concluded(begun)

    assert (ended.state, ended.stop, [hold.settled for hold in ended.holds]) == (Thinking.STOPPED, DecideStop.LOST, [1_000])
    assert late == ended
    assert await desk.kinds() == ["DECISION"]


async def test_one_decision_carries_one_commit(desk: Desk) -> None:
    """Two commits that name it in one batch: the first consumes it, the second is denied, and so is every later one."""
    decision = await desk.decided("D-1")

    first, second = await desk.together([desk.claim(desk.ask(key, decision_id=decision.decision_id)) for key in ("K-1", "K-2")])
    third = await desk.denied(desk.ask("K-3", decision_id=decision.decision_id))

    assert isinstance(first, Authorised)
    assert isinstance(second, Denied)
    assert [row.notes[0].facts for row in (second.row, third)] == [{"why": "used"}] * 2
    kept = await desk.store.decision(decision.decision_id)
    assert kept is not None
    assert (kept.consumed_by, kept.rationale, kept.context) == (first.row.commit_id, "it seats 12", b'{"team_size":12}')


async def test_a_commit_that_definitely_did_nothing_gives_its_decision_back(desk: Desk) -> None:
    """FAILED returns it, UNKNOWN and SUCCEEDED keep it, DENIED never took it."""
    await desk.activate(tenant=[limit(1)])
    decision = await desk.decided("D-1")
    denied = await desk.denied(desk.ask("K-0", decision_id=decision.decision_id, costs=writes(2)))
    failed = await desk.committed(desk.ask("K-1", decision_id=decision.decision_id), Event.HOST_DID_NOT)

    unknown = await desk.committed(desk.ask("K-1", decision_id=decision.decision_id, supersedes=failed.commit_id), Event.NOBODY_KNOWS)
    used = await desk.denied(desk.ask("K-2", decision_id=decision.decision_id))

    assert (denied.state, failed.state, unknown.state) == (State.DENIED, State.FAILED, State.UNKNOWN)
    assert used.notes[0].facts == {"why": "used"}


async def test_giving_back_and_taking_again_may_share_a_batch(desk: Desk) -> None:
    """T2 of the commit that failed and T1 of its successor under another key, in one turn."""
    decision = await desk.decided("D-1")
    flying = await desk.authorised(desk.ask("K-1", decision_id=decision.decision_id))

    _, taken = await asyncio.gather(
        desk.write(desk.settlement(flying, Event.HOST_DID_NOT)), desk.write(desk.claim(desk.ask("K-2", decision_id=decision.decision_id)))
    )

    assert isinstance(taken, Authorised)
    kept = await desk.store.decision(decision.decision_id)
    assert kept is not None
    assert kept.consumed_by == taken.row.commit_id


async def test_a_decision_is_usable_only_where_and_while_it_was_made(desk: Desk) -> None:
    """Unknown, another tenant's, another run's, another step's, changed since, undecided, expired: each denies with its own word."""
    decision = await desk.decided("D-1", ttl_ms=1_000)
    thinking = await desk.begun(desk.thinking_ask("D-2"))
    name = decision.decision_id

    rows = [
        await desk.denied(desk.ask("K-1", decision_id="d-nothing")),
        await desk.denied(desk.ask("K-2", decision_id=name, run=run_named(RUN.run_id, tenant="other"))),
        await desk.denied(desk.ask("K-3", decision_id=name, run=run_named("run-2"))),
        await desk.denied(desk.ask("K-4", decision_id=name, steps={"another": DIGEST})),
        await desk.denied(desk.ask("K-5", decision_id=name, steps={"select_plan": b"edited" * 5})),
        await desk.denied(desk.ask("K-6", decision_id=thinking.decision_id)),
    ]
    desk.clock.advance(ms=1_000)
    rows.append(await desk.denied(desk.ask("K-7", decision_id=name)))

    assert [row.notes[0].facts["why"] for row in rows] == [
        "not_found", "not_found", "other_run", "other_step", "withdrawn", "not_decided", "expired",
    ]  # fmt: skip
    assert {reason for row in rows for reason in reasons(row)} == {Reason.DECISION_UNUSABLE}


async def test_what_the_record_keeps_of_a_thought(desk: Desk) -> None:
    """Usage, evidence, models, digests: everything comes back as it was."""
    decision = await desk.decided("D-1")

    kept = await desk.store.decision(decision.decision_id)

    assert kept == decision
    assert kept is not None
    assert (kept.usage, kept.evidence[0].tool, kept.models, kept.salt) == (THRIFTY, "prices", ("small",), b"salt")
