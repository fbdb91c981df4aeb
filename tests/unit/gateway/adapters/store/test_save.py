"""Writing back: every row once, and an update that finds the row elsewhere than where it left it is a bug, not a loss."""

from collections.abc import Callable
from typing import Final

import apsw
import pytest

from gateway.adapters.store.load import Loader, load
from gateway.adapters.store.save import Before, Saver
from gateway.adapters.store.statements import migrations
from gateway.domain.budget import Ledger, Level, Node, NodeRow, Window
from gateway.domain.change import replace
from gateway.domain.halts import Halt, HaltScope
from gateway.domain.lifecycle import State, Thinking
from gateway.domain.reasons import RunStop
from gateway.domain.records import Body, Generation, KeyName, KeySpace
from gateway.domain.rows import Gate, Rows, Wants, Write
from tests.fakes.rows import commit_row, decision_row, run_row

KEY: Final = KeyName(KeySpace.COMMIT, "acme", b"K-1")
NODE: Final = NodeRow(node=Node(Level.TENANT, "acme", "", "", Ledger.WRITES, "", Window.TOTAL), window_start_ms=0, held=5, settled=6)
HALT: Final = Halt(halt_id="h-1", scope=HaltScope(), reason="", principal="dora", thrown_at_ms=1, lifted_at_ms=0, lifted_by="", lift_reason="")
COMMIT: Final = replace(commit_row("c-1"), entry_hash=b"e" * 32)
DECISION: Final = decision_row("d-1")


class Everything(Write[None]):
    """Wants one of each."""

    def wants(self) -> Wants:
        return Wants(keys=(KEY,), commits=("c-1",), decisions=("d-1",), runs=(run_row().name,), halts=("h-1",))

    def nodes(self, rows: Rows) -> list[Node]:
        return [NODE.node]


@pytest.fixture
def connection() -> apsw.Connection:
    """A store with one of each."""
    made = apsw.Connection(":memory:")
    for _, _, sql in migrations():
        made.execute(sql)
    rows = empty()
    rows.put_commit(COMMIT)
    rows.dirty.bodies["c-1"] = Body(commit_id="c-1", salt=b"", payload=b"p", judged_input=b"", response=b"")
    rows.put_decision(DECISION)
    rows.put_run(run_row())
    rows.put_node(NODE)
    rows.put_halt(HALT)
    Saver(made).save(rows.dirty, Before.of(empty()))
    return made


def empty() -> Rows:
    return Rows(now_ms=1, boot_id="boot-1", counter=1, gate=Gate(activation=None, minimum_number=0, halts=()), open_runs={})


def loaded(connection: apsw.Connection) -> Rows:
    rows = empty()
    load(rows, [Everything()], Loader(connection))
    return rows


MOVES: Final[dict[str, Callable[[Rows], None]]] = {
    "a commit": lambda rows: rows.put_commit(replace(rows.commits["c-1"], state=State.SUCCEEDED)),
    "a decision's end": lambda rows: rows.put_decision(replace(rows.decisions["d-1"], state=Thinking.STOPPED)),
    "a decision's consumption": lambda rows: rows.put_decision(replace(rows.decisions["d-1"], consumed_by="c-1")),
    "a run": lambda rows: rows.put_run(replace(run_row(), steps=7)),
    "a node": lambda rows: rows.put_node(replace(NODE, held=1)),
    "a halt": lambda rows: rows.put_halt(replace(HALT, lifted_at_ms=2)),
}
ELSEWHERE: Final = {
    "a commit": ["state = 'UNKNOWN'", "attempts = 9", "looks = 9"],
    "a decision's end": ["state = 'ABSTAINED'", "consumed_by = 'c-9'"],
    "a decision's consumption": ["consumed_by = 'c-9'", "state = 'STOPPED'"],
    "a run": ["steps = 9", "stop = 'FAILED'"],
    "a node": ["held = 9", "settled = 9"],
    "a halt": ["lifted_at_ms = 9"],
}
TABLES: Final = {
    "a commit": "commits", "a decision's end": "decisions", "a decision's consumption": "decisions", "a run": "runs", "a node": "nodes", "a halt": "halts",
}  # fmt: skip


@pytest.mark.parametrize("what", MOVES)
def test_a_row_is_moved_from_where_it_was(connection: apsw.Connection, what: str) -> None:
    """And read back as it was moved."""
    rows = loaded(connection)
    before = Before.of(rows)
    MOVES[what](rows)

    Saver(connection).save(rows.dirty, before)

    again = loaded(connection)
    assert (again.commits, again.decisions, again.runs, again.nodes) == (rows.commits, rows.decisions, rows.runs, rows.nodes)
    assert again.halts == {"h-1": rows.dirty.halts.get("h-1", HALT)}


@pytest.mark.parametrize(("what", "change"), [(what, change) for what, changes in ELSEWHERE.items() for change in changes])
def test_a_row_that_another_hand_moved_is_not_moved_again(connection: apsw.Connection, what: str, change: str) -> None:
    """Whatever it was moved by: the update names it."""
    rows = loaded(connection)
    before = Before.of(rows)
    MOVES[what](rows)
    connection.execute(f"UPDATE {TABLES[what]} SET {change}")  # noqa: S608 - from the table above

    with pytest.raises(AssertionError, match="another hand"):
        Saver(connection).save(rows.dirty, before)


def test_what_is_there_is_not_made_again(connection: apsw.Connection) -> None:
    """A row taken for absent meets the one that is there."""
    for put in MOVES.values():
        rows = loaded(connection)
        put(rows)
        if rows.dirty.halts:
            continue  # a halt is put, made or lifted, in one statement

        with pytest.raises(apsw.ConstraintError):
            Saver(connection).save(rows.dirty, Before.of(empty()))


def test_a_key_bound_twice_in_a_batch_keeps_both_generations(connection: apsw.Connection) -> None:
    """Only what is new is written, each under its own number."""
    rows = loaded(connection)
    rows.bind(KEY, Generation("c-1", b"f", 1))
    Saver(connection).save(rows.dirty, Before.of(empty()))
    rows = loaded(connection)
    before = Before.of(rows)
    for commit_id in "c-2", "c-3":
        rows.bind(KEY, Generation(commit_id, b"g", 1))

    Saver(connection).save(rows.dirty, before)

    assert loaded(connection).keys[KEY].generations == (Generation("c-1", b"f", 1), Generation("c-2", b"g", 1), Generation("c-3", b"g", 1))


def test_a_run_that_was_put_back_as_it_was_is_not_written(connection: apsw.Connection) -> None:
    """A denial in an open run moves nothing of it."""
    rows = loaded(connection)
    rows.put_run(rows.runs[run_row().name])
    changes = connection.total_changes()

    Saver(connection).save(rows.dirty, Before.of(rows))

    assert connection.total_changes() == changes


def test_the_gate_moves_with_every_halt(connection: apsw.Connection) -> None:
    """Readers see by its version that what they keep of it is old."""
    reader = Loader(connection)
    thrown = reader.gate()
    rows = loaded(connection)
    rows.put_halt(replace(HALT, lifted_at_ms=2))
    Saver(connection).save(rows.dirty, Before.of(rows))

    assert (thrown.halts, reader.gate().halts) == ((HALT,), ())


def test_amounts_below_zero_and_fractions_never_get_in(connection: apsw.Connection) -> None:
    """The tables refuse what the domain must never ask."""
    for column in "held", "settled":
        for wrong in ("-1", "0.5", "'many'", "9e18 + 9e18"):
            with pytest.raises(apsw.ConstraintError):
                connection.execute(f"UPDATE nodes SET {column} = {wrong}")  # noqa: S608 - from the lists above


def test_a_stopped_run_reads_back_stopped(connection: apsw.Connection) -> None:
    """With its note and its salt."""
    rows = loaded(connection)
    before = Before.of(rows)
    stopped = replace(run_row(), stop=RunStop.FAILED, stopped_at_ms=9, note="gave up", note_salt=b"s")
    rows.put_run(stopped)
    Saver(connection).save(rows.dirty, before)

    assert loaded(connection).runs == {stopped.name: stopped}
