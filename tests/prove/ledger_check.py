"""After every case of every suite: store, host and callers must tell one story. The invariants are those of `tests/prove/README.md`.

1. The host's own record is the truth about effects; the store's about promises; what callers were told is what may never turn out wrong.
2. Everything wrong is listed, each with its invariant first. An empty list is the only good answer.
3. The pure parts are the gateway's own: `domain/conservation` for the books, `domain/chronicle` for the record.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import apsw

from gateway.adapters.store.codec import entry_of
from gateway.adapters.store.read import Reader
from gateway.adapters.system import SystemClock
from gateway.domain.audit import Entry, EntryKind
from gateway.domain.chronicle import contradictions
from gateway.domain.conservation import Books, discrepancies
from gateway.domain.lifecycle import TERMINAL, State
from gateway.domain.records import CommitRow
from gateway.domain.targets import HostMode

_ENTRIES: Final = "SELECT kind, time_ms, boot_id, counter, tenant, workflow, run_id, subject_id, leaf, leaf_hash FROM entries ORDER BY place"
_NEWEST_BOOT: Final = "SELECT boot_id FROM boots ORDER BY number DESC LIMIT 1"
_LAST: Final = frozenset({State.SUCCEEDED, State.FAILED, State.DENIED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """One consistent read of a store."""

    books: Books
    entries: tuple[Entry, ...]  # as written
    boot_id: str  # the newest


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One complete write that reached the host, as the host recorded it."""

    key: str  # its Idempotency-Key
    at_ms: int  # Unix, the host's clock
    applied: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One answer to one caller."""

    key: str
    generation: int
    commit_id: str
    state: State


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """Everything that must agree. `settled`: faults have stopped and reconciling has had its time (I10)."""

    stored: Stored
    deliveries: Sequence[Delivery]
    told: Sequence[Told]
    modes: Mapping[str, HostMode]  # by target
    clocks_agree: bool = True  # gateway and host read the same clock
    by_lease: bool = False  # several gateways live: what flies is nobody else's before its lease ends
    settled: bool = False
    cooperative: frozenset[str] = field(default=frozenset())  # targets that answer when asked


def read_sqlite(path: Path) -> Stored:
    """Reads a store's file beside a gateway that serves it, or after one that was killed; changes nothing."""
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    connection.set_busy_timeout(5_000)
    try:
        connection.execute("BEGIN")
        books = Reader(connection, boot_id="", clock=SystemClock()).books()
        entries = tuple(entry_of(values) for values in connection.execute(_ENTRIES))
        [(boot_id,)] = connection.execute(_NEWEST_BOOT).fetchall()
        connection.execute("ROLLBACK")
    finally:
        connection.close()
    return Stored(books=books, entries=entries, boot_id=str(boot_id))


def broken(case: Case) -> list[str]:
    """Every invariant that does not hold, as sentences."""
    rows = {row.commit_id: row for row in case.stored.books.commits}
    return [*_host(case, rows), *_promises(case, rows), *_books(case), *_recovery(case, rows)]


def _host(case: Case, rows: Mapping[str, CommitRow]) -> Iterator[str]:
    intents = {entry.subject_id: entry.time_ms for entry in case.stored.entries if entry.kind is EntryKind.INTENT}
    delivered = Counter(delivery.key for delivery in case.deliveries)
    applied = Counter(delivery.key for delivery in case.deliveries if delivery.applied)
    first_ms: dict[str, int] = {}
    for delivery in case.deliveries:
        first_ms[delivery.key] = min(delivery.at_ms, first_ms.get(delivery.key, delivery.at_ms))
    for key, count in delivered.items():
        commit_id = key.removeprefix("cs-")
        row = rows.get(commit_id)
        if row is None or commit_id not in intents:
            yield f"I2: {key} was delivered without a durable INTENT"
            continue
        sends_max = row.attempts if case.modes[row.target] is HostMode.DEDUPE else 1
        if count > sends_max:
            yield f"I1: {key} was delivered {count} times, {sends_max} at most are right"
        if applied[key] > 1:
            yield f"I1: {key} took effect {applied[key]} times"
        if first_ms[key] < intents[commit_id] and case.clocks_agree:
            yield f"I2: {key} was delivered {intents[commit_id] - first_ms[key]} ms before its INTENT"
    for row in rows.values():
        effects = applied[f"cs-{row.commit_id}"]
        if row.state is State.SUCCEEDED and not effects:
            yield f"I3: {row.commit_id} is SUCCEEDED without an effect"
        if row.state in {State.FAILED, State.DENIED} and effects:
            yield f"I3: {row.commit_id} is {row.state}, and its effect exists"


def _promises(case: Case, rows: Mapping[str, CommitRow]) -> Iterator[str]:
    last: defaultdict[tuple[str, int], set[tuple[str, State]]] = defaultdict(set)
    for told in case.told:
        row = rows.get(told.commit_id)
        if row is None:
            yield f"I6: {told.commit_id} was answered {told.state}, and there is no such row"
            continue
        if told.state in _LAST:
            last[told.key, told.generation].add((told.commit_id, told.state))
            if row.state is not told.state:
                yield f"I7: {told.commit_id} was answered {told.state}, and is {row.state} now"
        elif row.state is State.DENIED:
            yield f"I7: {told.commit_id} was answered {told.state}, and is DENIED now"
    for (key, generation), answers in last.items():
        if len(answers) > 1:
            yield f"I4: generation {generation} of {key} was answered {sorted(answers)}"


def _books(case: Case) -> Iterator[str]:
    for found in discrepancies(case.stored.books):
        yield f"I5: {found.what} of {found.where}: expected {found.expected}, seen {found.seen}"
    for found in contradictions(case.stored.entries, case.stored.books.commits):
        yield f"I6: {found.what} of {found.where}: expected {found.expected}, seen {found.seen}"


def _recovery(case: Case, rows: Mapping[str, CommitRow]) -> Iterator[str]:
    for row in rows.values():
        if row.state is State.FORWARDING and (case.settled or (row.boot_id != case.stored.boot_id and not case.by_lease)):
            yield f"I8: {row.commit_id} is still FORWARDING, of boot {row.boot_id}"
        if case.settled and row.state not in TERMINAL and row.target in case.cooperative:
            yield f"I10: {row.commit_id} is still {row.state} once faults have stopped"
