"""The loop as a table: what was said and used → the one thing to do now. No I/O, so every bound is looked at from both sides."""

import json
from dataclasses import replace

import pytest

from agent.budget import COMPLETION_TOKENS_MIN
from agent.loop import Ask, Call, Exhausted, Propose, Step, next_step
from agent.task import Limits, ModelCard, Stop, Usage
from agent.transcript import Abstained, Decided, Faulted, Malformed, Refused, Returned, ToolWanted, Transcript, Turn
from tests.unit.agent.made import DEAR, LIMITS, SEATS, card, limits, task

WANTED = ToolWanted(tool=SEATS.name, args={})
RETURNED = Returned(tool=SEATS.name, arguments={}, text='{"seats": 12}', note="")
BAD = Malformed(error="it is not one JSON object", excerpt="[]")
BROKEN = Faulted(model="local", detail="it answered HTTP 500")


def after(*turns: Turn, within: Limits = LIMITS, used: Usage | None = None, models: tuple[ModelCard, ...] | None = None) -> Step:
    given = Transcript(task=task(within=within, tools=(SEATS,), models=models), reads=(), turns=turns)
    return next_step(given, within, used or Usage())


@pytest.mark.parametrize(
    ("turns", "within", "used", "stop", "detail"),
    [
        pytest.param((Abstained(rationale="unsure"),), LIMITS, Usage(steps=1), Stop.ABSTAINED, "abstained", id="abstains"),
        pytest.param((Refused(rationale="no"),), LIMITS, Usage(steps=1), Stop.ABSTAINED, "refused to answer", id="refuses"),
        pytest.param((), limits(steps_max=0), Usage(), Stop.MAX_STEPS, "all 0 steps", id="no step at all"),
        pytest.param((BAD,), LIMITS, Usage(steps=4), Stop.MAX_STEPS, "not one JSON object", id="malformed to the end"),
        pytest.param((WANTED, RETURNED), LIMITS, Usage(steps=4, tool_calls=1), Stop.MAX_STEPS, "all 4 steps", id="a result and no step left"),
        pytest.param((WANTED,), LIMITS, Usage(steps=1, tool_calls=4), Stop.MAX_STEPS, "beyond the 4 allowed", id="one tool call too many"),
        pytest.param((), limits(tokens_max=500), Usage(), Stop.BUDGET_LIMIT, "tokens: ", id="the first prompt does not fit"),
        pytest.param((BAD,), LIMITS, Usage(steps=1, tokens_in=7_500), Stop.BUDGET_LIMIT, "500 of 8000 left", id="tokens used up"),
        pytest.param((BAD,), LIMITS, Usage(steps=1, tokens_in=9_000), Stop.BUDGET_LIMIT, "0 of 8000 left", id="more tokens used than there were"),
        pytest.param((), limits(wall_ms_max=0), Usage(), Stop.TIMEOUT, "within 0 ms", id="no time at all"),
        pytest.param((BAD,), LIMITS, Usage(steps=1, wall_ms=20_000), Stop.TIMEOUT, "within 20000 ms", id="out of time before a step"),
        pytest.param((WANTED,), LIMITS, Usage(steps=1, wall_ms=20_000), Stop.TIMEOUT, "within 20000 ms", id="out of time before a tool call"),
        pytest.param((BROKEN,), LIMITS, Usage(steps=1), Stop.MODEL_FAULT, "model local: it answered HTTP 500", id="the only model fails"),
    ],
)
def test_an_end_names_its_stop(turns: tuple[Turn, ...], within: Limits, used: Usage, stop: Stop, detail: str) -> None:
    """Each bound has its stop, and the detail says which bound it was."""
    step = after(*turns, within=within, used=used)

    assert isinstance(step, Exhausted)
    assert step.stop is stop
    assert detail in step.detail


def test_an_option_of_the_list_is_proposed() -> None:
    """The option and the rationale go on as they were said, whatever has been used up meanwhile."""
    step = after(Decided(option="team_pro", rationale="it fits"), used=Usage(steps=4, tokens_in=99_999, wall_ms=99_999))

    assert step == Propose(option="team_pro", rationale="it fits")


@pytest.mark.parametrize(
    ("option", "twin"),
    [
        ("platinum", False),
        ("", False),
        ("Team_Pro", True),
        ("team_pro ", True),
        ("ｔｅａｍ＿ｐｒｏ", True),
        ("te\u0430m_pro", False),  # a Cyrillic letter: no folding makes it ours
        ("team_pro\u0000", False),
        ("team_pro, enterprise", False),
    ],
)
def test_anything_else_is_no_option(option: str, *, twin: bool) -> None:
    """Fail closed at once: twins are named as such and never matched."""
    step = after(Decided(option=option, rationale=""), used=Usage(steps=1))

    assert isinstance(step, Exhausted)
    assert step.stop is Stop.INVALID_OPTION
    assert ("makes it another" in step.detail) is twin
    assert step.option == option.replace("\u0000", "\ufffd")


def test_what_was_said_is_kept_bounded() -> None:
    """An endless option is shown by its first 64 characters."""
    step = after(Decided(option="x" * 10_000, rationale=""))

    assert isinstance(step, Exhausted)
    assert step.option == "x" * 64


def test_a_step_is_counted_and_reserved_before_it_is_made() -> None:
    """The usage handed out with the question already holds the step, the tokens and the money of the call."""
    step = after(models=(card(price=DEAR),), within=limits(spend_micros_max=5_000), used=Usage(tokens_in=10))

    assert isinstance(step, Ask)
    assert step.usage.steps == 1
    assert step.usage.tokens_in == 10
    assert step.usage.tokens_out_reserved == step.completion_tokens_max == 200
    assert step.usage.tokens_in_reserved >= sum(len(message.content.encode()) for message in step.messages) + len(
        json.dumps(step.schema, separators=(",", ":"))
    )
    assert step.usage.spend_reserved_micros == step.usage.tokens_in_reserved + 2 * 200


def test_a_tool_call_is_counted_before_it_is_made() -> None:
    """Likewise."""
    step = after(WANTED, used=Usage(steps=1, tool_calls=3))

    assert step == Call(tool=SEATS.name, args={}, usage=Usage(steps=1, tool_calls=4))


@pytest.mark.parametrize(
    ("used", "within", "offered"),
    [
        pytest.param(Usage(), LIMITS, True, id="there is room"),
        pytest.param(Usage(steps=2), LIMITS, True, id="one step after this"),
        pytest.param(Usage(steps=3), LIMITS, False, id="the last step"),
        pytest.param(Usage(), limits(steps_max=1), False, id="the only step"),
        pytest.param(Usage(tool_calls=4), LIMITS, False, id="no tool call left"),
        pytest.param(Usage(), limits(tool_calls_max=0), False, id="no tool call ever"),
    ],
)
def test_the_last_step_offers_no_tool(used: Usage, within: Limits, *, offered: bool) -> None:
    """The last permitted step is forced to decide, and told so."""
    step = after(used=used, within=within)

    assert isinstance(step, Ask)
    assert bool(step.tools) is offered
    assert ("call_tool" in str(step.schema)) is offered
    assert ("No tool can be called any more" in step.messages[-1].content) is not offered


def test_tokens_for_one_step_offer_no_tool() -> None:
    """A call whose result could no longer be thought about is not offered: guessed at three bytes a token, bounded at one."""
    plenty = after()
    assert isinstance(plenty, Ask)
    prompt = plenty.usage.tokens_in_reserved
    enough = prompt // 3 + 200 + prompt + COMPLETION_TOKENS_MIN

    for tokens_max, offered in ((enough, True), (enough - 1, False)):
        step = after(within=limits(tokens_max=tokens_max))

        assert isinstance(step, Ask)
        assert bool(step.tools) is offered


def test_a_malformed_answer_is_told_to_the_model() -> None:
    """It is shown what it said and what was wrong with it."""
    step = after(BAD, used=Usage(steps=1))

    assert isinstance(step, Ask)
    assert [message.role for message in step.messages] == ["system", "user", "assistant", "user"]
    assert "it is not one JSON object" in step.messages[-1].content


def test_a_fault_moves_on_to_the_next_model() -> None:
    """Within the same steps and budget."""
    step = after(BROKEN, models=(card(), card("backup")), used=Usage(steps=1))

    assert isinstance(step, Ask)
    assert step.model.name == "backup"
    assert step.usage.steps == 2


@pytest.mark.parametrize(
    ("turns", "used", "detail"),
    [
        ((BROKEN,), Usage(steps=4), "no step is left for the next model"),
        ((BROKEN,), Usage(steps=1, tokens_in=7_900), "the next model cannot be asked: tokens"),
        ((BROKEN, replace(BROKEN, model="backup")), Usage(steps=2), "model local: it answered HTTP 500; model backup: it answered HTTP 500"),
    ],
)
def test_a_fault_that_cannot_be_got_over_is_a_model_fault(turns: tuple[Turn, ...], used: Usage, detail: str) -> None:
    """The cause is named first, then why nobody else was asked."""
    step = after(*turns, models=(card(), card("backup")), used=used)

    assert isinstance(step, Exhausted)
    assert step.stop is Stop.MODEL_FAULT
    assert detail in step.detail


def test_money_needs_a_price() -> None:
    """Where a money limit applies, a model without a price is not asked."""
    step = after(models=(card(price=None),), within=limits(spend_micros_max=2_000))

    assert isinstance(step, Exhausted)
    assert step.stop is Stop.BUDGET_LIMIT
    assert step.detail.startswith("UNPRICED_MODEL")


def test_without_a_money_limit_no_price_is_needed() -> None:
    """The other side."""
    step = after(models=(card(price=None),), within=limits(spend_micros_max=None))

    assert isinstance(step, Ask)
    assert step.usage.spend_reserved_micros == 0


def test_money_that_does_not_carry_a_call_is_not_spent() -> None:
    """The reservation does not fit, so nothing is asked."""
    step = after(models=(card(price=DEAR),), within=limits(spend_micros_max=300))

    assert isinstance(step, Exhausted)
    assert step.stop is Stop.BUDGET_LIMIT
    assert step.detail.startswith("spend: ")
