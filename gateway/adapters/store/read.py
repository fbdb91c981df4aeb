"""What is read without deciding anything: one connection that cannot write, one thread, the questions of many callers in one transaction.

1. A batch of questions sees one state of the store, and everything acknowledged before the first of them was asked.
2. No question is long: what could be is asked in stretches, so that a listing never holds up the hot path.
"""

from collections.abc import Callable, Sequence
from typing import Final

import apsw

from gateway.adapters.store.codec import commit_of, decision_of, entry_of, halt_of, node_of, run_of
from gateway.adapters.store.lane import Errand, Reply
from gateway.adapters.store.load import Loader, load
from gateway.adapters.store.statements import Statements
from gateway.adapters.store.trouble import BUGS, StoreDown, translated
from gateway.domain.audit import Entry
from gateway.domain.budget import Level, NodeRow
from gateway.domain.conservation import Books
from gateway.domain.facts import Facts, nodes_in_scope
from gateway.domain.faults import StoreFault
from gateway.domain.halts import Halt
from gateway.domain.identity import EVERY_TENANT
from gateway.domain.lifecycle import State
from gateway.domain.records import Body, CommitRow, KeyName, KeyRow, KeySpace, RunName
from gateway.domain.rows import Rows, Write
from gateway.ports.store import Due, StoredCommit
from gateway.ports.system import Clock

READ: Final = Statements("read")

_WITH_RESPONSE: Final = READ.taking("commit_with_response", "commit_id")
_BODY: Final = READ.taking("body", "commit_id")
_RUNS_NAMED: Final = READ.taking("runs_named", "tenant", "run_id", "count_max")
_ENTRIES: Final = READ.taking("entries", "tenant", "workflow", "run_id", "after", "count_max")
_STEP_RESULT: Final = READ.taking("step_result", "entry_hash")
_NEWEST_BELOW: Final = READ.taking("newest_below", "before")
_LISTED: Final = READ.taking("commits_listed", "tenant", "state", "workflow", "before", "down_to", "count_max")
_LISTED_OPEN: Final = READ.taking("open_commits_listed", "tenant", "state", "workflow", "before", "count_max")
_ALL_HALTS: Final = READ.taking("all_halts")
_NEWEST_WINDOWS: Final = READ.taking("newest_windows", "first", "past", "count_max")
_INTERRUPTED: Final = READ.taking("interrupted", "now_ms", "count_max")
_UNKNOWN: Final = READ.taking("unknown", "now_ms", "count_max")
_LOST: Final = READ.taking("lost", "now_ms", "count_max")
_TIMED_OUT: Final = READ.taking("timed_out", "now_ms", "count_max")
_EARLIER_COMMITS: Final = READ.taking("commits_of_earlier_boots", "boot_id", "count_max")
_EARLIER_DECISIONS: Final = READ.taking("decisions_of_earlier_boots", "boot_id", "count_max")
_EVERY_NODE: Final = READ.taking("every_node")
_EVERY_COMMIT: Final = READ.taking("every_commit")
_EVERY_DECISION: Final = READ.taking("every_decision")
_EVERY_RUN: Final = READ.taking("every_run")
_STEPS_RECORDED: Final = READ.taking("steps_recorded")

_RUNS_NAMED_MAX: Final = 10
_RUN_NODES_MAX: Final = 1_000
_STRETCH: Final = 10_000
_ALL: Final = -1  # SQLite's LIMIT without one
_OPEN: Final = frozenset({State.FORWARDING, State.UNKNOWN})


class Reader(Loader):
    """Questions on a read-only connection; lives on one thread."""

    def __init__(self, connection: apsw.Connection, *, boot_id: str, clock: Clock) -> None:
        super().__init__(connection)
        self._boot_id = boot_id
        self._clock = clock

    def facts(self, *, key: KeyName, run: RunName, decision_id: str) -> Facts:
        row, of_run, gate = self.key(key), self.run(run), self.gate()
        latest = row.latest.id if row and row.generations else ""
        return Facts(
            key=row,
            commit=self.commit(latest) if latest and key.space is KeySpace.COMMIT else None,
            decided=self.decision(latest) if latest and key.space is KeySpace.DECIDE else None,
            decision=self.decision(decision_id) if decision_id else None,
            run=of_run,
            nodes=tuple(found for node in nodes_in_scope(run, of_run, gate) if (found := self.newest_window(node))),
            gate=gate,
            now_ms=self._clock.now_ms(),
        )

    def stored(self, commit_id: str) -> StoredCommit | None:
        values = self._one(_WITH_RESPONSE, (commit_id,))
        return StoredCommit(commit_of(values[:-1]), values[-1]) if values else None

    def of_key(self, name: KeyName) -> StoredCommit | KeyRow | None:
        row = self.key(name)
        return self.stored(row.latest.id) if row and row.generations else row

    def body(self, commit_id: str) -> Body | None:
        values = self._one(_BODY, (commit_id,))
        if values is None:
            return None
        salt, payload, judged_input, response = values
        return Body(commit_id=commit_id, salt=salt, payload=payload, judged_input=judged_input, response=response)

    def runs_named(self, tenant: str, run_id: str) -> list[RunName]:
        return [RunName(tenant, workflow, run_id) for (workflow,) in self._all(_RUNS_NAMED, (tenant, run_id, _RUNS_NAMED_MAX))]

    def entries(self, run: RunName, after: int, limit: int) -> list[tuple[int, Entry]]:
        found = self._all(_ENTRIES, (run.tenant, run.workflow, run.run_id, after, limit))
        return [(values[0], entry_of(values[1:])) for values in found]

    def step_result(self, entry_hash: bytes) -> bytes:
        values = self._one(_STEP_RESULT, (entry_hash,))
        result: bytes = values[0] if values else b""
        return result

    def commits_down(self, *, tenant: str, state: str, workflow: str, before: int, limit: int) -> tuple[list[tuple[int, CommitRow]], int]:
        """One stretch of a listing, and below which place the next begins; 0 when there is none."""
        if state in _OPEN:
            found, down_to = self._all(_LISTED_OPEN, (tenant, state, workflow, before, limit)), 0
        else:
            newest: int = self._all(_NEWEST_BELOW, (before,))[0][0] or 0
            down_to = max(0, newest - _STRETCH)
            found = self._all(_LISTED, (tenant, state, workflow, before, down_to, limit)) if newest else []
        return [(values[0], commit_of(values[1:])) for values in found], down_to

    def halts(self, *, include_lifted: bool) -> list[Halt]:
        return [halt_of(values) for values in self._all(_ALL_HALTS, ())] if include_lifted else list(self.gate().halts)

    def nodes(self, *, tenant: str, workflow: str) -> list[NodeRow]:
        of_tenant = () if tenant == EVERY_TENANT else (tenant,)
        levels = ((Level.TENANT, _ALL), (Level.WORKFLOW, _ALL), (Level.RUN, _RUN_NODES_MAX))
        found = [row for level, count_max in levels for row in self._windows(level, *of_tenant, count_max=count_max)]
        return [row for row in found if not workflow or row.node.workflow == workflow]

    def due(self, limit: int) -> Due:
        at = (self._clock.now_ms(), limit)
        return Due(
            interrupted=tuple(commit_id for (commit_id,) in self._all(_INTERRUPTED, at)),
            unknown=tuple(commit_id for (commit_id,) in self._all(_UNKNOWN, at)),
            lost=tuple(decision_id for (decision_id,) in self._all(_LOST, at)),
            timed_out=tuple(RunName(*values) for values in self._all(_TIMED_OUT, at)),
        )

    def earlier_boots(self, limit: int) -> tuple[list[str], list[str]]:
        """Commits FORWARDING and decisions THINKING of boots before this one."""
        commits = self._all(_EARLIER_COMMITS, (self._boot_id, limit))
        return [one for (one,) in commits], [one for (one,) in self._all(_EARLIER_DECISIONS, (self._boot_id, limit))]

    def books(self) -> Books:
        return Books(
            nodes=tuple(node_of(values) for values in self._all(_EVERY_NODE, ())),
            commits=tuple(commit_of(values) for values in self._all(_EVERY_COMMIT, ())),
            decisions=tuple(decision_of(values) for values in self._all(_EVERY_DECISION, ())),
            runs=tuple(run_of(values) for values in self._all(_EVERY_RUN, ())),
            steps_recorded={RunName(*values[:3]): values[3] for values in self._all(_STEPS_RECORDED, ())},
        )

    def try_out(self, write: Write[Reply]) -> Reply:
        rows = Rows(now_ms=self._clock.now_ms(), boot_id=self._boot_id, counter=1, gate=self.gate(), open_runs={})
        load(rows, [write], self)
        return write.apply(rows)

    def _windows(self, level: Level, *scope: str, count_max: int = _ALL) -> list[NodeRow]:
        first = "\x1f".join((level, *scope, ""))
        return [node_of(values) for values in self._all(_NEWEST_WINDOWS, (first, first[:-1] + "\x20", count_max))]


class ReadErrand(Errand[Reply]):
    """One question."""

    __slots__ = ("question",)

    def __init__(self, question: Callable[[Reader], Reply]) -> None:
        super().__init__(by_s=float("inf"))
        self.question = question

    def ask(self, reader: Reader) -> None:
        self.made(self.question(reader))


class ReadWork:
    """Answers a batch of questions inside one read transaction."""

    def __init__(self, connection: apsw.Connection, reader: Reader) -> None:
        self.down: StoreDown | None = None
        self._connection = connection
        self._reader = reader

    def __call__(self, errands: Sequence[ReadErrand[object]]) -> None:
        self._execute("BEGIN")
        for errand in errands:
            self._answer(errand)
        if self._connection.in_transaction:
            self._execute("ROLLBACK")

    def _answer(self, errand: ReadErrand[object]) -> None:
        try:
            with translated("read"):
                errand.ask(self._reader)
        except (StoreFault, *BUGS) as why:
            errand.failed(why)
            if isinstance(why, StoreDown):
                self.down = why

    def _execute(self, sql: str) -> None:
        """A transaction that cannot begin is no loss by itself: each question then says what is wrong."""
        try:
            with translated("read"):
                self._connection.execute(sql)
        except StoreDown as why:
            self.down = why
        except StoreFault:
            pass
