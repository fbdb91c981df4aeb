"""Loading the rows that the members of a batch name, from one connection inside one transaction.

1. Wanted rows first, then the budget nodes, which are known only once gate, runs, commits and decisions are.
2. What a member did not name it does not see: that is how a member that names too little is found out.
"""

from collections.abc import Iterable
from typing import Any, Final

import apsw

from gateway.adapters.store.codec import Columns, activation_of, commit_of, decision_of, halt_of, key_hash, node_of, run_of, step_of
from gateway.adapters.store.statements import Statements
from gateway.domain.budget import Node, NodeRow
from gateway.domain.halts import Halt
from gateway.domain.records import CommitRow, DecisionRow, Generation, KeyName, KeyRow, KeySpace, RunName, RunRow, StepRow
from gateway.domain.rows import Gate, Rows, Wants, Write

LOAD: Final = Statements("load")

_KEY: Final = LOAD.taking("key", "key_hash")
_COMMIT: Final = LOAD.taking("commit", "commit_id")
_OPEN_COMMITS: Final = LOAD.taking("open_commits")
_DECISION: Final = LOAD.taking("decision", "decision_id")
_OPEN_DECISIONS: Final = LOAD.taking("open_decisions")
_RUN: Final = LOAD.taking("run", "tenant", "workflow", "run_id")
_NEWEST: Final = LOAD.taking("newest_window", "node_key")
_WINDOW: Final = LOAD.taking("window", "node_key", "window_start_ms")
_HALT: Final = LOAD.taking("halt", "halt_id")
_ACTIVE_HALTS: Final = LOAD.taking("active_halts")
_GATE: Final = LOAD.taking("gate")
_ACTIVATION: Final = LOAD.taking("activation_in_force")
_STEP: Final = LOAD.taking("step", "entry_hash")
_OPEN_RUNS: Final = LOAD.taking("open_runs", "tenant")


class Loader:
    """Rows of one connection, each read when asked for."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._cursor = connection.cursor()
        self._gate: tuple[int, Gate] | None = None  # with its version

    def key(self, name: KeyName) -> KeyRow | None:
        found = self._all(_KEY, (key_hash(name),))
        if not found:
            return None
        return KeyRow(name=name, generations=tuple(Generation(*values[:3]) for values in found if values[0]), retired_at_ms=found[0][3])

    def commit(self, commit_id: str) -> CommitRow | None:
        values = self._one(_COMMIT, (commit_id,))
        return commit_of(values) if values else None

    def decision(self, decision_id: str) -> DecisionRow | None:
        values = self._one(_DECISION, (decision_id,))
        return decision_of(values) if values else None

    def run(self, name: RunName) -> RunRow | None:
        values = self._one(_RUN, (name.tenant, name.workflow, name.run_id))
        return run_of(values) if values else None

    def newest_window(self, node: Node) -> NodeRow | None:
        values = self._one(_NEWEST, (node.key,))
        return NodeRow(node=node, window_start_ms=values[0], held=values[1], settled=values[2], collected=values[3]) if values else None

    def window(self, node_key: str, window_start_ms: int) -> NodeRow | None:
        values = self._one(_WINDOW, (node_key, window_start_ms))
        return node_of(values) if values else None

    def halt(self, halt_id: str) -> Halt | None:
        values = self._one(_HALT, (halt_id,))
        return halt_of(values) if values else None

    def step(self, entry_hash: bytes) -> StepRow | None:
        values = self._one(_STEP, (entry_hash,))
        return step_of(values) if values else None

    def open_work(self) -> tuple[list[CommitRow], list[DecisionRow]]:
        commits = [commit_of(values) for values in self._all(_OPEN_COMMITS, ())]
        return commits, [decision_of(values) for values in self._all(_OPEN_DECISIONS, ())]

    def gate(self) -> Gate:
        """Kept until its version moves: every halt, resume and activation moves it in its own transaction."""
        version, minimum_number = self._all(_GATE, ())[0]
        if self._gate is None or self._gate[0] != version:
            activation = self._one(_ACTIVATION, ())
            halts = tuple(halt_of(values) for values in self._all(_ACTIVE_HALTS, ()))
            gate = Gate(activation=activation_of(activation) if activation else None, minimum_number=minimum_number, halts=halts)
            self._gate = (version, gate)
        return self._gate[1]

    def open_runs(self, tenant: str) -> int:
        count: int = self._all(_OPEN_RUNS, (tenant,))[0][0]
        return count

    def all_of(self, sql: str, values: tuple[Any, ...]) -> list[Columns]:
        """The rows of a statement of somebody else's."""
        return self._all(sql, values)

    def denials(self, tenant: str) -> tuple[int, ...]:
        """When those lately recorded were made. Who only reads records none."""
        del tenant
        return ()

    def _one(self, sql: str, values: tuple[Any, ...]) -> Columns | None:
        found = self._all(sql, values)
        return found[0] if found else None

    def _all(self, sql: str, values: tuple[Any, ...]) -> list[Columns]:
        return self._cursor.execute(sql, values).fetchall()


def load(rows: Rows, writes: Iterable[Write[object]], source: Loader) -> None:
    """Puts into `rows` everything that `writes` name."""
    writes = list(writes)
    for write in writes:
        _load_wants(rows, write.wants(), source)
    for write in writes:
        for node in write.nodes(rows):
            _load_newest(rows, node, source)
        for place in write.held(rows):
            _load_window(rows, place, source)


def _load_wants(rows: Rows, wants: Wants, source: Loader) -> None:
    for name in wants.keys:
        _load_key(rows, name, source)
    for commit_id in wants.commits:
        _load_commit(rows, commit_id, source)
    for decision_id in wants.decisions:
        _load_decision(rows, decision_id, source)
        if (decision := rows.decisions.get(decision_id)) is not None:
            _load_run(rows, RunName(decision.tenant, decision.workflow, decision.run_id), source)
    for run in wants.runs:
        _load_run(rows, run, source)
    _load_rarely_wanted(rows, wants, source)


def _load_rarely_wanted(rows: Rows, wants: Wants, source: Loader) -> None:
    for halt_id in wants.halts:
        if (halt := source.halt(halt_id)) is not None:
            rows.halts[halt_id] = halt
    for entry_hash in wants.steps:
        if (step := source.step(entry_hash)) is not None:
            rows.steps[entry_hash] = step
    if wants.open_work:
        commits, decisions = source.open_work()
        rows.commits.update((row.commit_id, row) for row in commits)
        rows.decisions.update((row.decision_id, row) for row in decisions)


def _load_key(rows: Rows, name: KeyName, source: Loader) -> None:
    if name in rows.keys or (row := source.key(name)) is None:
        return
    rows.keys[name] = row
    if not row.generations:
        return
    match name.space:
        case KeySpace.COMMIT:
            _load_commit(rows, row.latest.id, source)
        case KeySpace.DECIDE:
            _load_decision(rows, row.latest.id, source)
        case KeySpace.STEP | KeySpace.FINISH:
            pass


def _load_commit(rows: Rows, commit_id: str, source: Loader) -> None:
    if commit_id in rows.commits or (row := source.commit(commit_id)) is None:
        return
    rows.commits[commit_id] = row
    if row.decision_id:
        _load_decision(rows, row.decision_id, source)


def _load_decision(rows: Rows, decision_id: str, source: Loader) -> None:
    if decision_id not in rows.decisions and (row := source.decision(decision_id)) is not None:
        rows.decisions[decision_id] = row


def _load_run(rows: Rows, name: RunName, source: Loader) -> None:
    if name not in rows.runs and (row := source.run(name)) is not None:
        rows.runs[name] = row
    if name.tenant not in rows.open_runs:
        rows.open_runs[name.tenant] = source.open_runs(name.tenant)
        rows.denials[name.tenant] = source.denials(name.tenant)


def _load_newest(rows: Rows, node: Node, source: Loader) -> None:
    if node.key in rows.sought:
        return
    rows.sought.add(node.key)
    if (row := source.newest_window(node)) is not None:
        rows.nodes.setdefault((node.key, row.window_start_ms), row)
        rows.newest[node.key] = row.window_start_ms


def _load_window(rows: Rows, place: tuple[str, int], source: Loader) -> None:
    if place not in rows.nodes and (row := source.window(*place)) is not None:
        rows.nodes[place] = row
