"""What the record says against what the rows say: each commit's entries tell one lawful story, and it ends where its row stands.

1. A story begins with one INTENT or one DENIAL, moves only as `lifecycle.MOVES` allows, and after its end takes nothing but LATE_OUTCOME.
2. A row stands where its story stands, and names the entry that put it there. A row without a story, or an unended story without a row, is wrong.
3. Leaves hash to what is stored beside them, and within a boot their counters are 1, 2, 3, … in the order they were written.
4. Entries come in the order they were written, rows at any time, and neither is kept: what they say of a commit is put on a heap.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from gateway.domain.audit import Entry, EntryKind, leaf_hash
from gateway.domain.conservation import Discrepancy
from gateway.domain.heap import Heap, MemoryHeap, by_subject
from gateway.domain.lifecycle import MOVES, TERMINAL, State
from gateway.domain.records import CommitRow

_OF_COMMITS: Final = frozenset({EntryKind.INTENT, EntryKind.DENIAL, EntryKind.OUTCOME, EntryKind.RESOLUTION, EntryKind.RESENT, EntryKind.LATE_OUTCOME})
_LEAVES: Final = {EntryKind.OUTCOME: State.FORWARDING, EntryKind.RESOLUTION: State.UNKNOWN, EntryKind.RESENT: State.UNKNOWN}
_BEGINS: Final = {EntryKind.INTENT: State.FORWARDING, EntryKind.DENIAL: State.DENIED}
_ROW: Final = "row"
_UNREADABLE: Final = "unreadable"


def contradictions(entries: Sequence[Entry], commits: Iterable[CommitRow]) -> list[Discrepancy]:
    """Everything the record and the rows disagree on; `entries` in the order they were written."""
    told = Chronicle(MemoryHeap())
    for entry in entries:
        told.entry(entry)
    for row in commits:
        told.commit(row)
    return [*told.found, *told.stories()]


class Chronicle:
    """Takes every entry and every commit once. `found` is what entries show by themselves; `stories`, asked once at the end, what they tell together."""

    def __init__(self, heap: Heap) -> None:
        self.found: list[Discrepancy] = []
        self._heap = heap
        self._counters: dict[str, int] = {}

    def entry(self, entry: Entry) -> None:
        self.found += self._of_leaf(entry)
        if entry.kind in _OF_COMMITS:
            self._heap.put(entry.subject_id, f"{entry.kind} {_says(entry) or _UNREADABLE} {entry.leaf_hash.hex()}")

    def commit(self, row: CommitRow) -> None:
        self._heap.put(row.commit_id, f"{_ROW} {row.state} {row.entry_hash.hex()}")

    def stories(self) -> Iterator[Discrepancy]:
        for commit_id, lines in by_subject(self._heap):
            yield from _of_story(commit_id, [line.split(" ") for line in lines])

    def _of_leaf(self, entry: Entry) -> Iterator[Discrepancy]:
        where = f"entry {entry.counter} of boot {entry.boot_id}"
        expected = self._counters.get(entry.boot_id, 0) + 1
        if entry.counter != expected:
            yield Discrepancy(what="record", where=where, expected=f"counter {expected}", seen=f"counter {entry.counter}")
        self._counters[entry.boot_id] = entry.counter
        if leaf_hash(entry.leaf) != entry.leaf_hash:
            yield Discrepancy(what="record", where=where, expected=f"hash {leaf_hash(entry.leaf).hex()}", seen=f"hash {entry.leaf_hash.hex()}")


@dataclass(frozen=True, slots=True)
class _Story:
    """Where the entries of one commit leave it."""

    state: State | None
    entry_hash: str
    wrong: str  # the first unlawful move, or ""


def _of_story(commit_id: str, said: Sequence[Sequence[str]]) -> Iterator[Discrepancy]:
    story = _followed(words for words in said if words[0] != _ROW)
    rows = [(State(state), entry_hash) for tag, state, entry_hash in said if tag == _ROW]
    where = f"commit {commit_id}"
    if story.wrong:
        yield Discrepancy(what="story", where=where, expected="a lawful move", seen=story.wrong)
    elif not rows:
        if story.state not in TERMINAL:  # what has ended may have been collected
            yield Discrepancy(what="story", where=where, expected=f"a row that is {story.state}", seen="no row")
    elif rows != [(story.state, story.entry_hash)]:
        state, entry_hash = rows[0]
        expected, seen = f"{story.state} by {story.entry_hash[:16]}", f"{state} by {entry_hash[:16]}"
        yield Discrepancy(what="story", where=where, expected=expected, seen=seen)


def _followed(told: Iterable[Sequence[str]]) -> _Story:
    """Follows the entries of one commit, oldest first."""
    state: State | None = None
    entry_hash = ""
    for word, said, leaf in told:
        kind = EntryKind(word)
        if said == _UNREADABLE:
            return _Story(state, entry_hash, f"{kind} cannot be read")
        says = State(said)
        if not _lawful(state, kind, says):
            return _Story(state, entry_hash, f"{kind} says {says} where the commit was {state or 'unknown to the record'}")
        if kind is not EntryKind.LATE_OUTCOME:
            state, entry_hash = says, leaf
    return _Story(state, entry_hash, "")


def _says(entry: Entry) -> State | None:
    """The state a leaf names; None where it is no leaf of ours."""
    try:
        return State(json.loads(entry.leaf)["state"])
    except (ValueError, KeyError, TypeError):
        return None


def _lawful(state: State | None, kind: EntryKind, says: State) -> bool:
    if state is None:
        return _BEGINS.get(kind) is says
    if kind is EntryKind.LATE_OUTCOME:
        return state in TERMINAL and says is state
    if kind is EntryKind.RESENT:
        return state is says is State.UNKNOWN
    return _LEAVES.get(kind) is state and says in MOVES[state].values()
