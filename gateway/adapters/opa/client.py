"""One engine's API over its unix socket: `opa-python-client` on a session of ours, and our own POST for the questions.

1. The library keeps the session and asks after health; its retries are off, since it would repeat an evaluation error.
2. A question goes to a constant, escaped path. It is sent again once when the connection failed, evaluation having no effects; never on an answer.
3. Whatever aiohttp raises becomes `PolicyFault` here, and nowhere else. An answer longer than the bound is not read to its end.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import aiohttp
from opa_client.opa_async import AsyncOpaClient
from yarl import URL

from gateway.adapters.opa.own_bundle import WRAPPED
from gateway.domain.faults import PolicyFault
from gateway.ports.policy import Entrypoint

_CONNECTIONS_MAX: Final = 64
_TRACEPARENT: Final = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")
_ADDRESSES: Final = {
    entrypoint: URL(f"http://opa/v1/data/countersign_gateway/{rule}?strict-builtin-errors=true", encoded=True) for entrypoint, rule in WRAPPED.items()
}


@dataclass(frozen=True, slots=True)
class Reply:
    """`body` is None when it was longer than the bound."""

    status: int
    body: bytes | None


class ConnectionLost(PolicyFault):
    """The engine could not be reached, or went away in the middle."""


@contextmanager
def translated() -> Iterator[None]:
    """aiohttp's errors as ours."""
    try:
        yield
    except (aiohttp.ClientConnectionError, aiohttp.ClientPayloadError) as wrong:
        raise ConnectionLost(f"the policy engine's connection failed: {type(wrong).__name__}") from wrong
    except (aiohttp.ClientError, aiohttp.http_exceptions.HttpProcessingError) as wrong:
        raise PolicyFault(f"the policy engine did not speak HTTP as expected: {type(wrong).__name__}") from wrong


class OpaClient(AsyncOpaClient):
    """Nothing is asked before `open`."""

    def __init__(self, socket: Path) -> None:
        super().__init__(host="opa", retries=0)
        self._socket = socket

    async def open(self) -> None:
        """Make the session, on the running loop. `close_connection` ends it."""
        await self._init_session()

    async def _init_session(self) -> None:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.UnixConnector(path=str(self._socket), limit=_CONNECTIONS_MAX),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=None, sock_read=None),  # the question's deadline rules
            cookie_jar=aiohttp.DummyCookieJar(),
            skip_auto_headers=("Accept", "Accept-Encoding", "User-Agent"),
            auto_decompress=False,
            trust_env=False,
        )

    async def post(self, entrypoint: Entrypoint, body: bytes, *, traceparent: str, answer_bytes_max: int) -> Reply:
        """Ask; raises `PolicyFault`. The caller bounds the time."""
        headers = {"Content-Type": "application/json"}
        if _TRACEPARENT.fullmatch(traceparent):
            headers["traceparent"] = traceparent
        try:
            return await self._post(_ADDRESSES[entrypoint], body, headers, answer_bytes_max)
        except ConnectionLost:
            return await self._post(_ADDRESSES[entrypoint], body, headers, answer_bytes_max)

    async def _post(self, address: URL, body: bytes, headers: dict[str, str], answer_bytes_max: int) -> Reply:
        assert self._session is not None, "asked before the session was made"
        with translated():
            async with self._session.post(address, data=body, headers=headers, allow_redirects=False) as response:
                read = bytearray()
                async for chunk in response.content.iter_any():
                    read += chunk
                    if len(read) > answer_bytes_max:
                        response.close()
                        return Reply(response.status, None)
                return Reply(response.status, bytes(read))
