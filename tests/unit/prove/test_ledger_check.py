"""The one check after every case: what agrees is passed over, and each broken promise is named by its invariant."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Final

import pytest

from gateway.domain.audit import EntryKind
from gateway.domain.lifecycle import Event, State
from gateway.domain.records import CommitRow
from gateway.domain.targets import HostMode
from tests.contract.store_desk import RUN, Desk, MemorySeat, limit, terms, writes
from tests.fakes.clock import FakeClock
from tests.fakes.ids import CountingIds
from tests.prove.ledger_check import Case, Delivery, Stored, Told, broken


async def _sound() -> Case:
    """One of each: done, refused, unknown, denied; what the host saw of them, and what callers were told."""
    clock, ids = FakeClock(), CountingIds()
    desk = Desk(store=await MemorySeat().open(clock, ids), seat=MemorySeat(), clock=clock, ids=ids, terms=terms(budgets=[limit(100)]))
    done = await desk.committed(desk.ask("K-done", costs=writes(1)), Event.HOST_DID)
    refused = await desk.committed(desk.ask("K-refused", costs=writes(1)), Event.HOST_DID_NOT)
    unknown = await desk.committed(desk.ask("K-unknown", costs=writes(1)), Event.NOBODY_KNOWS)
    denied = await desk.denied(desk.ask("K-denied", costs=writes(1_000)))
    entries = tuple(entry for _, entry in await desk.store.entries(RUN, after=0, limit=100))
    return Case(
        stored=Stored(books=await desk.store.books(), entries=entries, boot_id=done.boot_id),
        deliveries=[_delivery(done, clock, applied=True), _delivery(refused, clock, applied=False), _delivery(unknown, clock, applied=True)],
        told=[Told(key=row.key.decode(), generation=1, commit_id=row.commit_id, state=row.state) for row in (done, refused, unknown, denied)],
        modes={"billing": HostMode.QUERY}, cooperative=frozenset({"billing"}),
    )  # fmt: skip


def _delivery(row: CommitRow, clock: FakeClock, *, applied: bool) -> Delivery:
    return Delivery(key=f"cs-{row.commit_id}", at_ms=clock.now_ms(), applied=applied)


@pytest.fixture(scope="module")
def sound() -> Case:
    return asyncio.run(_sound())


def test_what_agrees_is_passed_over(sound: Case) -> None:
    """Nothing to say."""
    assert broken(sound) == []


def _delivered_again(case: Case) -> Case:
    return replace(case, deliveries=[*case.deliveries, replace(case.deliveries[2], applied=False)])


def _without_intents(case: Case) -> Case:
    kept = tuple(entry for entry in case.stored.entries if entry.kind is not EntryKind.INTENT)
    return replace(case, stored=replace(case.stored, entries=kept))


def _applied(case: Case, *, applied: bool) -> Case:
    return replace(case, deliveries=[replace(delivery, applied=applied) for delivery in case.deliveries])


def _told_otherwise(case: Case) -> Case:
    return replace(case, told=[*case.told, replace(case.told[0], state=State.FAILED)])


def _two_answers(case: Case) -> Case:
    return replace(case, told=[*case.told, replace(case.told[1], key=case.told[0].key)])


def _a_unit_too_many(case: Case) -> Case:
    books = case.stored.books
    more = tuple(replace(row, held=row.held + 1) for row in books.nodes)
    return replace(case, stored=replace(case.stored, books=replace(books, nodes=more)))


def _forgotten(case: Case) -> Case:
    return replace(case, told=[*case.told, replace(case.told[0], commit_id="c-forgotten")])


def _left_flying(case: Case) -> Case:
    books = case.stored.books
    rows = tuple(replace(row, state=State.FORWARDING) if row.state is State.UNKNOWN else row for row in books.commits)
    return replace(case, stored=replace(case.stored, books=replace(books, commits=rows), boot_id="another boot"))


BROKEN: Final[dict[str, tuple[Callable[[Case], Case], set[str]]]] = {
    "delivered again": (_delivered_again, {"I1"}),
    "applied twice": (lambda case: replace(case, deliveries=[*case.deliveries, case.deliveries[0]]), {"I1"}),
    "delivered without an intent": (_without_intents, {"I2", "I6"}),
    "delivered before its intent": (lambda case: replace(case, deliveries=[replace(one, at_ms=0) for one in case.deliveries]), {"I2"}),
    "delivered for nobody": (lambda case: replace(case, deliveries=[*case.deliveries, Delivery(key="cs-x", at_ms=0, applied=False)]), {"I2"}),
    "said to be done and is not": (lambda case: _applied(case, applied=False), {"I3"}),
    "said to be refused and is done": (lambda case: _applied(case, applied=True), {"I3"}),
    "two answers of one key": (_two_answers, {"I4"}),
    "one told otherwise": (_told_otherwise, {"I4", "I7"}),
    "a unit held by nobody": (_a_unit_too_many, {"I5"}),
    "an acknowledged row that is gone": (_forgotten, {"I6"}),
    "still flying after recovery": (_left_flying, {"I6", "I8"}),
    "still unknown once all is quiet": (lambda case: replace(case, settled=True), {"I10"}),
}


@pytest.mark.parametrize("name", [*BROKEN])
def test_what_is_broken_is_named(sound: Case, name: str) -> None:
    """By its invariant, and by no other."""
    breaking, expected = BROKEN[name]

    found = broken(breaking(sound))

    assert {one.partition(":")[0] for one in found} == expected
