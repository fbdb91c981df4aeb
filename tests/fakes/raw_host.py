"""A host on a real socket that behaves as it is told, down to the byte, and counts what reached it.

1. A behaviour is data: how much of the request to read, which bytes to send, and what to do then.
2. A delivery is a complete request, head and body; `connections` counts every connection accepted.
3. One behaviour per request, in order; the last one stays.
"""

import asyncio
import socket
import ssl
import struct
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from types import TracebackType
from typing import Final, Self, cast

_FLOOD_BYTES_MAX: Final = 64 * 1024 * 1024
_DRIP_S: Final = 0.01
_HEAD_BYTES_MAX: Final = 64 * 1024


class Read(StrEnum):
    NOTHING = "nothing"  # acts as soon as it has accepted
    SOME = "some"  # the first bytes
    HEAD = "head"
    ALL = "all"


class Then(StrEnum):
    KEEP = "keep"  # wait for the next request
    CLOSE = "close"
    RESET = "reset"  # RST instead of FIN
    HOLD = "hold"  # say nothing until the client goes
    HOLD_UNREAD = "hold_unread"  # likewise, and read no more of the request
    DRIP = "drip"  # send byte by byte, then hold
    FLOOD = "flood"  # send without end


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    read: Read = Read.ALL
    send: bytes = b""
    then: Then = Then.KEEP
    flood: bytes = b"1000\r\n" + b"f" * 4_096 + b"\r\n"  # one chunk of a chunked body


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    method: str
    path: str
    headers: dict[str, str]  # names in lower case
    body: bytes


def reply(status: int, body: bytes = b'{"ok":true}', *headers: str) -> bytes:
    """A complete answer with a Content-Length."""
    lines = (f"HTTP/1.1 {status} Told", "Content-Type: application/json", f"Content-Length: {len(body)}", *headers)
    return "\r\n".join((*lines, "", "")).encode("ascii") + body


_HUGE: Final = b'"' + b"h" * 200_000 + b'"'
_CHUNKED: Final = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"

BEHAVIOURS: Final[dict[str, Script]] = {
    "ok": Script(send=reply(201)),
    "ok_empty": Script(send=b"HTTP/1.1 204 No Content\r\n\r\n"),
    "ok_chunked": Script(send=_CHUNKED + b'4\r\n{"ok\r\n7\r\n":true}\r\n0\r\nX-Sum: 1\r\n\r\n'),
    "ok_until_close": Script(send=b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{"ok":true}', then=Then.CLOSE),
    "until_reset": Script(send=b'HTTP/1.1 200 OK\r\n\r\n{"ok":true}', then=Then.RESET),
    "ok_says_close": Script(send=reply(200, b"{}", "Connection: close"), then=Then.CLOSE),
    "ok_after_100": Script(send=b"HTTP/1.1 100 Continue\r\n\r\n" + reply(201)),
    "ok_then_surplus": Script(send=reply(201) + b"HTTP/1.1 500 Late"),
    "close_idle_keepalive": Script(send=reply(201), then=Then.CLOSE),
    "accepted_202": Script(send=reply(202)),
    "redirect_302": Script(send=reply(302, b"", "Location: /elsewhere")),
    "redirect_307": Script(send=reply(307, b"", "Location: /elsewhere")),
    "refused_401": Script(send=reply(401)),
    "refused_409": Script(send=reply(409)),
    "refused_429": Script(send=reply(429, b"{}", "Retry-After: 0")),
    "refused_early_413": Script(read=Read.HEAD, send=reply(413), then=Then.HOLD),
    "error_500": Script(send=reply(500)),
    "error_503": Script(send=reply(503, b"{}", "Retry-After: 0"), then=Then.CLOSE),
    "half_body": Script(send=reply(201)[:-5], then=Then.CLOSE),
    "half_body_reset": Script(send=reply(201)[:-5], then=Then.RESET),
    "half_body_held": Script(send=reply(201)[:-5], then=Then.HOLD),
    "half_chunk": Script(send=_CHUNKED + b'4\r\n{"ok\r\n7\r\n":tr', then=Then.CLOSE),
    "bad_chunk": Script(send=_CHUNKED + b'4\r\n{"ok\r\nzz\r\n', then=Then.HOLD),
    "huge_body": Script(send=reply(201, _HUGE)),
    "endless_body": Script(send=_CHUNKED + b"4\r\nflow\r\n", then=Then.FLOOD),
    "read_some_then_close": Script(read=Read.SOME, then=Then.CLOSE),
    "read_some_then_reset": Script(read=Read.SOME, then=Then.RESET),
    "read_then_close": Script(then=Then.CLOSE),
    "read_then_reset": Script(then=Then.RESET),
    "half_header": Script(send=b"HTTP/1.1 201 Created\r\nContent-Le", then=Then.CLOSE),
    "half_header_reset": Script(send=b"HTTP/1.1 201 Created\r\nContent-Le", then=Then.RESET),
    "half_header_held": Script(send=b"HTTP/1.1 201 Created\r\nContent-Le", then=Then.HOLD),
    "slow_header": Script(send=reply(201), then=Then.DRIP),
    "huge_header": Script(send=b"HTTP/1.1 201 Created\r\n" + b"X-Fill: 0123456789\r\n" * 2_000 + b"Content-Length: 0\r\n\r\n"),
    "endless_header": Script(send=b"HTTP/1.1 201 Created\r\n", then=Then.FLOOD, flood=b"X-Fill: 0123456789\r\n" * 200),
    "garbage": Script(send=b"\x00\x01not a protocol\r\n\r\n", then=Then.HOLD),
    "other_protocol": Script(send=b"RTSP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", then=Then.HOLD),
    "http2_status_line": Script(send=b"HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n", then=Then.HOLD),
    "two_lengths": Script(send=b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}", then=Then.HOLD),
    "length_and_chunked": Script(send=b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", then=Then.HOLD),
    "interim_then_close": Script(send=b"HTTP/1.1 102 Processing\r\n\r\n", then=Then.CLOSE),
    "interim_without_end": Script(send=b"HTTP/1.1 102 Processing\r\n\r\n" * 40 + reply(201), then=Then.HOLD),
    "switching_101": Script(send=b"HTTP/1.1 101 Switching\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n" + reply(201), then=Then.HOLD),
    "never_answers": Script(then=Then.HOLD),
}


class RawHost:
    """`async with RawHost(BEHAVIOURS["ok"]) as host:` listens on loopback, on a port of its own."""

    def __init__(self, *scripts: Script, tls: ssl.SSLContext | None = None) -> None:
        self.deliveries: list[Request] = []
        self.connections = 0
        self.ended = 0  # connections this host has closed or lost
        self._scripts = scripts or (BEHAVIOURS["ok"],)
        self._asked = 0
        self._tls = tls
        self._stopped = asyncio.Event()
        self._changed = asyncio.Condition()
        self._open: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None
        self.port = 0

    @property
    def url(self) -> str:
        return f"{'http' if self._tls is None else 'https'}://127.0.0.1:{self.port}"

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self._tls)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        assert self._server is not None
        self._server.close()
        self._stopped.set()
        for writer in tuple(self._open):
            writer.transport.abort()
        await self.until(lambda: not self._open)

    async def until(self, true: Callable[[], bool]) -> None:
        """Waits for what this host has seen or done; the test's own timeout bounds it."""
        async with self._changed:
            await self._changed.wait_for(true)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._open.add(writer)
        try:
            while await self._answer(reader, writer) is Then.KEEP:
                await self._tell()
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            writer.transport.abort()
        finally:
            self._open.discard(writer)
            self.ended += 1
            await self._tell()

    async def _tell(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Then:
        if self._script().read is not Read.NOTHING:
            first = await reader.readexactly(1)
            await self._take(first, reader)
        script = self._script()
        self._asked += 1
        await self._tell()
        if script.then is Then.DRIP:
            await self._drip(script.send, reader, writer)
            return script.then
        writer.write(script.send)
        await writer.drain()
        match script.then:
            case Then.CLOSE:
                writer.close()
                await writer.wait_closed()
            case Then.RESET:
                writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                writer.transport.abort()
            case Then.HOLD:
                await self._hold(reader, writer)
            case Then.HOLD_UNREAD:
                cast("asyncio.ReadTransport", writer.transport).pause_reading()
                await self._stopped.wait()
            case Then.FLOOD:
                await self._flood(script.flood, writer)
            case _:
                pass
        return script.then

    async def _take(self, first: bytes, reader: asyncio.StreamReader) -> None:
        script = self._script()
        if script.read is Read.SOME:
            return
        head = first + await reader.readuntil(b"\r\n\r\n")
        if script.read is Read.HEAD:
            return
        start, *lines = head.decode("ascii").split("\r\n")[:-2]
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        method, path, _ = start.split(" ")
        self.deliveries.append(Request(method=method, path=path, headers=headers, body=body))

    async def _hold(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.read(_HEAD_BYTES_MAX):
            pass
        writer.transport.abort()

    async def _drip(self, sent: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for position in range(len(sent)):
            writer.write(sent[position : position + 1])
            await writer.drain()
            await asyncio.sleep(_DRIP_S)  # how this host behaves; no test waits on it
        await self._hold(reader, writer)

    async def _flood(self, part: bytes, writer: asyncio.StreamWriter) -> None:
        for _ in range(_FLOOD_BYTES_MAX // len(part)):
            writer.write(part)
            await writer.drain()
        writer.transport.abort()

    def _script(self) -> Script:
        return self._scripts[min(self._asked, len(self._scripts) - 1)]
