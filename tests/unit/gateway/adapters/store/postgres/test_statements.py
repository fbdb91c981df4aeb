"""Named SQL: every statement is asked for, each with its own parameters, and each is one the schema can answer."""

import re

import asyncpg
import pytest

from gateway.adapters.store import statements as sqlite
from gateway.adapters.store.postgres.connecting import OPEN
from gateway.adapters.store.postgres.drop import DROP
from gateway.adapters.store.postgres.hands import LOAD, LOCK
from gateway.adapters.store.postgres.migrating import GRANTS
from gateway.adapters.store.postgres.read import READ
from gateway.adapters.store.postgres.save import SAVE
from gateway.adapters.store.postgres.shelves import SHELVES
from gateway.adapters.store.postgres.statements import Statements, columns, migrations, types
from gateway.adapters.store.postgres.whole import WHOLE

EVERY = [LOAD, LOCK, SAVE, DROP, READ, SHELVES, OPEN, GRANTS, WHOLE]
TABLES = {
    "commit": "commits", "decision": "decisions", "run": "runs", "entry": "entries", "halt": "halts", "generation": "generations", "body": "bodies",
    "attempt": "attempts", "spoken": "evidence", "texts": "decision_texts", "window": "windows", "step": "steps", "activation": "activations",
}  # fmt: skip
WALKS = {
    "active_halts", "all_halts", "activation_in_force", "open_decisions", "open_commits", "schema_version", "about_connection", "insert_boot", "gate",
    "store_id", "every_window", "every_commit", "every_decision", "every_run", "steps_recorded",
}  # fmt: skip
"""What may: tables of a few rows, what is open, `ledger check`."""


@pytest.mark.parametrize("statements", EVERY)
def test_no_statement_is_kept_for_nothing(statements: Statements) -> None:
    """What nobody asks for is taken out."""
    assert statements.unasked == set()


@pytest.mark.parametrize("name", ["load", "lock", "save", "drop", "read", "shelves", "open"])
async def test_every_statement_fits_the_schema_and_finds_its_rows_by_index(admin: "asyncpg.Connection[asyncpg.Record]", name: str) -> None:
    """A statement that would walk a table that grows is named here before it is slow anywhere."""
    statements = Statements(name)
    walking = set()
    await admin.execute("SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off; SET plan_cache_mode = force_generic_plan")
    for statement in sorted(statements.unasked):
        named = list(dict.fromkeys(re.findall(r"(?<![:\w]):(\w+)", _expanded(statements, statement))))
        sql = statements.taking(statement, *named)
        if statement in {"queue_for_gate", "make_schema"}:
            continue  # no plan
        await admin.execute(f"PREPARE {statement} AS {sql}")
        values = f"({', '.join(['NULL'] * len(named))})" if named else ""
        plan = await admin.fetch(f"EXPLAIN EXECUTE {statement}{values}")
        if any("Seq Scan" in line for (line,) in plan):
            walking.add(statement)

    assert walking <= WALKS


def test_a_statement_says_what_it_takes() -> None:
    """Too few, too many or misspelt parameters are found when the module is imported."""
    for wrong in ((), ("commit_id",), ("commit_ids", "tenant")):
        with pytest.raises(AssertionError, match="commits takes"):
            Statements("load").taking("commits", *wrong)


def test_the_lists_that_the_codec_orders_are_those_of_sqlite() -> None:
    """One codec for both stores: the same columns in the same order."""
    assert {name: columns(name) for name in ("commit", "decision", "run", "entry", "halt", "step")} == {
        name: sqlite.columns(name) for name in ("commit", "decision", "run", "entry", "halt", "step")
    }


async def test_the_column_lists_are_the_tables(admin: "asyncpg.Connection[asyncpg.Record]") -> None:
    """Every column of a table is in its list, with its type: none is forgotten when a row is written."""
    asked = "SELECT column_name, data_type FROM information_schema.columns WHERE table_schema = 'countersign' AND table_name = $1"
    for name, table in TABLES.items():
        found = {(column, kind) for column, kind in await admin.fetch(asked, table) if column != "place"}

        assert set(zip(columns(name), types(name), strict=True)) == found


def test_migrations_say_whom_they_serve() -> None:
    """No file serves less than nobody, or more than itself."""
    assert all(1 <= one.serves <= one.version for one in migrations())


def _expanded(statements: Statements, name: str) -> str:
    sql = statements._statements[name]
    return re.sub(r":@(\w+)", lambda found: ", ".join(f":{column}" for column in columns(found[1])), sql)
