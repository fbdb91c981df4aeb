"""What `ledger check` is shown of a store, every row once, all of one state; and what it says of them.

1. Entries are shown in the order they were written, everything else in any order. Nothing is kept but findings, and what goes to the heaps.
2. What a gateway that is gone had in flight is unknown once that is known; FORWARDING, it was left behind.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from gateway.domain.audit import Entry
from gateway.domain.budget import NodeRow
from gateway.domain.chronicle import Chronicle
from gateway.domain.conservation import Conservation, Discrepancy
from gateway.domain.heap import Heap
from gateway.domain.lifecycle import State
from gateway.domain.records import CommitRow, DecisionRow, RunName, RunRow


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """How many rows of each kind were shown, and what does not add up."""

    commits: int
    decisions: int
    runs: int
    budgets: int
    entries: int
    findings: tuple[Discrepancy, ...]


class Check:
    """`gone`: whether the gateway that had a commit in flight is no more, and somebody should have found it by now."""

    def __init__(self, *, sums: Heap, stories: Heap, gone: Callable[[CommitRow], bool]) -> None:
        self._conservation, self._chronicle = Conservation(sums), Chronicle(stories)
        self._gone = gone
        self._left_behind: list[Discrepancy] = []
        self._shown: Counter[str] = Counter()

    def node(self, row: NodeRow) -> None:
        self._shown["budgets"] += 1
        self._conservation.node(row)

    def commit(self, row: CommitRow) -> None:
        self._shown["commits"] += 1
        self._conservation.commit(row)
        self._chronicle.commit(row)
        if row.state is State.FORWARDING and self._gone(row):
            where, seen = f"commit {row.commit_id}", "FORWARDING, of a gateway that is gone"
            self._left_behind.append(Discrepancy(what="recovery", where=where, expected="UNKNOWN", seen=seen))

    def decision(self, row: DecisionRow) -> None:
        self._shown["decisions"] += 1
        self._conservation.decision(row)

    def run(self, row: RunRow) -> None:
        self._shown["runs"] += 1
        self._conservation.run(row)

    def step_recorded(self, run: RunName) -> None:
        self._conservation.steps_recorded(run, 1)

    def entry(self, entry: Entry) -> None:
        self._shown["entries"] += 1
        self._chronicle.entry(entry)

    def said(self) -> Checked:
        """Once, when everything was shown."""
        budgets, record = self._conservation, self._chronicle
        found = (*budgets.found, *budgets.sums(), *record.found, *record.stories(), *self._left_behind)
        shown = self._shown
        return Checked(
            commits=shown["commits"], decisions=shown["decisions"], runs=shown["runs"], budgets=shown["budgets"], entries=shown["entries"], findings=found
        )
