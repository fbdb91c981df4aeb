"""One GET or HEAD: to a checked address, without redirects, cookies, proxies or retries, read to its cap and not further.

1. `ok` means HTTP 200 and a whole body. A body over the cap is cut, said to be cut, and not ok; another status has no text.
"""

import asyncio
import ssl
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

import aiohttp
from yarl import URL

from agent.tools.network import Pinned, Resolution, checked_addresses
from agent.tools.port import Result, Tool
from agent.tools.slots import Unfilled, fill
from agent.tools.spec import ToolSpec

__all__ = ["HttpTool", "Result", "Tool"]

_HTTP_OK: Final = 200


class _Once:
    """A middleware that lets one request through: the library would send a GET again by itself when the connection breaks."""

    def __init__(self) -> None:
        self._sent = False

    async def __call__(self, request: aiohttp.ClientRequest, send: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
        if self._sent:
            raise aiohttp.ServerDisconnectedError
        self._sent = True
        return await send(request)


class HttpTool:
    """One declared URL template."""

    def __init__(self, spec: ToolSpec) -> None:
        self._spec = spec
        self._tls = ssl.create_default_context(cafile=spec.ca_file) if spec.url_template.startswith("https:") else None

    async def call(self, *, args: Mapping[str, str | int], context: Mapping[str, object], traceparent: str) -> Result:
        filled = fill(self._spec, args=args, context=context)
        if isinstance(filled, Unfilled):
            return Result(arguments={}, body=b"", note=f"it was not called: {filled.why}", ok=False)
        own = asyncio.timeout(self._spec.timeout_ms / 1000)
        try:
            async with own:
                return await self._get(filled.url, filled.arguments, traceparent)
        except TimeoutError:
            note = f"no answer within {self._spec.timeout_ms} ms" if own.expired() else "it timed out"
        except Resolution as error:
            note = f"it was not called: {error}"
        except (aiohttp.ClientError, OSError, ValueError) as error:
            note = f"no whole answer came ({type(error).__name__})"
        return Result(arguments=filled.arguments, body=b"", note=note, ok=False)

    async def _get(self, url: str, arguments: Mapping[str, str | int], traceparent: str) -> Result:
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        addresses = await checked_addresses(host=parts.hostname or "", port=port, networks=self._spec.networks)
        connector = aiohttp.TCPConnector(resolver=Pinned(addresses), use_dns_cache=False, force_close=True, ssl=self._tls or True)
        async with (
            aiohttp.ClientSession(
                connector=connector, cookie_jar=aiohttp.DummyCookieJar(), auto_decompress=False, trust_env=False, middlewares=(_Once(),)
            ) as session,
            session.request(self._spec.method, URL(url, encoded=True), headers=self._headers(traceparent), allow_redirects=False) as response,
        ):
            if response.status != _HTTP_OK:
                return Result(arguments=arguments, body=b"", note=f"it answered HTTP {response.status}", ok=False)
            if response.headers.get("Content-Encoding", "identity") != "identity":
                return Result(arguments=arguments, body=b"", note="its answer is compressed though it was asked not to be", ok=False)
            return await self._read(response, arguments)

    async def _read(self, response: aiohttp.ClientResponse, arguments: Mapping[str, str | int]) -> Result:
        if self._spec.method == "HEAD":
            return Result(arguments=arguments, body=b"", note="it answered HTTP 200", ok=True)
        cap, body = self._spec.result_bytes_max, bytearray()
        while len(body) <= cap:
            part = await response.content.read(cap + 1 - len(body))
            if not part:
                return Result(arguments=arguments, body=bytes(body), note="", ok=True)
            body += part
        return Result(arguments=arguments, body=bytes(body[:cap]), note=f"cut off at {cap} bytes", ok=False)

    def _headers(self, traceparent: str) -> Mapping[str, str]:
        headers = {"Accept": "application/json, text/*;q=0.5", "Accept-Encoding": "identity", "User-Agent": "countersign-agent"}
        if self._spec.authorization is not None:
            headers["Authorization"] = self._spec.authorization
        if traceparent:
            headers["traceparent"] = traceparent
        return headers
