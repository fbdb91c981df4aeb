"""Named SQL: every statement is asked for, each with its own parameters, and none of the hot ones walks a table."""

import re

import apsw
import pytest

from gateway.adapters.store.drop import DROP
from gateway.adapters.store.heap import HEAP
from gateway.adapters.store.load import LOAD
from gateway.adapters.store.opening import OPEN
from gateway.adapters.store.read import READ
from gateway.adapters.store.save import SAVE
from gateway.adapters.store.shelves import SHELVES
from gateway.adapters.store.statements import Statements, columns, migrations
from gateway.adapters.store.whole import WHOLE

WALKS = {
    "active_halts", "all_halts", "activation_in_force", "tables", "open_decisions", "open_runs", "decisions_of_earlier_boots",
    "every_node", "every_commit", "every_decision", "every_run", "steps_recorded", "newest_windows", "every_step", "every_entry", "newest_boot",
}  # fmt: skip
"""What may: small tables, small partial indexes, `ledger check`, and the recursion over nodes, which walks its own queue."""


@pytest.fixture
def connection() -> apsw.Connection:
    made = apsw.Connection(":memory:")
    for _, _, sql in migrations():
        made.execute(sql)
    return made


@pytest.mark.parametrize("statements", [LOAD, SAVE, DROP, READ, SHELVES, WHOLE, OPEN, HEAP])
def test_no_statement_is_kept_for_nothing(statements: Statements) -> None:
    """What nobody asks for is taken out."""
    assert statements.unasked == set()


@pytest.mark.parametrize("name", ["load", "save", "drop", "read", "shelves", "whole", "open"])
def test_every_statement_fits_the_schema_and_finds_its_rows_by_index(connection: apsw.Connection, name: str) -> None:
    """A statement that would walk a table that grows is named here before it is slow anywhere."""
    statements = Statements(name)
    walking = set()
    for statement in set(statements.unasked):
        named = re.findall(r"(?<![:\w]):(\w+)", _expanded(statements, statement))
        sql = statements.taking(statement, *dict.fromkeys(named))
        plan = [str(row[3]) for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}", (0,) * len(set(named)))]
        if any(step.startswith("SCAN") for step in plan):
            walking.add(statement)

    assert walking <= WALKS


def test_a_statement_says_what_it_takes() -> None:
    """Too few, too many or misspelt parameters are found when the module is imported."""
    for wrong in ((), ("commit_ids",), ("commit_id", "tenant")):
        with pytest.raises(AssertionError, match="commit takes"):
            Statements("load").taking("commit", *wrong)


def test_parameters_are_bound_by_the_order_asked_for(connection: apsw.Connection) -> None:
    """The file names them in one order, the caller in another."""
    sql = Statements("load").taking("window", "window_start_ms", "node_key")

    assert connection.execute(sql, (0, "key")).fetchall() == []
    assert sql.endswith("WHERE node_key = ?2 AND window_start_ms = ?1")


def test_the_column_lists_are_the_tables(connection: apsw.Connection) -> None:
    """Every column of a table is in its list: none is forgotten when a row is written."""
    apart = {"commits": {"place"}, "decisions": {"place"}, "entries": {"place"}, "nodes": {"node_key"}, "runs": set(), "halts": set(), "steps": set()}
    lists = {"commits": "commit", "decisions": "decision", "entries": "entry", "nodes": "node", "runs": "run", "halts": "halt", "steps": "step"}
    for table, name in lists.items():
        found = {str(row[1]) for row in connection.execute(f"PRAGMA table_info({table})")}

        assert set(columns(name)) == found - apart[table]


def _expanded(statements: Statements, name: str) -> str:
    sql = statements._statements[name]
    return re.sub(r":@(\w+)", lambda found: ", ".join(f":{column}" for column in columns(found[1])), sql)
