"""A proxy on a unix socket between a gateway and its server, which loses what it is told to lose around one COMMIT.

1. `AFTER`: the COMMIT reaches the server, its reply reaches nobody. `BEFORE`: neither does. `LATE`: the gateway's connection is cut at once, and the
   COMMIT goes on to the server when the test says so: meanwhile its transaction is still under way. `SILENT`: it is done, and nothing is heard.
2. Otherwise every byte passes. `refuses` closes what connects.
"""

import asyncio
from enum import Enum
from pathlib import Path
from types import TracebackType
from typing import Final, Self

COMMIT: Final = b"Q\x00\x00\x00\x0bCOMMIT\x00"
_SOCKET: Final = ".s.PGSQL.5432"


class Cut(Enum):
    AFTER = "after"
    BEFORE = "before"
    LATE = "late"
    SILENT = "silent"


class CuttingProxy:
    """Listens in `folder` for what is meant for the server in `server`."""

    def __init__(self, folder: Path, *, server: Path) -> None:
        self._path, self._server_path = folder / _SOCKET, server / _SOCKET
        self._next: Cut | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self.refuses = False
        self.cuts = 0
        self.let_go = asyncio.Event()  # of a late COMMIT

    def cut_next_commit(self, cut: Cut) -> None:
        self._next = cut

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_unix_server(self._serve, str(self._path))
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            if not self.refuses:
                await self._pass(reader, writer)
        except (OSError, asyncio.CancelledError):
            pass  # one side went: so does the other
        finally:
            writer.close()
            self._tasks.discard(task)

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        from_server, to_server = await asyncio.open_unix_connection(str(self._server_path))
        back = asyncio.ensure_future(_copy(from_server, writer))
        try:
            while asked := await reader.read(65_536):
                if asked == COMMIT and self._next is not None:
                    cut, self._next = self._next, None
                    self.cuts += 1
                    back.cancel()
                    await asyncio.wait({back})
                    await self._cut(cut, from_server, to_server, writer)
                    return
                to_server.write(asked)
                await to_server.drain()
        finally:
            back.cancel()
            to_server.close()

    async def _cut(self, cut: Cut, from_server: asyncio.StreamReader, to_server: asyncio.StreamWriter, writer: asyncio.StreamWriter) -> None:
        match cut:
            case Cut.AFTER:
                to_server.write(COMMIT)
                await from_server.read(1)  # it has answered: it is done
            case Cut.BEFORE:
                pass
            case Cut.SILENT:
                to_server.write(COMMIT)
                await from_server.read(1)
                await self.let_go.wait()
            case Cut.LATE:
                writer.close()
                await self.let_go.wait()
                to_server.write(COMMIT)
                await from_server.read(1)


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while said := await reader.read(65_536):
            writer.write(said)
            await writer.drain()
    except OSError:
        pass  # reset: gone all the same
    writer.close()
