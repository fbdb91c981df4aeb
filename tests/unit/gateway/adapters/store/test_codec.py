"""Rows to columns and back: every field survives, and no two of them change places."""

from dataclasses import fields, replace
from typing import Any

import apsw
import pytest

from gateway.adapters.store.codec import (
    activation_of,
    activation_values,
    commit_of,
    commit_values,
    decision_of,
    decision_values,
    entry_of,
    entry_values,
    halt_of,
    halt_values,
    key_hash,
    node_of,
    node_values,
    run_of,
    run_values,
)
from gateway.domain.audit import Entry, EntryKind
from gateway.domain.boundary import Standing
from gateway.domain.budget import BudgetLimit, Hold, HoldState, Ledger, Level, Node, NodeRow, Window
from gateway.domain.halts import Halt, HaltScope
from gateway.domain.lifecycle import State, Thinking
from gateway.domain.reasons import DecideStop, Reason, RunStop
from gateway.domain.records import CommitRow, DecisionRow, EvidenceNote, KeyName, KeySpace, Note, RunName, RunRow, Usage
from gateway.domain.rows import ActivationRow

NODE = Node(Level.WORKFLOW, "acme", "onboarding", "", Ledger.VALUE, "EUR", Window.DAY)
HOLD = Hold(node=NODE, window_start_ms=86_400_000, amount=7, settled=6, state=HoldState.SETTLED, left=-3, limit=5)
NOTE = Note(reason=Reason.POLICY_DENIED, facts={"größe": "zu groß"}, policy_code="TOO_BIG", detail='says "no"\n', retry_after_ms=8)
LIMITS = (
    BudgetLimit(ledger=Ledger.SPEND, currency="USD", window=Window.TOTAL, limit=10**15),
    BudgetLimit(ledger=Ledger.WRITES, currency="", window=Window.MINUTE, limit=0),
)
HALT = Halt(
    halt_id="h-1", scope=HaltScope(tenant="t", workflow="w", step="s", action="a", target="b", model="m", run_id="r"), reason="why", principal="dora",
    thrown_at_ms=1, lifted_at_ms=2, lifted_by="emil", lift_reason="over", salt=b"1", lift_salt=b"2",
)  # fmt: skip
SPECIAL = {
    "state": State.UNKNOWN, "notes": (NOTE, Note(reason=Reason.NEEDS_OPERATOR)), "holds": (HOLD, replace(HOLD, amount=9)), "key": b"\x00\xff",
    "fingerprint": b"f", "entry_hash": b"e" * 32, "response_truncated": True, "counted": False, "stop": DecideStop.TIMEOUT, "models": ("small", "große"),
    "evidence": (EvidenceNote(tool="prices", result_sha256=b"\x01" * 32, result_bytes=3, ok=False, prefetched=True, cached=True, note="it answered HTTP 503"),),
    "usage": Usage(steps=1, tool_calls=2, tokens_in=3, tokens_out=4, spend_micros=5, wall_ms=6, model="small"), "step_digest": b"s", "transcript_sha256": b"t",
    "salt": b"salt", "context": b"{}", "source": "FALLBACK",
}  # fmt: skip


def distinct(kind: type[CommitRow] | type[DecisionRow]) -> dict[str, Any]:
    """A value of its own for every field."""
    plain = {field.name: number if field.type == "int" or field.type is int else field.name for number, field in enumerate(fields(kind), 100)}
    return plain | {name: value for name, value in SPECIAL.items() if name in plain}


def test_a_commit_comes_back_as_it_was() -> None:
    """Each of its fields holds a value of its own."""
    row = CommitRow(**distinct(CommitRow))

    assert commit_of(commit_values(row)) == row


def test_a_decision_comes_back_as_it_was() -> None:
    """Its texts travel behind its columns."""
    row = DecisionRow(**{**distinct(DecisionRow), "state": Thinking.STOPPED})

    assert decision_of((*decision_values(row), row.salt, row.context, row.rationale)) == row
    undecided = replace(row, stop=None, notes=(), evidence=(), holds=(), models=(), usage=Usage())
    assert decision_of((*decision_values(undecided), row.salt, row.context, row.rationale)) == undecided


@pytest.mark.parametrize("stop", [None, RunStop.BUDGET_LIMIT])
def test_a_run_comes_back_as_it_was(stop: RunStop | None) -> None:
    """Open or stopped."""
    row = RunRow(
        name=RunName("t", "w", "r"), opened_at_ms=1, deadline_at_ms=2, steps=3, steps_max=4, budgets=LIMITS, stop=stop, stopped_at_ms=5, note="n",
        note_salt=b"s",
    )  # fmt: skip

    assert run_of(run_values(row)) == row


def test_a_node_a_halt_an_entry_an_activation_come_back_as_they_were() -> None:
    """The smaller rows."""
    node = NodeRow(node=NODE, window_start_ms=1, held=2, settled=3)
    entry = Entry(kind=EntryKind.INTENT, time_ms=1, boot_id="b", counter=2, tenant="t", workflow="w", run_id="r", subject_id="s", leaf=b"{}", leaf_hash=b"h")
    standing = Standing(tenants={"acme": LIMITS, "b": ()}, workflows={"onboarding": LIMITS[:1]})
    activation = ActivationRow(number=3, revision="r-3", digest=b"d", standing=standing, activated_at_ms=4)

    assert node_of(node_values(node)) == node
    assert node_of(node_values(node)).node.key == NODE.key
    assert halt_of(halt_values(HALT)) == HALT
    assert entry_of(entry_values(entry)) == entry
    assert activation_of(activation_values(activation)) == activation


def test_a_key_is_hashed_with_its_space_and_tenant() -> None:
    """No two names share bytes, however they are cut."""
    names = [
        KeyName(KeySpace.COMMIT, "acme", b"k"), KeyName(KeySpace.DECIDE, "acme", b"k"), KeyName(KeySpace.COMMIT, "acm", b"ek"),
        KeyName(KeySpace.COMMIT, "acmek", b""), KeyName(KeySpace.COMMIT, "acme", b"K"), KeyName(KeySpace.COMMIT, "1\x00a", b"k"),
        KeyName(KeySpace.COMMIT, "1", b"\x00ak"),
    ]  # fmt: skip

    assert len({key_hash(name) for name in names}) == len(names)
    assert {len(key_hash(name)) for name in names} == {32}


def test_a_word_nobody_knows_is_no_guess() -> None:
    """A state, a ledger or a reason that this version does not have is an error."""
    row = CommitRow(**distinct(CommitRow))
    values = list(commit_values(row))
    values[values.index(State.UNKNOWN)] = "AWAITING_APPROVAL"

    with pytest.raises(ValueError, match="AWAITING_APPROVAL"):
        commit_of(tuple(values))


def test_words_of_a_closed_list_are_stored_as_text() -> None:
    """Not as something that only this program reads."""
    stored = apsw.Connection(":memory:").execute("SELECT typeof(?), ?", (State.UNKNOWN, Ledger.VALUE)).fetchall()

    assert stored == [("text", "value")]
