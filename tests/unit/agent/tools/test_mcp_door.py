"""The only way out to an MCP server, pushed from both sides."""

import json
import ssl
from collections.abc import Mapping
from ipaddress import ip_address
from typing import Any

import httpx2
import pytest
from aiohttp import web

from agent.tools.mcp_door import Door, Shut
from tests.fakes.mcp_raw import RawMcp
from tests.unit.agent.tools.mcp_made import server_spec

Message = Mapping[str, Any]


async def rightly(message: Message, request: web.Request) -> web.StreamResponse | None:
    return None


async def sent(url: str, body: object, *, method: str = "POST", to: str = "", tool: str | None = "search_notes") -> httpx2.Response:
    door = Door(server_spec(url), (ip_address("127.0.0.1"),), ssl.create_default_context(), tool=tool, traceparent="")
    async with httpx2.AsyncClient(transport=door, trust_env=False) as client:
        return await client.request(method, to or url, json=body, headers={"cookie": "a=b", "x-other": "1", "mcp-method": "m"})


def call(method: str, **params: object) -> Message:
    return {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}


@pytest.mark.parametrize(
    "body",
    [
        *[call(f"resources/{verb}", uri="file:///etc/passwd") for verb in ("read", "list", "subscribe", "templates/list")],
        call("prompts/get", name="x"),
        call("completion/complete"),
        call("logging/setLevel", level="debug"),
        call("tasks/cancel"),
        call("notifications/roots/list_changed"),
        call("Tools/Call", name="search_notes"),
        call("tools/call", name="forget_notes"),
        call("tools/call", name="search_notes "),
        call("tools/call"),
        {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": ["search_notes"]},
        {"jsonrpc": "2.0", "id": 1, "result": {"role": "assistant", "content": {"type": "text", "text": "the prompt was …"}, "model": "m"}},
        {"jsonrpc": "2.0", "id": 1, "result": {"roots": []}},
        [call("tools/list")],
        "tools/list",
        {},
    ],
    ids=lambda body: json.dumps(body)[:60],
)
async def test_what_is_not_on_the_list_does_not_leave(body: object) -> None:
    """Reading files, answering samplings, calling another tool: none of it reaches the wire."""
    async with RawMcp(rightly) as server:
        with pytest.raises(Shut):
            await sent(server.url, body)

    assert server.requests == []


async def test_a_listing_calls_nothing() -> None:
    """Without a tool, not even the right one."""
    async with RawMcp(rightly) as server:
        with pytest.raises(Shut, match="another tool"):
            await sent(server.url, call("tools/call", name="search_notes"), tool=None)

    assert server.requests == []


@pytest.mark.parametrize(("method", "path"), [("PUT", ""), ("DELETE", ""), ("PATCH", ""), ("POST", "/admin")])
async def test_only_messages_leave_and_only_to_the_server(method: str, path: str) -> None:
    """The SDK ends no session by itself here, and no redirect can make it speak elsewhere."""
    async with RawMcp(rightly) as server:
        with pytest.raises(Shut, match="something else than a message"):
            await sent(server.url, call("tools/list"), method=method, to=server.url + path)

    assert server.requests == []


async def test_listening_is_declined_here() -> None:
    """No stream is opened; the SDK is told that there is none."""
    async with RawMcp(rightly) as server:
        response = await sent(server.url, None, method="GET")

    assert (response.status_code, server.requests) == (405, [])


async def test_only_declared_headers_leave() -> None:
    """No cookie, nothing the SDK or the environment adds."""
    heard: list[str] = []

    async def listen(message: Message, request: web.Request) -> web.StreamResponse | None:
        heard.extend(request.headers)
        return None

    async with RawMcp(listen) as server:
        await sent(server.url, call("tools/list"))

    assert {name.lower() for name in heard} == {"host", "accept", "accept-encoding", "connection", "user-agent", "content-length", "content-type", "mcp-method"}
