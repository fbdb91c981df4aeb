"""(h) Writing back what a batch changed: every row once, inserted when it was not there, filled where its place was claimed, else moved from what it was.

1. An update names what it leaves. Fewer rows changed than were moved means that somebody else moved one in spite of the locks: an assertion, the batch
   rolls back.
2. What was claimed and not used is taken away again: Refuse, Rejudge and Twin leave no trace.
3. Entries are written in the order they were recorded, in the same transaction as what they describe; then what was collected goes (`drop`); the
   boot's own row comes last.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from gateway.adapters.store.codec import (
    Columns,
    activation_values,
    commit_moves,
    commit_values,
    decision_ends,
    decision_values,
    entry_values,
    key_hash,
    step_values,
)
from gateway.adapters.store.postgres.connecting import Connection
from gateway.adapters.store.postgres.drop import drop
from gateway.adapters.store.postgres.hands import Claimed
from gateway.adapters.store.postgres.rows import halt_values, run_name, run_values, window_values
from gateway.adapters.store.postgres.statements import Statements, columns
from gateway.domain.budget import NodeRow
from gateway.domain.records import CommitRow, DecisionRow, KeyName, RunName, RunRow
from gateway.domain.rows import Dirty, Rows

SAVE: Final = Statements("save")


def _of(name: str, *more: str) -> tuple[str, ...]:
    return (*columns(name), *more)


_INSERT_GENERATIONS: Final = SAVE.taking("insert_generations", *_of("generation"))
_UNBIND_KEYS: Final = SAVE.taking("unbind_keys", "key_hashes")
_RETIRE_KEYS: Final = SAVE.taking("retire_keys", "key_hash", "retired_at_ms")
_FREE_KEYS: Final = SAVE.taking("free_keys", "key_hashes")
_INSERT_COMMITS: Final = SAVE.taking("insert_commits", *_of("commit"))
_MOVE_COMMITS: Final = SAVE.taking("move_commits", *_of("commit_moves", "commit_id", "from_state", "from_attempts", "from_looks"))
_INSERT_BODIES: Final = SAVE.taking("insert_bodies", *_of("body"))
_SET_RESPONSES: Final = SAVE.taking("set_responses", "commit_id", "response")
_INSERT_ATTEMPTS: Final = SAVE.taking("insert_attempts", *_of("attempt"))
_INSERT_EVIDENCE: Final = SAVE.taking("insert_evidence", *_of("spoken"))
_INSERT_DECISIONS: Final = SAVE.taking("insert_decisions", *_of("decision"))
_INSERT_TEXTS: Final = SAVE.taking("insert_texts", *_of("texts"))
_CONCLUDE: Final = SAVE.taking("conclude_decisions", *_of("decision_ends", "decision_id", "from_state", "from_consumed_by"))
_SET_RATIONALES: Final = SAVE.taking("set_rationales", "decision_id", "rationale")
_CONSUME: Final = SAVE.taking("consume_decisions", "consumed_by", "decision_id", "from_state", "from_consumed_by")
_FILL_RUNS: Final = SAVE.taking("fill_runs", *_of("run_filling"), *_of("run_name"))
_MOVE_RUNS: Final = SAVE.taking("move_runs", *_of("run_moves"), *_of("run_name"), "from_steps", "from_stop")
_FREE_RUNS: Final = SAVE.taking("free_runs", *_of("run_name"))
_INSERT_WINDOWS: Final = SAVE.taking("insert_windows", *_of("window"))
_MOVE_WINDOWS: Final = SAVE.taking("move_windows", *_of("window", "from_held", "from_settled"))
_FREE_NODES: Final = SAVE.taking("free_nodes", "node_keys")
_INSERT_STEPS: Final = SAVE.taking("insert_steps", *_of("step"))
_INSERT_ENTRIES: Final = SAVE.taking("insert_entries", *_of("entry"))
_PUT_HALTS: Final = SAVE.taking("put_halts", *_of("halt"))
_INSERT_ACTIVATION: Final = SAVE.taking("insert_activation", *_of("activation"))
_SET_MINIMUM: Final = SAVE.taking("set_minimum", "minimum_number")
_MOVE_GATE: Final = SAVE.taking("move_gate")
_MOVE_BOOT: Final = SAVE.taking("move_boot", "batch", "counter", "boot_id", "from_batch")


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
    """Writes through one connection, inside its transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def save(self, dirty: Dirty, before: Before, claimed: Claimed) -> None:
        await self._keys(dirty, before.generations, claimed.keys)
        await self._runs(dirty, before.runs, claimed.runs)
        await self._nodes(dirty, before.nodes, claimed.nodes)
        await self._decisions(dirty, before.decisions)
        await self._commits(dirty, before.commits)
        await self._gate(dirty)
        await self._each(_INSERT_STEPS, [step_values(step) for step in dirty.steps.values()])
        await self._each(_INSERT_ENTRIES, [entry_values(entry) for entry in dirty.entries])
        await drop(self._connection, dirty.gone)

    async def move_boot(self, boot_id: str, *, batch: int, counter: int) -> None:
        """Says that this transaction is the boot's next one."""
        await self._one(_MOVE_BOOT, batch, counter, boot_id, batch - 1)

    async def _keys(self, dirty: Dirty, generations: Mapping[KeyName, int], claimed: set[bytes]) -> None:
        bound: list[Columns] = []
        retired: list[Columns] = []
        for name, row in dirty.keys.items():
            hashed, known = key_hash(name), generations.get(name, 0)
            claimed.discard(hashed)
            if not row.generations:
                retired.append((hashed, row.retired_at_ms))
            for number, made in enumerate(row.generations[known:], known + 1):
                bound.append((hashed, number, made.id, made.fingerprint, made.fingerprint_version))
        await self._each(_INSERT_GENERATIONS, bound)
        if retired:
            await self._connection.execute(_UNBIND_KEYS, [hashed for hashed, _ in retired])
            await self._each(_RETIRE_KEYS, retired)
        await self._free(_FREE_KEYS, claimed)

    async def _runs(self, dirty: Dirty, before: Mapping[RunName, RunRow], claimed: set[RunName]) -> None:
        opened: list[Columns] = []
        moved: list[Columns] = []
        for name, row in dirty.runs.items():
            was = before.get(name)
            if was is None:
                assert name in claimed, f"{name} was neither read nor claimed"
                claimed.discard(name)
                opened.append((*run_values(row)[3:], *run_name(name)))
            elif was is not row:
                moved.append((
                    row.steps, row.stop or "", row.stopped_at_ms, row.note.encode(), row.note_salt, row.finish_key, row.collected, *run_name(name),
                    was.steps, was.stop or "",
                ))  # fmt: skip
        await self._each(_FILL_RUNS, opened)
        await self._each(_MOVE_RUNS, moved)
        await self._each(_FREE_RUNS, [run_name(name) for name in claimed])

    async def _nodes(self, dirty: Dirty, before: Mapping[tuple[str, int], NodeRow], claimed: set[str]) -> None:
        made: list[Columns] = []
        moved: list[Columns] = []
        for place, row in dirty.nodes.items():
            claimed.discard(row.node.key)
            was = before.get(place)
            if was is None:
                made.append(window_values(row))
            else:
                moved.append((*window_values(row), was.held, was.settled))
        await self._each(_INSERT_WINDOWS, made)
        await self._each(_MOVE_WINDOWS, moved)
        await self._free(_FREE_NODES, claimed)

    async def _decisions(self, dirty: Dirty, before: Mapping[str, DecisionRow]) -> None:
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
        await self._each(_INSERT_DECISIONS, [decision_values(row) for row in made])
        await self._each(_INSERT_TEXTS, [(row.decision_id, row.salt, row.context, row.rationale.encode()) for row in made])
        await self._each(_CONCLUDE, [(*decision_ends(row), row.decision_id, was.state, was.consumed_by) for was, row in ended])
        await self._each(_SET_RATIONALES, [(row.decision_id, row.rationale.encode()) for was, row in ended if row.rationale != was.rationale])
        await self._each(_CONSUME, consumed)

    async def _commits(self, dirty: Dirty, before: Mapping[str, CommitRow]) -> None:
        made: list[Columns] = []
        moved: list[Columns] = []
        for commit_id, row in dirty.commits.items():
            was = before.get(commit_id)
            if was is None:
                made.append(commit_values(row))
            else:
                moved.append((*commit_moves(row), commit_id, was.state, was.attempts, was.looks))
        await self._each(_INSERT_COMMITS, made)
        await self._each(_MOVE_COMMITS, moved)
        await self._each(_INSERT_BODIES, [(one.commit_id, one.salt, one.payload, one.judged_input, one.response) for one in dirty.bodies.values()])
        await self._each(_SET_RESPONSES, [(commit_id, response) for commit_id, response in dirty.responses.items()])
        await self._each(_INSERT_ATTEMPTS, [
            (one.attempt_id, one.commit_id, one.number, one.boot_id, one.lease_until_ms, one.not_after_ms, one.made_at_ms) for one in dirty.attempts
        ])  # fmt: skip
        await self._each(_INSERT_EVIDENCE, [(commit_id, spoken.words.encode(), spoken.salt) for commit_id, spoken in dirty.evidence.items()])

    async def _gate(self, dirty: Dirty) -> None:
        await self._each(_PUT_HALTS, [halt_values(halt) for halt in dirty.halts.values()])
        if dirty.activation:
            row, minimum_number = dirty.activation
            await self._each(_INSERT_ACTIVATION, [activation_values(row)])
            await self._one(_SET_MINIMUM, minimum_number)
        if dirty.halts or dirty.activation:
            await self._one(_MOVE_GATE)

    async def _each(self, sql: str, rows: Sequence[Columns]) -> None:
        """Executes `sql` for all of them at once; every one of them changes exactly one row."""
        if rows:
            await self._changes(len(rows), sql, *zip(*rows, strict=True))

    async def _one(self, sql: str, *values: object) -> None:
        await self._changes(1, sql, *values)

    async def _free(self, sql: str, claimed: Iterable[bytes] | Iterable[str]) -> None:
        """One array: so many rows of one column."""
        names = list(claimed)
        if names:
            await self._changes(len(names), sql, names)

    async def _changes(self, expected: int, sql: str, *values: object) -> None:
        said = await self._connection.execute(sql, *values)
        changed = int(said.rpartition(" ")[2])
        assert changed == expected, f"{changed} of {expected} rows changed: another hand moved one of them ({sql[:40]} …)"
