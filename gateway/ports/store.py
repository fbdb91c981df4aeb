"""The store: one domain of idempotency and budgets. Few verbs: write one member, try one out, read.

1. `write` answers when the member's transaction is durable, or raises. Members of different callers share transactions.
2. `StoreFault` before the hand-over means: not taken, nothing happened. `StoreAmbiguous` means: nobody knows; the caller asks again with the same ids.
3. A member not handed over by `hand_over_by_s` never is: the store withdraws it and raises `Withdrawn`.
4. Reads see every write acknowledged before they began.
5. What is old is looked at shelf by shelf, in stretches (`shelf`), and collected by writes like any other (`domain.writes.collecting`).
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol, TypeVar

from gateway.domain.audit import Entry
from gateway.domain.budget import NodeRow
from gateway.domain.conservation import Books
from gateway.domain.facts import Facts
from gateway.domain.faults import StoreFault
from gateway.domain.halts import Halt
from gateway.domain.records import Body, CommitRow, DecisionRow, KeyName, KeyRow, RunName, RunRow, StepRow, Tombstone
from gateway.domain.rows import Gate, Write

Reply = TypeVar("Reply")


class Withdrawn(StoreFault):
    """The member waited in the queue until its time was up; it was never handed over."""


@dataclass(frozen=True, slots=True)
class StoredCommit:
    """A commit with what the host answered."""

    row: CommitRow
    response: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """Work that waits for the reconciler and the sweeper, by id; at most `limit` of each."""

    interrupted: tuple[str, ...]  # FORWARDING past its lease
    unknown: tuple[str, ...]  # UNKNOWN whose next look has come
    lost: tuple[str, ...]  # THINKING past its lease
    timed_out: tuple[RunName, ...]  # open runs past their wall clock


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovered:
    """What earlier boots had left open."""

    commits: int  # FORWARDING, now UNKNOWN
    decisions: int  # THINKING, now STOPPED with LOST


class Shelf(StrEnum):
    """What is kept for a time. Each is read from its oldest row on, in an order that no later change moves."""

    COMMITS = "commits"  # as they came
    DECISIONS = "decisions"  # as they came
    STEPS = "steps"  # as they were recorded
    RUNS = "runs"  # stopped ones, as they stopped
    WINDOWS = "windows"  # of workflows and tenants, all but the newest of each node; by node, then time
    TOMBSTONES = "tombstones"  # as they were retired


Shelved = CommitRow | DecisionRow | StepRow | RunRow | NodeRow | Tombstone


@dataclass(frozen=True, slots=True)
class Stretch:
    """Some rows of a shelf, of its own kind, and a bookmark: where the next stretch begins, "" when this was the last."""

    rows: tuple[Shelved, ...]
    bookmark: str


class Store(Protocol):
    async def write(self, write: Write[Reply], *, hand_over_by_s: float) -> Reply:
        """`hand_over_by_s` on the running loop's clock."""
        ...

    async def try_out(self, write: Write[Reply]) -> Reply:
        """Decides over a read snapshot and writes nothing."""
        ...

    async def facts(self, *, key: KeyName, run: RunName, decision_id: str) -> Facts: ...

    async def commit(self, commit_id: str) -> StoredCommit | None: ...

    async def commit_of_key(self, key: KeyName) -> StoredCommit | KeyRow | None:
        """Of a key, its latest generation; the key's row alone when it is retired."""
        ...

    async def decision(self, decision_id: str) -> DecisionRow | None: ...

    async def body(self, commit_id: str) -> Body | None: ...

    async def run(self, name: RunName) -> RunRow | None: ...

    async def runs_named(self, *, tenant: str, run_id: str) -> list[RunName]:
        """Runs of any workflow with this id, at most 10."""
        ...

    async def entries(self, run: RunName, *, after: int, limit: int) -> list[tuple[int, Entry]]:
        """A run's entries in order, each with its place; `after` is the place of the last one seen, 0 to begin."""
        ...

    async def step_result(self, entry_hash: bytes) -> bytes: ...

    async def commits(self, *, tenant: str, state: str, workflow: str, before: int, limit: int) -> list[tuple[int, CommitRow]]:
        """Newest first, each with its place; "" means any, tenant "*" every one; `before` 0 to begin."""
        ...

    async def halts(self, *, include_lifted: bool) -> list[Halt]: ...

    async def nodes(self, *, tenant: str, workflow: str) -> list[NodeRow]:
        """Newest window of each node; tenant "*" every one."""
        ...

    async def due(self, *, limit: int) -> Due: ...

    async def shelf(self, shelf: Shelf, *, bookmark: str, limit: int) -> Stretch:
        """At most `limit` rows from `bookmark` on, "" for the oldest. Looks at little more than it returns."""
        ...

    async def gate(self) -> Gate: ...

    async def recover(self) -> Recovered:
        """Before anything else is asked: ends what is left behind. Of a store that has one gateway, whatever its earlier boots left; where others may
        live, what is past its lease."""
        ...

    async def books(self) -> Books:
        """Everything that has to add up, in one read; long on a large store."""
        ...

    def ready(self) -> bool:
        """False once the store has failed for good."""
        ...

    async def close(self) -> None: ...
