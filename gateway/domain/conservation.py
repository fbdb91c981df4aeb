"""`ledger check`: what the budgets say against what the commits and decisions say. Everything must add up, at any time.

1. Of every node in every window: held is the sum of its open holds, settled the sum of what was settled and of what was collected.
2. Holds are open exactly while their commit or decision is; a denied one has none; a failed one released all.
3. A run's steps are its admitted commits, its counted decisions, its recorded steps, and those of them that were collected.
4. A decision is consumed by one commit that names it and was not given back.
5. What a node has authorised, less what was collected, never exceeds the greatest limit it was held against; only a bill above its hold may.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from gateway.domain.budget import Hold, HoldState, NodeRow
from gateway.domain.lifecycle import State, Thinking
from gateway.domain.records import CommitRow, DecisionRow, RunName, RunRow


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
    return [*_of_nodes(books), *_of_limits(books), *_of_holds(books), *_of_runs(books), *_of_decisions(books)]


def _of_nodes(books: Books) -> Iterator[Discrepancy]:
    held: Counter[tuple[str, int]] = Counter()
    settled: Counter[tuple[str, int]] = Counter()
    for hold in _holds(books):
        place = (hold.node.key, hold.window_start_ms)
        held[place] += hold.amount if hold.state is HoldState.OPEN else 0
        settled[place] += hold.settled if hold.state is HoldState.SETTLED else 0
    rows = {(row.node.key, row.window_start_ms): row for row in books.nodes}
    for place in sorted({*rows, *held}):
        row = rows.get(place)
        seen = (row.held, row.settled - row.collected) if row else (0, 0)
        where = f"{place[0].replace(_UNIT, '/')} @ {place[1]}"
        for what, expected, found in (("held", held[place], seen[0]), ("settled", settled[place], seen[1])):
            if expected != found:
                yield Discrepancy(what=what, where=where, expected=str(expected), seen=str(found))


def _of_limits(books: Books) -> Iterator[Discrepancy]:
    limits: dict[tuple[str, int], int] = {}
    beyond: Counter[tuple[str, int]] = Counter()
    for hold in _holds(books):
        place = (hold.node.key, hold.window_start_ms)
        limits[place] = max(hold.limit, limits.get(place, 0))
        beyond[place] += max(0, hold.settled - hold.amount)
    for row in books.nodes:
        place = (row.node.key, row.window_start_ms)
        authorised = row.held + row.settled - row.collected - beyond[place]
        if place in limits and authorised > limits[place]:
            where = f"{place[0].replace(_UNIT, '/')} @ {place[1]}"
            yield Discrepancy(what="limit", where=where, expected=f"at most {limits[place]}", seen=str(authorised))


def _of_holds(books: Books) -> Iterator[Discrepancy]:
    for commit in books.commits:
        yield from _unlike(f"commit {commit.commit_id} {commit.state}", commit.holds, _OF_COMMIT[commit.state])
    for decision in books.decisions:
        expected = HoldState.OPEN if decision.state is Thinking.THINKING else HoldState.SETTLED
        yield from _unlike(f"decision {decision.decision_id} {decision.state}", decision.holds, expected if decision.counted else None)


def _unlike(where: str, holds: tuple[Hold, ...], expected: HoldState | None) -> Iterator[Discrepancy]:
    for hold in holds:
        if hold.state is not expected:
            yield Discrepancy(what="hold", where=f"{where}: {hold.node.key.replace(_UNIT, '/')}", expected=str(expected), seen=str(hold.state))


def _of_runs(books: Books) -> Iterator[Discrepancy]:
    taken = Counter(books.steps_recorded)
    taken.update(RunName(row.tenant, row.workflow, row.run_id) for row in books.commits if row.attempts)
    taken.update(RunName(row.tenant, row.workflow, row.run_id) for row in books.decisions if row.counted)
    steps = {run.name: run.steps - run.collected for run in books.runs}
    for name in sorted({*steps, *taken}, key=str):
        if steps.get(name, 0) != taken[name]:
            where = f"run {name.tenant}/{name.workflow}/{name.run_id}"
            yield Discrepancy(what="steps", where=where, expected=str(taken[name]), seen=str(steps.get(name, 0)))


def _of_decisions(books: Books) -> Iterator[Discrepancy]:
    carriers = {row.commit_id: row.decision_id for row in books.commits if row.decision_id and row.state not in _GIVEN_BACK}
    consumers = {row.consumed_by: row.decision_id for row in books.decisions if row.consumed_by}
    for commit_id in sorted({*carriers, *consumers}):
        named, consumed = carriers.get(commit_id, "none"), consumers.get(commit_id, "none")
        if named != consumed:
            yield Discrepancy(what="decision", where=f"commit {commit_id}", expected=named, seen=consumed)


def _holds(books: Books) -> Iterator[Hold]:
    for commit in books.commits:
        yield from commit.holds
    for decision in books.decisions:
        yield from decision.holds


_UNIT: Final = "\x1f"
_GIVEN_BACK: Final = frozenset({State.FAILED, State.DENIED})
_OF_COMMIT: Final[Mapping[State, HoldState | None]] = {
    State.FORWARDING: HoldState.OPEN,
    State.UNKNOWN: HoldState.OPEN,
    State.SUCCEEDED: HoldState.SETTLED,
    State.FAILED: HoldState.RELEASED,
    State.DENIED: None,
}
