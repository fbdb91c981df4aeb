"""A real HTTP server on the loopback that agents read from: what it was asked, and whatever it is told to answer.

1. `paths` is every request line that reached it, undecoded; `headers` what came with each.
2. A page is bytes for 200, or a coroutine over the request for anything else.
"""

import ssl
from collections.abc import Awaitable, Callable, Mapping
from types import TracebackType
from typing import Self

from aiohttp import web

Page = bytes | Callable[[web.Request], Awaitable[web.StreamResponse]]


class ToolHost:
    """`pages` by raw path; anything else is 404. Over TLS where a context is given."""

    def __init__(self, pages: Mapping[str, Page], tls: ssl.SSLContext | None = None) -> None:
        self._tls = tls
        self._pages = pages
        self.paths: list[str] = []
        self.headers: list[Mapping[str, str]] = []
        self.origin = ""
        self.port = 0

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_route("*", "/{anything:.*}", self._answer)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.0, handler_cancellation=True)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0, ssl_context=self._tls).start()
        self.port = self._runner.addresses[0][1]
        self.origin = f"http{'s' if self._tls else ''}://127.0.0.1:{self.port}"
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self._runner.cleanup()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        self.paths.append(f"{request.method} {request.raw_path}")
        self.headers.append(dict(request.headers))
        page = self._pages.get(request.raw_path, self._missing)
        return web.Response(body=page, content_type="application/json") if isinstance(page, bytes) else await page(request)

    async def _missing(self, _: web.Request) -> web.StreamResponse:
        return web.Response(status=404)
