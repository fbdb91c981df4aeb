"""Taking out what a batch collected: every row with what hangs on it.

1. A commit, a decision, a step, a run, a window is there and goes, exactly once; a tombstone may be gone already.
2. What hangs on a row goes first: it is found through the row.
"""

from collections.abc import Sequence
from typing import Final

import apsw

from gateway.adapters.store.codec import Columns
from gateway.adapters.store.statements import Statements
from gateway.domain.budget import Level
from gateway.domain.records import RunName
from gateway.domain.rows import Gone

DROP: Final = Statements("drop")

_BODY: Final = DROP.taking("drop_body", "commit_id")
_ATTEMPTS: Final = DROP.taking("drop_attempts", "commit_id")
_EVIDENCE: Final = DROP.taking("drop_evidence", "commit_id")
_COMMIT: Final = DROP.taking("drop_commit", "commit_id", "from_state")
_TEXTS: Final = DROP.taking("drop_decision_texts", "decision_id")
_DECISION: Final = DROP.taking("drop_decision", "decision_id", "from_state")
_STEP: Final = DROP.taking("drop_step", "entry_hash")
_NODES_OF_RUN: Final = DROP.taking("drop_nodes_of_run", "first", "past")
_RUN: Final = DROP.taking("drop_run", "tenant", "workflow", "run_id")
_WINDOW: Final = DROP.taking("drop_window", "node_key", "window_start_ms", "from_settled")
_TOMBSTONE: Final = DROP.taking("drop_tombstone", "key_hash")


class Dropper:
    """Deletes through one connection."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection
        self._cursor = connection.cursor()

    def drop(self, gone: Gone) -> None:
        commits = [(commit_id,) for commit_id in gone.commits]
        for sql in (_BODY, _ATTEMPTS, _EVIDENCE):
            self._any(sql, commits)
        self._each(_COMMIT, [(commit_id, row.state) for commit_id, row in gone.commits.items()])
        self._any(_TEXTS, [(decision_id,) for decision_id in gone.decisions])
        self._each(_DECISION, [(decision_id, row.state) for decision_id, row in gone.decisions.items()])
        self._each(_STEP, [(entry_hash,) for entry_hash in gone.steps])
        self._any(_NODES_OF_RUN, [nodes_of_run(name) for name in gone.runs])
        self._each(_RUN, [(name.tenant, name.workflow, name.run_id) for name in gone.runs])
        self._each(_WINDOW, [(*place, row.settled) for place, row in gone.windows.items()])
        self._any(_TOMBSTONE, [(key_hash,) for key_hash in gone.tombstones])

    def _any(self, sql: str, rows: Sequence[Columns]) -> None:
        if rows:
            self._cursor.executemany(sql, rows)

    def _each(self, sql: str, rows: Sequence[Columns]) -> None:
        """Executes `sql` once for each; every one of them takes out exactly one row."""
        if not rows:
            return
        before = self._connection.total_changes()
        self._cursor.executemany(sql, rows)
        dropped = self._connection.total_changes() - before
        assert dropped == len(rows), f"{dropped} of {len(rows)} rows went: another hand moved one of them ({sql[:40]} …)"


def nodes_of_run(name: RunName) -> tuple[str, str]:
    """The range of node keys of a run, end excluded: U+0020 follows the separator."""
    first = "\x1f".join((Level.RUN, name.tenant, name.workflow, name.run_id, ""))
    return first, first[:-1] + "\x20"
