"""The line between a gateway and PostgreSQL, which reads what passes and strikes at one message of a writing transaction.

1. An *ask* is what the gateway sends before it waits: messages up to a Query, Sync or Flush. Those from a writer's BEGIN to its COMMIT are counted.
2. `BEFORE`: the ask never leaves, and the connection is cut. `AFTER`: the server has answered it, and nobody hears. `LATE`: the gateway loses its
   connection at once, and the ask reaches the server a while later.
3. An SQLSTATE in place of an ask: the server never gets it (a COMMIT becomes a ROLLBACK), and the gateway reads this error.
4. `STALL`: the ask stays on its way, for as long as the server keeps the session.

Messages: https://www.postgresql.org/docs/current/protocol-message-formats.html
"""

import asyncio
import struct
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from tests.faults.replicas.lines import Address, Line, Lines, Way

_LATE_S: Final = 0.3
_FRAME_BYTES_MAX: Final = 64 * 1024 * 1024
_ENDS_ASK: Final = frozenset(b"QSHX")
_BEGIN: Final = b"Q\x00\x00\x00\x0aBEGIN\x00"
COMMIT: Final = b"Q\x00\x00\x00\x0bCOMMIT\x00"
_ROLLBACK: Final = b"Q\x00\x00\x00\x0dROLLBACK\x00"


class How(StrEnum):
    BEFORE = "before"
    AFTER = "after"
    LATE = "late"
    STALL = "stall"
    SERIALIZATION = "40001"
    DEADLOCK = "40P01"
    DISK_FULL = "53100"

    @property
    def is_state(self) -> bool:
        return self in {How.SERIALIZATION, How.DEADLOCK, How.DISK_FULL}


class _Cut(OSError):
    """The connection ends here."""


@dataclass(slots=True)
class _Session:
    """One connection."""

    writes: bool = False
    silenced: bool = False  # the gateway hears nothing more
    in_transaction: bool = False
    answered: asyncio.Event = field(default_factory=asyncio.Event)


class PostgresLine(Line):
    """`asks` counts since `arm`; `struck` how often it has struck."""

    def __init__(self, lines: Lines, *, to: Address) -> None:
        super().__init__(lines, to=to)
        self._all = lines
        self._at = 0
        self._times = 0
        self._how = How.BEFORE
        self._only = b""
        self.asks = 0
        self.struck = 0

    def arm(self, how: How, *, at: int, times: int = 1, commits_only: bool = False) -> None:
        """Strikes at the `at`th ask (or COMMIT) from now on, and at the `times - 1` after it. `at` 0: only counts."""

        def armed() -> None:
            self.asks = self.struck = 0
            self._how, self._at, self._times, self._only = how, at, times, COMMIT if commits_only else b""

        self._all.do(armed)

    async def carry(self, reader: asyncio.StreamReader, other: asyncio.StreamWriter, from_there: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        other.write(await _startup(reader))
        session = _Session()
        ways = [asyncio.ensure_future(self._there(session, reader, other, writer)), asyncio.ensure_future(self._back(session, from_there, writer))]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            for ended in await asyncio.gather(*ways, return_exceptions=True):
                if isinstance(ended, BaseException) and not isinstance(ended, (OSError, EOFError, asyncio.CancelledError)):
                    raise ended

    async def _there(self, session: _Session, reader: asyncio.StreamReader, other: asyncio.StreamWriter, writer: asyncio.StreamWriter) -> None:
        ask = b""
        while True:
            frame = await _frame(reader)
            ask += frame
            if frame[0] not in _ENDS_ASK:
                continue
            await self.passes(Way.THERE)
            if ask == _BEGIN:
                session.writes = True
            if session.writes and self._strikes(ask):
                await self._strike(session, ask, other, writer)
            else:
                other.write(ask)
            if ask in {COMMIT, _ROLLBACK}:
                session.writes = False
            await other.drain()
            ask = b""

    def _strikes(self, ask: bytes) -> bool:
        if self._only and ask != self._only:
            return False
        self.asks += 1
        if not self._at or self.asks < self._at or self.struck >= self._times:
            return False
        if self._how.is_state and ask[-5:-4] == b"H":
            return False  # what only prepares is answered by no error: the next ask is
        self.struck += 1
        return True

    async def _strike(self, session: _Session, ask: bytes, other: asyncio.StreamWriter, writer: asyncio.StreamWriter) -> None:
        if self._how.is_state:
            await self._answer_error(session, ask, other, writer)
            return
        if self._how is How.BEFORE:
            raise _Cut
        if self._how is How.STALL:
            await asyncio.Event().wait()  # until the server has had enough, and this is cancelled
        session.silenced = True
        session.answered.clear()
        if self._how is How.LATE:
            writer.transport.abort()
            await asyncio.sleep(_LATE_S)  # the transaction is under way meanwhile
        other.write(ask)
        await session.answered.wait()
        raise _Cut

    async def _answer_error(self, session: _Session, ask: bytes, other: asyncio.StreamWriter, writer: asyncio.StreamWriter) -> None:
        status = b"E" if session.in_transaction else b"I"
        if ask == COMMIT:
            session.silenced = True
            session.answered.clear()
            other.write(_ROLLBACK)
            await session.answered.wait()
            session.silenced, status = False, b"I"
        said = b"SERROR\x00VERROR\x00C" + self._how.encode() + b"\x00Mtold by the suite\x00\x00"
        writer.write(b"E" + struct.pack("!i", len(said) + 4) + said + b"Z" + struct.pack("!i", 5) + status)
        await writer.drain()

    async def _back(self, session: _Session, from_there: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            frame = await _frame(from_there)
            if not session.silenced:
                await self.passes(Way.BACK)
                writer.write(frame)
                await writer.drain()
            if frame[:1] == b"Z":
                session.in_transaction = frame[5:6] == b"T"
            if frame[:1] in {b"Z", b"T", b"n", b"E"}:
                session.answered.set()


async def _startup(reader: asyncio.StreamReader) -> bytes:
    length = await reader.readexactly(4)
    return length + await reader.readexactly(_length(length) - 4)


async def _frame(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readexactly(5)
    return head + await reader.readexactly(_length(head[1:]) - 4)


def _length(said: bytes) -> int:
    (length,) = struct.unpack("!i", said)
    if not 4 <= length <= _FRAME_BYTES_MAX:
        raise _Cut(f"a message of {length} bytes")
    return int(length)
