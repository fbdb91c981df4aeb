"""The record and the rows agree, and each way of making them disagree is found and named."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Final

import pytest

from gateway.domain.audit import Entry, EntryKind, leaf_hash
from gateway.domain.chronicle import contradictions
from gateway.domain.lifecycle import Event, State
from gateway.domain.records import CommitRow
from tests.contract.store_desk import RUN, Desk, MemorySeat, limit, terms, writes
from tests.fakes.clock import FakeClock
from tests.fakes.ids import CountingIds

Said = tuple[list[Entry], list[CommitRow]]


async def _sound() -> Said:
    """Succeeded, failed, unknown, resolved late, flying, denied."""
    clock, ids = FakeClock(), CountingIds()
    desk = Desk(store=await MemorySeat().open(clock, ids), seat=MemorySeat(), clock=clock, ids=ids, terms=terms(budgets=[limit(100)]))
    for number, event in enumerate((Event.HOST_DID, Event.HOST_DID_NOT, Event.NOBODY_KNOWS)):
        await desk.committed(desk.ask(f"K-{number}", costs=writes(1)), event)
    late = await desk.committed(desk.ask("K-late", costs=writes(1)), Event.NOBODY_KNOWS)
    await desk.settled(late, Event.HOST_DID)
    await desk.settled(late, Event.HOST_DID_NOT)
    await desk.authorised(desk.ask("K-flying"))
    await desk.denied(desk.ask("K-denied", costs=writes(1_000)))
    entries = [entry for _, entry in await desk.store.entries(RUN, after=0, limit=100)]
    return entries, [*(await desk.store.books()).commits]


@pytest.fixture(scope="module")
def sound() -> Said:
    return asyncio.run(_sound())


def test_what_agrees_is_not_remarked_on(sound: Said) -> None:
    """Every kind of story, and a late answer that contradicts one that has ended."""
    entries, rows = sound

    assert contradictions(entries, rows) == []
    assert EntryKind.LATE_OUTCOME in {entry.kind for entry in entries}


def of_kind(kind: EntryKind, change: Callable[[Entry], Entry | None]) -> Callable[[Said], Said]:
    def changed(said: Said) -> Said:
        kept = [change(entry) if entry.kind is kind else entry for entry in said[0]]
        return _counted([entry for entry in kept if entry]), said[1]

    return changed


def of_rows(state: State, change: Callable[[CommitRow], CommitRow | None]) -> Callable[[Said], Said]:
    def changed(said: Said) -> Said:
        kept = [change(row) if row.state is state else row for row in said[1]]
        return said[0], [row for row in kept if row]

    return changed


def says(state: State) -> Callable[[Entry], Entry]:
    def said(entry: Entry) -> Entry:
        leaf = json.dumps({**json.loads(entry.leaf), "state": state}).encode()
        return replace(entry, leaf=leaf, leaf_hash=leaf_hash(leaf))

    return said


def _counted(entries: list[Entry]) -> list[Entry]:
    return [replace(entry, counter=number) for number, entry in enumerate(entries, 1)]


FALSE: Final[dict[str, tuple[Callable[[Said], Said], set[str]]]] = {
    "a terminal row that was changed": (of_rows(State.FAILED, lambda row: replace(row, state=State.SUCCEEDED)), {"story"}),
    "a row that names another entry": (of_rows(State.SUCCEEDED, lambda row: replace(row, entry_hash=bytes(32))), {"story"}),
    "an unknown whose row is gone": (of_rows(State.UNKNOWN, lambda _: None), {"story"}),
    "an outcome that was not recorded": (of_kind(EntryKind.OUTCOME, lambda _: None), {"story"}),
    "an effect without an intent": (of_kind(EntryKind.INTENT, lambda _: None), {"story"}),
    "a denial that forwards": (of_kind(EntryKind.DENIAL, says(State.FORWARDING)), {"story"}),
    "a resolution to nothing": (of_kind(EntryKind.RESOLUTION, says(State.UNKNOWN)), {"story"}),
    "a late answer that changes the end": (of_kind(EntryKind.LATE_OUTCOME, says(State.FAILED)), {"story"}),
    "an entry that was edited": (of_kind(EntryKind.DENIAL, lambda entry: replace(entry, leaf=entry.leaf + b" ")), {"record"}),
    "an entry that is missing": (lambda said: (said[0][1:], said[1]), {"record", "story"}),
    "two that changed places": (lambda said: ([said[0][1], said[0][0], *said[0][2:]], said[1]), {"record", "story"}),
}


@pytest.mark.parametrize("name", [*FALSE])
def test_what_disagrees_is_named(sound: Said, name: str) -> None:
    """Whatever was falsified, and nothing else."""
    falsify, expected = FALSE[name]

    found = contradictions(*falsify(sound))

    assert {one.what for one in found} == expected
