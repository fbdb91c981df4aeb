"""What the record says against what the rows say: each commit's entries tell one lawful story, and it ends where its row stands.

1. A story begins with one INTENT or one DENIAL, moves only as `lifecycle.MOVES` allows, and after its end takes nothing but LATE_OUTCOME.
2. A row stands where its story stands, and names the entry that put it there. A row without a story, or an unended story without a row, is wrong.
3. Leaves hash to what is stored beside them, and within a boot their counters are 1, 2, 3, … in the order they were written.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from gateway.domain.audit import Entry, EntryKind, leaf_hash
from gateway.domain.conservation import Discrepancy
from gateway.domain.lifecycle import MOVES, TERMINAL, State
from gateway.domain.records import CommitRow

_OF_COMMITS: Final = frozenset({EntryKind.INTENT, EntryKind.DENIAL, EntryKind.OUTCOME, EntryKind.RESOLUTION, EntryKind.RESENT, EntryKind.LATE_OUTCOME})
_LEAVES: Final = {EntryKind.OUTCOME: State.FORWARDING, EntryKind.RESOLUTION: State.UNKNOWN, EntryKind.RESENT: State.UNKNOWN}
_BEGINS: Final = {EntryKind.INTENT: State.FORWARDING, EntryKind.DENIAL: State.DENIED}


@dataclass(frozen=True, slots=True)
class Story:
    """Where the entries of one commit leave it."""

    state: State | None
    entry_hash: bytes
    wrong: str  # the first unlawful move, or ""


def contradictions(entries: Sequence[Entry], commits: Iterable[CommitRow]) -> list[Discrepancy]:
    """Everything the record and the rows disagree on; `entries` in the order they were written."""
    return [*_of_leaves(entries), *_of_stories(entries, {row.commit_id: row for row in commits})]


def story_of(entries: Iterable[Entry]) -> Story:
    """Follows the entries of one commit, oldest first."""
    state: State | None = None
    entry_hash = b""
    for entry in entries:
        says = _says(entry)
        if says is None:
            return Story(state, entry_hash, f"{entry.kind} cannot be read")
        if not _lawful(state, entry.kind, says):
            return Story(state, entry_hash, f"{entry.kind} says {says} where the commit was {state or 'unknown to the record'}")
        if entry.kind is not EntryKind.LATE_OUTCOME:
            state, entry_hash = says, entry.leaf_hash
    return Story(state, entry_hash, "")


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


def _of_leaves(entries: Iterable[Entry]) -> Iterator[Discrepancy]:
    counters: dict[str, int] = {}
    for entry in entries:
        where = f"entry {entry.counter} of boot {entry.boot_id}"
        expected = counters.get(entry.boot_id, 0) + 1
        if entry.counter != expected:
            yield Discrepancy(what="record", where=where, expected=f"counter {expected}", seen=f"counter {entry.counter}")
        counters[entry.boot_id] = entry.counter
        if leaf_hash(entry.leaf) != entry.leaf_hash:
            yield Discrepancy(what="record", where=where, expected=f"hash {leaf_hash(entry.leaf).hex()}", seen=f"hash {entry.leaf_hash.hex()}")


def _of_stories(entries: Iterable[Entry], rows: dict[str, CommitRow]) -> Iterator[Discrepancy]:
    told: defaultdict[str, list[Entry]] = defaultdict(list)
    for entry in entries:
        if entry.kind in _OF_COMMITS:
            told[entry.subject_id].append(entry)
    for commit_id in sorted({*told, *rows}):
        story, row = story_of(told[commit_id]), rows.get(commit_id)
        where = f"commit {commit_id}"
        if story.wrong:
            yield Discrepancy(what="story", where=where, expected="a lawful move", seen=story.wrong)
        elif row is None:
            if story.state not in TERMINAL:  # what has ended may have been collected
                yield Discrepancy(what="story", where=where, expected=f"a row that is {story.state}", seen="no row")
        elif (row.state, row.entry_hash) != (story.state, story.entry_hash):
            expected, seen = f"{story.state} by {story.entry_hash.hex()[:16]}", f"{row.state} by {row.entry_hash.hex()[:16]}"
            yield Discrepancy(what="story", where=where, expected=expected, seen=seen)
