"""Writing back what a batch changed: every row once, inserted when it was not there, else moved from what it was.

1. An update names what it leaves. Fewer rows changed than were moved means that somebody else moved one: an assertion, the batch rolls back.
2. Entries are written in the order they were recorded, in the same transaction as what they describe.
3. What was collected goes last, once everything that counted it is written (`drop`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import apsw

from gateway.adapters.store.codec import (
    COMMIT_MOVES,
    DECISION_ENDS,
    Columns,
    activation_values,
    commit_moves,
    commit_values,
    decision_ends,
    decision_values,
    entry_values,
    halt_values,
    key_hash,
    node_values,
    run_values,
    step_values,
)
from gateway.adapters.store.drop import Dropper
from gateway.adapters.store.statements import Statements, columns
from gateway.domain.budget import NodeRow
from gateway.domain.records import CommitRow, DecisionRow, KeyName, RunName, RunRow
from gateway.domain.rows import Dirty, Rows

SAVE: Final = Statements("save")

_INSERT_GENERATION: Final = SAVE.taking("insert_generation", "key_hash", "generation", "subject_id", "fingerprint", "fingerprint_version")
_UNBIND: Final = SAVE.taking("unbind_key", "key_hash")
_INSERT_TOMBSTONE: Final = SAVE.taking("insert_tombstone", "key_hash", "retired_at_ms")
_INSERT_COMMIT: Final = SAVE.taking("insert_commit", *columns("commit"))
_MOVE_COMMIT: Final = SAVE.taking("move_commit", *COMMIT_MOVES, "notes", "holds", "commit_id", "from_state", "from_attempts", "from_looks")
_INSERT_BODY: Final = SAVE.taking("insert_body", "commit_id", "salt", "payload", "judged_input", "response")
_SET_RESPONSE: Final = SAVE.taking("set_response", "response", "commit_id")
_INSERT_ATTEMPT: Final = SAVE.taking("insert_attempt", "attempt_id", "commit_id", "number", "boot_id", "lease_until_ms", "not_after_ms", "made_at_ms")
_INSERT_EVIDENCE: Final = SAVE.taking("insert_evidence", "commit_id", "words", "salt")
_INSERT_DECISION: Final = SAVE.taking("insert_decision", *columns("decision"))
_INSERT_TEXTS: Final = SAVE.taking("insert_decision_texts", "decision_id", "salt", "context", "rationale")
_CONCLUDE: Final = SAVE.taking(
    "conclude_decision", *DECISION_ENDS, "stop", "notes", "evidence", "usage", "holds", "decision_id", "from_state", "from_consumed_by"
)
_SET_RATIONALE: Final = SAVE.taking("set_rationale", "rationale", "decision_id")
_CONSUME: Final = SAVE.taking("consume_decision", "consumed_by", "decision_id", "from_state", "from_consumed_by")
_INSERT_RUN: Final = SAVE.taking("insert_run", *columns("run"))
_MOVE_RUN: Final = SAVE.taking(
    "move_run", "steps", "stop", "stopped_at_ms", "note", "note_salt", "finish_key", "collected", "tenant", "workflow", "run_id", "from_steps", "from_stop"
)
_INSERT_NODE: Final = SAVE.taking("insert_node", "node_key", *columns("node"))
_MOVE_NODE: Final = SAVE.taking("move_node", "held", "settled", "collected", "node_key", "window_start_ms", "from_held", "from_settled")
_INSERT_STEP: Final = SAVE.taking("insert_step", *columns("step"))
_INSERT_ENTRY: Final = SAVE.taking("insert_entry", *columns("entry"))
_PUT_HALT: Final = SAVE.taking("put_halt", *columns("halt"))
_INSERT_ACTIVATION: Final = SAVE.taking("insert_activation", "number", "revision", "digest", "standing", "activated_at_ms")
_SET_MINIMUM: Final = SAVE.taking("set_minimum", "minimum_number")
_MOVE_GATE: Final = SAVE.taking("move_gate")


@dataclass(frozen=True, slots=True)
class Before:
    """The rows as they were loaded."""

    generations: Mapping[KeyName, int]
    commits: Mapping[str, CommitRow]
    decisions: Mapping[str, DecisionRow]
    runs: Mapping[RunName, RunRow]
    nodes: Mapping[tuple[str, int], NodeRow]

    @staticmethod
    def of(rows: Rows) -> "Before":
        generations = {name: len(row.generations) for name, row in rows.keys.items()}
        return Before(generations, dict(rows.commits), dict(rows.decisions), dict(rows.runs), dict(rows.nodes))


class Saver:
    """Writes through one connection."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection
        self._cursor = connection.cursor()
        self._dropper = Dropper(connection)

    def save(self, dirty: Dirty, before: Before) -> None:
        self._keys(dirty, before.generations)
        self._runs(dirty, before.runs)
        self._nodes(dirty, before.nodes)
        self._decisions(dirty, before.decisions)
        self._commits(dirty, before.commits)
        self._gate(dirty)
        self._each(_INSERT_STEP, [step_values(step) for step in dirty.steps.values()])
        self._each(_INSERT_ENTRY, [entry_values(entry) for entry in dirty.entries])
        self._dropper.drop(dirty.gone)

    def _keys(self, dirty: Dirty, generations: Mapping[KeyName, int]) -> None:
        bound, retired = [], []
        for name, row in dirty.keys.items():
            hashed, known = key_hash(name), generations.get(name, 0)
            if not row.generations:
                retired.append((hashed, row.retired_at_ms))
            for number, made in enumerate(row.generations[known:], known + 1):
                bound.append((hashed, number, made.id, made.fingerprint, made.fingerprint_version))
        self._each(_INSERT_GENERATION, bound)
        if retired:
            self._cursor.executemany(_UNBIND, [(hashed,) for hashed, _ in retired])
            self._each(_INSERT_TOMBSTONE, retired)

    def _runs(self, dirty: Dirty, before: Mapping[RunName, RunRow]) -> None:
        made: list[Columns] = []
        moved: list[Columns] = []
        for name, row in dirty.runs.items():
            was = before.get(name)
            if was is None:
                made.append(run_values(row))
            elif was is not row:
                moved.append((
                    row.steps, row.stop or "", row.stopped_at_ms, row.note, row.note_salt, row.finish_key, row.collected, name.tenant, name.workflow,
                    name.run_id,
                    was.steps, was.stop or "",
                ))  # fmt: skip
        self._each(_INSERT_RUN, made)
        self._each(_MOVE_RUN, moved)

    def _nodes(self, dirty: Dirty, before: Mapping[tuple[str, int], NodeRow]) -> None:
        made: list[Columns] = []
        moved: list[Columns] = []
        for place, row in dirty.nodes.items():
            was = before.get(place)
            if was is None:
                made.append((row.node.key, *node_values(row)))
            else:
                moved.append((row.held, row.settled, row.collected, *place, was.held, was.settled))
        self._each(_INSERT_NODE, made)
        self._each(_MOVE_NODE, moved)

    def _decisions(self, dirty: Dirty, before: Mapping[str, DecisionRow]) -> None:
        made: list[DecisionRow] = []
        ended: list[tuple[DecisionRow, DecisionRow]] = []
        consumed: list[Columns] = []
        for decision_id, row in dirty.decisions.items():
            was = before.get(decision_id)
            if was is None:
                made.append(row)
            elif was.state is row.state:
                consumed.append((row.consumed_by, decision_id, was.state, was.consumed_by))
            else:
                ended.append((was, row))
        self._each(_INSERT_DECISION, [decision_values(row) for row in made])
        self._each(_INSERT_TEXTS, [(row.decision_id, row.salt, row.context, row.rationale) for row in made])
        self._each(_CONCLUDE, [(*decision_ends(row), row.decision_id, was.state, was.consumed_by) for was, row in ended])
        self._each(_SET_RATIONALE, [(row.rationale, row.decision_id) for was, row in ended if row.rationale != was.rationale])
        self._each(_CONSUME, consumed)

    def _commits(self, dirty: Dirty, before: Mapping[str, CommitRow]) -> None:
        made: list[Columns] = []
        moved: list[Columns] = []
        for commit_id, row in dirty.commits.items():
            was = before.get(commit_id)
            if was is None:
                made.append(commit_values(row))
            else:
                moved.append((*commit_moves(row), commit_id, was.state, was.attempts, was.looks))
        self._each(_INSERT_COMMIT, made)
        self._each(_MOVE_COMMIT, moved)
        self._each(_INSERT_BODY, [(one.commit_id, one.salt, one.payload, one.judged_input, one.response) for one in dirty.bodies.values()])
        self._each(_SET_RESPONSE, [(response, commit_id) for commit_id, response in dirty.responses.items()])
        self._each(_INSERT_ATTEMPT, [
            (one.attempt_id, one.commit_id, one.number, one.boot_id, one.lease_until_ms, one.not_after_ms, one.made_at_ms) for one in dirty.attempts
        ])  # fmt: skip
        self._each(_INSERT_EVIDENCE, [(commit_id, spoken.words, spoken.salt) for commit_id, spoken in dirty.evidence.items()])

    def _gate(self, dirty: Dirty) -> None:
        self._each(_PUT_HALT, [halt_values(halt) for halt in dirty.halts.values()])
        if dirty.activation:
            row, minimum_number = dirty.activation
            self._each(_INSERT_ACTIVATION, [activation_values(row)])
            self._each(_SET_MINIMUM, [(minimum_number,)])
        if dirty.halts or dirty.activation:
            self._each(_MOVE_GATE, [()])

    def _each(self, sql: str, rows: Sequence[Columns]) -> None:
        """Executes `sql` once for each; every one of them changes exactly one row."""
        if not rows:
            return
        before = self._connection.total_changes()
        self._cursor.executemany(sql, rows)
        changed = self._connection.total_changes() - before
        assert changed == len(rows), f"{changed} of {len(rows)} rows changed: another hand moved one of them ({sql[:40]} …)"
