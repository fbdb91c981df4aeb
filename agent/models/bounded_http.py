"""The HTTP transport under the SDK: what may leave and how much may come.

1. Only the headers named here leave, whatever the SDK or the environment adds; the authorization is ours or none.
2. A response body is read to `ANSWER_BYTES_MAX` and not further, on success and on error alike. Compressed bodies are refused.
3. No proxy and no certificate path from the environment, no redirects, no connection kept: a long, paid question is never lost
   to a connection the server had already given up.
"""

import ssl
from collections.abc import AsyncIterator
from typing import Final

import httpx2

ANSWER_BYTES_MAX: Final = 256 * 1024

_LEAVING: Final = frozenset({"host", "accept", "connection", "content-length", "content-type", "user-agent", "traceparent"})


class AnswerUnfit(httpx2.TransportError):
    """The response is larger than allowed, or compressed; the message says which."""


class _Bounded(httpx2.AsyncByteStream):
    def __init__(self, stream: httpx2.AsyncByteStream) -> None:
        self._stream = stream

    async def __aiter__(self) -> AsyncIterator[bytes]:
        seen = 0
        async for part in self._stream:
            seen += len(part)
            if seen > ANSWER_BYTES_MAX:
                raise AnswerUnfit(f"its answer is larger than {ANSWER_BYTES_MAX} bytes")
            yield part

    async def aclose(self) -> None:
        await self._stream.aclose()


class BoundedTransport(httpx2.AsyncBaseTransport):
    """One model server's transport. `ca_file` is a PEM file or None for the system's roots."""

    def __init__(self, *, api_key: str | None, ca_file: str | None) -> None:
        self._authorization = None if api_key is None else f"Bearer {api_key}"
        limits = httpx2.Limits(max_connections=None, max_keepalive_connections=0)  # how many is the caller's to bound
        self._inner = httpx2.AsyncHTTPTransport(verify=ssl.create_default_context(cafile=ca_file), trust_env=False, limits=limits)

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        response = await self._inner.handle_async_request(self._stripped(request))
        if response.headers.get("content-encoding", "identity") != "identity":
            await response.aclose()
            raise AnswerUnfit("its answer is compressed though it was asked not to be")
        if not isinstance(response.stream, httpx2.AsyncByteStream):
            raise AnswerUnfit("its answer cannot be read as a stream")
        return httpx2.Response(response.status_code, headers=response.headers, stream=_Bounded(response.stream), extensions=response.extensions)

    def _stripped(self, request: httpx2.Request) -> httpx2.Request:
        """A copy: the SDK reads its own headers off the original again."""
        headers = [(name, value) for name, value in request.headers.multi_items() if name.lower() in _LEAVING]
        headers.append(("accept-encoding", "identity"))
        if self._authorization is not None:
            headers.append(("authorization", self._authorization))
        return httpx2.Request(request.method, request.url, headers=headers, stream=request.stream, extensions=request.extensions)

    async def aclose(self) -> None:
        await self._inner.aclose()
