"""`python -m benchmarks.host`: the host system of a benchmark. It costs as little as it can, and counts what reached it.

1. Every POST is an effect: 201 with a small JSON object, counted, its Idempotency-Key noted.
2. `GET /count` answers `{"effects": n, "keys": distinct, "unkeyed": without a key}`. Any other GET says that the key is not known.
3. Loopback only, a free port; the first line on stdout says which. It ends when its standard input does.
"""

import asyncio
import sys
from dataclasses import dataclass, field
from typing import Final, cast

import httptools
import uvloop

READY: Final = "host is ready at "
_ADDRESS: Final = "127.0.0.1"


@dataclass(slots=True)
class Tally:
    """What reached this host so far."""

    effects: int = 0
    keys: set[bytes] = field(default_factory=set)
    unkeyed: int = 0

    def add(self, key: bytes) -> None:
        self.effects += 1
        if key:
            self.keys.add(key)
        else:
            self.unkeyed += 1

    def document(self) -> bytes:
        return b'{"effects": %d, "keys": %d, "unkeyed": %d}' % (self.effects, len(self.keys), self.unkeyed)


class Connection(asyncio.Protocol):
    """One keep-alive connection; also the parser's callbacks."""

    __slots__ = ("_key", "_parser", "_tally", "_transport", "_url")

    def __init__(self, tally: Tally) -> None:
        self._tally = tally
        self._parser = httptools.HttpRequestParser(self)
        self._url = self._key = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self._transport.close()

    # what the parser calls

    def on_message_begin(self) -> None:
        self._url = self._key = b""

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        if name.lower() == b"idempotency-key":
            self._key = value

    def on_message_complete(self) -> None:
        self._transport.write(self._answer())

    def _answer(self) -> bytes:
        if self._parser.get_method() == b"POST":
            self._tally.add(self._key)
            return _reply(b"201 Created", b'{"id":"s-%d","status":"active"}' % self._tally.effects)
        if self._url == b"/count":
            return _reply(b"200 OK", self._tally.document())
        return _reply(b"404 Not Found", b'{"status":"NOT_FOUND"}')


def _reply(status: bytes, body: bytes) -> bytes:
    return b"HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (status, len(body), body)


async def serve() -> None:
    """Serves until standard input ends."""
    loop = asyncio.get_running_loop()
    tally = Tally()
    server = await loop.create_server(lambda: Connection(tally), _ADDRESS, 0)
    ended = asyncio.Event()
    loop.add_reader(sys.stdin.fileno(), ended.set)
    port: int = server.sockets[0].getsockname()[1]
    print(f"{READY}http://{_ADDRESS}:{port}", flush=True)
    await ended.wait()
    server.close()


if __name__ == "__main__":
    uvloop.run(serve())
