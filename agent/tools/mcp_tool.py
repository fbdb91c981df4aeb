"""One allowed tool of an MCP server: the pin looked at and the tool called in one conversation, which is over with the call.

1. Every call lists first. A tool that is not the pinned one is not called: it is disabled, which is told once, and again when it ends.
2. What the server says is data: text is bounded and shown, whatever else it sends is left out, its errors are told by their number alone.
3. The tool's own timeout is for all of it. Cancellation passes through, and nothing is left behind.
4. The SDK's logging would quote answers; it is silenced. Its validation of results is left out: it runs the server's patterns in our process.
"""

import asyncio
import json
import logging
import ssl
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final, TypeVar
from urllib.parse import urlsplit

import httpx2
from mcp import MCPError
from mcp.client import ClientSession
from mcp.client.streamable_http import streamable_http_client
from mcp.types import CallToolResult, Implementation, TextContent
from pydantic import ValidationError

from agent.tools.mcp_door import WIRE_BYTES_MAX, Door
from agent.tools.mcp_listing import Unlisted, complaint, listed
from agent.tools.mcp_spec import McpServerSpec, McpToolSpec, SeenTool
from agent.tools.network import Resolution, checked_addresses
from agent.tools.port import Result
from agent.tools.slots import Unfilled, fill_slots

Told = Callable[[str, str], None]
"""Told the name of a tool and why it is disabled, "" when it no longer is."""

_Found = TypeVar("_Found")
_CLIENT: Final = Implementation(name="countersign-agent", version="1")
for _name in ("mcp", "client"):  # the names the SDK logs under
    logging.getLogger(_name).setLevel(logging.CRITICAL + 1)


class Unanswered(Exception):
    """No usable answer came; the message says what was seen and quotes nothing."""


@dataclass(frozen=True, slots=True)
class _No:
    error: Exception


class _Session(ClientSession):
    async def validate_tool_result(self, name: str, result: CallToolResult) -> None:
        """What comes back is untrusted text whatever its schema."""


class McpTool:
    """One tool of one server. `disabled` says why it is not called, "" while it is; nothing is known before the first call."""

    def __init__(self, spec: McpToolSpec, told: Told) -> None:
        self._spec = spec
        self._told = told
        self._tls = ssl.create_default_context(cafile=spec.server.ca_file)
        self.disabled = ""

    async def call(self, *, args: Mapping[str, str | int], context: Mapping[str, object], traceparent: str) -> Result:
        arguments = fill_slots(self._spec.slots, args=args, context=context)
        if isinstance(arguments, Unfilled):
            return Result(arguments={}, body=b"", note=f"it was not called: {arguments.why}", ok=False)
        body, note, ok = b"", "", False
        own = asyncio.timeout(self._spec.server.timeout_ms / 1000)
        try:
            async with own:
                body, note, ok = await self._ask(arguments, traceparent)
        except TimeoutError:
            note = f"no answer within {self._spec.server.timeout_ms} ms" if own.expired() else "it timed out"
        except Resolution as error:
            note = f"it was not called: {error}"
        except Unanswered as error:
            note = str(error)
        return Result(arguments=arguments, body=body, note=note, ok=ok)

    async def look(self) -> str:
        """Whether it is still the pinned one, without calling it: why it cannot be said, "" when it can."""
        try:
            tools = await seen_tools(self._spec.server)
        except Unanswered as error:
            return str(error)
        self._stand(complaint(tools, name=self._spec.tool, pin=self._spec.pin))
        return ""

    async def _ask(self, arguments: Mapping[str, str | int], traceparent: str) -> tuple[bytes, str, bool]:
        spec = self._spec

        async def look_and_call(session: ClientSession) -> tuple[bytes, str, bool]:
            self._stand(complaint(await listed(session), name=spec.tool, pin=spec.pin))
            if self.disabled:
                return b"", f"it was not called, it is disabled: {self.disabled}", False
            answer = await session.call_tool(spec.tool, {**spec.fixed, **arguments}, allow_input_required=True)
            if not isinstance(answer, CallToolResult):
                return b"", "it asked for something in return, which it does not get", False
            return _shown(answer, bytes_max=spec.result_bytes_max)

        return await _talk(spec.server, self._tls, look_and_call, tool=spec.tool, traceparent=traceparent)

    def _stand(self, why: str) -> None:
        if why != self.disabled:
            self.disabled = why
            self._told(self._spec.name, why)


async def seen_tools(server: McpServerSpec) -> tuple[SeenTool, ...]:
    """What the server lists now; nothing is called. Raises `Unanswered`."""
    tls = ssl.create_default_context(cafile=server.ca_file)
    try:
        async with asyncio.timeout(server.timeout_ms / 1000):
            return await _talk(server, tls, listed, tool=None, traceparent="")
    except TimeoutError as error:
        raise Unanswered(f"no answer within {server.timeout_ms} ms") from error
    except Resolution as error:
        raise Unanswered(f"it was not called: {error}") from error


async def _talk(
    server: McpServerSpec, tls: ssl.SSLContext, then: Callable[[ClientSession], Awaitable[_Found]], *, tool: str | None, traceparent: str
) -> _Found:
    """One conversation: connect, agree, `then`, goodbye. Raises `Unanswered` and `Resolution`."""
    parts = urlsplit(server.url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    addresses = await checked_addresses(host=parts.hostname or "", port=port, networks=server.networks)
    door = Door(server, addresses, tls, tool=tool, traceparent=traceparent)
    task = asyncio.current_task()
    cancelled_before = task.cancelling() if task is not None else 0
    try:
        async with (
            httpx2.AsyncClient(transport=door, trust_env=False, timeout=server.timeout_ms / 1000) as client,
            streamable_http_client(server.url, http_client=client, terminate_on_close=False, max_sse_event_size=WIRE_BYTES_MAX) as streams,
            _Session(*streams, client_info=_CLIENT) as session,
        ):
            found = await _said(session, then)
            await door.farewell()
    except ExceptionGroup as broken:  # what the SDK makes of a server that breaks its rules; a bug of ours stays one
        if broken.subgroup(AssertionError) is not None:
            raise
        if task is not None and task.cancelling() > cancelled_before:
            raise asyncio.CancelledError from broken
        raise Unanswered(_why(door, broken)) from broken
    if isinstance(found, _No):
        raise Unanswered(_why(door, found.error)) from found.error
    return found


async def _said(session: ClientSession, then: Callable[[ClientSession], Awaitable[_Found]]) -> "_Found | _No":
    """Errors of the conversation are values while it lasts, so that it can be ended in order."""
    try:
        await _agree(session)
        return await then(session)
    except (MCPError, ValidationError, RuntimeError, Unlisted) as error:
        return _No(error)


async def _agree(session: ClientSession) -> None:
    """On a version of the protocol: the newer way of asking first, then the handshake."""
    try:
        await session.discover()
    except (MCPError, ValidationError, RuntimeError):
        await session.initialize()


def _why(door: Door, error: BaseException) -> str:
    if isinstance(error, Unlisted):
        return f"it was not called: {error}"
    if door.flaw:
        return door.flaw
    if door.status >= 400:
        return f"it answered HTTP {door.status}"
    if isinstance(error, MCPError):
        return f"it answered with error {error.code}"
    return "no usable answer came"


def _shown(answer: CallToolResult, *, bytes_max: int) -> tuple[bytes, str, bool]:
    """Body, note, and whether the body is all of it."""
    if answer.is_error:
        return b"", "it answered with an error", False
    texts = [block.text for block in answer.content if isinstance(block, TextContent)]
    left_out = len(answer.content) - len(texts)
    text = "\n".join(texts)
    if not texts and answer.structured_content is not None:
        text = json.dumps(answer.structured_content, ensure_ascii=False)
    body = text.encode("utf-8", "replace")
    if len(body) > bytes_max:
        return body[:bytes_max], f"cut off at {bytes_max} bytes", False
    return body, f"{left_out} parts that are no text are left out" if left_out else "", True
