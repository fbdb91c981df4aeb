"""ledger check: a sound store adds up, a falsified one is told, and what is no store is refused."""

import asyncio
import json
from pathlib import Path

import apsw
import pytest

from tests.contract.store_desk import Desk, SqliteSeat, limit, terms, writes
from tests.contract.test_store_exam_runs import step
from tests.fakes.clock import FakeClock
from tests.fakes.ids import CountingIds
from tests.unit.gateway.cli.conftest import Run


async def _filled(folder: Path) -> None:
    """One succeeded, one in flight, one denied, one decided, one recorded; then the gateway stops."""
    clock, ids = FakeClock(), CountingIds()
    seat = SqliteSeat(folder)
    desk = Desk(store=await seat.open(clock, ids), seat=seat, clock=clock, ids=ids, terms=terms(budgets=[limit(10)]))
    decision = await desk.decided("D-1")
    await desk.committed(desk.ask("K-1", costs=writes(2), decision_id=decision.decision_id))
    await desk.authorised(desk.ask("K-2", costs=writes(3)))
    await desk.denied(desk.ask("K-3", costs=writes(100)))
    await desk.write(step(desk, "S-1"))
    await desk.store.close()


@pytest.fixture
def store(tmp_path: Path) -> Path:
    asyncio.run(_filled(tmp_path))
    return tmp_path / "store.db"


def test_a_sound_store_adds_up(run: Run, store: Path) -> None:
    """It says how much it read."""
    done = run("ledger", "check", "--store", str(store))

    assert done.exit_code == 0, done.stdout
    assert done.stdout.splitlines() == ["It adds up.", "read 3 commits, 1 decision, 1 run, 1 budget, 6 entries; 0 findings"]


def test_beside_a_gateway_that_serves_it(run: Run, tmp_path: Path) -> None:
    """Another process has the store open, and its lock."""

    async def both() -> str:
        clock, ids = FakeClock(), CountingIds()
        seat = SqliteSeat(tmp_path)
        desk = Desk(store=await seat.open(clock, ids), seat=seat, clock=clock, ids=ids)
        await desk.committed(desk.ask("K-1"))
        done = await asyncio.to_thread(run, "ledger", "check", "--store", str(tmp_path / "store.db"))
        await desk.committed(desk.ask("K-2"))
        await desk.leave()
        return str(done.stdout)

    assert asyncio.run(both()).startswith("It adds up.")


FALSE = {
    "a unit held by nobody": ("UPDATE nodes SET held = held + 1", {"held"}),
    "a unit spent by nobody": ("UPDATE nodes SET settled = settled + 1", {"settled"}),
    "a write whose end is not in the record": ("UPDATE commits SET state = 'FAILED' WHERE state = 'SUCCEEDED'", {"hold", "decision", "story"}),
    "an entry that is gone": ("DELETE FROM entries WHERE kind = 'OUTCOME'", {"record", "story"}),
    "an entry that was edited": ("UPDATE entries SET leaf = cast(replace(cast(leaf AS TEXT), 'SUCCEEDED', 'FAILED') AS BLOB)", {"record", "story"}),
    "an entry that is no leaf": ("UPDATE entries SET leaf = x'ff00'", {"record", "story"}),
    "a recorded step that is gone": ("DELETE FROM steps", {"steps"}),
    "a step too few": ("UPDATE runs SET steps = steps - 1", {"steps"}),
    "another boot has begun": ("INSERT INTO boots (boot_id, process_id, opened_at_ms, closed_at_ms) VALUES ('later', 1, 1, 1)", {"recovery"}),
}


@pytest.mark.parametrize("name", FALSE)
def test_a_falsified_store_is_told(run: Run, store: Path, name: str) -> None:
    """Exit code 1, and each finding with what was expected and what was seen."""
    sql, expected = FALSE[name]
    connection = apsw.Connection(str(store))
    connection.execute(sql)
    connection.close()

    done = run("ledger", "check", "--store", str(store), "--json")

    said = json.loads(done.stdout)
    assert (done.exit_code, said["ok"]) == (1, False)
    assert {one["what"] for one in said["findings"]} >= expected
    assert all(one["where"] and one["expected"] != one["seen"] for one in said["findings"])


def test_what_is_no_store_is_refused(run: Run, tmp_path: Path) -> None:
    """Nothing is made of what is not there, or is something else."""
    (tmp_path / "notes.txt").write_text("not a database, and longer than any header of one would be " * 20)
    apsw.Connection(str(tmp_path / "other.db")).execute("CREATE TABLE schema_versions (version INTEGER)")

    for words in (("--store", "missing.db"), ("--store", "notes.txt"), ("--store", "other.db"), (), ("--store", "a", "--settings", "b")):
        done = run("ledger", "check", *(str(tmp_path / word) if "." in word else word for word in words))

        assert done.exit_code == 2, (words, done.stdout)
        assert done.stderr
    assert not (tmp_path / "missing.db").exists()
