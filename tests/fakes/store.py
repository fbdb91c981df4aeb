"""A store in dictionaries: the same writes decide over the same rows, one member at a time, and nothing outlives the object.

1. A member sees the rows it named and no others, as in a real store: naming too little fails here too.
2. Takes the same exam as every store (`tests/contract/test_store_exam.py`). For faults a test plants them: `refusals`, `lost_replies`, `fail`.
"""

import asyncio
from collections import Counter
from collections.abc import Container, Iterable
from hashlib import sha256
from typing import Final, TypeVar

from gateway.domain.audit import Entry
from gateway.domain.budget import BudgetLimit, Level, NodeRow
from gateway.domain.conservation import Books
from gateway.domain.facts import Facts, nodes_in_scope
from gateway.domain.faults import StoreAmbiguous, StoreFault
from gateway.domain.halts import Halt
from gateway.domain.lifecycle import TERMINAL, State, Thinking
from gateway.domain.records import Attempt, Body, CommitRow, DecisionRow, KeyName, KeyRow, KeySpace, RunName, RunRow, Spoken, StepRow, Tombstone
from gateway.domain.rows import ActivationRow, Dirty, Gate, Gone, Rows, Write
from gateway.domain.writes.decisions import lost
from gateway.domain.writes.resolutions import Interrupt
from gateway.ports.store import Due, Recovered, Shelf, Shelved, StoredCommit, Stretch, Withdrawn
from gateway.ports.system import Clock

Reply = TypeVar("Reply")


class MemoryStore:
    """Implements `ports.store.Store`. Tests may look at every dictionary, and change none."""

    def __init__(self, *, clock: Clock, boot_id: str = "boot-1") -> None:
        self.boot_id = boot_id
        self.clock = clock
        self.refusals: list[StoreFault] = []  # raised in turn by writes, before anything happens
        self.lost_replies = 0  # so many writes happen and then raise StoreAmbiguous
        self.keys: dict[KeyName, KeyRow] = {}
        self.rows: dict[str, CommitRow] = {}  # commits, in the order they came
        self.thoughts: dict[str, DecisionRow] = {}
        self.open_and_ended: dict[RunName, RunRow] = {}
        self.windows: dict[tuple[str, int], NodeRow] = {}
        self.bodies: dict[str, Body] = {}
        self.steps: dict[bytes, StepRow] = {}
        self.evidence: dict[str, Spoken] = {}
        self.attempts: list[Attempt] = []
        self.record: list[Entry] = []
        self.thrown: dict[str, Halt] = {}
        self._gate = Gate(activation=None, minimum_number=0, halts=())
        self._counter = 1
        self._places: dict[str, int] = {}
        self._denials: dict[str, tuple[int, ...]] = {}
        self._down = ""
        self._scopes: dict[RunName, tuple[ActivationRow | None, tuple[BudgetLimit, ...] | None, frozenset[str]]] = {}

    async def write(self, write: Write[Reply], *, hand_over_by_s: float) -> Reply:
        await asyncio.sleep(0)  # whoever asks in the same turn is not ahead of itself
        if self._down:
            raise StoreFault(self._down)
        if asyncio.get_running_loop().time() >= hand_over_by_s:
            raise Withdrawn("time was up before the hand-over")
        if self.refusals:
            raise self.refusals.pop(0)
        rows, reply = self._decide(write, self._denials)
        self._keep(rows.dirty)
        self._gate, self._counter, self._denials = rows.gate, rows.counter, rows.denials
        if self.lost_replies:
            self.lost_replies -= 1
            raise StoreAmbiguous("the reply was lost")
        return reply

    async def try_out(self, write: Write[Reply]) -> Reply:
        return self._decide(write, {})[1]

    async def facts(self, *, key: KeyName, run: RunName, decision_id: str) -> Facts:
        row = self.keys.get(key)
        latest = row.latest.id if row and row.generations else ""
        newest = self._newest(self._keys_in_scope(run))
        return Facts(
            key=row,
            commit=self.rows.get(latest) if key.space is KeySpace.COMMIT else None,
            decided=self.thoughts.get(latest) if key.space is KeySpace.DECIDE else None,
            decision=self.thoughts.get(decision_id),
            run=self.open_and_ended.get(run),
            nodes=tuple(newest.values()),
            gate=self._gate,
            now_ms=self.clock.now_ms(),
        )

    def _keys_in_scope(self, name: RunName) -> frozenset[str]:
        """Found out once for what decides it: a request after the other asks it of the same run."""
        run, activation = self.open_and_ended.get(name), self._gate.activation
        budgets, known = run.budgets if run else None, self._scopes.get(name)
        if known is None or known[0] is not activation or known[1] != budgets:
            known = self._scopes[name] = (activation, budgets, frozenset(node.key for node in nodes_in_scope(name, run, self._gate)))
        return known[2]

    async def commit(self, commit_id: str) -> StoredCommit | None:
        row = self.rows.get(commit_id)
        return StoredCommit(row, self.bodies[commit_id].response) if row else None

    async def commit_of_key(self, key: KeyName) -> StoredCommit | KeyRow | None:
        row = self.keys.get(key)
        return await self.commit(row.latest.id) if row and row.generations else row

    async def decision(self, decision_id: str) -> DecisionRow | None:
        return self.thoughts.get(decision_id)

    async def body(self, commit_id: str) -> Body | None:
        return self.bodies.get(commit_id)

    async def run(self, name: RunName) -> RunRow | None:
        return self.open_and_ended.get(name)

    async def runs_named(self, *, tenant: str, run_id: str) -> list[RunName]:
        named = [name for name in self.open_and_ended if (name.tenant, name.run_id) == (tenant, run_id)]
        return sorted(named, key=lambda name: name.workflow)[:10]

    async def entries(self, run: RunName, *, after: int, limit: int) -> list[tuple[int, Entry]]:
        placed = enumerate(self.record, 1)
        return [(place, one) for place, one in placed if place > after and RunName(one.tenant, one.workflow, one.run_id) == run][:limit]

    async def step_result(self, entry_hash: bytes) -> bytes:
        step = self.steps.get(entry_hash)
        return step.result if step else b""

    async def commits(self, *, tenant: str, state: str, workflow: str, before: int, limit: int) -> list[tuple[int, CommitRow]]:
        placed = reversed(list(enumerate(self.rows.values(), 1)))
        wanted = ((place, row) for place, row in placed if (not before or place < before) and tenant in {"*", row.tenant})
        return [(place, row) for place, row in wanted if state in {"", row.state} and workflow in {"", row.workflow}][:limit]

    async def halts(self, *, include_lifted: bool) -> list[Halt]:
        found = sorted(self.thrown.values(), key=lambda halt: (halt.lifted_at_ms != 0, halt.thrown_at_ms, halt.halt_id))
        return [halt for halt in found if include_lifted or not halt.lifted_at_ms]

    async def nodes(self, *, tenant: str, workflow: str) -> list[NodeRow]:
        return [row for row in self._newest().values() if tenant in {"*", row.node.tenant} and workflow in {"", row.node.workflow}]

    async def due(self, *, limit: int) -> Due:
        now_ms, rows = self.clock.now_ms(), self.rows.values()
        open_rows = [row for row in rows if row.state not in TERMINAL]
        unknown = [row for row in open_rows if row.state is State.UNKNOWN and 0 < row.look_at_ms <= now_ms and row.look_until_ms <= now_ms]
        open_runs = [run for run in self.open_and_ended.values() if run.stop is None]
        return Due(
            interrupted=tuple(row.commit_id for row in open_rows if row.state is State.FORWARDING and row.lease_until_ms <= now_ms)[:limit],
            unknown=tuple(row.commit_id for row in sorted(unknown, key=lambda row: row.look_at_ms))[:limit],
            lost=tuple(row.decision_id for row in self.thoughts.values() if row.state is Thinking.THINKING and row.lease_until_ms <= now_ms)[:limit],
            timed_out=tuple(run.name for run in open_runs if run.deadline_at_ms <= now_ms)[:limit],
        )

    async def shelf(self, shelf: Shelf, *, bookmark: str, limit: int) -> Stretch:
        """A bookmark is the place of the last row on its shelf, as text: rows that go move no other."""
        placed = [(place, row) for place, row in self._shelved(shelf) if place > bookmark][:limit]
        return Stretch(tuple(row for _, row in placed), placed[-1][0] if len(placed) == limit else "")

    def _shelved(self, shelf: Shelf) -> list[tuple[str, Shelved]]:
        newest = {(key, row.window_start_ms) for key, row in self._newest().items()}
        found: list[tuple[str, Shelved]]
        match shelf:
            case Shelf.COMMITS:
                found = [(f"{self._places[commit_id]:020}", row) for commit_id, row in self.rows.items()]
            case Shelf.DECISIONS:
                found = [(f"{self._places[decision_id]:020}", row) for decision_id, row in self.thoughts.items()]
            case Shelf.STEPS:
                found = [(f"{step.recorded_at_ms:020} {step.entry_hash.hex()}", step) for step in self.steps.values()]
            case Shelf.RUNS:
                found = [(f"{run.stopped_at_ms:020} {run.name}", run) for run in self.open_and_ended.values() if run.stop is not None]
            case Shelf.WINDOWS:
                past = [row for place, row in self.windows.items() if place not in newest and row.node.level is not Level.RUN]
                found = [(f"{row.node.key} {row.window_start_ms:020}", row) for row in past]
            case Shelf.TOMBSTONES:
                retired = [Tombstone(_hash(row.name), row.retired_at_ms) for row in self.keys.values() if not row.generations]
                found = [(f"{one.retired_at_ms:020} {one.key_hash.hex()}", one) for one in retired]
        return sorted(found, key=lambda one: one[0])

    async def gate(self) -> Gate:
        return self._gate

    async def recover(self) -> Recovered:
        forwarding = [row.commit_id for row in self.rows.values() if row.state is State.FORWARDING and row.boot_id != self.boot_id]
        thinking = [row.decision_id for row in self.thoughts.values() if row.state is Thinking.THINKING and row.boot_id != self.boot_id]
        for commit_id in forwarding:
            await self.write(Interrupt(commit_id=commit_id, earlier_boot=True), hand_over_by_s=float("inf"))
        for decision_id in thinking:
            await self.write(lost(decision_id), hand_over_by_s=float("inf"))
        return Recovered(commits=len(forwarding), decisions=len(thinking))

    async def books(self) -> Books:
        recorded = Counter(step.run for step in self.steps.values())
        return Books(
            nodes=tuple(self.windows.values()), commits=tuple(self.rows.values()), decisions=tuple(self.thoughts.values()),
            runs=tuple(self.open_and_ended.values()), steps_recorded=recorded,
        )  # fmt: skip

    def ready(self) -> bool:
        return not self._down

    def fail(self, why: str = "the store has failed for good") -> None:
        """From now on every write is a fault, and `ready` is False."""
        self._down = why

    def restart(self, boot_id: str) -> None:
        """Another process opens what this one left."""
        self.boot_id, self._counter, self._denials, self._down = boot_id, 1, {}, ""

    async def close(self) -> None:
        self._down = "the store is closed"

    def _decide(self, write: Write[Reply], denials: dict[str, tuple[int, ...]]) -> tuple[Rows, Reply]:
        open_runs: dict[str, int] = {}
        for run in self.open_and_ended.values():
            if run.stop is None:
                open_runs[run.name.tenant] = open_runs.get(run.name.tenant, 0) + 1
        rows = Rows(now_ms=self.clock.now_ms(), boot_id=self.boot_id, counter=self._counter, gate=self._gate, open_runs=open_runs)
        rows.denials = dict(denials)
        wants = write.wants()
        latest = [row.latest.id for name in wants.keys if (row := self.keys.get(name)) and row.generations]
        rows.keys = _some(self.keys, wants.keys)
        rows.commits = _some(self.rows, (*wants.commits, *latest))
        rows.decisions = _some(self.thoughts, (*wants.decisions, *latest, *(row.decision_id for row in rows.commits.values())))
        of_decisions = [RunName(row.tenant, row.workflow, row.run_id) for row in _some(self.thoughts, wants.decisions).values()]
        rows.runs = _some(self.open_and_ended, (*wants.runs, *of_decisions))
        rows.halts = _some(self.thrown, wants.halts)
        rows.steps = _some(self.steps, wants.steps)
        if wants.open_work:
            rows.commits |= {row.commit_id: row for row in self.rows.values() if row.state in {State.FORWARDING, State.UNKNOWN}}
            rows.decisions |= {row.decision_id: row for row in self.thoughts.values() if row.state is Thinking.THINKING}
        rows.sought = {node.key for node in write.nodes(rows)}
        newest = self._newest(rows.sought)
        rows.newest = {key: row.window_start_ms for key, row in newest.items()}
        rows.nodes = {(key, row.window_start_ms): row for key, row in newest.items()} | _some(self.windows, write.held(rows))
        return rows, write.apply(rows)

    def _keep(self, dirty: Dirty) -> None:
        for subject_id in (*dirty.commits, *dirty.decisions):
            self._places.setdefault(subject_id, len(self._places) + 1)
        self.keys |= dirty.keys
        self.rows |= dirty.commits
        self.thoughts |= dirty.decisions
        self.open_and_ended |= dirty.runs
        self.windows |= dirty.nodes
        self.thrown |= dirty.halts
        self.bodies |= dirty.bodies
        for commit_id, response in dirty.responses.items():
            body = self.bodies[commit_id]
            self.bodies[commit_id] = Body(
                commit_id=commit_id, salt=body.salt, payload=body.payload, judged_input=body.judged_input, response=response
            )  # fmt: skip
        self.steps |= dirty.steps
        self.evidence |= dirty.evidence
        self.attempts += dirty.attempts
        self.record += dirty.entries
        if dirty.gone != _NOTHING_GONE:
            self._drop(dirty.gone)

    def _drop(self, gone: Gone) -> None:
        for commit_id in gone.commits:
            del self.rows[commit_id], self.bodies[commit_id]
            self.evidence.pop(commit_id, None)
        self.attempts = [one for one in self.attempts if one.commit_id not in gone.commits]
        for decision_id in gone.decisions:
            del self.thoughts[decision_id]
        for entry_hash in gone.steps:
            del self.steps[entry_hash]
        for name in gone.runs:
            del self.open_and_ended[name]
        for place in gone.windows:
            del self.windows[place]
        of_runs = [place for place, row in self.windows.items() if RunName(row.node.tenant, row.node.workflow, row.node.run_id) in gone.runs]
        for place in of_runs:
            del self.windows[place]
        self.keys = {name: row for name, row in self.keys.items() if row.generations or _hash(name) not in gone.tombstones}

    def _newest(self, of: Container[str] | None = None) -> dict[str, NodeRow]:
        """By key, of these nodes or of all."""
        found: dict[str, NodeRow] = {}
        for (key, start_ms), row in self.windows.items():
            if (of is None or key in of) and (key not in found or found[key].window_start_ms < start_ms):
                found[key] = row
        return found


Key = TypeVar("Key")
Row = TypeVar("Row")
_NOTHING_GONE: Final = Gone()


def _hash(name: KeyName) -> bytes:
    return sha256(repr((name.space, name.tenant, name.key)).encode()).digest()


def _some(table: dict[Key, Row], names: Iterable[Key]) -> dict[Key, Row]:
    return {name: table[name] for name in names if name in table}
