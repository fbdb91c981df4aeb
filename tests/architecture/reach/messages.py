"""What may leave towards an MCP server: every message the protocol knows, pushed at the door.

1. Nobody listens behind the door: what fails to connect has left, what is shut has not.
"""

import asyncio
import ssl
from collections.abc import Iterator, Mapping
from ipaddress import ip_address
from typing import Final

import httpx2
from mcp.types import methods

from agent.tools import mcp_door
from agent.tools.mcp_spec import McpServerSpec
from tests.architecture.reach.trying import tell

OPERATIONS: Final = {"server/discover", "initialize", "notifications/initialized", "tools/list", "tools/call"}
KNOWN: Final = methods.SPEC_CLIENT_METHODS | methods.SPEC_CLIENT_NOTIFICATION_METHODS | {"tasks/cancel", "tools/Call", "tools/callx", ""}
SPEC: Final = McpServerSpec(name="s", url="http://127.0.0.1:1/mcp", networks=("127.0.0.0/8",), timeout_ms=1_000)
TLS: Final = ssl.create_default_context()


def call(method: str, **params: object) -> Mapping[str, object]:
    return {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}


REFUSED: Final[tuple[tuple[str, object, str | None], ...]] = (
    ("another tool", call("tools/call", name="forget"), "search"),
    ("a tool where none is allowed", call("tools/call", name="search"), None),
    ("an answer to a server's question", {"jsonrpc": "2.0", "id": 1, "result": {"content": "the prompt"}}, "search"),
    ("several messages", [call("tools/list")], "search"),
)


async def leaves(body: object, *, method: str = "POST", tool: str | None = "search") -> bool:
    door = mcp_door.Door(SPEC, (ip_address("127.0.0.1"),), TLS, tool=tool, traceparent="")
    try:
        await door.handle_async_request(httpx2.Request(method, SPEC.url, json=body))
    except httpx2.ConnectError:
        return True
    except mcp_door.Shut:
        return False
    return False


def complaints() -> Iterator[str]:
    if set(mcp_door.OPERATIONS) != OPERATIONS:
        yield f"the operations of an MCP server are {', '.join(sorted(mcp_door.OPERATIONS))}"
    for method in sorted(KNOWN):
        if asyncio.run(leaves(call(method, name="search"))) != (method in OPERATIONS):
            yield f"MCP message {method!r}: let through where it must not be, or the other way round"
    for what, body, tool in REFUSED:
        if asyncio.run(leaves(body, tool=tool)):
            yield f"the door to an MCP server lets through {what}"
    for method in ("GET", "PUT", "PATCH", "DELETE"):
        if asyncio.run(leaves(call("tools/list"), method=method)):
            yield f"the door to an MCP server lets through a {method}"


if __name__ == "__main__":
    tell(complaints())
