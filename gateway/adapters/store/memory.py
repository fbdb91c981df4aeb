"""What the writer keeps in memory of rows it wrote itself, so that T2 does not read again what T1 has just written.

1. Right because one process writes this file, under a lock: nothing else moves these rows. Should somebody do so by hand, `PRAGMA data_version`
   shows it and everything kept is forgotten; and every update names what it leaves.
2. Kept only after COMMIT has said yes; forgotten whenever a transaction does not end well.
3. Bounded: too much kept is all forgotten.
"""

from typing import Final

import apsw

from gateway.adapters.store.load import Loader
from gateway.domain.budget import Level, Node, NodeRow
from gateway.domain.lifecycle import State
from gateway.domain.records import CommitRow, RunName, RunRow
from gateway.domain.rows import Rows

_KEPT_MAX: Final = 10_000  # of each kind


class RememberingLoader(Loader):
    """A loader that answers from memory what it can."""

    def __init__(self, connection: apsw.Connection) -> None:
        super().__init__(connection)
        self._commits: dict[str, CommitRow] = {}  # FORWARDING
        self._runs: dict[RunName, RunRow] = {}  # open
        self._nodes: dict[str, NodeRow] = {}  # newest windows
        self._open_runs: dict[str, int] = {}
        self._denials: dict[str, tuple[int, ...]] = {}  # in no row: whatever is forgotten, these stay

    def commit(self, commit_id: str) -> CommitRow | None:
        return self._commits.get(commit_id) or super().commit(commit_id)

    def run(self, name: RunName) -> RunRow | None:
        return self._runs.get(name) or super().run(name)

    def newest_window(self, node: Node) -> NodeRow | None:
        return self._nodes.get(node.key) or super().newest_window(node)

    def window(self, node_key: str, window_start_ms: int) -> NodeRow | None:
        kept = self._nodes.get(node_key)
        return kept if kept is not None and kept.window_start_ms == window_start_ms else super().window(node_key, window_start_ms)

    def open_runs(self, tenant: str) -> int:
        if tenant not in self._open_runs:
            self._open_runs[tenant] = super().open_runs(tenant)
        return self._open_runs[tenant]

    def denials(self, tenant: str) -> tuple[int, ...]:
        return self._denials.get(tenant, ())

    def keep(self, rows: Rows) -> None:
        """Once `rows` are durable."""
        for row in rows.dirty.commits.values():
            if row.state is State.FORWARDING:
                self._commits[row.commit_id] = row
            else:
                self._commits.pop(row.commit_id, None)
        for run in rows.dirty.runs.values():
            if run.stop is None:
                self._runs[run.name] = run
            else:
                self._runs.pop(run.name, None)
        self._keep_nodes(rows)
        self._drop_nodes(rows)
        self._open_runs.update(rows.open_runs)
        self._denials.update(rows.denials)
        for kept in (self._commits, self._runs, self._nodes, self._open_runs, self._denials):
            if len(kept) > _KEPT_MAX:
                kept.clear()

    def _keep_nodes(self, rows: Rows) -> None:
        for (node_key, start_ms), row in rows.dirty.nodes.items():
            kept = self._nodes.get(node_key)
            sought = node_key in rows.sought and rows.newest[node_key] == start_ms
            if sought or (kept is not None and kept.window_start_ms == start_ms):
                self._nodes[node_key] = row

    def _drop_nodes(self, rows: Rows) -> None:
        """A run that was collected may be opened again by its name, with budgets that have not moved."""
        for name, run in rows.dirty.gone.runs.items():
            for one in run.budgets:
                node = Node(Level.RUN, name.tenant, name.workflow, name.run_id, one.ledger, one.currency, one.window)
                self._nodes.pop(node.key, None)

    def forget(self) -> None:
        """Everything is read again."""
        self._gate = None
        for kept in (self._commits, self._runs, self._nodes, self._open_runs):
            kept.clear()
