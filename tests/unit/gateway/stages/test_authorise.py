"""Authorise: what T1 is asked, and what is durable when it answers."""

from dataclasses import replace

import pytest

from gateway.domain.asks import DecisionNeed, Refuse, Rejudge, Twin
from gateway.domain.audit import EntryKind
from gateway.domain.budget import Cost, Ledger
from gateway.domain.facts import Facts
from gateway.domain.faults import StoreFault
from gateway.domain.halts import HaltScope, Reach
from gateway.domain.handoffs import Admissible, Admitted, Denial, Judged, Permitted
from gateway.domain.lifecycle import State, Thinking
from gateway.domain.limits import VERDICT_AGE_MS_MAX
from gateway.domain.reasons import DecideStop, Reason
from gateway.domain.records import Note
from gateway.domain.writes.commits import AuthoriseCommit, Authorised, Denied
from gateway.domain.writes.decisions import AuthoriseThinking, ThinkingBegun, ThinkingDenied
from gateway.domain.writes.halts import ThrowHalt
from gateway.ports.store import Withdrawn
from gateway.stages.admit import admit_commit, admit_step
from gateway.stages.authorise import authorise_commit, authorise_step, claim_of
from gateway.stages.recall import recall_commit, recall_decision
from tests.fakes.activation import TENANT, WORKFLOW, activation
from tests.fakes.commands import NOW_MS, PLAN, commit_command, decide_command, patient
from tests.fakes.gateway import NEVER_S, FakeGateway, gateway, terms

TERMS = terms("billing")


async def judged(one: FakeGateway, key: str = "K-1", *, decision_id: str = "") -> Judged:
    command = commit_command(key, decision_id=decision_id, patience=patient())
    if decision_id:
        command = commit_command(key, action="activate_plan", payload=PLAN, decision_id=decision_id, patience=patient())
    facts = await recall_commit(command, one.store)
    assert isinstance(facts, Facts)
    admitted = admit_commit(command, facts, one.activation)
    assert isinstance(admitted, Admitted)
    return Judged(admitted=admitted, judged_input=b'{"judged":1}', verdict_id="v-1", verdict_at_ms=one.clock.now_ms())


def denial(of: Judged) -> Denial:
    admitted = of.admitted
    return Denial(
        command=admitted.command, activation=admitted.activation, workflow=admitted.workflow, step=admitted.step, action=admitted.action,
        path=admitted.path, notes=(Note(reason=Reason.COST_UNREADABLE),), judged_input=b"", verdict_id="", verdict_at_ms=0,
    )  # fmt: skip


async def claim(one: FakeGateway, of: Judged | Denial, commit_id: str = "c-1") -> Authorised | Denied | Refuse | Rejudge | Twin:
    return await authorise_commit(of, commit_id=commit_id, target=TERMS, store=one.store, ids=one.ids)


async def test_an_authorised_write_has_all_that_sending_needs_on_disk() -> None:
    """Payload, judged input, attempt, lease and both limits, holds and INTENT."""
    async with gateway() as one:
        found = await claim(one, await judged(one))

        assert isinstance(found, Authorised)
        row, body = found.row, await one.store.body("c-1")
        assert (row.state, row.verdict_id, row.activation_number, row.revision) == (State.FORWARDING, "v-1", 1, "rev-1")
        assert (row.lease_until_ms, row.not_after_ms) == (NOW_MS + TERMS.lease_ms, NOW_MS + TERMS.lease_ms - TERMS.send_margin_ms)
        assert [(held.node.ledger, held.amount) for held in row.holds] == [("value", 1_000)]
        assert body is not None
        assert (body.payload, body.judged_input) == (b'{"account":"team-12","slot":7,"amount":1000}', b'{"judged":1}')
        assert await one.entries() == [EntryKind.INTENT]


async def test_a_write_that_expires_before_its_lease_may_not_be_sent_after() -> None:
    """The earlier of the two limits."""
    async with gateway() as one:
        of = await judged(one)
        soon = replace(of, admitted=replace(of.admitted, command=replace(of.admitted.command, expire_at_ms=NOW_MS + 500)))

        found = await claim(one, soon)

        assert isinstance(found, Authorised)
        assert found.row.not_after_ms == NOW_MS + 500


async def test_an_authorised_write_consumes_its_decision() -> None:
    """In the same transaction: nobody else can use it."""
    async with gateway() as one:
        decided = await one.decide(decide_command())

        await claim(one, await judged(one, decision_id=decided.row.decision_id))

        consumed = await one.store.decision(decided.row.decision_id)
        assert consumed is not None
        assert consumed.consumed_by == "c-1"


async def test_a_denial_found_before_is_recorded_and_holds_nothing() -> None:
    """T1': DENIED and DENIAL, no attempt."""
    async with gateway() as one:
        found = await claim(one, denial(await judged(one)))

        assert isinstance(found, Denied)
        assert (found.row.state, found.row.holds, found.row.attempts) == (State.DENIED, (), 0)
        assert await one.entries() == [EntryKind.DENIAL]


async def test_what_t1_is_asked_of_a_write() -> None:
    """Reach, costs, decision, law and time, from the stages before."""
    async with gateway() as one:
        decided = await one.decide(decide_command())
        of = await judged(one, decision_id=decided.row.decision_id)

        ask = claim_of(of, commit_id="c-1", target=TERMS, ids=one.ids).ask

        assert ask.reach == Reach(tenant=TENANT, workflow=WORKFLOW, step="write", run_id="run-1", action="activate_plan", target="billing")
        assert ask.costs == (Cost(ledger=Ledger.VALUE, currency="USD", amount=1_000), Cost(ledger=Ledger.WRITES, currency="", amount=1))
        assert ask.decision == DecisionNeed(decision_id=decided.row.decision_id, steps={"select": of.admitted.workflow.steps["select"].digest})
        assert (ask.activation_number, ask.verdict_at_ms, ask.expire_at_ms) == (1, NOW_MS, of.admitted.command.expire_at_ms)


async def test_what_t1_is_asked_of_a_denial_costs_nothing() -> None:
    """Its notes travel instead."""
    async with gateway() as one:
        ask = claim_of(denial(await judged(one)), commit_id="c-1", target=TERMS, ids=one.ids).ask

        assert (ask.costs, [note.reason for note in ask.denial]) == ((), [Reason.COST_UNREADABLE])


async def test_an_old_verdict_is_asked_for_again_and_leaves_no_trace() -> None:
    """R11."""
    async with gateway() as one:
        of = await judged(one)
        one.clock.advance(ms=VERDICT_AGE_MS_MAX + 1)

        assert isinstance(await claim(one, of), Rejudge)
        assert await one.store.commit_of_key(of.admitted.command.key) is None


async def test_a_request_that_has_expired_leaves_no_trace() -> None:
    """A refusal: the same key is free."""
    async with gateway() as one:
        of = await judged(one)
        expired = replace(of, admitted=replace(of.admitted, command=replace(of.admitted.command, expire_at_ms=NOW_MS)))

        found = await claim(one, expired)

        assert isinstance(found, Refuse)
        assert found.refusal.reason is Reason.REQUEST_EXPIRED
        assert await one.store.commit_of_key(of.admitted.command.key) is None


async def test_whoever_comes_second_is_told_of_the_first() -> None:
    """Both had recalled a free key."""
    async with gateway() as one:
        first, second = await judged(one), await judged(one)

        assert isinstance(await claim(one, first, "c-1"), Authorised)
        assert await claim(one, second, "c-2") == Twin("c-1")


async def test_a_fault_is_raised_and_nothing_was_taken() -> None:
    """Before the hand-over."""
    async with gateway() as one:
        one.store.fails(AuthoriseCommit, StoreFault("disk"))

        with pytest.raises(StoreFault):
            await claim(one, await judged(one))
        assert await one.store.commit("c-1") is None


async def test_a_t1_whose_time_is_up_is_withdrawn() -> None:
    """Never handed over."""
    async with gateway() as one:
        of = await judged(one)
        late = replace(of, admitted=replace(of.admitted, command=replace(of.admitted.command, patience=patient(-1.0))))

        with pytest.raises(Withdrawn):
            await claim(one, late)


async def permitted(one: FakeGateway, *notes: Note, key: str = "D-1") -> Permitted:
    command = decide_command(key, patience=patient())
    facts = await recall_decision(command, one.store)
    assert isinstance(facts, Facts)
    admissible = admit_step(command, facts, one.activation)
    assert isinstance(admissible, Admissible)
    return Permitted(admissible=admissible, notes=notes, verdict_id="v-1", verdict_at_ms=one.clock.now_ms())


async def test_a_step_is_held_whole_before_it_thinks() -> None:
    """Its lease outlasts its wall clock."""
    async with gateway(bugs=0) as one:
        found = await authorise_step(await permitted(one), decision_id="dec-1", store=one.store, ids=one.ids)

        assert isinstance(found, ThinkingBegun)
        assert (found.row.state, [(held.node.ledger, held.amount) for held in found.row.holds]) == (Thinking.THINKING, [("spend", 2_000)])
        assert found.row.lease_until_ms > NOW_MS + 20_000


async def test_a_step_that_policy_denied_is_stopped_at_once() -> None:
    """Recorded under its key, without a hold, without a step."""
    async with gateway() as one:
        no = Note(reason=Reason.POLICY_DENIED, policy_code="TOO_RISKY")

        found = await authorise_step(await permitted(one, no), decision_id="dec-1", store=one.store, ids=one.ids)

        assert isinstance(found, ThinkingDenied)
        assert (found.row.state, found.row.stop, found.row.notes, found.row.holds) == (Thinking.STOPPED, DecideStop.POLICY_DENIAL, (no,), ())
        assert await one.entries() == [EntryKind.DECISION]


async def test_a_halted_model_leaves_a_step_to_the_others_it_lists() -> None:
    """Under the lock: the row says which may still be asked. With none left the step is denied; a Commit reaches no model."""
    async with gateway(activation(models=("small", "large"))) as one:
        await one.store.write(halt_of("h-1", "small"), hand_over_by_s=NEVER_S)
        thinking = await authorise_step(await permitted(one), decision_id="dec-1", store=one.store, ids=one.ids)
        await one.store.write(halt_of("h-2", "large"), hand_over_by_s=NEVER_S)
        denied = await authorise_step(await permitted(one, key="D-2"), decision_id="dec-2", store=one.store, ids=one.ids)
        writing = await claim(one, await judged(one))

        assert isinstance(thinking, ThinkingBegun)
        assert thinking.row.models == ("large",)
        assert isinstance(denied, ThinkingDenied)
        assert denied.row.stop is DecideStop.HALTED
        assert isinstance(writing, Authorised)


def halt_of(halt_id: str, model: str) -> ThrowHalt:
    return ThrowHalt(halt_id=halt_id, scope=HaltScope(model=model), reason="r", principal="p", salt=b"s")


async def test_a_fault_before_thinking_is_raised() -> None:
    """Nobody will think under this id."""
    async with gateway() as one:
        one.store.fails(AuthoriseThinking, StoreFault("disk"))

        with pytest.raises(StoreFault):
            await authorise_step(await permitted(one), decision_id="dec-1", store=one.store, ids=one.ids)
        assert await one.store.decision("dec-1") is None
