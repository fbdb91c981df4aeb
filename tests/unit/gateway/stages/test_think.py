"""Think: what an agent is told, what its thought amounts to, and what is left of one that was cut off."""

import asyncio
from dataclasses import replace

import pytest

from gateway.domain.handoffs import Admissible, Concluded
from gateway.domain.lifecycle import Thinking
from gateway.domain.limits import RATIONALE_CHARS_MAX
from gateway.domain.reasons import DecideStop, Reason
from gateway.domain.records import EvidenceNote, Note, Usage
from gateway.domain.thinking import CallOutcome, Earlier, ModelCall
from gateway.ports.agent import Meter, ThinkLimits, Thought
from gateway.stages.admit import admit_step
from gateway.stages.think import brief_of, conclude, cut_thought, think
from tests.fakes.activation import OPTIONS, activation
from tests.fakes.commands import NO_TIGHTER, NOW_MS, decide_command, patient
from tests.fakes.rows import decision_row, facts, run_row
from tests.fakes.thinker import FakeThinker, Says

ROW = decision_row("dec-1", state=Thinking.THINKING)
THOUGHT = Thought(
    stop=DecideStop.FINAL_RESULT, option="pro", rationale="it fits", detail="", evidence=(), steps=2, tool_calls=1, tokens_in=300, tokens_out=20,
    spend_micros=90, wall_ms=40, model="small", agent_version="fake-1", transcript_sha256=bytes(32),
)  # fmt: skip
CALL = ModelCall(
    ballot=1, model="small", outcome=CallOutcome.DECIDED, option="pro", position=2, detail="", tokens_in=300, tokens_out=20, spend_micros=90, wall_ms=40
)
FAILED = [
    DecideStop.MAX_STEPS, DecideStop.BUDGET_LIMIT, DecideStop.TIMEOUT, DecideStop.INVALID_OPTION, DecideStop.ABSTAINED, DecideStop.MODEL_FAULT,
]  # fmt: skip
NEVER_FALLBACK = [DecideStop.HALTED, DecideStop.CANCELLED, DecideStop.POLICY_DENIAL, DecideStop.LOST]


def admissible(*, fallback: str = "", allowed_options: tuple[str, ...] = (), seconds: float = 100.0, run_opened_ms_ago: int | None = None) -> Admissible:
    run = None if run_opened_ms_ago is None else run_row(opened_at_ms=NOW_MS - run_opened_ms_ago)
    command = decide_command(allowed_options=allowed_options, patience=patient(seconds), limits=replace(NO_TIGHTER, steps_max=3))
    found = admit_step(command, facts(run=run), activation(fallback=fallback))
    assert isinstance(found, Admissible)
    return found


def never_cut() -> DecideStop | None:
    return None


async def test_an_agent_is_told_the_boundarys_goal_and_the_narrowed_options() -> None:
    """Everything else is limits."""
    of = admissible(allowed_options=("pro",))

    brief = brief_of(ROW, of, (), asyncio.get_running_loop().time())

    assert (brief.decision_id, brief.goal, brief.options) == ("dec-1", "Pick the cheapest plan that fits.", {"pro": OPTIONS["pro"]})
    assert (brief.context, brief.reads, brief.tools, brief.models) == ({"team_size": 12}, ("list_plans",), ("seat_usage",), ("small",))
    assert brief.limits == ThinkLimits(steps_max=3, tool_calls_max=4, tokens_max=4_000, spend_micros_max=2_000, wall_ms_max=20_000)


@pytest.mark.parametrize(
    ("seconds", "run_opened_ms_ago", "expected_s"),
    [
        (100.0, None, 20.0),  # the step's wall clock
        (5.0, None, 5.0),  # the caller's patience
        (100.0, 595_000, 5.0),  # what is left of the run
    ],
)
async def test_thinking_ends_at_the_earliest_of_three_limits(seconds: float, run_opened_ms_ago: int | None, expected_s: float) -> None:
    """The step's, the caller's, the run's."""
    now_s = asyncio.get_running_loop().time()

    brief = brief_of(ROW, admissible(seconds=seconds, run_opened_ms_ago=run_opened_ms_ago), (), now_s)

    assert brief.deadline_s - now_s == pytest.approx(expected_s, abs=0.1)


async def test_a_thought_within_the_options_decides() -> None:
    """Source AGENT, with its rationale, usage and evidence."""
    thinker = FakeThinker(Says(option="pro", rationale="cheapest"))

    concluded = await think(ROW, admissible(), (), thinker, never_cut, None)

    assert (concluded.state, concluded.option, concluded.source, concluded.stop) == (Thinking.DECIDED, "pro", "AGENT", DecideStop.FINAL_RESULT)
    assert concluded.rationale == "cheapest"
    assert concluded.usage == Usage(steps=1, tool_calls=0, tokens_in=100, tokens_out=10, spend_micros=30, wall_ms=5, model="small")
    assert concluded.evidence == (EvidenceNote(tool="list_plans", result_sha256=bytes(32), result_bytes=2, ok=True, prefetched=True),)


@pytest.mark.parametrize("option", ["free", "", "PRO", " pro", "basic,pro"])
async def test_an_option_outside_the_list_is_invalid_whatever_the_agent_says(option: str) -> None:
    """Checked here again: fail closed."""
    concluded = conclude(ROW, admissible(), replace(THOUGHT, option=option))

    assert (concluded.state, concluded.option, concluded.source, concluded.stop) == (Thinking.STOPPED, "", "", DecideStop.INVALID_OPTION)


async def test_an_option_that_the_caller_narrowed_away_is_invalid() -> None:
    """The list is the brief's, not the step's."""
    concluded = conclude(ROW, admissible(allowed_options=("basic", "enterprise")), THOUGHT)

    assert concluded.stop is DecideStop.INVALID_OPTION


@pytest.mark.parametrize("stop", FAILED)
async def test_a_stop_never_decides(stop: DecideStop) -> None:
    """Even one that comes with an option of the list."""
    concluded = conclude(ROW, admissible(), replace(THOUGHT, stop=stop))

    assert (concluded.option, concluded.stop) == ("", stop)
    assert concluded.state is (Thinking.ABSTAINED if stop is DecideStop.ABSTAINED else Thinking.STOPPED)


@pytest.mark.parametrize("stop", FAILED)
async def test_a_declared_fallback_answers_where_thinking_failed(stop: DecideStop) -> None:
    """Marked FALLBACK, with the stop it answers for; the agent's words are not its rationale."""
    concluded = conclude(ROW, admissible(fallback="enterprise"), replace(THOUGHT, stop=stop, option="", detail="why it ended"))

    assert (concluded.state, concluded.option, concluded.source, concluded.stop) == (Thinking.DECIDED, "enterprise", "FALLBACK", stop)
    assert concluded.rationale == "why it ended"


@pytest.mark.parametrize("stop", NEVER_FALLBACK)
async def test_a_fallback_never_answers_for_a_no(stop: DecideStop) -> None:
    """Halted, cancelled, denied, lost."""
    concluded = conclude(ROW, admissible(fallback="enterprise"), replace(THOUGHT, stop=stop, option=""))

    assert (concluded.state, concluded.option, concluded.source) == (Thinking.STOPPED, "", "")


async def test_a_fallback_that_the_caller_narrowed_away_does_not_answer() -> None:
    """Narrowing holds for it too."""
    concluded = conclude(ROW, admissible(fallback="enterprise", allowed_options=("basic",)), THOUGHT)

    assert (concluded.state, concluded.stop) == (Thinking.STOPPED, DecideStop.INVALID_OPTION)


async def test_a_rationale_is_bounded() -> None:
    """Untrusted text, of any length."""
    concluded = conclude(ROW, admissible(), replace(THOUGHT, rationale="x" * 10_000))

    assert len(concluded.rationale) == RATIONALE_CHARS_MAX


@pytest.mark.parametrize("text", ["half a pair \ud83d", "\udc00" * 600])
async def test_a_rationale_that_is_no_text_is_written_down_as_one(text: str) -> None:
    """A lone surrogate has no UTF-8, and must not break the record."""
    rationale = conclude(ROW, admissible(), replace(THOUGHT, rationale=text)).rationale

    assert rationale.encode().decode() == rationale
    assert "?" in rationale


async def test_broken_machinery_is_a_model_fault_with_what_was_used() -> None:
    """An AgentFault never escapes into the story."""
    thinker = FakeThinker(Says(tokens_in=50, tokens_reserved=700, spend_micros=0, spend_reserved_micros=90, breaks=True))

    concluded = await think(ROW, admissible(), (), thinker, never_cut, None)

    assert (concluded.state, concluded.stop) == (Thinking.STOPPED, DecideStop.MODEL_FAULT)
    assert (concluded.usage.tokens_in, concluded.usage.spend_micros) == (750, 90)


async def cut(stop: DecideStop | None) -> Concluded:
    """Cancels a thinking with a model call in flight."""
    thinker = FakeThinker(Says(tokens_in=40, tokens_out=5, spend_micros=10, tokens_reserved=500, spend_reserved_micros=60))
    thinker.hold()
    thinking = asyncio.create_task(think(ROW, admissible(fallback="basic"), (), thinker, lambda: stop, None))
    await thinker.until_thinking()
    thinking.cancel()
    return await thinking


@pytest.mark.parametrize("stop", [DecideStop.HALTED, DecideStop.CANCELLED])
async def test_cut_off_it_settles_what_the_meter_shows_and_the_call_in_flight(stop: DecideStop) -> None:
    """What was reserved for a call that never came back is charged."""
    concluded = await cut(stop)

    assert (concluded.state, concluded.option, concluded.stop) == (Thinking.STOPPED, "", stop)
    assert (concluded.usage.tokens_in, concluded.usage.tokens_out, concluded.usage.spend_micros) == (540, 5, 70)
    assert [one.tool for one in concluded.evidence] == ["list_plans"]


async def test_a_cancellation_that_is_not_ours_goes_on() -> None:
    """It is the end of the app, not of a thought."""
    with pytest.raises(asyncio.CancelledError):
        await cut(None)


async def test_the_conclusion_brings_what_stops_the_run() -> None:
    """From the activation that was judged."""
    of = admissible()
    listed = replace(of, workflow=replace(of.workflow, run=replace(of.workflow.run, stops_run=frozenset({"TIMEOUT"}))))

    assert conclude(ROW, listed, THOUGHT).stops_run == frozenset({"TIMEOUT"})


async def test_an_agent_is_told_the_models_that_are_left_and_what_was_decided_before() -> None:
    """The models of the row, which T1 has narrowed; ballots as the step has them."""
    earlier = (Earlier(step="triage", option="billing", source="AGENT"),)
    of = admissible()

    brief = brief_of(replace(ROW, models=("large",)), replace(of, step=replace(of.step, votes=3, agreement_min=2)), earlier, 0.0)

    assert (brief.models, brief.earlier, brief.votes, brief.agreement_min) == (("large",), earlier, 3, 2)


async def test_a_limit_of_the_step_is_told_as_a_shortage() -> None:
    """Which ledger, how much was asked and left: to branch on; not where a fallback answered."""
    short = replace(THOUGHT, stop=DecideStop.BUDGET_LIMIT, option="", facts={"ledger": "spend", "asked": "70", "left": "5", "limit": "2000"})

    stopped, answered = conclude(ROW, admissible(), short), conclude(ROW, admissible(fallback="basic"), short)

    facts = {"level": "step", "node": "select", "currency": "USD", "ledger": "spend", "asked": "70", "left": "5", "limit": "2000"}
    assert stopped.notes == (Note(reason=Reason.BUDGET_EXHAUSTED, facts=facts),)
    assert answered.notes == ()


async def test_calls_hold_no_name_that_was_not_offered() -> None:
    """Checked here again, like the decision itself."""
    concluded = conclude(ROW, admissible(), replace(THOUGHT, calls=(CALL, replace(CALL, option="platinum", detail="x" * 900))))

    assert concluded.usage.calls == (CALL, replace(CALL, option="", detail="x" * 200))


async def test_cut_off_it_still_says_who_was_asked_and_what_was_digested() -> None:
    """As far as it came."""
    meter = Meter(model="small", agent_version="1", transcript_sha256=b"d" * 32, calls=[CALL])

    thought = cut_thought(DecideStop.HALTED, meter, wall_ms=5)

    assert (thought.model, thought.agent_version, thought.transcript_sha256, thought.calls) == ("small", "1", b"d" * 32, (CALL,))
