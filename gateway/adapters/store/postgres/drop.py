"""Taking out what a batch collected: every row with what hangs on it.

1. A commit, a decision, a step, a run, a window is there and goes, exactly once; a tombstone may be gone already.
2. What hangs on a row goes first.
"""

from collections.abc import Collection, Sequence
from typing import Final

from gateway.adapters.store.codec import Columns
from gateway.adapters.store.drop import nodes_of_run
from gateway.adapters.store.postgres.connecting import Connection
from gateway.adapters.store.postgres.rows import run_name
from gateway.adapters.store.postgres.statements import Statements, columns
from gateway.domain.rows import Gone

DROP: Final = Statements("drop")

_BODIES: Final = DROP.taking("drop_bodies", "commit_ids")
_ATTEMPTS: Final = DROP.taking("drop_attempts", "commit_ids")
_EVIDENCE: Final = DROP.taking("drop_evidence", "commit_ids")
_COMMITS: Final = DROP.taking("drop_commits", "commit_id", "from_state")
_TEXTS: Final = DROP.taking("drop_decision_texts", "decision_ids")
_DECISIONS: Final = DROP.taking("drop_decisions", "decision_id", "from_state")
_STEPS: Final = DROP.taking("drop_steps", "entry_hashes")
_WINDOWS_OF_RUNS: Final = DROP.taking("drop_windows_of_runs", "first", "past")
_NODES_OF_RUNS: Final = DROP.taking("drop_nodes_of_runs", "first", "past")
_RUNS: Final = DROP.taking("drop_runs", *columns("run_name"))
_WINDOWS: Final = DROP.taking("drop_windows", "node_key", "window_start_ms", "from_settled")
_TOMBSTONES: Final = DROP.taking("drop_tombstones", "key_hashes")


async def drop(connection: Connection, gone: Gone) -> None:
    """Deletes what is in `gone`, inside the batch's transaction."""
    await _commits(connection, gone)
    if gone.steps:
        _went(len(gone.steps), await connection.execute(_STEPS, [*gone.steps]))
    runs = [*gone.runs]
    ranges = [nodes_of_run(name) for name in runs]
    for sql in (_WINDOWS_OF_RUNS, _NODES_OF_RUNS):
        if ranges:
            await connection.execute(sql, *zip(*ranges, strict=True))
    await _each(connection, _RUNS, [run_name(name) for name in runs])
    await _each(connection, _WINDOWS, [(*place, row.settled) for place, row in gone.windows.items()])
    if gone.tombstones:
        await connection.execute(_TOMBSTONES, [*gone.tombstones])


async def _commits(connection: Connection, gone: Gone) -> None:
    hanging: Sequence[tuple[str, Collection[str]]] = (
        (_BODIES, gone.commits), (_ATTEMPTS, gone.commits), (_EVIDENCE, gone.commits), (_TEXTS, gone.decisions),
    )  # fmt: skip
    for sql, ids in hanging:
        if ids:
            await connection.execute(sql, [*ids])
    await _each(connection, _COMMITS, [(commit_id, row.state) for commit_id, row in gone.commits.items()])
    await _each(connection, _DECISIONS, [(decision_id, row.state) for decision_id, row in gone.decisions.items()])


async def _each(connection: Connection, sql: str, rows: Sequence[Columns]) -> None:
    """Executes `sql` for all of them at once; every one of them takes out exactly one row."""
    if rows:
        _went(len(rows), await connection.execute(sql, *zip(*rows, strict=True)))


def _went(expected: int, said: str) -> None:
    dropped = int(said.rpartition(" ")[2])
    assert dropped == expected, f"{dropped} of {expected} rows went: another hand moved one of them"
