"""One allowed tool against real servers of the official SDK, in a process of their own: honest ones, and others."""

from collections.abc import Iterator, Mapping
from typing import Any

import httpx
import pytest

from agent.tools.mcp_tool import McpTool, Unanswered, seen_tools
from agent.tools.port import Result
from tests.fakes.processes import served
from tests.unit.agent.tools.mcp_made import NAME, PIN, called, server_spec, tool_spec

ARGUMENTS = {"account": "harbour", "topic": "billing"}


@pytest.fixture(scope="module")
def notes() -> Iterator[str]:
    with served("tests.fakes.mcp_notes") as base_url:
        yield base_url


def seen_by(notes: str, server: str) -> list[Mapping[str, Any]]:
    return [one for one in httpx.get(f"{notes}/seen", trust_env=False).json() if one["server"] == server]


@pytest.mark.parametrize("server", ["honest", "legacy"])
async def test_an_allowed_tool_is_called(notes: str, server: str) -> None:
    """With the context's account, the model's topic and what is fixed; under the newer protocol and under the older one."""
    result = await called(server_spec(f"{notes}/{server}/mcp"))

    assert result == Result(arguments=ARGUMENTS, body=b"notes of harbour on billing, at most 3", note="", ok=True)


async def test_nothing_but_listing_and_calling_reaches_a_server(notes: str) -> None:
    """The credential is there, the trace is there; no stream is opened, and the session is ended."""
    result = await called(
        server_spec(f"{notes}/legacy/mcp", authorization="Bearer s3cret"), traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    )

    seen = seen_by(notes, "legacy")[-7:]
    assert [(one["http"], one["message"].get("method")) for one in seen] == [
        ("POST", "server/discover"),
        ("POST", "initialize"),
        ("POST", "notifications/initialized"),
        ("POST", "tools/list"),
        ("POST", "tools/list"),
        ("POST", "tools/call"),
        ("DELETE", None),
    ]
    assert seen[1]["message"]["params"]["capabilities"] == {}
    assert {one["headers"]["authorization"] for one in seen} == {"Bearer s3cret"}
    assert {one["headers"]["traceparent"][:6] for one in seen} == {"00-0af"}
    assert "s3cret" not in f"{result}"


@pytest.mark.parametrize(
    ("server", "why"),
    [
        pytest.param("poisoned", "its description or schema is not the pinned one (pinned 4af3529674c0, seen ", id="another description"),
        pytest.param("wider", "its description or schema is not the pinned one (pinned 4af3529674c0, seen ", id="another schema"),
        pytest.param("destroys", "its server marks it as changing something", id="marked destructive"),
        pytest.param("writes", "its server marks it as changing something", id="marked not read-only"),
        pytest.param("gone", "its server does not list it", id="no longer listed"),
        pytest.param("twice", "its server lists it more than once", id="listed twice"),
    ],
)
async def test_a_tool_that_is_not_the_pinned_one_is_disabled_loudly(notes: str, server: str, why: str) -> None:
    """It is not called, the result says why, and whoever listens is told once."""
    told: list[tuple[str, str]] = []
    tool = McpTool(tool_spec(server_spec(f"{notes}/{server}/mcp")), lambda name, why: told.append((name, why)))

    results = [await tool.call(args={"topic": "billing"}, context={"account": "harbour"}, traceparent="") for _ in range(2)]

    assert all(one.note.startswith(f"it was not called, it is disabled: {why}") for one in results)
    assert all((one.ok, one.body) == (False, b"") for one in results)
    assert [name for name, _ in told] == [NAME]
    assert told[0][1].startswith(why)
    assert tool.disabled == told[0][1]
    assert "tools/call" not in [one["message"].get("method") for one in seen_by(notes, server)]


async def test_a_schema_that_changes_after_pinning_is_seen_at_the_next_call(notes: str) -> None:
    """Each call looks before it leaps."""
    tool = McpTool(tool_spec(server_spec(f"{notes}/flips/mcp")), lambda *_: None)

    first, second = [await tool.call(args={"topic": "billing"}, context={"account": "harbour"}, traceparent="") for _ in range(2)]

    assert (first.ok, second.ok) == (True, False)
    assert second.note.startswith("it was not called, it is disabled: its description or schema")
    assert [one["message"].get("method") for one in seen_by(notes, "flips")].count("tools/call") == 1


@pytest.mark.parametrize(
    ("server", "note"),
    [
        pytest.param("refuses", "it answered with an error", id="an error of the tool"),
        pytest.param("breaks", "it answered with error -32603", id="an error of the protocol"),
        pytest.param("floods", "its answer is larger than 524288 bytes", id="10 MB"),
        pytest.param("asks", "it asked for something in return, which it does not get", id="a question back"),
        pytest.param("endless", "it was not called: its list of tools has no end within 8 pages or 512 tools", id="an endless list"),
        pytest.param("absent", "it answered HTTP 404", id="no server"),
    ],
)
async def test_what_is_no_answer_is_told_and_not_shown(notes: str, server: str, note: str) -> None:
    """In our words: nothing of the server's is in it."""
    result = await called(server_spec(f"{notes}/{server}/mcp"))

    assert result == Result(arguments=ARGUMENTS, body=b"", note=note, ok=False)


@pytest.mark.parametrize(
    ("server", "body", "note", "ok"),
    [
        pytest.param("long", b"y" * 1_000, "cut off at 1000 bytes", False, id="cut at the cap"),
        pytest.param("mixed", b"one\ntwo", "1 parts that are no text are left out", True, id="text beside an image"),
        pytest.param("structured", '{"notes": ["Ünïcode"]}'.encode(), "", True, id="structured alone"),
    ],
)
async def test_an_answer_is_text_within_its_cap(notes: str, server: str, body: bytes, note: str, *, ok: bool) -> None:
    """Whatever else there is, is left out and said to be."""
    result = await called(server_spec(f"{notes}/{server}/mcp"))

    assert (result.body, result.note, result.ok) == (body, note, ok)


async def test_a_slow_tool_ends_at_its_own_timeout(notes: str) -> None:
    """As a result."""
    result = await called(server_spec(f"{notes}/slow/mcp", timeout_ms=700))

    assert result == Result(arguments=ARGUMENTS, body=b"", note="no answer within 700 ms", ok=False)


async def test_the_model_fills_its_slots_and_no_other(notes: str) -> None:
    """An account it names is refused before anything is sent."""
    tool = McpTool(tool_spec(server_spec(f"{notes}/honest/mcp")), lambda *_: None)
    before = len(seen_by(notes, "honest"))

    named = await tool.call(args={"topic": "billing", "account": "foundry"}, context={"account": "harbour"}, traceparent="")
    fixed = await tool.call(args={"topic": "billing", "limit": 900}, context={"account": "harbour"}, traceparent="")
    free = await tool.call(args={"topic": "Billing; DROP"}, context={"account": "harbour"}, traceparent="")
    nobody = await tool.call(args={"topic": "billing"}, context={}, traceparent="")

    assert named.note == fixed.note == "it was not called: its arguments must be exactly: topic"
    assert free.note == "it was not called: argument topic must match [a-z ]{1,40}"
    assert nobody.note == "it was not called: context /account must be a string of 1 to 128 characters"
    assert len(seen_by(notes, "honest")) == before


async def test_listing_shows_what_there_is_to_pin(notes: str) -> None:
    """Every tool with its pin and what the server says of it; nothing is called."""
    found = await seen_tools(server_spec(f"{notes}/honest/mcp"))

    assert [(one.name, one.changes_something) for one in found] == [("forget_notes", True), ("search_notes", False)]
    assert found[1].pin == PIN


async def test_a_server_that_cannot_be_listed_is_told(notes: str) -> None:
    """By what was seen."""
    with pytest.raises(Unanswered, match="no end within"):
        await seen_tools(server_spec(f"{notes}/endless/mcp"))
    with pytest.raises(Unanswered, match="outside the tool's networks"):
        await seen_tools(server_spec(f"{notes}/honest/mcp", networks=("10.0.0.0/8",)))
