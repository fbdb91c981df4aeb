"""What is read without deciding anything, over connections that cannot write (`sessions`).

1. A question of several statements sees one state of the store (REPEATABLE READ); what was acknowledged before it began is in it.
2. What requests recall is gathered: those of one turn share one snapshot and its statements.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import asyncpg

from gateway.adapters.store.codec import commit_of, entry_of, key_hash
from gateway.adapters.store.lane import Errand, Reply
from gateway.adapters.store.postgres.connecting import Access, Connection, Wire
from gateway.adapters.store.postgres.hands import GateMemory, Looking
from gateway.adapters.store.postgres.load import load
from gateway.adapters.store.postgres.rows import decision_of, halt_of, run_of, window_of
from gateway.adapters.store.postgres.sessions import Sessions
from gateway.adapters.store.postgres.shelves import PLANS
from gateway.adapters.store.postgres.statements import Statements
from gateway.adapters.store.trouble import BUGS
from gateway.domain.audit import Entry
from gateway.domain.budget import Level, Node, NodeRow
from gateway.domain.conservation import Books
from gateway.domain.facts import Facts, nodes_in_scope
from gateway.domain.faults import StoreFault
from gateway.domain.halts import Halt
from gateway.domain.identity import EVERY_TENANT
from gateway.domain.lifecycle import State
from gateway.domain.records import Body, CommitRow, DecisionRow, KeyName, KeyRow, KeySpace, RunName, RunRow
from gateway.domain.rows import Gate, Rows, Wants, Write
from gateway.ports.store import Due, Shelf, StoredCommit, Stretch
from gateway.ports.system import Clock

READ: Final = Statements("read")

_WITH_RESPONSE: Final = READ.taking("commit_with_response", "commit_id")
_OF_KEY: Final = READ.taking("commit_of_key", "key_hash")
_KEY: Final = READ.taking("key", "key_hash")
_DECISION: Final = READ.taking("decision", "decision_id")
_RUN: Final = READ.taking("run", "tenant", "run_id", "workflow")
_BODY: Final = READ.taking("body", "commit_id")
_RUNS_NAMED: Final = READ.taking("runs_named", "tenant", "run_id", "count_max")
_ENTRIES: Final = READ.taking("entries", "tenant", "workflow", "run_id", "after", "count_max")
_STEP_RESULT: Final = READ.taking("step_result", "entry_hash")
_NEWEST_BELOW: Final = READ.taking("newest_below", "before")
_LISTED: Final = READ.taking("commits_listed", "tenant", "state", "workflow", "before", "down_to", "count_max")
_LISTED_OPEN: Final = READ.taking("open_commits_listed", "tenant", "state", "workflow", "before", "count_max")
_ALL_HALTS: Final = READ.taking("all_halts")
_NEWEST_WINDOWS: Final = READ.taking("newest_windows", "first", "past", "count_max")
_NOW: Final = READ.taking("now", "given_ms")
_INTERRUPTED: Final = READ.taking("interrupted", "now_ms", "count_max")
_UNKNOWN: Final = READ.taking("unknown", "now_ms", "count_max")
_LOST: Final = READ.taking("lost", "now_ms", "count_max")
_TIMED_OUT: Final = READ.taking("timed_out", "now_ms", "count_max")
_EVERY_WINDOW: Final = READ.taking("every_window")
_EVERY_COMMIT: Final = READ.taking("every_commit")
_EVERY_DECISION: Final = READ.taking("every_decision")
_EVERY_RUN: Final = READ.taking("every_run")
_STEPS_RECORDED: Final = READ.taking("steps_recorded")

_RUNS_NAMED_MAX: Final = 10
_RUN_NODES_MAX: Final = 1_000
_NODES_MAX: Final = 2**31 - 1
_NEWEST: Final = 2**62
_STRETCH: Final = 1_000  # commits looked at by a listing's first question; each further one looks at ten times as many, up to
_STRETCH_MAX: Final = 100_000
_OPEN: Final = frozenset({State.FORWARDING, State.UNKNOWN})


class Recall(Write[Facts]):
    """What a request recalls, said as a member that changes nothing."""

    __slots__ = ("_decision_id", "_key", "_run")

    def __init__(self, *, key: KeyName, run: RunName, decision_id: str) -> None:
        self._key, self._run, self._decision_id = key, run, decision_id

    @property
    def tenant(self) -> str:
        return self._run.tenant

    def wants(self) -> Wants:
        return Wants(keys=(self._key,), runs=(self._run,), decisions=(self._decision_id,) if self._decision_id else ())

    def nodes(self, rows: Rows) -> list[Node]:
        return nodes_in_scope(self._run, rows.runs.get(self._run), rows.gate)

    def apply(self, rows: Rows) -> Facts:
        key = rows.keys.get(self._key)
        latest = key.latest.id if key and key.generations else ""
        return Facts(
            key=key,
            commit=rows.commits.get(latest) if self._key.space is KeySpace.COMMIT else None,
            decided=rows.decisions.get(latest) if self._key.space is KeySpace.DECIDE else None,
            decision=rows.decisions.get(self._decision_id),
            run=rows.runs.get(self._run),
            nodes=tuple(found for node in self.nodes(rows) if (found := rows.newest_node(node))),
            gate=rows.gate,
            now_ms=rows.now_ms,
        )


class Reader:
    """Questions. `store_clock` stands in for the server's clock where it is given."""

    def __init__(self, sessions: Sessions, *, boot_id: str, store_clock: Clock | None) -> None:
        self._sessions = sessions
        self._boot_id = boot_id
        self._store_clock = store_clock
        self._memory = GateMemory()

    @staticmethod
    async def open(access: Access, *, boot_id: str, store_id: str, store_clock: Clock | None) -> "Reader":
        return Reader(await Sessions.open(access, store_id=store_id), boot_id=boot_id, store_clock=store_clock)

    async def close(self) -> None:
        self._sessions.close()

    async def recall(self, errands: "Sequence[RecallErrand]") -> None:
        """Fills a batch."""
        try:
            async with self._sessions.snapshot() as connection:
                unread = {errand.write.tenant: 0 for errand in errands}  # nobody asks here how many runs a tenant has open
                rows = await self._load([errand.write for errand in errands], connection, open_runs=unread)
                for errand in errands:
                    errand.made(errand.write.apply(rows))
        except (StoreFault, *BUGS) as why:
            for one in errands:
                one.failed(why)

    async def try_out(self, write: Write[Reply]) -> Reply:
        async with self._sessions.snapshot() as connection:
            return write.apply(await self._load([write], connection, open_runs={}))

    async def stored(self, commit_id: str) -> StoredCommit | None:
        return _stored(await self._sessions.one(_WITH_RESPONSE, commit_id))

    async def of_key(self, name: KeyName) -> StoredCommit | KeyRow | None:
        hashed = key_hash(name)
        found = _stored(await self._sessions.one(_OF_KEY, hashed))
        if found is not None:
            return found
        key = await self._sessions.one(_KEY, hashed)
        return KeyRow(name=name, generations=(), retired_at_ms=key[0]) if key else None

    async def decision(self, decision_id: str) -> DecisionRow | None:
        values = await self._sessions.one(_DECISION, decision_id)
        return decision_of(values) if values else None

    async def body(self, commit_id: str) -> Body | None:
        values = await self._sessions.one(_BODY, commit_id)
        return Body(**values) if values else None

    async def run(self, name: RunName) -> RunRow | None:
        values = await self._sessions.one(_RUN, name.tenant, name.run_id, name.workflow)
        return run_of(values) if values else None

    async def runs_named(self, tenant: str, run_id: str) -> list[RunName]:
        return [RunName(tenant, workflow, run_id) for (workflow,) in await self._sessions.all(_RUNS_NAMED, tenant, run_id, _RUNS_NAMED_MAX)]

    async def entries(self, run: RunName, after: int, limit: int) -> list[tuple[int, Entry]]:
        found = await self._sessions.all(_ENTRIES, run.tenant, run.workflow, run.run_id, after, limit)
        return [(place, entry_of(tuple(values))) for place, *values in found]

    async def step_result(self, entry_hash: bytes) -> bytes:
        values = await self._sessions.one(_STEP_RESULT, entry_hash)
        return bytes(values[0]) if values else b""

    async def commits(self, *, tenant: str, state: str, workflow: str, before: int, limit: int) -> list[tuple[int, CommitRow]]:
        if state in _OPEN:
            return _placed(await self._sessions.all(_LISTED_OPEN, tenant, state, workflow, before or _NEWEST, limit))
        found: list[tuple[int, CommitRow]] = []
        down_from, stretch = before or _NEWEST, _STRETCH
        while len(found) < limit and (newest := await self._newest_below(down_from)):
            down_to = newest - stretch
            found += _placed(await self._sessions.all(_LISTED, tenant, state, workflow, down_from, down_to, limit - len(found)))
            down_from, stretch = down_to, min(_STRETCH_MAX, stretch * 10)
        return found

    async def _newest_below(self, before: int) -> int:
        """Where a stretch of commits begins; 0 when there are none."""
        ((place,),) = await self._sessions.all(_NEWEST_BELOW, before)
        return place or 0

    async def halts(self, *, include_lifted: bool) -> list[Halt]:
        return [halt for halt in map(halt_of, await self._sessions.all(_ALL_HALTS)) if include_lifted or not halt.lifted_at_ms]

    async def gate(self) -> Gate:
        async with self._sessions.snapshot() as connection:
            return await Looking(connection, GateMemory(), given_ms=None).gate()

    async def nodes(self, *, tenant: str, workflow: str) -> list[NodeRow]:
        of_tenant = () if tenant == EVERY_TENANT else (tenant,)
        found: list[NodeRow] = []
        for level, count_max in ((Level.TENANT, _NODES_MAX), (Level.WORKFLOW, _NODES_MAX), (Level.RUN, _RUN_NODES_MAX)):
            first = "\x1f".join((level, *of_tenant, ""))
            found += map(window_of, await self._sessions.all(_NEWEST_WINDOWS, first, first[:-1] + "\x20", count_max))
        return [row for row in found if not workflow or row.node.workflow == workflow]

    async def due(self, limit: int) -> Due:
        async with self._sessions.snapshot() as connection:
            ((now_ms,),) = await connection.fetch(_NOW, self._given_ms())
            found = [await connection.fetch(sql, now_ms, limit) for sql in (_INTERRUPTED, _UNKNOWN, _LOST, _TIMED_OUT)]
        interrupted, unknown, lost, timed_out = found
        return Due(
            interrupted=_ids(interrupted), unknown=_ids(unknown), lost=_ids(lost), timed_out=tuple(RunName(*values) for values in timed_out)
        )  # fmt: skip

    async def shelf(self, shelf: Shelf, *, bookmark: str, limit: int) -> Stretch:
        plan = PLANS[shelf]
        found = await self._sessions.all(plan.sql, *plan.starts(bookmark), limit)
        return plan.stretch([tuple(values) for values in found], limit=limit)

    async def books(self) -> Books:
        async with self._sessions.snapshot() as connection:
            return await books_of(connection)

    async def _load(self, writes: Sequence[Write[Any]], connection: Connection, *, open_runs: Mapping[str, int]) -> Rows:
        hands = Looking(connection, self._memory, given_ms=self._given_ms())
        return await load(writes, hands, boot_id=self._boot_id, counter=1, open_runs=open_runs)

    def _given_ms(self) -> int | None:
        return self._store_clock.now_ms() if self._store_clock else None


class RecallErrand(Errand[Facts]):
    """One request's recall."""

    __slots__ = ("write",)

    def __init__(self, write: Recall) -> None:
        super().__init__(by_s=float("inf"))
        self.write = write


def _stored(values: "asyncpg.Record | None") -> StoredCommit | None:
    if values is None:
        return None
    *row, response = values
    return StoredCommit(commit_of(tuple(row)), response)


def _placed(found: "Iterable[asyncpg.Record]") -> list[tuple[int, CommitRow]]:
    return [(place, commit_of(tuple(values))) for place, *values in found]


def _ids(found: "Iterable[asyncpg.Record]") -> tuple[str, ...]:
    return tuple(one for (one,) in found)


async def books_of(connection: Connection | Wire) -> Books:
    """Everything that has to add up, in whatever the connection's transaction sees."""
    found = [await connection.fetch(sql) for sql in (_EVERY_WINDOW, _EVERY_COMMIT, _EVERY_DECISION, _EVERY_RUN, _STEPS_RECORDED)]
    windows, commits, decisions, runs, recorded = found
    return Books(
        nodes=tuple(map(window_of, windows)), commits=tuple(commit_of(tuple(values)) for values in commits),
        decisions=tuple(map(decision_of, decisions)), runs=tuple(map(run_of, runs)),
        steps_recorded={RunName(*name): count for *name, count in recorded},
    )  # fmt: skip
