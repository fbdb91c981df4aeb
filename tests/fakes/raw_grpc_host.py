"""The least HTTP/2 server that misbehaves as it is told and counts what reached it: frames (RFC 9113) and literal headers, nothing more.

1. A behaviour is data: the frames to send once a request has arrived whole, and what to do then.
2. A delivery is the message of a request that arrived whole; `connections` counts every connection accepted.
3. One behaviour per request, in order; the last one stays.
"""

import asyncio
import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from types import TracebackType
from typing import Final, Self, cast

_PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_DATA, _HEADERS, _RST_STREAM, _SETTINGS, _PING, _GOAWAY = 0x0, 0x1, 0x3, 0x4, 0x6, 0x7
_END_STREAM = _ACK = 0x1
_END_HEADERS: Final = 0x4
_FRAMES_MAX: Final = 10_000
NO_ERROR, INTERNAL_ERROR, REFUSED_STREAM, CANCEL, ENHANCE_YOUR_CALM = 0x0, 0x2, 0x7, 0x8, 0xB

Frames = Callable[[int], bytes]  # of a stream


class After(StrEnum):
    KEEP = "keep"
    CLOSE = "close"
    RESET = "reset"  # RST instead of FIN
    HOLD = "hold"  # say nothing more until the client goes


def raw(said: bytes) -> Frames:
    """The same whatever the stream."""
    return lambda _: said


NOTHING: Final = raw(b"")


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    send: Frames = NOTHING
    after: After = After.KEEP
    on_accept: bool = False  # acts before it has spoken HTTP/2
    on_headers: bool = False  # acts when the headers are there, before the message


def frame(kind: int, body: bytes = b"", *, flags: int = 0, stream: int = 0) -> bytes:
    return len(body).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + body


def _text(text: str) -> bytes:
    assert len(text) < 127, "a length of one byte"
    return bytes([len(text)]) + text.encode("ascii")


def headers(fields: dict[str, str], *, end: bool = False) -> Frames:
    block = b"".join(b"\x00" + _text(name) + _text(value) for name, value in fields.items())  # literal, not indexed (RFC 7541, 6.2.2)
    return lambda stream: frame(_HEADERS, block, flags=_END_HEADERS | (_END_STREAM if end else 0), stream=stream)


def message(body: bytes) -> Frames:
    return lambda stream: frame(_DATA, b"\x00" + len(body).to_bytes(4, "big") + body, stream=stream)


def data(body: bytes) -> Frames:
    return lambda stream: frame(_DATA, body, stream=stream)


def reset(code: int) -> Frames:
    return lambda stream: frame(_RST_STREAM, struct.pack(">I", code), stream=stream)


def goaway(code: int, *, processed: bool) -> Frames:
    """`processed` False: no stream was (last stream 0), after which a library may send again by itself."""
    return lambda stream: frame(_GOAWAY, struct.pack(">II", stream if processed else 0, code))


def both(*parts: Frames) -> Frames:
    return lambda stream: b"".join(part(stream) for part in parts)


BEGIN: Final = headers({":status": "200", "content-type": "application/grpc"})
SAID: Final = message(b"\x0a\x0b" + b'{"ok":true}')
OK: Final = headers({"grpc-status": "0"}, end=True)

BEHAVIOURS: Final[dict[str, Told]] = {
    "ok": Told(send=both(BEGIN, SAID, OK)),
    "ok_then_close": Told(send=both(BEGIN, SAID, OK), after=After.CLOSE),
    "ok_without_message": Told(send=headers({":status": "200", "content-type": "application/grpc", "grpc-status": "0"}, end=True)),
    "ok_of_another_kind": Told(send=both(BEGIN, message(b"\xff\xff\xff"), OK)),
    "refused_in_trailers_only": Told(send=headers({":status": "200", "content-type": "application/grpc", "grpc-status": "9"}, end=True)),
    "status_nobody_knows": Told(send=headers({":status": "200", "content-type": "application/grpc", "grpc-status": "77"}, end=True)),
    "http_503": Told(send=headers({":status": "503", "content-type": "text/plain"}, end=True)),
    "http_404": Told(send=headers({":status": "404", "content-type": "text/plain"}, end=True)),
    "message_without_status": Told(send=both(BEGIN, SAID, lambda stream: frame(_DATA, flags=_END_STREAM, stream=stream))),
    "message_then_close": Told(send=both(BEGIN, SAID), after=After.CLOSE),
    "half_message_then_close": Told(send=both(BEGIN, data(b"\x00\x00\x00\x00\x0d\x0a")), after=After.CLOSE),
    "half_message_held": Told(send=both(BEGIN, data(b"\x00\x00\x00\x00\x0d\x0a")), after=After.HOLD),
    "rst_refused": Told(send=reset(REFUSED_STREAM)),
    "rst_cancel": Told(send=reset(CANCEL)),
    "rst_internal": Told(send=reset(INTERNAL_ERROR)),
    "rst_no_error": Told(send=reset(NO_ERROR)),
    "goaway_unprocessed": Told(send=goaway(NO_ERROR, processed=False), after=After.CLOSE),
    "goaway_unprocessed_open": Told(send=goaway(NO_ERROR, processed=False), after=After.HOLD),
    "goaway_processed": Told(send=goaway(NO_ERROR, processed=True), after=After.CLOSE),
    "goaway_calm": Told(send=goaway(ENHANCE_YOUR_CALM, processed=False), after=After.CLOSE),
    "read_then_close": Told(after=After.CLOSE),
    "read_then_reset": Told(after=After.RESET),
    "headers_then_close": Told(after=After.CLOSE, on_headers=True),
    "headers_then_rst": Told(send=reset(REFUSED_STREAM), on_headers=True),
    "garbage": Told(send=raw(b"HTTP/1.1 200 OK\r\n\r\n" + bytes(64)), after=After.HOLD),
    "never_answers": Told(after=After.HOLD),
    "hangs_up_on_accept": Told(after=After.CLOSE, on_accept=True),
    "is_not_http2": Told(send=raw(b"SSH-2.0-host\r\n"), after=After.HOLD, on_accept=True),
    "accepts_and_says_nothing": Told(after=After.HOLD, on_accept=True),
}


class RawGrpcHost:
    """`async with RawGrpcHost(BEHAVIOURS["ok"]) as host:` listens on loopback, on a port of its own."""

    def __init__(self, *told: Told) -> None:
        self.deliveries: list[bytes] = []
        self.connections = 0
        self.asked = 0
        self.open = 0
        self.url = ""
        self._moved = asyncio.Condition()
        self._told = told
        self._stopped = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accepted, "127.0.0.1", 0)
        self.url = f"grpc://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._stopped.set()
        self._server.close()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def changed(self) -> None:
        """Waits until a connection comes or goes."""
        async with self._moved:
            await self._moved.wait()

    async def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.connections += 1
        self.open += 1
        try:
            await self._serve(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            self._tasks.discard(task)
            writer.close()
            self.open -= 1
            async with self._moved:
                self._moved.notify_all()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._now().on_accept:
            await self._carry_out(self._now(), 0, reader, writer)
            return
        await reader.readexactly(len(_PREFACE))
        writer.write(frame(_SETTINGS))
        bodies: dict[int, bytes] = {}
        for _ in range(_FRAMES_MAX):
            head = await reader.readexactly(9)
            size, kind, flags, stream = int.from_bytes(head[:3], "big"), head[3], head[4], int.from_bytes(head[5:], "big")
            body = await reader.readexactly(size)
            if kind == _SETTINGS and not flags & _ACK:
                writer.write(frame(_SETTINGS, flags=_ACK))
            if kind == _PING and not flags & _ACK:
                writer.write(frame(_PING, body, flags=_ACK))
            early = kind == _HEADERS and self._now().on_headers
            if kind == _DATA:
                bodies[stream] = bodies.get(stream, b"") + body
            whole = kind == _DATA and bool(flags & _END_STREAM)
            if whole:
                self.deliveries.append(bodies.pop(stream)[5:])
            if whole or early:
                told = self._now()
                self.asked += 1
                if await self._carry_out(told, stream, reader, writer):
                    return

    def _now(self) -> Told:
        return self._told[min(self.asked, len(self._told) - 1)]

    async def _carry_out(self, told: Told, stream: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """True when this connection is over."""
        writer.write(told.send(stream))
        await writer.drain()
        match told.after:
            case After.KEEP:
                return False
            case After.CLOSE:
                return True
            case After.RESET:
                opened = cast("socket.socket", writer.get_extra_info("socket"))
                opened.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                writer.transport.abort()
                return True
            case After.HOLD:
                while await reader.read(65_536):  # a client that sent it again on this connection would be read here, and counted below
                    pass
                return True
