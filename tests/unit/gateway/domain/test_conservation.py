"""`ledger check`: sound books have no discrepancy, and each way of falsifying them is found and named."""

import asyncio
from collections.abc import Callable

import pytest

from gateway.adapters.store.heap import DiskHeap
from gateway.domain.budget import Ledger, Level, Node, NodeRow, Window
from gateway.domain.change import replace
from gateway.domain.conservation import Books, Conservation, discrepancies, weighed
from gateway.domain.lifecycle import Event, State
from gateway.domain.records import CommitRow
from tests.contract.store_desk import RUN, Desk, MemorySeat, limit, terms, writes
from tests.fakes.clock import FakeClock
from tests.fakes.ids import CountingIds


async def _sound() -> Books:
    """One of everything: succeeded, failed, unknown, flying, denied; decided and thinking; a consumed decision."""
    clock, ids = FakeClock(), CountingIds()
    desk = Desk(store=await MemorySeat().open(clock, ids), seat=MemorySeat(), clock=clock, ids=ids, terms=terms(budgets=[limit(100)]))
    decision = await desk.decided("D-1")
    for number, event in enumerate(Event):
        if event in {Event.HOST_DID, Event.HOST_DID_NOT, Event.NOBODY_KNOWS}:
            await desk.committed(desk.ask(f"K-{number}", costs=writes(number + 1)), event)
    await desk.authorised(desk.ask("K-flying", costs=writes(7), decision_id=decision.decision_id))
    await desk.denied(desk.ask("K-denied", costs=writes(1_000)))
    await desk.begun(desk.thinking_ask("D-2", costs=writes(9)))
    return await desk.store.books()


@pytest.fixture(scope="module")
def books() -> Books:
    return asyncio.run(_sound())


def test_sound_books_add_up(books: Books) -> None:
    """Nothing to say, of full books and of empty ones."""
    assert discrepancies(books) == []
    assert discrepancies(Books(nodes=(), commits=(), decisions=(), runs=(), steps_recorded={})) == []


def of_commits(change: Callable[[CommitRow], CommitRow], state: State) -> Callable[[Books], Books]:
    return lambda books: replace(books, commits=tuple(change(row) if row.state is state else row for row in books.commits))


def _tightened(rows: tuple[CommitRow, ...]) -> tuple[CommitRow, ...]:
    return tuple(replace(row, decision_id="", holds=tuple(replace(held, limit=1) for held in row.holds)) for row in rows)


FALSE: dict[str, tuple[Callable[[Books], Books], set[str]]] = {
    "a unit held by nobody": (lambda books: replace(books, nodes=tuple(replace(row, held=row.held + 1) for row in books.nodes)), {"held"}),
    "a unit spent by nobody": (lambda books: replace(books, nodes=tuple(replace(row, settled=row.settled + 1) for row in books.nodes)), {"settled"}),
    "more authorised than any limit": (lambda books: replace(books, commits=_tightened(books.commits), decisions=()), {"held", "limit", "steps"}),
    "a node that is gone": (lambda books: replace(books, nodes=()), {"held", "settled"}),
    "a hold in another window": (lambda books: replace(books, nodes=tuple(replace(row, window_start_ms=60_000) for row in books.nodes)), {"held", "settled"}),
    "an unknown whose hold was released": (of_commits(lambda row: replace(row, state=State.FAILED), State.UNKNOWN), {"hold"}),
    "a success that still holds": (of_commits(lambda row: replace(row, state=State.SUCCEEDED), State.UNKNOWN), {"hold"}),
    "a commit that is gone": (lambda books: replace(books, commits=books.commits[1:]), {"settled", "steps"}),
    "a step too few": (lambda books: replace(books, runs=tuple(replace(row, steps=row.steps - 1) for row in books.runs)), {"steps"}),
    "a recorded step that was not counted": (lambda books: replace(books, steps_recorded={RUN: 1}), {"steps"}),
    "a run that is gone": (lambda books: replace(books, runs=()), {"steps"}),
    "a decision nobody consumed": (lambda books: replace(books, decisions=tuple(replace(row, consumed_by="") for row in books.decisions)), {"decision"}),
    "a decision consumed by a failed commit": (
        lambda books: replace(books, decisions=tuple(replace(row, consumed_by=books.commits[1].commit_id) for row in books.decisions[:1])),
        {"decision", "held", "steps"},
    ),
}


@pytest.mark.parametrize("name", FALSE)
def test_false_books_are_found_out(books: Books, name: str) -> None:
    """What does not add up is named, with what was expected and what was seen."""
    falsify, expected = FALSE[name]

    found = discrepancies(falsify(books))

    assert {one.what for one in found} == expected
    assert all(one.where and one.expected != one.seen for one in found)


@pytest.mark.parametrize("name", FALSE)
def test_nothing_is_missed_where_sums_go_to_a_heap_one_by_one(books: Books, name: str) -> None:
    """However few are kept together, and wherever the heap lies, the same is found."""
    false = FALSE[name][0](books)
    heap = DiskHeap()

    found = weighed(false, Conservation(heap, together_max=0))

    heap.close()
    assert sorted(map(str, found)) == sorted(map(str, discrepancies(false)))


def test_names_that_read_alike_are_two_nodes(books: Books) -> None:
    """A slash in a run's name is no border between names: what one holds too much is not what another holds too little."""
    pair = tuple(
        NodeRow(node=Node(Level.RUN, "acme", workflow, run_id, Ledger.WRITES, "", Window.TOTAL), window_start_ms=0, held=0, settled=settled)
        for workflow, run_id, settled in (("a", "b/c", 1), ("a/b", "c", 2))
    )

    found = discrepancies(replace(books, nodes=(*books.nodes, *pair)))

    assert [(one.what, one.seen) for one in found] == [("settled", "1"), ("settled", "2")]
