"""`python -m tests.faults.host`: a host system that does what each write tells it to, and keeps its own record of what reached it.

1. A write is delivered when its head and body have arrived. Its record (key, time, whether it took effect) is what the suites believe.
2. The member `host` of the body says what to do: apply, refuse, vanish (apply, then break off), drop (break off), fail (apply, then 500),
   hold (apply once released, unless Not-After has passed).
3. An `Idempotency-Key` that took effect answers as before and does nothing. A Not-After that has passed closes the key with 412.
4. `GET /operations/{key}` · `GET /record` · `POST /release`. Loopback, or the address it is given and then over TLS; a free port, told on the first
   line; it ends when standard input does.
"""

import asyncio
import json
import ssl
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

READY: Final = "ready "
_HEAD_BYTES_MAX: Final = 64 * 1024


@dataclass(slots=True)
class Record:
    """What reached this host, in order, and what came of each key."""

    deliveries: list[dict[str, object]] = field(default_factory=list)
    applied: dict[str, int] = field(default_factory=dict)  # key → effects
    closed: set[str] = field(default_factory=set)
    held: set[str] = field(default_factory=set)
    released: asyncio.Event = field(default_factory=asyncio.Event)

    def status_of(self, key: str) -> str:
        if key in self.applied:
            return "APPLIED"
        if key in self.held:
            return "IN_PROGRESS"
        return "NOT_APPLIED" if key in self.closed else "NOT_FOUND"


class _BreakOff(Exception):
    """The connection ends without an answer."""


async def _serve(record: Record, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, _BreakOff):
        while True:
            status, answer = await _answer(record, reader)
            body = json.dumps(answer).encode()
            writer.write(b"HTTP/1.1 %d Told\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (status, len(body), body))
            await writer.drain()
    writer.transport.abort()


async def _answer(record: Record, reader: asyncio.StreamReader) -> tuple[int, object]:
    start, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("ascii").split("\r\n")[:-2]
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    method, path, _ = start.split(" ")
    if method == "GET" and path.startswith("/operations/"):
        key = path.removeprefix("/operations/")
        return 200, {"status": record.status_of(key), "http_status": 201 if key in record.applied else 0, "response": {"key": key}}
    if path == "/record":
        return 200, record.deliveries
    if path == "/release":
        record.released.set()
        record.released = asyncio.Event()
        return 200, {}
    return await _write(record, headers, json.loads(body))


async def _write(record: Record, headers: dict[str, str], body: dict[str, object]) -> tuple[int, object]:
    key, do = headers["idempotency-key"], str(body["host"])
    delivery: dict[str, object] = {"key": key, "at_ms": time.time_ns() // 1_000_000, "applied": False}
    record.deliveries.append(delivery)
    if key in record.applied:
        return 201, {"key": key}
    if do == "drop":
        raise _BreakOff
    if do == "hold":
        record.held.add(key)
        await record.released.wait()
        record.held.discard(key)
    if do == "refuse" or key in record.closed or _too_late(headers):
        record.closed.add(key)
        return 412 if do != "refuse" else 422, {"refused": key}
    record.applied[key] = record.applied.get(key, 0) + 1
    delivery["applied"] = True
    if do == "vanish":
        raise _BreakOff
    return 500 if do == "fail" else 201, {"key": key}


def _too_late(headers: dict[str, str]) -> bool:
    not_after = headers.get("not-after")
    return bool(not_after) and datetime.fromisoformat(not_after or "").timestamp() < time.time()


async def serve(address: str, tls: ssl.SSLContext | None) -> None:
    record = Record()
    server = await asyncio.start_server(lambda reader, writer: _serve(record, reader, writer), address, 0, limit=_HEAD_BYTES_MAX, ssl=tls)
    ended = asyncio.Event()
    asyncio.get_running_loop().add_reader(sys.stdin.fileno(), ended.set)
    sys.stdout.write(f"{READY}{'https' if tls else 'http'}://{address}:{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await ended.wait()


def _tls(certificate: str) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    return context


if __name__ == "__main__":
    match sys.argv[1:]:
        case [address, certificate]:
            asyncio.run(serve(address, _tls(certificate)))
        case _:
            asyncio.run(serve("127.0.0.1", None))
