"""The working set of a batch: a member sees what the members before it made, and everything is written once."""

import pytest

from gateway.domain.audit import EntryKind
from gateway.domain.budget import Ledger, Level, Node, NodeRow, Window
from gateway.domain.change import replace
from gateway.domain.halts import Halt, HaltScope
from gateway.domain.limits import DENIALS_PER_S_MAX
from gateway.domain.reasons import RunStop
from gateway.domain.records import Generation, KeyName, KeySpace, RunName
from gateway.domain.rows import Gate, Rows
from tests.fakes.activation import TENANT
from tests.fakes.rows import commit_row, decision_row, run_row

NODE = Node(Level.TENANT, "acme", "", "", Ledger.WRITES, "", Window.MINUTE)
HALT = Halt(halt_id="h-1", scope=HaltScope(), reason="", principal="dora", thrown_at_ms=1, lifted_at_ms=0, lifted_by="", lift_reason="")


def rows(*, open_runs: int = 0) -> Rows:
    return Rows(now_ms=7, boot_id="boot-1", counter=5, gate=Gate(activation=None, minimum_number=0, halts=()), open_runs={TENANT: open_runs})


def test_the_last_word_on_a_row_is_what_is_written() -> None:
    """However often a batch moves it."""
    batch = rows()
    for looks in (1, 2, 3):
        batch.put_commit(replace(commit_row(), looks=looks))
        batch.put_decision(replace(decision_row("d-1"), generation=looks))

    assert [row.looks for row in batch.dirty.commits.values()] == [3]
    assert batch.commits == batch.dirty.commits
    assert [row.generation for row in batch.dirty.decisions.values()] == [3]


def test_entries_count_on_and_are_kept_in_order() -> None:
    """From where the boot has come to; the run is that of whoever it is about."""
    batch = rows()
    hashes = [batch.record(EntryKind.INTENT, run=RunName("t", "w", "r"), subject_id=f"c-{n}", fields={"x": n}) for n in (1, 2)]

    assert [entry.counter for entry in batch.dirty.entries] == [5, 6]
    assert [entry.leaf_hash for entry in batch.dirty.entries] == hashes
    assert batch.counter == 7
    assert batch.dirty.entries[0].leaf == b'{"boot":"boot-1","kind":"INTENT","n":5,"run":"r","tenant":"t","time_ms":7,"v":1,"workflow":"w","x":1}'


def test_open_runs_are_counted_as_they_open_and_stop() -> None:
    """Putting the same run again changes nothing."""
    batch = rows(open_runs=4)
    counts = []
    for run in (run_row(), replace(run_row(), steps=1), replace(run_row(), stop=RunStop.FAILED), replace(run_row(), stop=RunStop.FAILED)):
        batch.put_run(run)
        counts.append(batch.open_runs[run.name.tenant])

    assert counts == [5, 5, 4, 4]


@pytest.mark.parametrize(("after_ms", "may"), [(0, False), (999, False), (1_000, True), (-999, False), (-86_400_000, True)])
def test_denials_are_counted_over_the_last_second(after_ms: int, may: bool) -> None:  # noqa: FBT001 - a case
    """Fifty, whenever the second began; a clock that is put back a day does not shut the tenant out for one."""
    batch = rows()
    may_have = []
    for _ in range(DENIALS_PER_S_MAX):
        may_have.append(batch.may_record_denial(TENANT))
        batch.count_denial(TENANT)
    batch.now_ms += after_ms

    assert all(may_have)
    assert batch.may_record_denial(TENANT) is may
    assert batch.may_record_denial("another") is True


def test_denials_of_another_second_are_not_kept() -> None:
    """What is counted is bounded, however long the gateway lives."""
    batch = rows()
    for _ in range(3):
        batch.count_denial(TENANT)
        batch.now_ms += 1_000

    assert batch.denials == {TENANT: (2_007,)}


def test_an_older_window_never_becomes_the_newest() -> None:
    """Settling yesterday's hold leaves today's window in place."""
    batch = rows()
    batch.sought.add(NODE.key)
    for start in (60_000, 0):
        batch.put_node(NodeRow(node=NODE, window_start_ms=start, held=1, settled=0))

    newest = batch.newest_node(NODE)
    assert newest is not None
    assert newest.window_start_ms == 60_000
    assert len(batch.dirty.nodes) == 2


def test_a_key_keeps_all_it_was_bound_to() -> None:
    """Two generations in one batch."""
    batch, name = rows(), KeyName(KeySpace.COMMIT, "acme", b"K-1")
    first, second = Generation("c-1", b"f", 1), Generation("c-2", b"g", 1)
    batch.bind(name, first)
    batch.bind(name, second)

    assert batch.dirty.keys[name].generations == (first, second) == batch.keys[name].generations


def test_the_gate_moves_within_the_batch() -> None:
    """A halt thrown before a member stands for it, a halt lifted before it does not."""
    batch = rows()
    batch.put_halt(HALT)
    standing = batch.gate.halts
    batch.put_halt(replace(HALT, lifted_at_ms=8))

    assert (standing, batch.gate.halts) == ((HALT,), ())
    assert batch.dirty.halts == {"h-1": replace(HALT, lifted_at_ms=8)}
