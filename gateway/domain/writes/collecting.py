"""What is old leaves the store, one row a member: small enough to share a batch with the writes that people wait for.

1. FORWARDING, UNKNOWN and THINKING are never collected. What has ended is, once `keep_ms` have passed since it ended and since it could still be used.
2. The key leaves a tombstone when its latest generation goes. A tombstone answers KEY_RETIRED and is forgotten after `tombstone_ms`.
3. A decision goes with the commit that consumed it, or alone when none did.
4. A run's row is its own tombstone: it stays for `tombstone_ms` after it stopped, and until nothing of it is left; its budgets go with it.
5. What a row had settled, and the step it had been, are remembered as sums where they were counted: everything adds up at any time.
6. The record stays. Texts go with their salt, so that what a leaf says of them can no longer be guessed.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from gateway.domain.budget import Hold, HoldState, NodeRow, Window, window_end
from gateway.domain.change import replace
from gateway.domain.lifecycle import TERMINAL, Thinking
from gateway.domain.records import CommitRow, DecisionRow, KeyName, KeySpace, RunName, RunRow, StepRow, Tombstone
from gateway.domain.rows import Rows, Wants, Write


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """How long what has ended is kept."""

    keep_ms: int
    tombstone_ms: int  # not shorter than `keep_ms`


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectCommit(Write[bool]):
    """`decision_key` is that of the decision the commit names, b"" where it names none. True: it is gone. False: it was, or it is not yet time."""

    commit_id: str
    key: KeyName
    run: RunName
    decision_key: bytes
    keep_ms: int

    def wants(self) -> Wants:
        decided = (KeyName(KeySpace.DECIDE, self.key.tenant, self.decision_key),) if self.decision_key else ()
        return Wants(keys=(self.key, *decided), commits=(self.commit_id,), runs=(self.run,))

    def held(self, rows: Rows) -> list[tuple[str, int]]:
        row = rows.commits.get(self.commit_id)
        if row is None:
            return []
        decision = _consumed(rows, row)
        return [(one.node.key, one.window_start_ms) for one in (*row.holds, *(decision.holds if decision else ()))]

    def apply(self, rows: Rows) -> bool:
        row = rows.commits.get(self.commit_id)
        if row is None or commit_kept_until_ms(row, self.keep_ms) > rows.now_ms:
            return False
        decision = _consumed(rows, row)
        if decision is not None and _decision_ended_until_ms(decision, self.keep_ms) > rows.now_ms:
            return False
        rows.drop_commit(row)
        _retire(rows, self.key, row.commit_id)
        _remember(rows, self.run, row.holds, step=row.attempts > 0)
        if decision is not None:
            _drop_decision(rows, decision)
        return True


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectDecision(Write[bool]):
    """One that no commit consumed. True: it is gone."""

    decision_id: str
    key: KeyName
    run: RunName
    keep_ms: int

    def wants(self) -> Wants:
        return Wants(keys=(self.key,), decisions=(self.decision_id,), runs=(self.run,))

    def held(self, rows: Rows) -> list[tuple[str, int]]:
        row = rows.decisions.get(self.decision_id)
        return [(one.node.key, one.window_start_ms) for one in row.holds] if row else []

    def apply(self, rows: Rows) -> bool:
        row = rows.decisions.get(self.decision_id)
        if row is None or decision_kept_until_ms(row, self.keep_ms) > rows.now_ms:
            return False
        _drop_decision(rows, row)
        return True


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectStep(Write[bool]):
    """A recorded deterministic step. True: it is gone."""

    entry_hash: bytes
    key: KeyName
    run: RunName
    keep_ms: int

    def wants(self) -> Wants:
        return Wants(keys=(self.key,), runs=(self.run,), steps=(self.entry_hash,))

    def apply(self, rows: Rows) -> bool:
        row = rows.steps.get(self.entry_hash)
        if row is None or step_kept_until_ms(row, self.keep_ms) > rows.now_ms:
            return False
        rows.drop_step(row)
        _retire(rows, self.key, row.entry_hash.hex())
        _remember(rows, self.run, (), step=True)
        return True


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectRun(Write[bool]):
    """`finish_key` is the one in its row. True: it is gone, with its budgets."""

    run: RunName
    finish_key: bytes
    tombstone_ms: int

    def wants(self) -> Wants:
        keys = (KeyName(KeySpace.FINISH, self.run.tenant, self.finish_key),) if self.finish_key else ()
        return Wants(keys=keys, runs=(self.run,))

    def apply(self, rows: Rows) -> bool:
        row = rows.runs.get(self.run)
        if row is None or run_kept_until_ms(row, self.tombstone_ms) > rows.now_ms:
            return False
        rows.drop_run(row)
        for name in self.wants().keys:
            _retire(rows, name, self.run.run_id)
        return True


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectWindow(Write[bool]):
    """A past window of a budget above run level, never the newest of its node. True: it is gone."""

    node_key: str
    window_start_ms: int
    keep_ms: int

    def wants(self) -> Wants:
        return Wants()

    def held(self, rows: Rows) -> list[tuple[str, int]]:
        del rows
        return [(self.node_key, self.window_start_ms)]

    def apply(self, rows: Rows) -> bool:
        row = rows.nodes.get((self.node_key, self.window_start_ms))
        if row is None or window_kept_until_ms(row, self.keep_ms) > rows.now_ms:
            return False
        rows.drop_window(row)
        return True


@dataclass(frozen=True, slots=True, kw_only=True)
class ForgetKey(Write[bool]):
    """A tombstone's time is over: the key is as if it had never been used."""

    tombstone: Tombstone
    tombstone_ms: int

    def wants(self) -> Wants:
        return Wants()

    def apply(self, rows: Rows) -> bool:
        over = rows.now_ms >= self.tombstone.retired_at_ms + self.tombstone_ms
        if over:
            rows.dirty.gone.tombstones[self.tombstone.key_hash] = self.tombstone
        return over


def commit_kept_until_ms(row: CommitRow, keep_ms: int) -> int:
    return max(row.ended_at_ms, row.expire_at_ms) + keep_ms if row.state in TERMINAL else _FOREVER_MS


def decision_kept_until_ms(row: DecisionRow, keep_ms: int) -> int:
    """Of one that no commit consumed; the others go with their commit."""
    return _FOREVER_MS if row.consumed_by else _decision_ended_until_ms(row, keep_ms)


def step_kept_until_ms(row: StepRow, keep_ms: int) -> int:
    return row.recorded_at_ms + keep_ms


def run_kept_until_ms(row: RunRow, tombstone_ms: int) -> int:
    """Its row counts what is left of it: a step taken that is not collected is a row that still stands."""
    return row.stopped_at_ms + tombstone_ms if row.stop is not None and row.collected == row.steps else _FOREVER_MS


def window_kept_until_ms(row: NodeRow, keep_ms: int) -> int:
    moved_by_nobody_left = row.held == 0 and row.settled == row.collected
    past = row.node.window is not Window.TOTAL
    return window_end(row.node.window, row.window_start_ms) + keep_ms if past and moved_by_nobody_left else _FOREVER_MS


def _decision_ended_until_ms(row: DecisionRow, keep_ms: int) -> int:
    return _FOREVER_MS if row.state is Thinking.THINKING else max(row.ended_at_ms, row.expire_at_ms) + keep_ms


def _consumed(rows: Rows, commit: CommitRow) -> DecisionRow | None:
    decision = rows.decisions.get(commit.decision_id)
    return decision if decision is not None and decision.consumed_by == commit.commit_id else None


def _drop_decision(rows: Rows, row: DecisionRow) -> None:
    rows.drop_decision(row)
    _retire(rows, KeyName(KeySpace.DECIDE, row.tenant, row.key), row.decision_id)
    _remember(rows, RunName(row.tenant, row.workflow, row.run_id), row.holds, step=row.counted)


def _retire(rows: Rows, name: KeyName, subject_id: str) -> None:
    """Only the latest generation takes the key along; while that stands, the key answers by it."""
    row = rows.keys.get(name)
    if row is not None and row.generations and row.latest.id == subject_id:
        rows.retire(name)


def _remember(rows: Rows, run: RunName, holds: Iterable[Hold], *, step: bool) -> None:
    for held in holds:
        if held.state is HoldState.SETTLED:
            node = rows.nodes[held.node.key, held.window_start_ms]
            rows.put_node(replace(node, collected=node.collected + held.settled))
    if step:
        row = rows.runs[run]
        rows.put_run(replace(row, collected=row.collected + 1))


_FOREVER_MS = 2**62
