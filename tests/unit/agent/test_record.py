"""What one thinking leaves behind: every call, and a digest of every word."""

from collections.abc import Mapping

from agent.budget import Reported
from agent.models.port import Answer, ModelFault
from agent.models.scripted import Script, ScriptedModel
from agent.runner import Agent
from agent.schema import Said
from agent.task import AGENT_VERSION, CallOutcome
from agent.transcript import TranscriptDigest
from tests.unit.agent.made import DEAR, SEATS, card, limits, task
from tests.unit.agent.test_runner import ASK_SEATS, DECIDE, READ, FakeTool, Watched, think


async def test_every_call_is_written_down() -> None:
    """With its outcome, what it used, and why it was not accepted; a decision with the place of its option in the list shown."""
    cut = Answer(said=Said(content='{"act', truncated=True, refusal=None), reported=Reported(prompt=100, completion=20, total=120), raw=b"{}")
    script: Script = ["Sure!", cut, ASK_SEATS, DECIDE | {"option": "enterprise"}]

    ended = await think(task(tools=(SEATS,), models=(card(price=DEAR),), within=limits(spend_micros_max=100_000)), ScriptedModel(script))

    assert [one.outcome for one in ended.calls] == [CallOutcome.MALFORMED, CallOutcome.TRUNCATED, CallOutcome.TOOL_CALLED, CallOutcome.DECIDED]
    assert [(one.option, one.position) for one in ended.calls] == [("", 0), ("", 0), ("", 0), ("enterprise", 2)]
    assert [one.detail.split(";")[0].split(":")[0] for one in ended.calls] == ["it is not JSON", "it was cut off before its end", SEATS.name, ""]
    assert [one.model for one in ended.calls] == ["local"] * 4
    assert all((one.ballot, one.tokens_in, one.tokens_out, one.spend_micros) == (1, 100, 20, 140) for one in ended.calls)
    assert sum(one.tokens_in for one in ended.calls) == ended.usage.tokens_in


async def test_refusals_and_faults_are_calls_too() -> None:
    """What they used, or did not."""
    refused = Answer(said=Said(content="", truncated=False, refusal="I would rather not"), reported=Reported(prompt=9, completion=1, total=10), raw=b"{}")
    agent = Agent(
        models={"local": ScriptedModel([ModelFault(detail="no connection could be made", charged=False)]), "backup": ScriptedModel([refused])}, tools={}
    )

    ended = await agent.think(task(models=(card(), card("backup"))), Watched())

    told = [(one.model, one.outcome, one.tokens_in, one.detail) for one in ended.calls]
    assert told == [("local", CallOutcome.FAULTED, 0, "no connection could be made"), ("backup", CallOutcome.REFUSED, 9, "")]


async def test_an_option_nobody_offered_is_no_name_to_record() -> None:
    """The call is written down, the word is not."""
    ended = await think(task(), ScriptedModel([DECIDE | {"option": "Team_Pro"}]))

    assert [(one.outcome, one.option, one.position) for one in ended.calls] == [(CallOutcome.DECIDED, "", 0)]


async def test_what_is_heard_is_what_is_digested() -> None:
    """A transcript that was kept whole digests to the value in the record."""
    heard: list[tuple[str, bytes]] = []
    agent = Agent(models={"local": ScriptedModel([ASK_SEATS, DECIDE])}, tools={SEATS.name: FakeTool()})

    ended = await agent.think(task(tools=(SEATS,)), Watched(), lambda label, content: heard.append((label, content)))

    again = TranscriptDigest(decision_id="d-1", agent_version=AGENT_VERSION)
    for label, content in heard:
        again.add(label, content)
    assert again.value() == ended.transcript_sha256
    assert [label for label, _ in heard] == ["asked", "answered", "returned", "result", "asked", "answered", "ended"]


async def test_the_digest_is_of_this_decision_and_these_words() -> None:
    """The same again: the same. Another answer, another result: another."""

    async def digest(answer: Mapping[str, object], read: bytes) -> bytes:
        ended = await think(task(reads=(READ,)), ScriptedModel([answer]), read=FakeTool(read))
        return ended.transcript_sha256

    first = await digest(DECIDE, b"[1]")

    assert first == await digest(DECIDE, b"[1]")
    assert first != await digest(DECIDE | {"rationale": "other"}, b"[1]")
    assert first != await digest(DECIDE, b"[2]")
