"""ledger check over PostgreSQL: the same books and the same story, read by the gateway's own role."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.adapters.store.postgres.connecting import Access
from tests.contract.postgres_seat import PostgresSeat
from tests.contract.store_desk import Desk, limit, terms, writes
from tests.contract.test_store_exam_runs import step
from tests.fakes.clock import FakeClock
from tests.fakes.ids import CountingIds
from tests.fakes.postgres import Server
from tests.unit.gateway.cli.conftest import Run
from tests.unit.gateway.cli.test_store import settings


@pytest.fixture
def filled(postgres: Server) -> Iterator[Access]:
    """One succeeded, one denied, one recorded; then the gateway stops."""

    async def fill() -> Access:
        access = await postgres.database()
        clock, ids, seat = FakeClock(), CountingIds(), PostgresSeat(access)
        desk = Desk(store=await seat.open(clock, ids), seat=seat, clock=clock, ids=ids, terms=terms(budgets=[limit(10)]))
        await desk.committed(desk.ask("K-1", costs=writes(2)))
        await desk.denied(desk.ask("K-2", costs=writes(100)))
        await desk.write(step(desk, "S-1"))
        await desk.store.close()
        return access

    access = asyncio.run(fill())
    yield access
    asyncio.run(postgres.drop(access))


def checked(run: Run, access: Access, folder: Path) -> tuple[int, dict[str, object]]:
    declared = settings(folder, f"postgres: {{host: {access.host}, database: {access.database}, user: gateway}}")
    done = run("ledger", "check", "--settings", declared, "--json")
    return done.exit_code, json.loads(done.stdout)


def test_a_sound_store_adds_up(run: Run, filled: Access, tmp_path: Path) -> None:
    """Read by a role that may not change the record."""
    code, said = checked(run, filled, tmp_path)

    assert (code, said["ok"], said["commits"], said["entries"]) == (0, True, 2, 4)


@pytest.mark.parametrize(
    ("sql", "what"),
    [
        ("UPDATE windows SET held = held + 1", "held"),
        ("DELETE FROM steps", "steps"),
        ("UPDATE commits SET state = 'FAILED' WHERE state = 'SUCCEEDED'", "story"),
        ("DELETE FROM entries WHERE kind = 'OUTCOME'", "record"),
        ("UPDATE commits SET state = 'FORWARDING', lease_until_ms = 1 WHERE state = 'SUCCEEDED'", "recovery"),
    ],
)
def test_a_falsified_store_is_told(run: Run, postgres: Server, filled: Access, tmp_path: Path, sql: str, what: str) -> None:
    """By somebody who may do what the gateway may not."""

    async def falsify() -> None:
        connection = await postgres.administer(filled.database)
        await connection.execute(f"SET search_path = countersign; {sql}")
        await connection.close()

    asyncio.run(falsify())

    code, said = checked(run, filled, tmp_path)

    findings = said["findings"]
    assert isinstance(findings, list)
    assert (code, said["ok"]) == (1, False)
    assert what in {one["what"] for one in findings}


def test_a_database_that_is_no_store_is_refused(run: Run, postgres: Server, tmp_path: Path) -> None:
    """With what could not be read."""

    async def empty() -> Access:
        async with postgres.lent():
            return await postgres.empty_database()

    access = asyncio.run(empty())
    declared = settings(tmp_path, f"postgres: {{host: {access.host}, database: {access.database}, user: gateway}}")

    done = run("ledger", "check", "--settings", declared)
    asyncio.run(postgres.drop(access))

    assert done.exit_code == 2
    assert "holds no store" in done.stderr
