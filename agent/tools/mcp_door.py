"""The HTTP transport under the MCP SDK: the only way out to a server, and everything that may pass it.

1. Out go POSTs of the few messages below, and the DELETE that ends our own session; of tools only the one named here is called. Whatever
   else the SDK or a server would have us send ends the exchange. There is no sampling, elicitation, root, resource or prompt.
2. The connection goes to an address that was checked; redirects, compressed bodies and proxies are refused. A body is read to
   `WIRE_BYTES_MAX` and not further, and an exchange has at most `POSTS_MAX` messages.
3. Only the headers named here leave, the authorization being ours or none. `flaw` says what the door refused, and never holds a header.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator, Mapping
from typing import Final

import httpx2

from agent.strict_json import NotStrict, parse
from agent.tools.mcp_spec import McpServerSpec
from agent.tools.network import Address

WIRE_BYTES_MAX: Final = 512 * 1024
POSTS_MAX: Final = 32
OPERATIONS: Final = frozenset({"server/discover", "initialize", "notifications/initialized", "tools/list", "tools/call"})
_UNSENT: Final = frozenset({"notifications/cancelled"})  # the SDK's courtesy; closing the connection says as much
_LEAVING: Final = frozenset({"host", "accept", "connection", "content-length", "content-type"})
_LEAVING_PREFIX: Final = "mcp-"
_SESSION: Final = "mcp-session-id"
_FAREWELL_S: Final = 0.25  # what was asked for is there already


class Shut(httpx2.TransportError):
    """The door let something not pass; the message says what."""


class Door(httpx2.AsyncBaseTransport):
    """One exchange with one server. `tool` None: nothing may be called, only listed."""

    def __init__(self, server: McpServerSpec, addresses: tuple[Address, ...], tls: ssl.SSLContext, *, tool: str | None, traceparent: str) -> None:
        self._server = server
        self._addresses = addresses
        self._tool = tool
        self._traceparent = traceparent
        self._posts = 0
        self._session = ""
        self._inner = httpx2.AsyncHTTPTransport(verify=tls, trust_env=False, retries=0)
        self.flaw = ""
        self.status = 0  # of the last answer

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """The answer of the server, or one of ours where nothing needs to be sent. Raises `Shut`."""
        if request.method == "GET":  # the SDK offers to listen; there is nothing we would hear
            return httpx2.Response(405)
        if request.method != "POST" or str(request.url) != str(httpx2.URL(self._server.url)):
            raise self._shut("it would have had us send something else than a message")
        body = await request.aread()
        if self._is_courtesy(body):
            return httpx2.Response(202)
        self._posts += 1
        if self._posts > POSTS_MAX:
            raise self._shut("it keeps the conversation going")
        response = await self._send("POST", request.headers, body, request.extensions)
        self.status = response.status_code
        self._session = self._session or response.headers.get(_SESSION, "")
        return response

    async def farewell(self) -> None:
        """Ends our session, if the server gave us one. Whatever comes of it, it is over."""
        if self._session:
            try:
                async with asyncio.timeout(_FAREWELL_S):
                    response = await self._send("DELETE", httpx2.Headers({_SESSION: self._session}), b"", {})
                    await response.aclose()
            except (TimeoutError, httpx2.HTTPError):
                return

    async def aclose(self) -> None:
        await self._inner.aclose()

    def _is_courtesy(self, body: bytes) -> bool:
        """Whether this message need not be sent. Raises `Shut` for one that must not be."""
        try:
            message = parse(body)
        except NotStrict as error:
            raise self._shut("it would have had us send what is no message") from error
        if not isinstance(message, dict):
            raise self._shut("it would have had us send several messages at once")
        method, params = message.get("method"), message.get("params")
        if method is None and ("error" in message or message.get("result") == {}):  # what a server asks of us is declined; a ping is answered
            return False
        if method in _UNSENT:
            return True
        if method not in OPERATIONS:
            raise self._shut("it would have had us do something else than list and call")
        if method == "tools/call" and (self._tool is None or not isinstance(params, dict) or params.get("name") != self._tool):
            raise self._shut("it would have had us call another tool")
        return False

    async def _send(self, method: str, headers: httpx2.Headers, body: bytes, extensions: Mapping[str, object]) -> httpx2.Response:
        url = httpx2.URL(self._server.url)
        leaving = self._headers(headers, url)
        last: httpx2.ConnectError | None = None
        for address in self._addresses:
            sent = httpx2.Request(method, url.copy_with(host=str(address)), headers=leaving, content=body, extensions={**extensions, "sni_hostname": url.host})
            try:
                return self._fit(await self._inner.handle_async_request(sent))
            except httpx2.ConnectError as error:  # nothing has left yet: the next address may be asked
                last = error
        raise last or self._shut("its host has no address")

    def _headers(self, headers: httpx2.Headers, url: httpx2.URL) -> list[tuple[str, str]]:
        kept = [(name, value) for name, value in headers.multi_items() if name.lower() in _LEAVING or name.lower().startswith(_LEAVING_PREFIX)]
        kept = [(name, value) for name, value in kept if name.lower() not in {"host", "content-length"}]
        kept += [("host", url.netloc.decode("ascii")), ("accept-encoding", "identity"), ("user-agent", "countersign-agent")]
        if self._server.authorization is not None:
            kept.append(("authorization", self._server.authorization))
        if self._traceparent:
            kept.append(("traceparent", self._traceparent))
        return kept

    def _fit(self, response: httpx2.Response) -> httpx2.Response:
        if 300 <= response.status_code < 400:
            raise self._shut(f"it answered HTTP {response.status_code}, a redirect, which is not followed")
        if response.headers.get("content-encoding", "identity") != "identity":
            raise self._shut("its answer is compressed though it was asked not to be")
        stream = response.stream
        assert isinstance(stream, httpx2.AsyncByteStream), "an asynchronous transport streams asynchronously"
        return httpx2.Response(response.status_code, headers=response.headers, stream=_Bounded(stream, self), extensions=response.extensions)

    def shut_by_size(self) -> Shut:
        return self._shut(f"its answer is larger than {WIRE_BYTES_MAX} bytes")

    def _shut(self, why: str) -> Shut:
        self.flaw = why
        return Shut(why)


class _Bounded(httpx2.AsyncByteStream):
    def __init__(self, stream: httpx2.AsyncByteStream, door: Door) -> None:
        self._stream = stream
        self._door = door

    async def __aiter__(self) -> AsyncIterator[bytes]:
        seen = 0
        async for part in self._stream:
            seen += len(part)
            if seen > WIRE_BYTES_MAX:
                raise self._door.shut_by_size()
            yield part

    async def aclose(self) -> None:
        await self._stream.aclose()
