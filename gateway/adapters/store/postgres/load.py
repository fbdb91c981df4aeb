"""Loading what the members of a batch name, in the one order every gateway keeps: (a, b) keys and commits, (c) the gate, (d, e) runs and decisions,
then nodes, (f) windows and the store's clock.

1. The gate comes before the runs, its content in a statement after its lock; which nodes are needed is known only when gate, runs and decisions are.
2. The clock is read last, after every lock: what expired while we waited has expired.
3. What no member of the batch named is not there to see.
"""

from collections.abc import Iterable, Mapping, Sequence

from gateway.adapters.store.codec import key_hash
from gateway.adapters.store.postgres.hands import Locking, Looking
from gateway.adapters.store.postgres.rows import run_name
from gateway.domain.records import KeyName, KeyRow, KeySpace
from gateway.domain.rows import Gate, Rows, Wants, Write

_NO_GATE = Gate(activation=None, minimum_number=0, halts=())


async def load(writes: Sequence[Write[object]], hands: Looking, *, boot_id: str, counter: int, open_runs: Mapping[str, int]) -> Rows:
    """Everything that `writes` name. `open_runs` of tenants whose number is known well enough; the others are counted."""
    wants = [write.wants() for write in writes]
    rows = Rows(now_ms=0, boot_id=boot_id, counter=counter, gate=_NO_GATE, open_runs=open_runs)
    await _load_keys(rows, wants, hands)
    await _load_commits(rows, wants, hands)
    rows.gate = await hands.gate()
    await _load_runs(rows, wants, hands)
    await _load_decisions(rows, wants, hands)
    await _load_rest(rows, wants, hands)
    await _load_windows(rows, writes, hands)
    return rows


async def _load_keys(rows: Rows, wants: Iterable[Wants], hands: Looking) -> None:
    named = sorted({(key_hash(name), name) for one in wants for name in one.keys}, key=lambda pair: pair[0])
    if not named:
        return
    there = await hands.keys([hashed for hashed, _ in named])
    if there:
        found = await hands.generations(there)
        rows.keys = {
            name: KeyRow(name=name, generations=found[hashed], retired_at_ms=there[hashed]) for hashed, name in named if hashed in there
        }  # fmt: skip


async def _load_commits(rows: Rows, wants: Iterable[Wants], hands: Looking) -> None:
    named = sorted({*_latest(rows, KeySpace.COMMIT), *(commit_id for one in wants for commit_id in one.commits)})
    if named:
        rows.commits = {row.commit_id: row for row in await hands.commits(named)}


async def _load_runs(rows: Rows, wants: Sequence[Wants], hands: Looking) -> None:
    decision_ids = sorted({decision_id for one in wants for decision_id in one.decisions})
    of_decisions = await hands.runs_of_decisions(decision_ids) if decision_ids else []
    named = sorted({*of_decisions, *(name for one in wants for name in one.runs)}, key=run_name)
    if not named:
        return
    rows.runs = {row.name: row for row in await hands.runs(named)}
    for tenant in sorted({name.tenant for name in named} - {*rows.open_runs}):
        rows.open_runs[tenant] = await hands.open_runs(tenant)


async def _load_decisions(rows: Rows, wants: Iterable[Wants], hands: Looking) -> None:
    asked = {decision_id for one in wants for decision_id in one.decisions}
    carried = {row.decision_id for row in rows.commits.values() if row.decision_id}
    named = sorted({*asked, *carried, *_latest(rows, KeySpace.DECIDE)})
    if named:
        rows.decisions = {row.decision_id: row for row in await hands.decisions(named)}


async def _load_rest(rows: Rows, wants: Sequence[Wants], hands: Looking) -> None:
    """What the gate guards: halts, and the work that is open while it stands still; and steps, which the lock on their run guards."""
    halt_ids = sorted({halt_id for one in wants for halt_id in one.halts})
    if halt_ids:
        rows.halts = {halt.halt_id: halt for halt in await hands.halts(halt_ids)}
    entry_hashes = sorted({entry_hash for one in wants for entry_hash in one.steps})
    if entry_hashes:
        rows.steps = {step.entry_hash: step for step in await hands.steps(entry_hashes)}
    if any(one.open_work for one in wants):
        commits, decisions = await hands.open_work()
        rows.commits = {row.commit_id: row for row in commits} | rows.commits
        rows.decisions = {row.decision_id: row for row in decisions} | rows.decisions


async def _load_windows(rows: Rows, writes: Sequence[Write[object]], hands: Looking) -> None:
    nodes = {node.key: node for write in writes for node in write.nodes(rows)}
    places = sorted({place for write in writes for place in write.held(rows)})
    keys = sorted({*nodes, *(key for key, _ in places)})
    if keys and isinstance(hands, Locking):
        await hands.lock_nodes(keys, claimable=sorted(nodes))  # a window that was held in has its node
    found = await hands.windows(sorted(nodes), places)
    rows.now_ms = found.now_ms
    rows.sought = {*nodes}
    rows.newest = {row.node.key: row.window_start_ms for row in found.newest}
    rows.nodes = {(row.node.key, row.window_start_ms): row for row in (*found.newest, *found.held)}


def _latest(rows: Rows, space: KeySpace) -> list[str]:
    return [row.latest.id for name, row in rows.keys.items() if name.space is space and row.generations]


def claims(write: Write[object]) -> tuple[KeyName, ...]:
    """The keys of which a batch has one member each."""
    return write.wants().keys
