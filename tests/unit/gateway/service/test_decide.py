"""The story of Decide: one thinking a key, held before and settled after, and every end it can have."""

from dataclasses import replace

import pytest

from gateway.domain.audit import EntryKind
from gateway.domain.budget import HoldState, Ledger
from gateway.domain.commands import DecideCommand
from gateway.domain.faults import PolicyFault, StoreFault
from gateway.domain.halts import HaltScope
from gateway.domain.lifecycle import Thinking
from gateway.domain.limits import VERDICT_AGE_MS_MAX
from gateway.domain.reasons import DecideStop, Reason
from gateway.domain.records import Usage
from gateway.domain.refusal import Refusal
from gateway.domain.writes.decisions import AuthoriseThinking, ConcludeThinking
from gateway.domain.writes.halts import ThrowHalt
from tests.fakes.activation import OPTIONS, activation, usd
from tests.fakes.commands import NO_TIGHTER, NOW_MS, PLAN, commit_command, decide_command, patient
from tests.fakes.gateway import NEVER_S, FakeGateway, gateway
from tests.fakes.policy import deny
from tests.fakes.thinker import Says


async def refused(one: FakeGateway, command: DecideCommand) -> Refusal:
    found = await one.decider.decide(replace(command, patience=patient()))
    assert isinstance(found, Refusal)
    return found


async def test_a_decision_is_one_of_the_options_with_all_that_was_used() -> None:
    """Held before the model was called, settled with what it reported."""
    async with gateway() as one:
        one.thinker.script.append(Says(option="pro", rationale="up to 25 seats", spend_micros=30))

        decided = await one.decide(decide_command())

        row = decided.row
        assert (row.state, row.option, row.source, row.stop, row.rationale) == (
            Thinking.DECIDED, "pro", "AGENT", DecideStop.FINAL_RESULT, "up to 25 seats",
        )  # fmt: skip
        assert row.usage == Usage(steps=1, tokens_in=100, tokens_out=10, spend_micros=30, wall_ms=5, model="small")
        assert [(held.amount, held.settled, held.state) for held in row.holds] == [(2_000, 30, HoldState.SETTLED)]
        assert await one.entries() == [EntryKind.DECISION]


async def test_the_same_key_again_is_the_same_decision_and_no_second_model_call() -> None:
    """A replay consults neither boundary nor policy nor model."""
    async with gateway() as one:
        first = await one.decide(decide_command())
        one.policy.kill()
        one.study.close("stopping")

        again = await one.decide(decide_command())

        assert again == replace(first, replayed=True)
        assert len(one.thinker.briefs) == 1


async def test_another_question_under_the_key_is_refused() -> None:
    """The fingerprint covers context, options and limits."""
    async with gateway() as one:
        await one.decide(decide_command())

        found = await refused(one, decide_command(context=b'{"team_size":3}'))

        assert found.reason is Reason.IDEMPOTENCY_KEY_REUSED


@pytest.mark.parametrize(
    "command", [decide_command(step="read_account"), decide_command(step="nowhere"), decide_command(workflow="nowhere"), decide_command(tenant="nobody")]
)
async def test_what_is_not_declared_is_refused(command: DecideCommand) -> None:
    """A deterministic step does not think."""
    async with gateway() as one:
        assert (await refused(one, command)).reason is Reason.UNDECLARED


async def test_the_agent_is_told_the_narrowed_options_and_the_tighter_limits() -> None:
    """And the holds are of the tighter ones."""
    async with gateway() as one:
        command = decide_command(allowed_options=("enterprise",), limits=replace(NO_TIGHTER, spend_micros_max=500))

        decided = await one.decide(command)

        assert one.thinker.briefs[0].options == {"enterprise": OPTIONS["enterprise"]}
        assert (decided.row.option, decided.row.holds[0].amount) == ("enterprise", 500)


async def test_an_option_outside_the_list_is_stopped_whatever_the_agent_says() -> None:
    """INVALID_OPTION; what it used is charged all the same."""
    async with gateway() as one:
        one.thinker.script.append(Says(option="free", spend_micros=70))

        decided = await one.decide(decide_command())

        assert (decided.row.state, decided.row.option, decided.row.stop) == (Thinking.STOPPED, "", DecideStop.INVALID_OPTION)
        assert decided.row.holds[0].settled == 70


async def test_a_stopped_decision_may_be_superseded_under_the_same_key() -> None:
    """Steps and money count again."""
    async with gateway() as one:
        one.thinker.script.append(Says(option="free"))
        stopped = await one.decide(decide_command())

        again = await one.decide(decide_command(supersedes=stopped.row.decision_id))
        replay = await one.decide(decide_command(supersedes=stopped.row.decision_id))

        assert (again.row.state, again.row.generation, replay) == (Thinking.DECIDED, 2, replace(again, replayed=True))
        assert len(one.thinker.briefs) == 2


async def test_a_decision_that_was_made_cannot_be_superseded() -> None:
    """Only what stopped or abstained."""
    async with gateway() as one:
        made = await one.decide(decide_command())

        assert (await refused(one, decide_command(supersedes=made.row.decision_id))).reason is Reason.SUPERSEDES_NOT_CURRENT


@pytest.mark.parametrize("stop", [DecideStop.ABSTAINED, DecideStop.TIMEOUT, DecideStop.MAX_STEPS, DecideStop.MODEL_FAULT, DecideStop.BUDGET_LIMIT])
async def test_a_declared_fallback_answers_for_the_agent_and_carries_the_write(stop: DecideStop) -> None:
    """Marked FALLBACK, with the stop it stands in for."""
    async with gateway(activation(fallback="basic")) as one:
        one.thinker.script.append(Says(stop=stop, detail="why"))
        decided = await one.decide(decide_command())

        done = await one.commit(commit_command(action="activate_plan", payload=PLAN, decision_id=decided.row.decision_id))

        assert (decided.row.state, decided.row.option, decided.row.source, decided.row.stop) == (Thinking.DECIDED, "basic", "FALLBACK", stop)
        assert done.row.decision_id == decided.row.decision_id


async def test_an_abstention_is_an_answer_that_carries_nothing() -> None:
    """ABSTAINED, not DECIDED."""
    async with gateway() as one:
        one.thinker.script.append(Says(stop=DecideStop.ABSTAINED))
        decided = await one.decide(decide_command())

        denied = await one.commit(commit_command(action="activate_plan", payload=PLAN, decision_id=decided.row.decision_id))

        assert (decided.row.state, decided.row.stop) == (Thinking.ABSTAINED, DecideStop.ABSTAINED)
        assert denied.row.notes[0].facts == {"why": "not_decided"}


async def test_broken_machinery_is_a_stop_not_an_error() -> None:
    """MODEL_FAULT, with what the meter shows."""
    async with gateway() as one:
        one.thinker.script.append(Says(breaks=True, spend_micros=40, spend_reserved_micros=60))

        decided = await one.decide(decide_command())

        assert (decided.row.stop, decided.row.usage.spend_micros) == (DecideStop.MODEL_FAULT, 100)


async def test_a_decision_lives_as_long_as_its_step_says() -> None:
    """Then the write it would carry is denied."""
    async with gateway(activation(decision_ttl_ms=1_000)) as one:
        decided = await one.decide(decide_command())
        one.clock.advance(ms=1_000)

        denied = await one.commit(commit_command(action="activate_plan", payload=PLAN, decision_id=decided.row.decision_id))

        assert decided.row.expire_at_ms == NOW_MS + 1_000
        assert denied.row.notes[0].facts == {"why": "expired"}


async def test_a_decision_is_withdrawn_when_its_step_changes() -> None:
    """Its digest is of the step it was made for."""
    async with gateway() as one:
        decided = await one.decide(decide_command())
        await one.activate(activation(number=2, goal="Pick any."))

        denied = await one.commit(commit_command(action="activate_plan", payload=PLAN, decision_id=decided.row.decision_id))

        assert denied.row.notes[0].facts == {"why": "withdrawn"}


async def test_a_denied_question_is_stopped_at_once_and_recorded() -> None:
    """POLICY_DENIAL: no model call, no step, no hold; a fallback does not answer for it."""
    async with gateway(activation(fallback="basic")) as one:
        one.policy.script = lambda _entrypoint, _input: deny("TOO_RISKY")

        decided = await one.decide(decide_command())

        assert (decided.row.state, decided.row.stop, decided.row.option, decided.row.holds) == (Thinking.STOPPED, DecideStop.POLICY_DENIAL, "", ())
        assert [note.reason for note in decided.row.notes] == [Reason.POLICY_DENIED]
        assert (one.thinker.briefs, await one.entries()) == ([], [EntryKind.DECISION])


@pytest.mark.parametrize(
    ("steps_max", "spend_micros", "stop", "ledger"), [(1, 10**9, DecideStop.MAX_STEPS, "steps"), (12, 2_100, DecideStop.BUDGET_LIMIT, "spend")]
)
async def test_a_step_that_cannot_be_held_is_stopped_at_once(steps_max: int, spend_micros: int, stop: DecideStop, ledger: str) -> None:
    """The whole of it, before the first call."""
    async with gateway(activation(steps_max=steps_max, tenant_budgets=[usd(Ledger.SPEND, spend_micros)])) as one:
        one.thinker.script.append(Says(spend_micros=200))
        await one.decide(decide_command("D-1"))

        short = await one.decide(decide_command("D-2"))

        assert (short.row.state, short.row.stop, short.row.notes[0].reason) == (Thinking.STOPPED, stop, Reason.BUDGET_EXHAUSTED)
        assert short.row.notes[0].facts["ledger"] == ledger
        assert len(one.thinker.briefs) == 1


async def test_a_halt_stops_at_once_whatever_the_fallback() -> None:
    """HALTED, and superseding after its lifting decides."""
    async with gateway(activation(fallback="basic")) as one:
        await one.store.write(ThrowHalt(halt_id="h-1", scope=HaltScope(step="select"), reason="r", principal="p", salt=b""), hand_over_by_s=NEVER_S)
        halted = await one.decide(decide_command())
        await one.halts.lift("h-1", reason="over", caller=replace(decide_command().caller, tenant="*"), hand_over_by_s=NEVER_S)

        later = await one.decide(decide_command(supersedes=halted.row.decision_id))

        assert (halted.row.stop, halted.row.source, later.row.state) == (DecideStop.HALTED, "", Thinking.DECIDED)


async def test_a_run_that_has_ended_decides_nothing_more() -> None:
    """With the stop the run had."""
    async with gateway(activation(wall_ms_max=1_000)) as one:
        await one.decide(decide_command("D-1"))
        one.clock.advance(ms=1_000)

        late = await one.decide(decide_command("D-2"))

        assert (late.row.stop, late.row.notes[0].reason) == (DecideStop.TIMEOUT, Reason.RUN_STOPPED)
        assert await one.entries() == [EntryKind.DECISION, EntryKind.DECISION, EntryKind.RUN_STOPPED]


async def test_without_a_verdict_nothing_is_recorded_and_the_same_key_works_after() -> None:
    """A fault before T1."""
    async with gateway() as one:
        one.policy.kill()
        with pytest.raises(PolicyFault):
            await one.decide(decide_command())
        one.policy.revive()

        assert (await one.decide(decide_command())).row.state is Thinking.DECIDED


async def test_a_store_that_does_not_take_it_is_a_fault_and_nobody_thinks() -> None:
    """And the place at the door is free again."""
    async with gateway(in_flight_max=2) as one:
        one.store.fails(AuthoriseThinking, StoreFault("disk"), StoreFault("disk"))
        for _ in range(2):
            with pytest.raises(StoreFault):
                await one.decide(decide_command())

        assert one.thinker.briefs == []
        assert (await one.decide(decide_command())).row.state is Thinking.DECIDED


async def test_a_t2_that_fails_is_tried_until_it_is_durable() -> None:
    """Until then the decision is THINKING to everybody."""
    async with gateway() as one:
        one.store.fails(ConcludeThinking, StoreFault("busy"), StoreFault("busy"))

        decided = await one.decide(decide_command())

        assert (decided.row.state, len(one.thinker.briefs)) == (Thinking.DECIDED, 1)


async def test_a_verdict_that_grew_old_in_the_queue_is_asked_again() -> None:
    """As for a write."""
    async with gateway() as one:

        async def a_slow_queue() -> None:
            one.clock.advance(ms=VERDICT_AGE_MS_MAX + 1)

        one.store.before(AuthoriseThinking, a_slow_queue)

        assert (await one.decide(decide_command())).row.state is Thinking.DECIDED
        assert (len(one.policy.questions), len(one.thinker.briefs)) == (2, 1)
