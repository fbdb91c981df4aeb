"""An MCP server that breaks every rule, by hand: what it answers to each message is what the test says, byte for byte.

1. `answer` gets the decoded message and the request, and returns the response; without one, list and discovery are as they should be.
2. `messages` is everything that reached it, `requests` the HTTP methods and paths.
"""

import json
import ssl
from collections.abc import Awaitable, Callable, Mapping
from types import TracebackType
from typing import Any, Self

from aiohttp import web

from tests.fakes.mcp_notes import DESCRIPTION, SCHEMA

Answer = Callable[[Mapping[str, Any], web.Request], Awaitable[web.StreamResponse | None]]
DISCOVERED = {
    "supportedVersions": ["2026-07-28"],
    "capabilities": {"tools": {}},
    "resultType": "complete",
    "ttlMs": 0,
    "cacheScope": "private",
}
LISTED = {"tools": [{"name": "search_notes", "description": DESCRIPTION, "inputSchema": SCHEMA}], "resultType": "complete", "ttlMs": 0, "cacheScope": "private"}


def said(message: Mapping[str, Any], result: object) -> web.Response:
    return web.json_response({"jsonrpc": "2.0", "id": message.get("id"), "result": result})


class RawMcp:
    """Serves on the loopback at `url`, over TLS where a context is given."""

    def __init__(self, answer: Answer, tls: ssl.SSLContext | None = None) -> None:
        self._tls = tls
        self._answer = answer
        self.messages: list[Mapping[str, Any]] = []
        self.requests: list[str] = []
        self.url = ""

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_route("*", "/{anything:.*}", self._handle)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.0, handler_cancellation=True)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0, ssl_context=self._tls).start()
        self.url = f"http{'s' if self._tls else ''}://127.0.0.1:{self._runner.addresses[0][1]}/mcp"
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self._runner.cleanup()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(f"{request.method} {request.path}")
        body = await request.read()
        message = json.loads(body) if body else {}
        self.messages.append(message)
        answered = await self._answer(message, request)
        if answered is not None:
            return answered
        match message.get("method"):
            case "server/discover":
                return said(message, DISCOVERED)
            case "tools/list":
                return said(message, LISTED)
            case "tools/call":
                return said(message, {"content": [{"type": "text", "text": "fine"}], "resultType": "complete"})
        return web.Response(status=202)
