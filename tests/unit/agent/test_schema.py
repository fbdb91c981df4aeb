"""The step object: asked for in a schema, and read as if no schema had ever been sent."""

import json
from typing import Any

import jsonschema_rs
import pytest

from agent.schema import CONTENT_CHARS_MAX, Said, read_reply, step_schema
from agent.task import RationaleOrder, ToolCard
from agent.transcript import Abstained, Decided, Malformed, Refused, Reply, ToolWanted
from tests.unit.agent.made import SEATS, WEATHER, task

DECIDE = {"action": "decide", "option": "team_pro", "rationale": "it fits"}
WEATHER_CALL = {"action": "call_tool", "tool": "weather", "args": {"city": "Oslo", "days": 2}}


def read(content: str | dict[str, Any], *, tools: tuple[ToolCard, ...] = (SEATS, WEATHER)) -> Reply:
    text = content if isinstance(content, str) else json.dumps(content)
    return read_reply(Said(content=text, truncated=False, refusal=None), tools=tools)


@pytest.mark.parametrize(
    ("step", "reply"),
    [
        (DECIDE, Decided(option="team_pro", rationale="it fits")),
        ({"action": "decide", "option": "team_pro"}, Decided(option="team_pro", rationale="")),
        ({"action": "decide", "option": "Platinum \u202e"}, Decided(option="Platinum \u202e", rationale="")),
        (DECIDE | {"tool": "weather", "args": {}}, Decided(option="team_pro", rationale="it fits")),
        ({"action": "abstain", "option": "team_pro", "rationale": "unsure"}, Abstained(rationale="unsure")),
        (WEATHER_CALL, ToolWanted(tool="weather", args={"city": "Oslo", "days": 2})),
        ({"action": "call_tool", "tool": SEATS.name}, ToolWanted(tool=SEATS.name, args={})),
        (DECIDE | {"rationale": "a\n\tb \x1b[31m\u202e"}, Decided(option="team_pro", rationale="a b \ufffd[31m\ufffd")),
        (DECIDE | {"rationale": "x" * 501}, Decided(option="team_pro", rationale="x" * 500)),
    ],
)
def test_a_step_object_is_read(step: dict[str, Any], reply: Reply) -> None:
    """An option is taken as it was said; a rationale is made fit to be shown."""
    assert read(step) == reply


@pytest.mark.parametrize(
    ("content", "error"),
    [
        ("", "it is not JSON"),
        ("I choose team_pro.", "it is not JSON"),
        ('```json\n{"action":"decide","option":"team_pro"}\n```', "it is not JSON"),
        ('{"action":"decide","option":"team_pro"} {"action":"decide","option":"enterprise"}', "it is not JSON"),
        ('{"action":"decide","option":"team_pro","option":"enterprise"}', "same key twice"),
        ('{"action":"decide","option":NaN}', "NaN is not JSON"),
        ('{"action":"decide","option":"\\ud800"}', "not valid Unicode"),
        ("[" * 5_000, "nested too deeply"),
        ('["decide","team_pro"]', "not one JSON object"),
        ('"team_pro"', "not one JSON object"),
        ("{}", "action must be one of call_tool, decide, abstain"),
        ({"action": "commit", "option": "team_pro"}, "action must be one of"),
        ({"action": ["decide"], "option": "team_pro"}, "action must be one of"),
        ({"action": "decide"}, "option must be a string"),
        ({"action": "decide", "option": None}, "option must be a string"),
        ({"action": "decide", "option": ["team_pro"]}, "option must be a string"),
        (DECIDE | {"rationale": 7}, "rationale must be a string"),
        (DECIDE | {"confidence": 1}, "its keys must be among"),
        ({"action": "call_tool", "tool": "billing.delete"}, "tool must be one of billing.seat_usage, weather"),
        (
            {"action": "call_tool", "tool": SEATS.name, "args": {"account": "foundry"}},
            "args of billing.seat_usage must be an object with exactly these keys: none",
        ),
        (WEATHER_CALL | {"args": {"city": "Oslo"}}, "exactly these keys: city, days"),
        (WEATHER_CALL | {"args": "Oslo"}, "exactly these keys: city, days"),
        (WEATHER_CALL | {"args": {"city": "Paris", "days": 2}}, "args.city must be one of Oslo, Lima"),
        (WEATHER_CALL | {"args": {"city": "Oslo", "days": True}}, "args.days must be an integer"),
        (WEATHER_CALL | {"args": {"city": "Oslo", "days": 2.0}}, "args.days must be an integer"),
        (WEATHER_CALL | {"args": {"city": "Oslo", "days": 2**60}}, "args.days must be an integer"),
        (json.dumps(DECIDE) + " " * CONTENT_CHARS_MAX, "longer than"),
    ],
)
def test_anything_else_is_malformed(content: str | dict[str, Any], error: str) -> None:
    """The error is fit to be told to the model; its own words come back bounded."""
    reply = read(content)

    assert isinstance(reply, Malformed)
    assert error in reply.error
    assert len(reply.excerpt) <= 300 * 6


def test_a_tool_that_was_not_offered_cannot_be_called() -> None:
    """Whatever was offered before."""
    reply = read({"action": "call_tool", "tool": SEATS.name}, tools=())

    assert isinstance(reply, Malformed)
    assert "no tool can be called now" in reply.error


def test_a_cut_answer_is_not_read() -> None:
    """Not even where it happens to be whole."""
    reply = read_reply(Said(content=json.dumps(DECIDE), truncated=True, refusal=None), tools=())

    assert isinstance(reply, Malformed)
    assert "cut off" in reply.error


def test_a_refusal_is_its_own_outcome() -> None:
    """Whatever else stands beside it."""
    reply = read_reply(Said(content=json.dumps(DECIDE), truncated=True, refusal="I would rather\nnot"), tools=())

    assert reply == Refused(rationale="I would rather not")


@pytest.mark.parametrize(
    ("order", "fields"),
    [
        (RationaleOrder.BEFORE, ["rationale", "option", "action"]),
        (RationaleOrder.AFTER, ["option", "action", "rationale"]),
        (RationaleOrder.NONE, ["option", "action"]),
    ],
)
def test_the_rationale_stands_where_the_step_says(order: RationaleOrder, fields: list[str]) -> None:
    """A server that enforces the schema writes the fields in this order."""
    schema: Any = step_schema(task(rationale=order), tools=(), strict=False)

    assert list(schema["properties"]) == fields == schema["required"]
    assert schema["properties"]["option"]["enum"] == ["team_pro", "enterprise"]
    assert schema["properties"]["action"]["enum"] == ["decide", "abstain"]


def test_tools_without_arguments_ask_for_none() -> None:
    """Every field that is asked for is paid for."""
    schema: Any = step_schema(task(tools=(SEATS,)), tools=(SEATS,), strict=False)

    assert list(schema["properties"]) == ["option", "action", "tool", "rationale"]


@pytest.mark.parametrize("strict", [False, True])
def test_what_the_schema_allows_is_read(strict: bool) -> None:  # noqa: FBT001 - a parameter of the test
    """Schema and reader agree on a call with arguments; the schema is a valid one."""
    schema: Any = step_schema(task(tools=(SEATS, WEATHER)), tools=(SEATS, WEATHER), strict=strict)
    step = WEATHER_CALL | {"option": "team_pro", "rationale": ""}

    jsonschema_rs.validator_for(schema).validate(step)

    assert isinstance(read(step), ToolWanted)


def test_a_strict_schema_has_no_keyword_that_strict_servers_refuse() -> None:
    """Only shapes and enums; every field required, every object closed."""
    schema = json.dumps(step_schema(task(tools=(SEATS, WEATHER)), tools=(SEATS, WEATHER), strict=True))

    assert not any(keyword in schema for keyword in ("maxLength", "pattern", "minimum", "maximum"))
    assert schema.count('"additionalProperties": false') == schema.count('"type": "object"')
