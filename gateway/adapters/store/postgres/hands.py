"""The rows of a batch, as one connection gives them: `Looking` reads them, `Locking` locks them first.

1. What may be absent and must not be made by two is claimed: inserted, and so locked, before it is decided over (`Claimed` remembers what was).
2. The gate is locked in one statement and read in a later one: a statement's snapshot is older than the lock that it waited for.
3. What was read of the gate is kept until its version moves; every halt, resume and activation moves it in its own transaction.
"""

from collections.abc import Collection, Iterable, Sequence, Sized
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from gateway.adapters.store.codec import Columns, activation_of, commit_of, step_of
from gateway.adapters.store.postgres.connecting import Connection
from gateway.adapters.store.postgres.rows import decision_of, halt_of, run_name, run_of, window_of
from gateway.adapters.store.postgres.statements import Statements, columns
from gateway.adapters.store.postgres.trouble import TryAgain
from gateway.domain.budget import NodeRow
from gateway.domain.halts import Halt
from gateway.domain.limits import OPEN_RUNS_MAX
from gateway.domain.records import CommitRow, DecisionRow, Generation, RunName, RunRow, StepRow
from gateway.domain.rows import Gate

Found = TypeVar("Found", bound=Sized)

LOAD: Final = Statements("load")
LOCK: Final = Statements("lock")

_CLAIM_KEYS: Final = LOCK.taking("claim_keys", "key_hashes")
_LOCK_KEYS: Final = LOCK.taking("lock_keys", "key_hashes")
_LOCK_COMMITS: Final = LOCK.taking("lock_commits", "commit_ids")
_SHARE_GATE: Final = LOCK.taking("share_gate")
_QUEUE_FOR_GATE: Final = LOCK.taking("queue_for_gate")
_TAKE_GATE: Final = LOCK.taking("take_gate")
_CLAIM_RUNS: Final = LOCK.taking("claim_runs", *columns("run_name"))
_LOCK_RUNS: Final = LOCK.taking("lock_runs", *columns("run_name"))
_LOCK_DECISIONS: Final = LOCK.taking("lock_decisions", "decision_ids")
_CLAIM_NODES: Final = LOCK.taking("claim_nodes", "node_keys")
_LOCK_NODES: Final = LOCK.taking("lock_nodes", "node_keys")
_KEYS: Final = LOAD.taking("keys", "key_hashes")
_GENERATIONS: Final = LOAD.taking("generations", "key_hashes")
_COMMITS: Final = LOAD.taking("commits", "commit_ids")
_OPEN_COMMITS: Final = LOAD.taking("open_commits")
_RUNS_OF_DECISIONS: Final = LOAD.taking("runs_of_decisions", "decision_ids")
_DECISIONS: Final = LOAD.taking("decisions", "decision_ids")
_OPEN_DECISIONS: Final = LOAD.taking("open_decisions")
_RUNS: Final = LOAD.taking("runs", *columns("run_name"))
_OPEN_RUNS: Final = LOAD.taking("open_runs", "tenant", "count_max")
_GATE: Final = LOAD.taking("gate")
_ACTIVATION: Final = LOAD.taking("activation_in_force")
_ACTIVE_HALTS: Final = LOAD.taking("active_halts")
_HALTS: Final = LOAD.taking("halts", "halt_ids")
_STEPS: Final = LOAD.taking("steps", "entry_hashes")
_WINDOWS: Final = LOAD.taking("windows", "given_ms", "node_keys", "held_keys", "held_starts")


class GateMemory:
    """What was read of the gate, with its version. Forgotten with the connection: a server restored from a backup may count a version twice."""

    def __init__(self) -> None:
        self.kept: tuple[int, Gate] | None = None


@dataclass(slots=True)
class Claimed:
    """What this transaction inserted so as to lock it: filled or removed again before it ends."""

    keys: set[bytes] = field(default_factory=set)
    runs: set[RunName] = field(default_factory=set)
    nodes: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Windows:
    """The store's clock, and the windows found at that time."""

    now_ms: int
    newest: list[NodeRow]
    held: list[NodeRow]


class Looking:
    """Reads without locks, in whatever transaction the connection is in. `given_ms` stands in for the server's clock where it is not None."""

    def __init__(self, connection: Connection, memory: GateMemory, *, given_ms: int | None) -> None:
        self._connection = connection
        self._memory = memory
        self._given_ms = given_ms

    async def keys(self, key_hashes: Sequence[bytes]) -> dict[bytes, int]:
        """Those of them that were there before, with when they were retired (0: they are not). Sorted by whoever asks, as everything here."""
        return dict(await self._fetch(_KEYS, key_hashes))

    async def generations(self, key_hashes: Collection[bytes]) -> dict[bytes, tuple[Generation, ...]]:
        found: dict[bytes, tuple[Generation, ...]] = dict.fromkeys(key_hashes, ())
        for key_hash, *values in await self._fetch(_GENERATIONS, [*key_hashes]):
            found[key_hash] = (*found[key_hash], Generation(*values))
        return found

    async def commits(self, commit_ids: Sequence[str]) -> list[CommitRow]:
        return [commit_of(values) for values in await self._fetch(_COMMITS, commit_ids)]

    async def open_work(self) -> tuple[list[CommitRow], list[DecisionRow]]:
        commits = [commit_of(values) for values in await self._fetch(_OPEN_COMMITS)]
        return commits, [decision_of(values) for values in await self._fetch(_OPEN_DECISIONS)]

    async def gate(self) -> Gate:
        ((version, minimum_number),) = await self._fetch(_GATE)
        if self._memory.kept is None or self._memory.kept[0] != version:
            activation = await self._fetch(_ACTIVATION)
            halts = tuple(halt_of(values) for values in await self._fetch(_ACTIVE_HALTS))
            gate = Gate(activation=activation_of(activation[0]) if activation else None, minimum_number=minimum_number, halts=halts)
            self._memory.kept = (version, gate)
        return self._memory.kept[1]

    async def halts(self, halt_ids: Sequence[str]) -> list[Halt]:
        return [halt_of(values) for values in await self._fetch(_HALTS, halt_ids)]

    async def steps(self, entry_hashes: Sequence[bytes]) -> list[StepRow]:
        return [step_of(values) for values in await self._fetch(_STEPS, entry_hashes)]

    async def runs_of_decisions(self, decision_ids: Sequence[str]) -> list[RunName]:
        return [RunName(*values) for values in await self._fetch(_RUNS_OF_DECISIONS, decision_ids)]

    async def runs(self, names: Sequence[RunName]) -> list[RunRow]:
        return [run_of(values) for values in await self._fetch(_RUNS, *_named(names))]

    async def open_runs(self, tenant: str) -> int:
        ((count,),) = await self._fetch(_OPEN_RUNS, tenant, OPEN_RUNS_MAX + 1)
        return int(count)

    async def decisions(self, decision_ids: Sequence[str]) -> list[DecisionRow]:
        return [decision_of(values) for values in await self._fetch(_DECISIONS, decision_ids)]

    async def windows(self, node_keys: Sequence[str], places: Sequence[tuple[str, int]]) -> Windows:
        """The newest window of each node, the very windows of `places`, and what time it is: after every lock."""
        held_keys, held_starts = [key for key, _ in places], [start for _, start in places]
        found = await self._fetch(_WINDOWS, self._given_ms, node_keys, held_keys, held_starts)
        rows = [(sought, window_of(values)) for _, sought, *values in found if sought is not None]
        return Windows(now_ms=found[0][0], newest=[row for sought, row in rows if sought], held=[row for sought, row in rows if not sought])

    async def _fetch(self, sql: str, *values: Any) -> list[Columns]:  # noqa: ANN401 - what the library takes
        return [tuple(record) for record in await self._connection.fetch(sql, *values)]


class Locking(Looking):
    """Locks first, and remembers what it claimed. `alone`: this batch moves the gate."""

    def __init__(self, connection: Connection, memory: GateMemory, *, given_ms: int | None, alone: bool) -> None:
        super().__init__(connection, memory, given_ms=given_ms)
        self.claimed = Claimed()
        self._alone = alone

    async def keys(self, key_hashes: Sequence[bytes]) -> dict[bytes, int]:
        self.claimed.keys = {key_hash for (key_hash,) in await self._fetch(_CLAIM_KEYS, key_hashes)}
        there = [key_hash for key_hash in key_hashes if key_hash not in self.claimed.keys]
        return _all(dict(await self._fetch(_LOCK_KEYS, there)), there) if there else {}

    async def commits(self, commit_ids: Sequence[str]) -> list[CommitRow]:
        return [commit_of(values) for values in await self._fetch(_LOCK_COMMITS, commit_ids)]

    async def gate(self) -> Gate:
        if self._alone:
            await self._fetch(_QUEUE_FOR_GATE)
        await self._fetch(_TAKE_GATE if self._alone else _SHARE_GATE)
        return await super().gate()

    async def runs(self, names: Sequence[RunName]) -> list[RunRow]:
        self.claimed.runs = {RunName(*values) for values in await self._fetch(_CLAIM_RUNS, *_named(names))}
        there = [name for name in names if name not in self.claimed.runs]
        return _all([run_of(values) for values in await self._fetch(_LOCK_RUNS, *_named(there))], there) if there else []

    async def decisions(self, decision_ids: Sequence[str]) -> list[DecisionRow]:
        await self._fetch(_LOCK_DECISIONS, decision_ids)
        return await super().decisions(decision_ids)

    async def lock_nodes(self, node_keys: Sequence[str], *, claimable: Sequence[str]) -> None:
        self.claimed.nodes = {node_key for (node_key,) in await self._fetch(_CLAIM_NODES, claimable)} if claimable else set()
        there = [node_key for node_key in node_keys if node_key not in self.claimed.nodes]
        if there:
            await self._fetch(_LOCK_NODES, there)


def _all(locked: Found, there: Sequence[object]) -> Found:
    """What was there a statement ago and cannot be locked now has been collected: begin again."""
    if len(locked) != len(there):
        raise TryAgain("a row was collected while it was being locked")
    return locked


def _named(names: Iterable[RunName]) -> list[list[str]]:
    """As the parameters of `run_name`, sorted."""
    ordered = sorted(names, key=run_name)
    return [[name.tenant for name in ordered], [name.run_id for name in ordered], [name.workflow for name in ordered]]
