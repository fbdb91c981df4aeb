"""kill -9 in the midst of writing: whatever was acknowledged is there, whatever was not is whole or absent, and the next start is ready at once."""

import asyncio
import os
import signal
import sys
import time
from itertools import groupby
from pathlib import Path

import apsw

from gateway.adapters.store.sqlite import SqliteStore
from gateway.adapters.system import SystemClock, SystemIds
from gateway.domain.audit import leaf_hash
from gateway.domain.conservation import discrepancies
from gateway.domain.lifecycle import State
from tests.unit.gateway.adapters.store import busy_gateway

ROOT = Path(__file__).parents[5]


async def told_until_killed(folder: Path, *, after: int) -> list[list[str]]:
    """What the process was told, up to its death; it is killed once it has been told `after` things."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", busy_gateway.__name__, str(folder), cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    told = [(await process.stdout.readline()).decode() for _ in range(after)]
    process.send_signal(signal.SIGKILL)
    rest = (await process.stdout.read()).decode()
    assert await process.wait() == -signal.SIGKILL
    whole = [line for line in ("".join(told) + rest).splitlines(keepends=True) if line.endswith("\n")]
    return [line.split() for line in whole]


async def test_every_acknowledged_write_survives_kill_nine(tmp_path: Path) -> None:
    """Three times over the same file, each process finding what the one before left."""
    acknowledged: dict[str, str] = {}
    for after in (300, 37, 900):
        told = await told_until_killed(tmp_path, after=after)
        acknowledged |= {commit_id: state for _, commit_id, state in told}

        began_s = time.monotonic()
        store = await SqliteStore.open(tmp_path / "store.db", ids=SystemIds(), clock=SystemClock(), reserve_bytes=0)
        await store.recover()
        took_s = time.monotonic() - began_s
        books = await store.books()
        stored = {row.commit_id: row for row in books.commits}
        answered = [commit_id for commit_id, state in acknowledged.items() if state == State.SUCCEEDED]
        responses = [await store.commit(commit_id) for commit_id in answered]
        await store.close()

        assert len(told) >= after
        assert set(acknowledged) <= set(stored)
        assert {commit_id: _as_told(stored[commit_id].state, told_state) for commit_id, told_state in acknowledged.items()} == acknowledged
        assert {found.response for found in responses if found} == {b"answered"}
        assert State.FORWARDING not in {row.state for row in stored.values()}
        assert discrepancies(books) == []
        assert (store.checked, took_s < 5.0) == ("complete", True)
    _assert_the_record_is_whole(tmp_path / "store.db")


def _as_told(state: State, told: str) -> str:
    """What was told to be in flight may have ended since, told or not: UNKNOWN by recovery, or T2 whose answer was not heard."""
    return told if told == State.FORWARDING and state is not State.DENIED else state


def _assert_the_record_is_whole(path: Path) -> None:
    connection = apsw.Connection(str(path))
    rows = connection.execute("SELECT boot_id, counter, leaf, leaf_hash, place FROM entries ORDER BY place").fetchall()
    states = connection.execute(
        "SELECT count(*) FROM commits WHERE NOT EXISTS (SELECT 1 FROM entries WHERE subject_id = commit_id AND leaf_hash = entry_hash)"
    ).fetchall()
    connection.close()
    by_boot = {boot: [row[1] for row in of_boot] for boot, of_boot in groupby(rows, key=lambda row: row[0])}

    assert len(by_boot) == 6
    assert all(counters == list(range(1, len(counters) + 1)) for counters in by_boot.values())
    assert all(isinstance(leaf, bytes) and leaf_hash(leaf) == hashed for _, _, leaf, hashed, _ in rows)
    assert [row[4] for row in rows] == list(range(1, len(rows) + 1))
    assert states == [(0,)]
