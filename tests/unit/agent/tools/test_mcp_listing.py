"""The pin: what it covers, and what it does not."""

from typing import Any

import pytest
from mcp.types import Tool, ToolAnnotations

from agent.tools.mcp_listing import complaint, pin_of, seen
from tests.fakes.mcp_notes import DESCRIPTION, SCHEMA, SEARCH

PIN = seen(SEARCH).pin


def tool(*, name: str = "search_notes", description: str | None = DESCRIPTION, schema: dict[str, Any] = SCHEMA, **more: Any) -> Tool:
    return Tool(name=name, description=description, input_schema=schema, **more)


def test_the_pin_is_what_it_was() -> None:
    """A change of its making disables every tool out there: it is made on purpose or not at all."""
    assert PIN.hex() == "4af3529674c066ed7523433e7cdb766513ba1d582dbf5a5f84e08101abd2ebc0"


def test_order_and_ornaments_are_no_change() -> None:
    """The same document, another title."""
    turned = {key: SCHEMA[key] for key in reversed(SCHEMA)}

    assert seen(tool(schema=turned, title="Search", annotations=ToolAnnotations(read_only_hint=True))).pin == PIN


@pytest.mark.parametrize(
    "changed",
    [
        tool(description=DESCRIPTION + " "),
        tool(description=None),
        tool(schema=SCHEMA | {"required": ["account"]}),
        tool(schema=SCHEMA | {"x-note": 1}),
        tool(schema=SCHEMA | {"x-note": True}),
        tool(name="search_note"),
    ],
)
def test_every_change_of_words_or_schema_shows(changed: Tool) -> None:
    """Down to one character."""
    listed = seen(changed)

    assert listed.pin != PIN
    assert complaint((listed,), name=changed.name, pin=PIN).startswith("its description or schema is not the pinned one (pinned 4af3529674c0, seen ")


def test_what_is_no_json_has_no_pin() -> None:
    """So it is never the pinned one."""
    listed = seen(tool(schema=SCHEMA | {"maximum": float("nan")}))

    assert pin_of(name="x", description="", input_schema=float("inf")) == b""
    assert complaint((listed,), name="search_notes", pin=PIN).endswith("seen none)")


@pytest.mark.parametrize(
    ("marks", "why"),
    [
        (None, ""),
        (ToolAnnotations(), ""),
        (ToolAnnotations(read_only_hint=True), ""),
        (ToolAnnotations(destructive_hint=False), ""),
        (ToolAnnotations(read_only_hint=False), "its server marks it as changing something"),
        (ToolAnnotations(read_only_hint=True, destructive_hint=True), "its server marks it as changing something"),
    ],
)
def test_a_tool_that_its_server_calls_a_write_is_none_of_ours(marks: ToolAnnotations | None, why: str) -> None:
    """Saying nothing says nothing: the operator's word stands."""
    assert complaint((seen(tool(annotations=marks)),), name="search_notes", pin=PIN) == why


def test_a_tool_is_listed_once() -> None:
    """Not never, and not twice, though both are alike."""
    assert complaint((), name="search_notes", pin=PIN) == "its server does not list it"
    assert complaint((seen(SEARCH), seen(SEARCH)), name="search_notes", pin=PIN) == "its server lists it more than once"
