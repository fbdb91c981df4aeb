"""The locked rows of one batch, and what the batch makes of them. A store loads them, hands them here, and writes back what changed.

1. The one mutable value of this room; it lives for one transaction and is never shared.
2. A member of a batch sees what the members before it made: deciding in order is the same as deciding one by one.
3. Nothing is changed by a member that does not admit, except what that member records.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Generic, TypeVar

from gateway.domain.audit import Entry, EntryKind, encode, leaf_hash
from gateway.domain.boundary import Standing
from gateway.domain.budget import Node, NodeRow
from gateway.domain.halts import Halt
from gateway.domain.limits import DENIALS_PER_S_MAX
from gateway.domain.records import (
    Attempt,
    Body,
    CommitRow,
    DecisionRow,
    Generation,
    KeyName,
    KeyRow,
    RunName,
    RunRow,
    Spoken,
    StepRow,
    Tombstone,
)

_SECOND_MS: Final = 1_000

Reply = TypeVar("Reply", covariant=True)  # noqa: PLC0105 - the only type variable of the room; its name is what it stands for


@dataclass(frozen=True, slots=True, kw_only=True)
class ActivationRow:
    """An activation as stored: its number, and the limits above run level that replicas agree on."""

    number: int
    revision: str
    digest: bytes
    standing: Standing
    activated_at_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """Read under the gate lock, in a later statement than the one that got it."""

    activation: ActivationRow | None
    minimum_number: int  # no T1 below this activation number
    halts: tuple[Halt, ...]  # active ones


@dataclass(frozen=True, slots=True, kw_only=True)
class Wants:
    """The rows a member needs, by name. A key brings the row of its latest generation along, a commit its decision, a decision its run."""

    keys: tuple[KeyName, ...] = ()
    commits: tuple[str, ...] = ()
    decisions: tuple[str, ...] = ()
    runs: tuple[RunName, ...] = ()
    halts: tuple[str, ...] = ()  # also lifted ones
    steps: tuple[bytes, ...] = ()  # recorded ones, by the hash of their entry
    open_work: bool = False  # every commit FORWARDING or UNKNOWN, every decision THINKING


class Rows:
    """Working set of one batch. `dirty_*` is what must be written."""

    def __init__(self, *, now_ms: int, boot_id: str, counter: int, gate: Gate, open_runs: Mapping[str, int]) -> None:
        self.now_ms = now_ms  # the store's clock, read after the locks
        self.boot_id = boot_id
        self.counter = counter  # of the next entry of this boot
        self.gate = gate
        self.open_runs = dict(open_runs)
        self.denials: dict[str, tuple[int, ...]] = {}  # by tenant: when those lately recorded were made, oldest first
        self.keys: dict[KeyName, KeyRow] = {}
        self.commits: dict[str, CommitRow] = {}
        self.decisions: dict[str, DecisionRow] = {}
        self.runs: dict[RunName, RunRow] = {}
        self.nodes: dict[tuple[str, int], NodeRow] = {}  # by node key and window start
        self.newest: dict[str, int] = {}  # newest window start of a node
        self.sought: set[str] = set()  # nodes whose newest window was looked for, found or not
        self.halts: dict[str, Halt] = {}  # those wanted by id
        self.steps: dict[bytes, StepRow] = {}
        self.dirty = Dirty()

    def put_commit(self, row: CommitRow) -> None:
        self.commits[row.commit_id] = row
        self.dirty.commits[row.commit_id] = row

    def put_decision(self, row: DecisionRow) -> None:
        self.decisions[row.decision_id] = row
        self.dirty.decisions[row.decision_id] = row

    def put_run(self, row: RunRow) -> None:
        before = self.runs.get(row.name)
        was_open = before is not None and before.stop is None
        is_open = row.stop is None
        self.open_runs[row.name.tenant] = self.open_runs.get(row.name.tenant, 0) + is_open - was_open
        self.runs[row.name] = row
        self.dirty.runs[row.name] = row

    def count_denial(self, tenant: str) -> None:
        """One more denial is recorded now."""
        self.denials[tenant] = (*self._denials_of_late(tenant), self.now_ms)

    def may_record_denial(self, tenant: str) -> bool:
        return len(self._denials_of_late(tenant)) < DENIALS_PER_S_MAX

    def _denials_of_late(self, tenant: str) -> list[int]:
        """Those within a second of now. A clock that is put back by more forgets them, and does not count them until it has caught up."""
        return [at_ms for at_ms in self.denials.get(tenant, ()) if abs(self.now_ms - at_ms) < _SECOND_MS]

    def put_node(self, row: NodeRow) -> None:
        place = (row.node.key, row.window_start_ms)
        self.nodes[place] = row
        self.newest[row.node.key] = max(row.window_start_ms, self.newest.get(row.node.key, 0))
        self.dirty.nodes[place] = row

    def put_halt(self, halt: Halt) -> None:
        others = tuple(one for one in self.gate.halts if one.halt_id != halt.halt_id)
        active = (*others, halt) if halt.lifted_at_ms == 0 else others
        self.gate = Gate(activation=self.gate.activation, minimum_number=self.gate.minimum_number, halts=active)
        self.dirty.halts[halt.halt_id] = halt

    def put_activation(self, row: ActivationRow, *, minimum_number: int) -> None:
        self.gate = Gate(activation=row, minimum_number=minimum_number, halts=self.gate.halts)
        self.dirty.activation = (row, minimum_number)

    def bind(self, name: KeyName, generation: Generation) -> None:
        """Binds a key to one more generation."""
        row = self.keys.get(name)
        bound = KeyRow(name=name, generations=(*(row.generations if row else ()), generation))
        self.keys[name] = bound
        self.dirty.keys[name] = bound

    def retire(self, name: KeyName) -> None:
        """Leaves a tombstone of a key: it is never bound again while that stands."""
        retired = KeyRow(name=name, generations=(), retired_at_ms=self.now_ms)
        self.keys[name] = retired
        self.dirty.keys[name] = retired

    def drop_commit(self, row: CommitRow) -> None:
        self.commits.pop(row.commit_id)
        self.dirty.commits.pop(row.commit_id, None)
        self.dirty.gone.commits[row.commit_id] = row

    def drop_decision(self, row: DecisionRow) -> None:
        self.decisions.pop(row.decision_id)
        self.dirty.decisions.pop(row.decision_id, None)
        self.dirty.gone.decisions[row.decision_id] = row

    def drop_step(self, row: StepRow) -> None:
        self.steps.pop(row.entry_hash)
        self.dirty.gone.steps[row.entry_hash] = row

    def drop_run(self, row: RunRow) -> None:
        self.runs.pop(row.name)
        self.dirty.runs.pop(row.name, None)
        self.dirty.gone.runs[row.name] = row

    def drop_window(self, row: NodeRow) -> None:
        place = (row.node.key, row.window_start_ms)
        self.nodes.pop(place)
        self.dirty.nodes.pop(place, None)
        self.dirty.gone.windows[place] = row

    def newest_node(self, node: Node) -> NodeRow | None:
        assert node.key in self.sought, "a node is looked for before it is called absent"
        start = self.newest.get(node.key)
        return None if start is None else self.nodes[node.key, start]

    def record(self, kind: EntryKind, *, run: RunName, subject_id: str, fields: Mapping[str, object]) -> bytes:
        """Adds one audit entry to the transaction; returns its leaf hash."""
        leaf = encode(
            {
                "v": 1, "kind": kind, "time_ms": self.now_ms, "boot": self.boot_id, "n": self.counter,
                "tenant": run.tenant, "workflow": run.workflow, "run": run.run_id, **fields,
            }
        )  # fmt: skip
        entry = Entry(
            kind=kind, time_ms=self.now_ms, boot_id=self.boot_id, counter=self.counter, tenant=run.tenant, workflow=run.workflow,
            run_id=run.run_id, subject_id=subject_id, leaf=leaf, leaf_hash=leaf_hash(leaf),
        )  # fmt: skip
        self.counter += 1
        self.dirty.entries.append(entry)
        return entry.leaf_hash


@dataclass(slots=True)
class Gone:
    """What is no more after the transaction. A row takes along what hangs on it: a commit its body, attempts and evidence; a decision its texts; a run its
    nodes, in every window."""

    commits: dict[str, CommitRow] = field(default_factory=dict)
    decisions: dict[str, DecisionRow] = field(default_factory=dict)
    steps: dict[bytes, StepRow] = field(default_factory=dict)
    runs: dict[RunName, RunRow] = field(default_factory=dict)
    windows: dict[tuple[str, int], NodeRow] = field(default_factory=dict)
    tombstones: dict[bytes, Tombstone] = field(default_factory=dict)  # one that is gone already is no error


@dataclass(slots=True)
class Dirty:
    """Every row once, as it must stand after the transaction."""

    keys: dict[KeyName, KeyRow] = field(default_factory=dict)  # one without generations is retired: a tombstone in place of all it had
    commits: dict[str, CommitRow] = field(default_factory=dict)
    decisions: dict[str, DecisionRow] = field(default_factory=dict)
    runs: dict[RunName, RunRow] = field(default_factory=dict)
    nodes: dict[tuple[str, int], NodeRow] = field(default_factory=dict)
    halts: dict[str, Halt] = field(default_factory=dict)
    bodies: dict[str, Body] = field(default_factory=dict)
    responses: dict[str, bytes] = field(default_factory=dict)  # of bodies stored earlier
    attempts: list[Attempt] = field(default_factory=list)
    steps: dict[bytes, StepRow] = field(default_factory=dict)
    evidence: dict[str, Spoken] = field(default_factory=dict)  # what an operator said, by commit id
    entries: list[Entry] = field(default_factory=list)
    activation: tuple[ActivationRow, int] | None = None
    gone: Gone = field(default_factory=Gone)


class Write(Generic[Reply]):
    """One member of a batch: names the rows it needs, then decides over them. Pure, and complete in itself."""

    __slots__ = ()

    def wants(self) -> Wants:
        raise NotImplementedError  # every member says what it needs

    def nodes(self, rows: Rows) -> list[Node]:
        """Budget nodes needed in their newest window, once gate, runs, commits and decisions are loaded."""
        del rows
        return []

    def held(self, rows: Rows) -> list[tuple[str, int]]:
        """Budget nodes needed in the very window a hold was made in: (node key, window start)."""
        del rows
        return []

    def apply(self, rows: Rows) -> Reply:
        raise NotImplementedError  # every member decides
