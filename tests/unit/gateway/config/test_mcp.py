"""MCP servers in the settings: what has to be written before an agent may call a tool of one."""

import pytest

from gateway.app.parts import tool_specs
from tests.unit.gateway.config.conftest import Load, Refused

PIN = "4af3529674c066ed7523433e7cdb766513ba1d582dbf5a5f84e08101abd2ebc0"
SEARCH = f"""description: Notes of an account.
        read_only: true
        pin: {PIN}
        arguments: {{account: {{from: context, pointer: /account, type: identifier}}, topic: {{from: model, pattern: "[a-z]{{1,20}}"}}}}
        fixed: {{limit: 3, archived: false}}"""
NOTES = f"""mcp:
  notes:
    url: http://127.0.0.1:9200/mcp
    networks: [127.0.0.1/32]
    tools:
      search:
        tool: search_notes
        {SEARCH}
models:"""
MCP = ("models:", NOTES)


def test_an_allowed_tool_is_what_stands_there(loaded: Load) -> None:
    """By the server's name and its own, for a boundary; with its pin and its slots, for the agent."""
    settings = loaded(MCP)
    spec = tool_specs(settings)["notes.search"]

    assert list(settings.readable) == ["billing.seats", "notes.search"]
    assert settings.prefetchable == []
    assert list(spec.model_slots) == ["topic"]
    assert getattr(spec, "tool", "") == "search_notes"
    assert getattr(spec, "pin", b"").hex() == PIN
    assert getattr(spec, "fixed", {}) == {"limit": 3, "archived": False}


def test_a_tool_without_a_slot_for_the_model_can_be_fetched_beforehand(loaded: Load) -> None:
    """Like an HTTP read."""
    settings = loaded(MCP, ('topic: {from: model, pattern: "[a-z]{1,20}"}', "topic: {from: context, pointer: /topic}"))

    assert settings.prefetchable == ["notes.search"]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        pytest.param("        read_only: true\n", "", '"read_only" is missing in mcp.notes.tools.search', id="nobody says that it only reads"),
        pytest.param("read_only: true", "read_only: false", "an agent gets no tool that may change something", id="it writes"),
        pytest.param(f"        pin: {PIN}\n", "", '"pin" is missing in mcp.notes.tools.search', id="not pinned"),
        pytest.param(PIN, PIN[:-1], "mcp.notes.tools.search.pin", id="no SHA-256"),
        pytest.param(PIN, PIN.upper(), "mcp.notes.tools.search.pin", id="not as it is printed"),
        pytest.param("    networks: [127.0.0.1/32]\n    tools:", "    tools:", '"networks" is missing in mcp.notes', id="anywhere"),
        pytest.param("127.0.0.1:9200/mcp", "u:secret@127.0.0.1:9200/mcp", "expected an http or https address without credentials", id="a credential"),
        pytest.param("127.0.0.1:9200/mcp", "127.0.0.1:9200/{account}", "the endpoint of a server has no slots", id="a slot in the address"),
        pytest.param("/account, type: identifier", "/account, tipe: identifier", '"tipe"', id="misspelt"),
        pytest.param(
            "{from: context, pointer: /account, type: identifier}", "{from: model, type: identifier}", "whose data is read", id="a model's identifier"
        ),
        pytest.param("topic: {from: model", "tenant_id: {from: model", 'its word "tenant"', id="an argument that is called like one"),
        pytest.param('{from: model, pattern: "[a-z]{1,20}"}', "{from: model}", "a string that the model fills is free text", id="free text"),
        pytest.param("limit: 3", "topic: x", '"topic" is both fixed and an argument', id="fixed and filled"),
        pytest.param("limit: 3", "limit: [3]", "mcp.notes.tools.search.fixed.limit", id="no plain value"),
        pytest.param("  notes:\n", "  billing:\n", "two tools are called", id="a name that is taken"),
        pytest.param("      search:\n", f"      {'s' * 60}:\n", "has more than 64 characters", id="a name that is too long"),
    ],
)
def test_what_is_not_written_is_not_allowed(refused: Refused, old: str, new: str, expected: str) -> None:
    """Each with its place; and a credential in an address is not repeated."""
    taken = (("      search:\n", "      seats:\n"),) if new == "  billing:\n" else ()

    findings = refused(MCP, (old, new), *taken)

    assert any(expected in finding for finding in findings), findings
    assert "secret" not in "".join(findings)


def test_what_stays_fresh_is_bounded(loaded: Load, refused: Refused) -> None:
    """Ten minutes at most, and nothing unless written."""
    kept = loaded(("description: Seats in use.", "description: Seats in use.\n    fresh_for: 60s"))
    (finding,) = refused(("description: Seats in use.", "description: Seats in use.\n    fresh_for: 11m"))

    assert (kept.tools["billing.seats"].fresh_ms, loaded().tools["billing.seats"].fresh_ms) == (60_000, 0)
    assert "expected at most 600000" in finding
