"""The lines of the suites do what they are told: nothing is proved with a fault that never strikes."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import asyncpg
import pytest

from gateway.adapters.store.postgres.connecting import Access, connect
from tests.fakes.postgres import Server, owner_of
from tests.faults.replicas.lines import Line, Lines, Way
from tests.faults.replicas.wire import How, PostgresLine

MARK = "CREATE TABLE countersign.mark (one INTEGER)"
_LOOKS_MAX = 500
MARKED = "SELECT to_regclass('countersign.mark') IS NOT NULL"


@pytest.fixture
async def echoed() -> AsyncIterator[int]:
    """A port that says back what it hears."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while heard := await reader.read(100):
            writer.write(heard)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    yield server.sockets[0].getsockname()[1]
    server.close()


async def test_what_is_held_arrives_once_the_line_is_healed(echoed: int) -> None:
    """Nothing is lost, and nothing comes before."""
    with Lines() as lines:
        line = Line(lines, to=echoed)
        reader, writer = await asyncio.open_connection("127.0.0.1", lines.on_port(line))
        writer.write(b"first")
        heard = await reader.readexactly(5)
        line.hold(Way.BACK)
        writer.write(b"second")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.readexactly(1), 0.1)

        line.heal()

        assert heard == b"first"
        assert await reader.readexactly(6) == b"second"
        writer.close()


async def test_a_line_that_is_cut_turns_callers_away_until_it_is_healed(echoed: int) -> None:
    """The connection ends, the next one too."""
    with Lines() as lines:
        line = Line(lines, to=echoed)
        port = lines.on_port(line)
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"x")
        await reader.readexactly(1)

        line.cut(refuse=True)

        assert await _hears(reader, writer) == b""
        assert await _hears(*await asyncio.open_connection("127.0.0.1", port)) == b""
        line.heal()
        assert await _hears(*await asyncio.open_connection("127.0.0.1", port)) == b"y"


@pytest.mark.parametrize(
    ("how", "done"), [(How.BEFORE, False), (How.AFTER, True), (How.LATE, True), (How.SERIALIZATION, False), (How.DEADLOCK, False), (How.DISK_FULL, False)]
)
async def test_a_commit_that_is_struck_is_done_or_not_as_said(postgres: Server, database: Access, tmp_path: Path, *, how: How, done: bool) -> None:
    """The client is told no more than an error; the server knows."""
    with Lines() as lines:
        line = PostgresLine(lines, to=postgres.folder / ".s.PGSQL.5432")
        lines.on_socket(tmp_path / ".s.PGSQL.5432", line)
        connection = await connect(replace(owner_of(database), host=str(tmp_path)))
        line.arm(how, at=1, commits_only=True)
        await connection.execute("BEGIN")
        await connection.execute(MARK)

        with pytest.raises((asyncpg.PostgresError, OSError)) as told:
            await connection.execute("COMMIT")

        assert line.struck == 1
        assert (getattr(told.value, "sqlstate", None) == how) is how.is_state
        assert await _marked(database, expected=done) is done
        connection.terminate()


async def _marked(database: Access, *, expected: bool) -> bool:
    """What is late comes late."""
    connection, marked = await connect(database), False
    try:
        for _ in range(_LOOKS_MAX if expected else 1):
            if marked := bool(await connection.fetchval(MARKED)):
                break
            await asyncio.sleep(0.01)
        return marked
    finally:
        connection.terminate()


async def _hears(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
    try:
        writer.write(b"y")
        return await reader.read(1)
    except OSError:
        return b""
    finally:
        writer.close()
