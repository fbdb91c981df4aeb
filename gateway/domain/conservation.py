"""`ledger check`: what the budgets say against what the commits and decisions say. Everything must add up, at any time.

1. Of every node in every window: held is the sum of its open holds, settled the sum of what was settled and of what was collected.
2. Holds are open exactly while their commit or decision is; a denied one has none; a failed one released all.
3. A run's steps are its admitted commits, its counted decisions, its recorded steps, and those of them that were collected.
4. A decision is consumed by one commit that names it and was not given back.
5. What a node has authorised, less what was collected, never exceeds the greatest limit it was held against; only a bill above its hold may.
6. Rows come one by one, in any order, and are not kept: what is summed up is put on a heap, by whom it is about.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from gateway.domain.budget import Hold, HoldState, NodeRow
from gateway.domain.heap import Heap, MemoryHeap, by_subject
from gateway.domain.lifecycle import State, Thinking
from gateway.domain.records import CommitRow, DecisionRow, RunName, RunRow

_TOGETHER_MAX: Final = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Books:
    """One consistent read of everything that has to add up."""

    nodes: tuple[NodeRow, ...]  # every window
    commits: tuple[CommitRow, ...]
    decisions: tuple[DecisionRow, ...]
    runs: tuple[RunRow, ...]
    steps_recorded: Mapping[RunName, int]  # those not collected


@dataclass(frozen=True, slots=True, kw_only=True)
class Discrepancy:
    """One thing that does not add up."""

    what: str  # held, settled, limit, hold, steps, decision; record and story, of `chronicle`
    where: str  # the node with its window, the commit, the decision, the run
    expected: str
    seen: str


def discrepancies(books: Books) -> list[Discrepancy]:
    """Everything that does not add up; empty when all is well."""
    return weighed(books, Conservation(MemoryHeap()))


def weighed(books: Books, counted: "Conservation") -> list[Discrepancy]:
    """Everything that does not add up, found with a heap of one's own."""
    for node in books.nodes:
        counted.node(node)
    for commit in books.commits:
        counted.commit(commit)
    for decision in books.decisions:
        counted.decision(decision)
    for run in books.runs:
        counted.run(run)
    for name, count in books.steps_recorded.items():
        counted.steps_recorded(name, count)
    return [*counted.found, *counted.sums()]


@dataclass(slots=True)
class _Sum:
    """Of the holds of one node in one window, as far as they were looked at."""

    held: int = 0
    settled: int = 0
    beyond: int = 0  # settled above what was held
    limit: int = -1  # the greatest they were held against

    def add(self, *, held: int, settled: int, beyond: int, limit: int) -> None:
        self.held += held
        self.settled += settled
        self.beyond += beyond
        self.limit = max(self.limit, limit)


class Conservation:
    """Takes every row once. `found` is what rows show by themselves; `sums`, asked once at the end, what only all of them together show.

    Sums of rows that come near each other meet before they go to the heap: `together_max` of them are kept.
    """

    def __init__(self, heap: Heap, *, together_max: int = _TOGETHER_MAX) -> None:
        self.found: list[Discrepancy] = []
        self._heap = heap
        self._together_max = together_max
        self._sums: dict[tuple[str, int], _Sum] = {}
        self._steps: Counter[RunName] = Counter()

    def node(self, row: NodeRow) -> None:
        self._heap.put(_place(row.node.key, row.window_start_ms), f"{_ROW} {row.held} {row.settled} {row.collected}")

    def run(self, row: RunRow) -> None:
        self._heap.put(_run(row.name), f"{_ROW} {row.steps - row.collected}")

    def commit(self, row: CommitRow) -> None:
        self._holds(row.holds)
        self.found += _unlike(f"commit {row.commit_id} {row.state}", row.holds, _OF_COMMIT[row.state])
        if row.attempts:
            self.steps_recorded(RunName(row.tenant, row.workflow, row.run_id), 1)
        if row.decision_id and row.state not in _GIVEN_BACK:
            self._heap.put(_KIND.join((_DECISIONS, row.commit_id)), f"{_NAMES} {row.decision_id}")

    def decision(self, row: DecisionRow) -> None:
        self._holds(row.holds)
        expected = HoldState.OPEN if row.state is Thinking.THINKING else HoldState.SETTLED
        self.found += _unlike(f"decision {row.decision_id} {row.state}", row.holds, expected if row.counted else None)
        if row.counted:
            self.steps_recorded(RunName(row.tenant, row.workflow, row.run_id), 1)
        if row.consumed_by:
            self._heap.put(_KIND.join((_DECISIONS, row.consumed_by)), f"{_CONSUMED} {row.decision_id}")

    def steps_recorded(self, name: RunName, count: int) -> None:
        self._steps[name] += count
        if len(self._steps) > self._together_max:
            self._put_steps()

    def sums(self) -> Iterator[Discrepancy]:
        self._put_sums()
        self._put_steps()
        for subject, words in by_subject(self._heap):
            kind, _, of = subject.partition(_KIND)
            yield from _KINDS[kind](of.replace(_UNIT, "/"), words)

    def _holds(self, holds: Iterable[Hold]) -> None:
        for hold in holds:
            sums = self._sums.setdefault((hold.node.key, hold.window_start_ms), _Sum())
            sums.add(
                held=hold.amount if hold.state is HoldState.OPEN else 0, settled=hold.settled if hold.state is HoldState.SETTLED else 0,
                beyond=max(0, hold.settled - hold.amount), limit=hold.limit,
            )  # fmt: skip
        if len(self._sums) > self._together_max:
            self._put_sums()

    def _put_sums(self) -> None:
        for (node_key, start_ms), one in self._sums.items():
            self._heap.put(_place(node_key, start_ms), f"{_SUMS} {one.held} {one.settled} {one.beyond} {one.limit}")
        self._sums.clear()

    def _put_steps(self) -> None:
        for name, count in self._steps.items():
            self._heap.put(_run(name), f"{_SUMS} {count}")
        self._steps.clear()


def _place(node_key: str, window_start_ms: int) -> str:
    return _KIND.join((_NODES, f"{node_key} @ {window_start_ms}"))


def _run(name: RunName) -> str:
    return _KIND.join((_RUNS, _UNIT.join((name.tenant, name.workflow, name.run_id))))


def _of_node(where: str, lines: Iterable[str]) -> Iterator[Discrepancy]:
    held = settled = collected = 0
    there, sums = False, _Sum()
    for tag, numbers in map(_read, lines):
        if tag == _ROW:
            there, (held, settled, collected) = True, numbers
        else:
            more_held, more_settled, beyond, limit = numbers
            sums.add(held=more_held, settled=more_settled, beyond=beyond, limit=limit)
    for what, expected, seen in (("held", sums.held, held), ("settled", sums.settled, settled - collected)):
        if expected != seen:
            yield Discrepancy(what=what, where=where, expected=str(expected), seen=str(seen))
    authorised = held + settled - collected - sums.beyond
    if there and authorised > sums.limit >= 0:
        yield Discrepancy(what="limit", where=where, expected=f"at most {sums.limit}", seen=str(authorised))


def _of_run(name: str, lines: Iterable[str]) -> Iterator[Discrepancy]:
    taken = seen = 0
    for tag, (count,) in map(_read, lines):
        if tag == _ROW:
            seen = count
        else:
            taken += count
    if taken != seen:
        yield Discrepancy(what="steps", where=f"run {name}", expected=str(taken), seen=str(seen))


def _of_decision(commit_id: str, lines: Iterable[str]) -> Iterator[Discrepancy]:
    said: dict[str, list[str]] = {_NAMES: [], _CONSUMED: []}
    for line in lines:
        tag, _, decision_id = line.partition(" ")
        said[tag].append(decision_id)
    named, consumed = (", ".join(sorted(said[tag])) or "none" for tag in (_NAMES, _CONSUMED))
    if named != consumed:
        yield Discrepancy(what="decision", where=f"commit {commit_id}", expected=named, seen=consumed)


def _read(line: str) -> tuple[str, list[int]]:
    tag, *numbers = line.split(" ")
    return tag, [int(number) for number in numbers]


def _unlike(where: str, holds: Iterable[Hold], expected: HoldState | None) -> Iterator[Discrepancy]:
    for hold in holds:
        if hold.state is not expected:
            yield Discrepancy(what="hold", where=f"{where}: {hold.node.key.replace(_UNIT, '/')}", expected=str(expected), seen=str(hold.state))


_UNIT: Final = "\x1f"
_KIND: Final = "\x1e"
_NODES, _RUNS, _DECISIONS = "node", "run", "decision"
_KINDS: Final = {_NODES: _of_node, _RUNS: _of_run, _DECISIONS: _of_decision}
_ROW, _SUMS, _NAMES, _CONSUMED = "row", "sums", "names", "consumed"
_GIVEN_BACK: Final = frozenset({State.FAILED, State.DENIED})
_OF_COMMIT: Final[Mapping[State, HoldState | None]] = {
    State.FORWARDING: HoldState.OPEN,
    State.UNKNOWN: HoldState.OPEN,
    State.SUCCEEDED: HoldState.SETTLED,
    State.FAILED: HoldState.RELEASED,
    State.DENIED: None,
}
