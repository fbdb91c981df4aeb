"""The runner: does what the loop says, under one deadline, and tells every change before it acts on it."""

import asyncio
from collections.abc import Mapping
from hashlib import sha256

import pytest

from agent.models.port import Answer, AtOnce, Model, ModelFault, Question
from agent.models.scripted import ScriptedModel
from agent.runner import Agent
from agent.task import Ended, Evidence, Limits, Price, Progress, Stop, Task, Usage
from agent.tools.http_get import Result, Tool
from tests.unit.agent.made import DEAR, FREE, LIMITS, SEATS, card, limits, task

DECIDE = {"action": "decide", "option": "team_pro", "rationale": "it fits"}
ASK_SEATS = {"action": "call_tool", "tool": SEATS.name}
READ = "billing.list_plans"


class FakeTool:
    """Answers with a body, or never; knows how often it was called."""

    def __init__(self, body: bytes = b'{"seats": 12}', *, note: str = "", silent: bool = False) -> None:
        self._result = Result(arguments={"account": "harbour"}, body=body, note=note, ok=not note)
        self._silent = silent
        self.calls = 0

    async def call(self, *, args: Mapping[str, str | int], context: Mapping[str, object], traceparent: str) -> Result:
        self.calls += 1
        if self._silent:
            await asyncio.Event().wait()
        return self._result


class SilentModel(AtOnce):
    """Takes the question and never answers."""

    def __init__(self) -> None:
        self.reached = asyncio.Event()

    async def ask(self, question: Question) -> Answer | ModelFault:
        self.reached.set()
        await asyncio.Event().wait()
        raise AssertionError

    async def close(self) -> None:
        """Nothing is held open."""


class Watched:
    """What was told, in order."""

    def __init__(self) -> None:
        self.told: list[tuple[Usage, tuple[Evidence, ...]]] = []

    def __call__(self, progress: Progress) -> None:
        self.told.append((progress.usage, progress.evidence))
        self.last = progress


async def think(given: Task, model: Model, *, tool: Tool | None = None, read: Tool | None = None, watch: Watched | None = None) -> Ended:
    agent = Agent(models={"local": model}, tools={SEATS.name: tool or FakeTool(), READ: read or FakeTool(b"[]")})
    return await agent.think(given, watch or Watched())


def soon(within: Limits, *, wall_ms: int) -> Limits:
    return limits(steps_max=within.steps_max, wall_ms_max=wall_ms)


async def test_a_read_and_one_question_make_a_decision() -> None:
    """With the evidence of the read, the usage that was reported, and a digest."""
    model = ScriptedModel([DECIDE])

    ended = await think(task(reads=(READ,)), model, read=FakeTool(b'[{"plan": "team_pro"}]'))

    assert (ended.stop, ended.option, ended.rationale, ended.detail, ended.model) == (Stop.FINAL_RESULT, "team_pro", "it fits", "", "local")
    assert (ended.usage.steps, ended.usage.tool_calls, ended.usage.tokens_in, ended.usage.tokens_out) == (1, 0, 100, 20)
    assert ended.evidence == (
        Evidence(
            tool=READ,
            arguments_json=b'{"account":"harbour"}',
            result_sha256=sha256(b'[{"plan": "team_pro"}]').digest(),
            result_bytes=22,
            ok=True,
            prefetched=True,
        ),
    )
    assert '[{"plan": "team_pro"}]' in model.asked[0].messages[1].content
    assert len(ended.transcript_sha256) == 32


async def test_reads_are_no_tool_calls() -> None:
    """They are evidence, and a step without tool calls may have them."""
    ended = await think(task(reads=(READ, READ), within=limits(tool_calls_max=0)), ScriptedModel([DECIDE]))

    assert ended.usage.tool_calls == 0
    assert [one.prefetched for one in ended.evidence] == [True, True]


async def test_a_failing_read_is_told_to_the_model() -> None:
    """It does not end the thinking."""
    model = ScriptedModel([DECIDE])

    ended = await think(task(reads=(READ,)), model, read=FakeTool(b"", note="it answered HTTP 503"))

    assert ended.stop is Stop.FINAL_RESULT
    assert ended.evidence[0].ok is False
    assert 'Nothing from billing.list_plans {"account": "harbour"}: it answered HTTP 503.' in model.asked[0].messages[1].content


async def test_a_tool_is_called_and_its_result_shown() -> None:
    """A call, its result, a decision: two steps, one tool call."""
    model = ScriptedModel([ASK_SEATS, DECIDE])

    ended = await think(task(tools=(SEATS,)), model)

    assert (ended.stop, ended.usage.steps, ended.usage.tool_calls) == (Stop.FINAL_RESULT, 2, 1)
    assert '{"seats": 12}' in model.asked[1].messages[-1].content
    assert ended.evidence[0].prefetched is False


async def test_the_same_call_again_counts_and_is_not_made_again() -> None:
    """From memory, within one thinking."""
    tool = FakeTool()

    ended = await think(task(tools=(SEATS,)), ScriptedModel([ASK_SEATS, ASK_SEATS, DECIDE]), tool=tool)

    assert (ended.usage.tool_calls, len(ended.evidence), tool.calls) == (2, 2, 1)


async def test_a_failed_call_is_made_again() -> None:
    """Only what was got is remembered."""
    tool = FakeTool(b"", note="it answered HTTP 503")

    await think(task(tools=(SEATS,)), ScriptedModel([ASK_SEATS, ASK_SEATS, DECIDE]), tool=tool)

    assert tool.calls == 2


@pytest.mark.parametrize(
    ("within", "steps", "calls"),
    [(LIMITS, 4, 3), (limits(tool_calls_max=1), 4, 1), (limits(steps_max=1), 1, 0), (limits(steps_max=2, tool_calls_max=9), 2, 1)],
)
async def test_endless_tool_calls_end_at_the_first_bound(within: Limits, steps: int, calls: int) -> None:
    """The last step offers no tool; asking for one there is a malformed answer."""
    ended = await think(task(tools=(SEATS,), within=within), ScriptedModel([ASK_SEATS]))

    assert (ended.stop, ended.usage.steps, ended.usage.tool_calls) == (Stop.MAX_STEPS, steps, calls)
    assert "no tool can be called now" in ended.detail


async def test_malformed_answers_are_fed_back_until_the_bound() -> None:
    """Each is a step; a right one in time is taken."""
    lost = await think(task(), ScriptedModel(["Sure! team_pro"]))
    late = await think(task(), ScriptedModel(["Sure! team_pro", "{}", "[]", DECIDE]))

    assert (lost.stop, lost.usage.steps, lost.option) == (Stop.MAX_STEPS, 4, "")
    assert (late.stop, late.usage.steps, late.option) == (Stop.FINAL_RESULT, 4, "team_pro")


async def test_an_option_outside_the_list_ends_at_once() -> None:
    """No second chance to guess."""
    ended = await think(task(), ScriptedModel([DECIDE | {"option": "Team_Pro"}, DECIDE]))

    assert (ended.stop, ended.option, ended.usage.steps) == (Stop.INVALID_OPTION, "Team_Pro", 1)


@pytest.mark.parametrize(("charged", "tokens_in"), [(True, True), (False, False)])
async def test_a_fault_is_charged_when_the_server_may_have_worked(*, charged: bool, tokens_in: bool) -> None:
    """The reservation, or nothing."""
    ended = await think(task(models=(card(price=DEAR),)), ScriptedModel([ModelFault(detail="it answered HTTP 500", charged=charged)]))

    assert (ended.stop, ended.detail) == (Stop.MODEL_FAULT, "model local: it answered HTTP 500")
    assert bool(ended.usage.tokens_in) is tokens_in
    assert ended.usage.tokens_out == (200 if charged else 0)
    assert ended.usage.spend_micros == ended.usage.tokens_in + 2 * ended.usage.tokens_out
    assert ended.usage.tokens_reserved == 0


async def test_the_next_model_takes_over() -> None:
    """At its own price."""
    cheap = Price(micros_per_million_in=10_000, micros_per_million_out=0, as_of="2026-11-01")
    broken, backup = ScriptedModel([ModelFault(detail="it answered HTTP 429", charged=False)]), ScriptedModel([DECIDE])
    agent = Agent(models={"local": broken, "backup": backup}, tools={})

    ended = await agent.think(task(models=(card(price=DEAR), card("backup", price=cheap))), Watched())

    assert (ended.stop, ended.model, ended.usage.steps, ended.usage.spend_micros) == (Stop.FINAL_RESULT, "backup", 2, 1)


async def test_the_wall_clock_ends_a_silent_model() -> None:
    """What was in flight is charged as reserved."""
    ended = await think(task(within=soon(LIMITS, wall_ms=50)), SilentModel())

    assert ended.stop is Stop.TIMEOUT
    assert ended.usage.tokens_out == 200
    assert ended.usage.tokens_reserved == 0
    assert 50 <= ended.usage.wall_ms < 5_000


async def test_the_earlier_deadline_counts() -> None:
    """The task's own, here."""
    given = task(deadline_s=asyncio.get_running_loop().time() + 0.05)

    ended = await think(given, SilentModel())

    assert ended.stop is Stop.TIMEOUT
    assert ended.usage.wall_ms < 5_000


async def test_a_deadline_that_has_passed_asks_nothing() -> None:
    """Nor reads anything."""
    model, read = ScriptedModel([DECIDE]), FakeTool()

    ended = await think(task(reads=(READ,), deadline_s=asyncio.get_running_loop().time() - 1), model, read=read)

    assert (ended.stop, ended.usage.steps, model.asked, read.calls) == (Stop.TIMEOUT, 0, [], 0)


async def test_the_wall_clock_ends_a_silent_read_and_a_silent_tool() -> None:
    """Before the first question, or after it."""
    reading = await think(task(reads=(READ,), within=soon(LIMITS, wall_ms=50)), ScriptedModel([DECIDE]), read=FakeTool(silent=True))
    calling = await think(task(tools=(SEATS,), within=soon(LIMITS, wall_ms=50)), ScriptedModel([ASK_SEATS]), tool=FakeTool(silent=True))

    assert (reading.stop, reading.usage.steps) == (Stop.TIMEOUT, 0)
    assert (calling.stop, calling.usage.steps, calling.usage.tool_calls) == (Stop.TIMEOUT, 1, 1)


async def test_everything_is_told_before_it_is_done() -> None:
    """The step with its reservation, the settlement, the tool call, its evidence: in this order."""
    watch = Watched()

    await think(task(tools=(SEATS,)), ScriptedModel([ASK_SEATS, DECIDE]), watch=watch)

    told = [(usage.steps, usage.tool_calls, usage.tokens_in, usage.tokens_reserved > 0, len(evidence)) for usage, evidence in watch.told]
    assert told == [
        (1, 0, 0, True, 0),
        (1, 0, 100, False, 0),
        (1, 1, 100, False, 0),
        (1, 1, 100, False, 1),
        (2, 1, 100, True, 1),
        (2, 1, 200, False, 1),
    ]


async def test_cancellation_passes_and_leaves_the_reservation_told() -> None:
    """Whoever cancelled can charge what was in flight."""
    watch, model = Watched(), SilentModel()
    thinking = asyncio.create_task(think(task(reads=(READ,)), model, watch=watch))
    await model.reached.wait()

    thinking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await thinking

    usage, evidence = watch.told[-1]
    assert (usage.steps, usage.tokens_out_reserved, len(evidence)) == (1, 200, 1)
    assert (watch.last.model, watch.last.calls, len(watch.last.transcript_sha256)) == ("local", (), 32)


async def test_a_stranger_is_not_asked() -> None:
    """A model or a tool that is not here is a mistake of the caller."""
    with pytest.raises(KeyError, match="elsewhere"):
        await think(task(models=(card("elsewhere", price=FREE),)), ScriptedModel([DECIDE]))
    with pytest.raises(KeyError, match="nowhere"):
        await think(task(reads=("nowhere",)), ScriptedModel([DECIDE]))
