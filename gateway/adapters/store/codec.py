"""Rows to columns and back. Each function keeps the order of its list in `sql/columns.sql`; a round trip in the tests holds it to every field.

1. What is looked for, counted or guarded is a column of its own; what only travels with its row (notes, holds, budgets) is a JSON array.
2. Nothing is interpreted here: an unknown word in a column is a ValueError, not a guess.
"""

from collections.abc import Callable, Iterable
from hashlib import sha256
from operator import attrgetter
from typing import Any, Final

import orjson

from gateway.adapters.store.statements import columns
from gateway.adapters.store.usage import usage_of, usage_text
from gateway.domain.audit import Entry, EntryKind
from gateway.domain.boundary import Standing
from gateway.domain.budget import BudgetLimit, Hold, HoldState, Ledger, Level, Node, NodeRow, Window
from gateway.domain.halts import Halt, HaltScope
from gateway.domain.lifecycle import State, Thinking
from gateway.domain.reasons import DecideStop, Reason, RunStop
from gateway.domain.records import CommitRow, DecisionRow, EvidenceNote, KeyName, Note, RunName, RunRow, StepRow
from gateway.domain.rows import ActivationRow

Columns = tuple[Any, ...]  # what the library hands over and takes

_COMMIT: Final = columns("commit")
_DECISION: Final = columns("decision")
_TEXTS: Final = ("salt", "context", "rationale")
COMMIT_MOVES: Final = (
    "state", "attempts", "lease_until_ms", "not_after_ms", "host_status", "response_truncated", "ended_at_ms", "entry_hash", "looks", "look_at_ms",
    "look_until_ms", "resolved_by",
)  # fmt: skip
DECISION_ENDS: Final = (
    "state", "option", "source", "agent_version", "transcript_sha256", "lease_until_ms", "ended_at_ms", "expire_at_ms", "consumed_by", "entry_hash",
)  # fmt: skip

_read_commit: Final[Callable[[CommitRow], Columns]] = attrgetter(*_COMMIT[:-2])
_read_commit_moves: Final[Callable[[CommitRow], Columns]] = attrgetter(*COMMIT_MOVES)
_read_decision_ends: Final[Callable[[DecisionRow], Columns]] = attrgetter(*DECISION_ENDS)
_read_entry: Final[Callable[[Entry], Columns]] = attrgetter(*columns("entry"))
_read_scope: Final[Callable[[HaltScope], Columns]] = attrgetter(*columns("halt")[:7])
_read_halt: Final[Callable[[Halt], Columns]] = attrgetter(*columns("halt")[7:])


def key_hash(name: KeyName) -> bytes:
    """SHA-256 over space, tenant and key, each with its length: the same bytes in two spaces are two keys."""
    tenant = name.tenant.encode()
    return sha256(b"%s\x00%d\x00%s%s" % (name.space.encode(), len(tenant), tenant, name.key)).digest()


def commit_values(row: CommitRow) -> Columns:
    return (*_read_commit(row), _notes(row.notes), _holds(row.holds))


def commit_moves(row: CommitRow) -> Columns:
    """`COMMIT_MOVES`, notes, holds."""
    return (*_read_commit_moves(row), _notes(row.notes), _holds(row.holds))


def commit_of(values: Columns) -> CommitRow:
    named = dict(zip(_COMMIT, values, strict=True))
    named["state"] = State(named["state"])
    named["response_truncated"] = bool(named["response_truncated"])
    named["notes"] = _notes_of(named["notes"])
    named["holds"] = _holds_of(named["holds"])
    return CommitRow(**named)


def decision_values(row: DecisionRow) -> Columns:
    special = {
        "stop": row.stop or "", "notes": _notes(row.notes), "evidence": _evidence(row.evidence), "usage": usage_text(row.usage),
        "holds": _holds(row.holds), "models": _json(row.models),
    }  # fmt: skip
    return tuple(special[name] if name in special else getattr(row, name) for name in _DECISION)


def decision_ends(row: DecisionRow) -> Columns:
    """`DECISION_ENDS`, stop, notes, evidence, usage, holds."""
    return (*_read_decision_ends(row), row.stop or "", _notes(row.notes), _evidence(row.evidence), usage_text(row.usage), _holds(row.holds))


def decision_of(values: Columns) -> DecisionRow:
    """Takes the decision's columns and its texts: salt, context, rationale."""
    named = dict(zip((*_DECISION, *_TEXTS), values, strict=True))
    named["state"] = Thinking(named["state"])
    named["stop"] = DecideStop(named["stop"]) if named["stop"] else None
    named["counted"] = bool(named["counted"])
    named["notes"] = _notes_of(named["notes"])
    named["evidence"] = tuple(
        EvidenceNote(tool=tool, result_sha256=bytes.fromhex(digest), result_bytes=size, ok=ok, prefetched=prefetched, cached=cached, note=note)
        for tool, digest, size, ok, prefetched, cached, note in orjson.loads(named["evidence"])
    )
    named["usage"] = usage_of(named["usage"])
    named["holds"] = _holds_of(named["holds"])
    named["models"] = tuple(orjson.loads(named["models"]))
    return DecisionRow(**named)


def run_values(row: RunRow) -> Columns:
    name = row.name
    return (
        name.tenant, name.workflow, name.run_id, row.opened_at_ms, row.deadline_at_ms, row.steps, row.steps_max, row.stop or "",
        row.stopped_at_ms, row.note, row.note_salt, _limits(row.budgets), row.finish_key, row.collected,
    )  # fmt: skip


def run_of(values: Columns) -> RunRow:
    tenant, workflow, run_id, opened_at_ms, deadline_at_ms, steps, steps_max, stop, stopped_at_ms, note, note_salt, budgets, finish_key, collected = values
    return RunRow(
        name=RunName(tenant, workflow, run_id), opened_at_ms=opened_at_ms, deadline_at_ms=deadline_at_ms, steps=steps, steps_max=steps_max,
        stop=RunStop(stop) if stop else None, stopped_at_ms=stopped_at_ms, note=note, note_salt=note_salt, budgets=_limits_of(orjson.loads(budgets)),
        finish_key=finish_key, collected=collected,
    )  # fmt: skip


def node_values(row: NodeRow) -> Columns:
    node = row.node
    return (
        node.level, node.tenant, node.workflow, node.run_id, node.ledger, node.currency, node.window, row.window_start_ms, row.held, row.settled,
        row.collected,
    )  # fmt: skip


def node_of(values: Columns) -> NodeRow:
    level, tenant, workflow, run_id, ledger, currency, window, window_start_ms, held, settled, collected = values
    node = Node(Level(level), tenant, workflow, run_id, Ledger(ledger), currency, Window(window))
    return NodeRow(node=node, window_start_ms=window_start_ms, held=held, settled=settled, collected=collected)


def step_values(row: StepRow) -> Columns:
    run = row.run
    return row.entry_hash, run.tenant, run.workflow, run.run_id, row.key, row.recorded_at_ms, row.result, row.salt


def step_of(values: Columns) -> StepRow:
    entry_hash, tenant, workflow, run_id, key, recorded_at_ms, result, salt = values
    return StepRow(entry_hash=entry_hash, run=RunName(tenant, workflow, run_id), key=key, recorded_at_ms=recorded_at_ms, result=result, salt=salt)


def entry_values(entry: Entry) -> Columns:
    return _read_entry(entry)


def entry_of(values: Columns) -> Entry:
    kind, time_ms, boot_id, counter, tenant, workflow, run_id, subject_id, leaf, leaf_hash = values
    return Entry(
        kind=EntryKind(kind), time_ms=time_ms, boot_id=boot_id, counter=counter, tenant=tenant, workflow=workflow, run_id=run_id,
        subject_id=subject_id, leaf=leaf, leaf_hash=leaf_hash,
    )  # fmt: skip


def halt_values(halt: Halt) -> Columns:
    return _read_scope(halt.scope) + _read_halt(halt)


def halt_of(values: Columns) -> Halt:
    scope = HaltScope(**dict(zip(columns("halt")[:7], values[:7], strict=True)))
    return Halt(scope=scope, **dict(zip(columns("halt")[7:], values[7:], strict=True)))


def activation_values(row: ActivationRow) -> Columns:
    standing = {
        "tenants": {name: _plain_limits(limits) for name, limits in row.standing.tenants.items()},
        "workflows": {name: _plain_limits(limits) for name, limits in row.standing.workflows.items()},
    }
    return row.number, row.revision, row.digest, _json(standing), row.activated_at_ms


def activation_of(values: Columns) -> ActivationRow:
    number, revision, digest, text, activated_at_ms = values
    parsed = orjson.loads(text)
    standing = Standing(
        tenants={name: _limits_of(limits) for name, limits in parsed["tenants"].items()},
        workflows={name: _limits_of(limits) for name, limits in parsed["workflows"].items()},
    )
    return ActivationRow(number=number, revision=revision, digest=digest, standing=standing, activated_at_ms=activated_at_ms)


def _json(value: object) -> str:
    return orjson.dumps(value).decode()


def _notes(notes: Iterable[Note]) -> str:
    plain = [(note.reason, dict(note.facts), note.policy_code, note.detail, note.retry_after_ms) for note in notes]
    return _json(plain) if plain else "[]"


def _notes_of(text: str) -> tuple[Note, ...]:
    if text == "[]":
        return ()
    return tuple(
        Note(reason=Reason(reason), facts=facts, policy_code=policy_code, detail=detail, retry_after_ms=retry_after_ms)
        for reason, facts, policy_code, detail, retry_after_ms in orjson.loads(text)
    )


def _holds(holds: Iterable[Hold]) -> str:
    plain = [
        (
            (node := held.node).level, node.tenant, node.workflow, node.run_id, node.ledger, node.currency, node.window,
            held.window_start_ms, held.amount, held.settled, held.state, held.left, held.limit,
        )
        for held in holds
    ]  # fmt: skip
    return _json(plain) if plain else "[]"


def _holds_of(text: str) -> tuple[Hold, ...]:
    if text == "[]":
        return ()
    return tuple(
        Hold(
            node=Node(Level(level), tenant, workflow, run_id, Ledger(ledger), currency, Window(window)), window_start_ms=window_start_ms,
            amount=amount, settled=settled, state=HoldState(state), left=left, limit=limit,
        )
        for level, tenant, workflow, run_id, ledger, currency, window, window_start_ms, amount, settled, state, left, limit in orjson.loads(text)
    )  # fmt: skip


def _evidence(evidence: Iterable[EvidenceNote]) -> str:
    return _json([(one.tool, one.result_sha256.hex(), one.result_bytes, one.ok, one.prefetched, one.cached, one.note) for one in evidence])


def _limits(limits: Iterable[BudgetLimit]) -> str:
    return _json(_plain_limits(limits))


def _plain_limits(limits: Iterable[BudgetLimit]) -> list[Columns]:
    return [(one.ledger, one.currency, one.window, one.limit) for one in limits]


def _limits_of(plain: Iterable[Columns]) -> tuple[BudgetLimit, ...]:
    return tuple(BudgetLimit(ledger=Ledger(ledger), currency=currency, window=Window(window), limit=limit) for ledger, currency, window, limit in plain)
