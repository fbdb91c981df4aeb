"""Short ways to ask a store what the collector asks of it."""

from collections.abc import Sequence
from typing import Final

from gateway.domain.asks import Refuse
from gateway.domain.boundary import RunTerms
from gateway.domain.budget import BudgetLimit, NodeRow
from gateway.domain.reasons import Reason
from gateway.domain.records import CommitRow, DecisionRow, KeyName, KeySpace, RunName, RunRow, StepRow
from gateway.domain.writes.collecting import CollectCommit, CollectDecision, CollectRun, CollectStep, CollectWindow
from gateway.ports.store import Shelf, Shelved
from tests.contract.store_desk import EXPIRES_IN_MS, RUN, Desk, terms

KEEP_MS: Final = 7 * 86_400_000
TOMBSTONE_MS: Final = 90 * 86_400_000


def of_commit(row: CommitRow, decision: DecisionRow | None = None) -> CollectCommit:
    return CollectCommit(
        commit_id=row.commit_id, key=KeyName(KeySpace.COMMIT, row.tenant, row.key), run=RunName(row.tenant, row.workflow, row.run_id),
        decision_key=decision.key if decision else b"", keep_ms=KEEP_MS,
    )  # fmt: skip


def of_decision(row: DecisionRow) -> CollectDecision:
    name = KeyName(KeySpace.DECIDE, row.tenant, row.key)
    return CollectDecision(decision_id=row.decision_id, key=name, run=RunName(row.tenant, row.workflow, row.run_id), keep_ms=KEEP_MS)


def of_step(row: StepRow) -> CollectStep:
    return CollectStep(entry_hash=row.entry_hash, key=KeyName(KeySpace.STEP, row.run.tenant, row.key), run=row.run, keep_ms=KEEP_MS)


def of_run(row: RunRow) -> CollectRun:
    return CollectRun(run=row.name, finish_key=row.finish_key, tombstone_ms=TOMBSTONE_MS)


def of_window(row: NodeRow) -> CollectWindow:
    return CollectWindow(node_key=row.node.key, window_start_ms=row.window_start_ms, keep_ms=KEEP_MS)


def ample(*, budgets: Sequence[BudgetLimit] = ()) -> RunTerms:
    """Runs that stay open for as long as anything here is kept."""
    return terms(wall_ms_max=366 * 86_400_000, budgets=budgets)


def is_retired(reply: object) -> bool:
    return isinstance(reply, Refuse) and reply.refusal.reason is Reason.KEY_RETIRED


async def run_of(desk: Desk, name: RunName = RUN) -> RunRow:
    run = await desk.store.run(name)
    assert run is not None
    return run


async def all_of(desk: Desk, shelf: Shelf, *, limit: int = 2) -> list[Shelved]:
    """A whole shelf, stretch by stretch."""
    found: list[Shelved] = []
    bookmark = ""
    for _ in range(100):
        stretch = await desk.store.shelf(shelf, bookmark=bookmark, limit=limit)
        found += stretch.rows
        bookmark = stretch.bookmark
        if not bookmark:
            return found
    raise AssertionError("the shelf has no end")


async def aged(desk: Desk, ms: int = KEEP_MS + EXPIRES_IN_MS) -> None:
    """Nothing that is asked after this is younger than what happened before it."""
    desk.clock.advance(ms=ms)
