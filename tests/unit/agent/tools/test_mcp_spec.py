"""The spec of an MCP tool: what its author can get wrong is told when it is made."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from agent.tools.mcp_spec import McpServerSpec, McpToolSpec
from agent.tools.spec import SlotSpec, SlotType, Source
from tests.unit.agent.tools.mcp_made import ACCOUNT, server_spec, tool_spec

SERVER = server_spec("https://notes.internal/mcp")


@pytest.mark.parametrize("url", ["ftp://notes/mcp", "notes/mcp", "https://u:p@notes/mcp", "https://notes/mcp#x", "https://{notes}/mcp", "https://no tes/mcp"])
def test_an_address_that_is_none_is_refused(url: str) -> None:
    """It stands as it is, without slots, credentials or fragment."""
    with pytest.raises(ValueError, match="no address of a server"):
        server_spec(url)


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda: server_spec("https://notes/mcp", networks=()), "at least one block"),
        (lambda: server_spec("https://notes/mcp", networks=("10.0.0.1/8",)), "not a CIDR block"),
        (lambda: server_spec("https://notes/mcp", timeout_ms=0), "timeout_ms must be 1 to"),
        (lambda: server_spec("https://notes/mcp", authorization="Bearer x\r\nHost: y"), "must be one line"),
        (lambda: replace(SERVER, name="no tes"), "a server's name is"),
        (lambda: tool_spec(SERVER, read_only=False), "has to say that it only reads"),
        (lambda: tool_spec(SERVER, pin=b"short"), "the pin is a SHA-256"),
        (lambda: tool_spec(SERVER, tool="search notes"), "odd characters"),
        (lambda: tool_spec(SERVER, fixed={"account": "foundry"}), "either fixed or a slot"),
        (lambda: tool_spec(SERVER, result_bytes_max=32_769), "result_bytes_max must be 1 to 32768"),
        (lambda: tool_spec(SERVER, slots={"account": SlotSpec(source=Source.MODEL, type=SlotType.IDENTIFIER)}), "never from the model"),
    ],
)
def test_no_tool_without_its_bounds(make: Callable[[], McpServerSpec | McpToolSpec], why: str) -> None:
    """Each says what is missing."""
    with pytest.raises(ValueError, match=why):
        make()


def test_the_model_sees_its_own_slots_alone() -> None:
    """Neither the account nor what is fixed."""
    assert tool_spec(SERVER).model_slots.keys() == {"topic"}
    assert tool_spec(SERVER, slots={"account": ACCOUNT}).model_slots == {}


def test_a_credential_is_not_in_what_is_printed() -> None:
    """Nor in what holds it."""
    assert "s3cret" not in repr(tool_spec(server_spec("https://notes/mcp", authorization="Bearer s3cret")))
