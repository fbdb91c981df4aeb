"""The least HTTP/2 server that can count: it reads each request whole and answers that it has not processed it.

1. It speaks frames (RFC 9113, section 4) and no HPACK: a request has arrived when a DATA frame ends its stream.
2. To every request it answers `GOAWAY(last stream 0)` and hangs up, the very answer after which a library may send again by itself.
"""

import contextlib
import socket
import struct
import threading
from pathlib import Path
from typing import Final

PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, SETTINGS, GOAWAY = 0x0, 0x4, 0x7
ACK = END_STREAM = 0x1
CONNECTIONS_MAX: Final = 20


class CountingGateway:
    """`requests` is how many requests arrived whole, over all connections."""

    def __init__(self, folder: Path) -> None:
        self.address: Final = f"unix:{folder / 'bare.sock'}"
        self.requests = 0
        self._listener: Final = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(folder / "bare.sock"))
        self._listener.listen()
        self._thread: Final = threading.Thread(target=self._serve)
        self._thread.start()

    def stop(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listener.close()

    def _serve(self) -> None:
        for _ in range(CONNECTIONS_MAX):
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection, contextlib.suppress(OSError):
                self._serve_one(connection)

    def _serve_one(self, connection: socket.socket) -> None:
        connection.settimeout(10)
        stream = connection.makefile("rb")
        if stream.read(len(PREFACE)) != PREFACE:
            return
        connection.sendall(frame(SETTINGS))
        while header := stream.read(9):
            size, kind, flags = int.from_bytes(header[:3], "big"), header[3], header[4]
            stream.read(size)
            if kind == SETTINGS and not flags & ACK:
                connection.sendall(frame(SETTINGS, flags=ACK))
            if kind == DATA and flags & END_STREAM:
                self.requests += 1
                connection.sendall(frame(GOAWAY, struct.pack(">II", 0, 0)))
                return


def frame(kind: int, body: bytes = b"", *, flags: int = 0) -> bytes:
    """A frame on stream 0."""
    return len(body).to_bytes(3, "big") + bytes([kind, flags]) + bytes(4) + body
