"""Lines between the processes of a suite, in its hands: bytes are kept back in one way or both, connections cut, callers turned away.

1. What is kept back is not lost: it arrives once the line is healed, as over a network that was parted for a while. An end of file is kept back too.
2. All lines of a suite run in one thread of their own; what a suite asks of one is done when the call returns.
"""

import asyncio
import socket
import threading
from collections.abc import Callable, Coroutine
from enum import Enum
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self, TypeVar

Answer = TypeVar("Answer")
Address = Path | int  # a unix socket, or a port on the loopback

_CHUNK: Final = 65_536
_DONE_S_MAX: Final = 10.0


class Way(Enum):
    THERE = "there"  # from whoever connected
    BACK = "back"


class Line:
    """One address that leads to another. Made by `Lines`; its coroutines belong to their thread."""

    def __init__(self, lines: "Lines", *, to: Address) -> None:
        self._lines = lines
        self._to = to
        self._refuses = False
        self._flows = {way: asyncio.Event() for way in Way}
        self._tasks: set[asyncio.Task[None]] = set()
        for flow in self._flows.values():
            flow.set()

    def hold(self, *ways: Way) -> None:
        """Nothing passes these ways until `heal`; both unless some are named."""

        def held() -> None:
            for way in ways or Way:
                self._flows[way].clear()

        self._lines.do(held)

    def heal(self) -> None:
        """Everything passes again, also what was held; those who connect are let in."""

        def healed() -> None:
            self._refuses = False
            for flow in self._flows.values():
                flow.set()

        self._lines.do(healed)

    def cut(self, *, refuse: bool = False) -> None:
        """Every connection ends at once, with what was held. `refuse`: whoever connects from now on is turned away."""

        def cut() -> None:
            self._refuses = refuse
            self.end()

        self._lines.do(cut)

    def end(self) -> None:
        for task in self._tasks:
            task.cancel()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        other: asyncio.StreamWriter | None = None
        try:
            if not self._refuses:
                from_there, other = await _open(self._to)
                await self.carry(reader, other, from_there, writer)
        except (OSError, EOFError, asyncio.CancelledError):
            pass  # one side went: so does the other
        finally:
            self._tasks.discard(task)
            for side in (writer, other):
                if side is not None:
                    side.transport.abort()

    async def carry(self, reader: asyncio.StreamReader, other: asyncio.StreamWriter, from_there: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Until one side has ended."""
        ways = [asyncio.ensure_future(self._pump(Way.THERE, reader, other)), asyncio.ensure_future(self._pump(Way.BACK, from_there, writer))]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            await _end(ways)

    async def passes(self, way: Way) -> None:
        await self._flows[way].wait()

    async def _pump(self, way: Way, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while said := await reader.read(_CHUNK):
            await self.passes(way)
            writer.write(said)
            await writer.drain()
        await self.passes(way)


class Lines:
    """`with Lines() as lines:`"""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="lines")
        self._servers: list[asyncio.Server] = []
        self._lines: list[Line] = []

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._wait(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_DONE_S_MAX)
        self._loop.close()

    def do(self, act: Callable[[], Answer]) -> Answer:
        """In the thread of the lines."""

        async def acted() -> Answer:
            return act()

        return self._wait(acted())

    def on_socket(self, at: Path, line: Line) -> None:
        self._wait(self._listen(line, at))

    def on_port(self, line: Line) -> int:
        """A free port on the loopback."""
        return self._wait(self._listen(line, None))

    async def _listen(self, line: Line, at: Path | None) -> int:
        server = await (asyncio.start_server(line.serve, "127.0.0.1", 0) if at is None else asyncio.start_unix_server(line.serve, str(at)))
        self._servers.append(server)
        self._lines.append(line)
        return int(server.sockets[0].getsockname()[1]) if server.sockets[0].family is socket.AF_INET else 0

    async def _end(self) -> None:
        for server in self._servers:
            server.close()
        for line in self._lines:
            line.end()
        rest = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        await asyncio.wait(rest, timeout=_DONE_S_MAX) if rest else None

    def _wait(self, doing: Coroutine[Any, Any, Answer]) -> Answer:
        return asyncio.run_coroutine_threadsafe(doing, self._loop).result(_DONE_S_MAX)


async def _open(to: Address) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await (asyncio.open_connection("127.0.0.1", to) if isinstance(to, int) else asyncio.open_unix_connection(str(to)))


async def _end(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    for ended in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(ended, BaseException) and not isinstance(ended, (OSError, EOFError, asyncio.CancelledError)):
            raise ended
