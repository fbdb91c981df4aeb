"""Budgets: nodes, windows, holds. Integers only, 0 … 10^15.

1. Admission: settled + held + asked ≤ limit at every level, or nothing is held at any.
2. A hold resolves once: settled with what it cost (the rest returned), or released. An unknown outcome keeps it.
3. Costing more than was held is recorded as it is (`overage`): availability goes negative and blocks; never clamped.
4. Windows are fixed, UTC; a hold belongs to the window of T1, and a node's window never runs backwards.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from functools import lru_cache
from typing import Final

from gateway.domain.change import replace


class Level(StrEnum):
    RUN = "run"
    WORKFLOW = "workflow"
    TENANT = "tenant"


class Ledger(StrEnum):
    STEPS = "steps"
    TOKENS = "tokens"
    SPEND = "spend"
    VALUE = "value"
    WRITES = "writes"


class Window(StrEnum):
    TOTAL = "total"
    MINUTE = "minute"
    HOUR = "hour"
    DAY = "day"
    MONTH = "month"


MONEY: Final = frozenset({Ledger.SPEND, Ledger.VALUE})
_SPAN_MS: Final = {Window.MINUTE: 60_000, Window.HOUR: 3_600_000, Window.DAY: 86_400_000}


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetLimit:
    """One declared limit at one level."""

    ledger: Ledger
    currency: str  # "" for ledgers that count
    window: Window
    limit: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What one write or one thinking asks of a ledger."""

    ledger: Ledger
    currency: str
    amount: int


@dataclass(frozen=True, slots=True)
class Node:
    """One budgeted quantity at one level. `key` is its name in the store."""

    level: Level
    tenant: str
    workflow: str  # "" at tenant level
    run_id: str  # "" above run level
    ledger: Ledger
    currency: str
    window: Window
    key: str = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        key = "\x1f".join((self.level, self.tenant, self.workflow, self.run_id, self.ledger, self.currency, self.window))
        object.__setattr__(self, "key", key)

    @property
    def scope(self) -> str:
        """The name of what it budgets: of the run, else of the workflow, else of the tenant."""
        return self.run_id or self.workflow or self.tenant


def node_of(key: str) -> Node:
    level, tenant, workflow, run_id, ledger, currency, window = key.split("\x1f")
    return Node(Level(level), tenant, workflow, run_id, Ledger(ledger), currency, Window(window))


node_at: Final = lru_cache(maxsize=4_096)(Node)  # by place: the nodes of a tenant and a workflow are those of every one of its requests


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeRow:
    """A node in one window, as stored."""

    node: Node
    window_start_ms: int
    held: int
    settled: int
    collected: int = 0  # of `settled`, what commits and decisions paid that are gone


class HoldState(StrEnum):
    OPEN = "OPEN"
    SETTLED = "SETTLED"
    RELEASED = "RELEASED"


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """What one commit or decision holds at one node. `left` and `limit` are as of its latest movement."""

    node: Node
    window_start_ms: int
    amount: int
    settled: int
    state: HoldState
    left: int
    limit: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Shortage:
    """The first node that does not admit."""

    node: Node
    asked: int
    left: int
    limit: int
    resets_at_ms: int  # 0 for a total


def window_start(window: Window, now_ms: int) -> int:
    """Start of the window that `now_ms` lies in, Unix milliseconds; 0 for a total."""
    if window is Window.TOTAL:
        return 0
    if window is Window.MONTH:
        return _month_of(now_ms // _SPAN_MS[Window.DAY])
    return now_ms - now_ms % _SPAN_MS[window]


@lru_cache(maxsize=64)
def _month_of(day_number: int) -> int:
    """Start of the month of a day, Unix milliseconds; days are counted from the epoch. Kept: every hold of a month asks."""
    day = datetime.fromtimestamp(day_number * (_SPAN_MS[Window.DAY] // 1000), UTC)
    return int(datetime(day.year, day.month, 1, tzinfo=UTC).timestamp()) * 1000


def window_end(window: Window, start_ms: int) -> int:
    """When the window resets; 0 for a total."""
    if window is Window.TOTAL:
        return 0
    if window is Window.MONTH:
        day = datetime.fromtimestamp(start_ms / 1000, UTC)
        year, month = (day.year + 1, 1) if day.month == 12 else (day.year, day.month + 1)
        return int(datetime(year, month, 1, tzinfo=UTC).timestamp()) * 1000
    return start_ms + _SPAN_MS[window]


def meets(cost: Cost, limit: BudgetLimit) -> bool:
    return limit.ledger == cost.ledger and limit.currency == cost.currency


def limits_for(cost: Cost, limits: Iterable[BudgetLimit]) -> list[BudgetLimit]:
    return [limit for limit in limits if meets(cost, limit)]


def left_of(row: NodeRow, limit: int) -> int:
    return limit - row.held - row.settled


def current(row: NodeRow | None, node: Node, now_ms: int) -> NodeRow:
    """The node in the window of now, which is never older than the newest window stored."""
    start = window_start(node.window, now_ms)
    if row is not None and row.window_start_ms >= start:
        return row
    return NodeRow(node=node, window_start_ms=start, held=0, settled=0)


def hold(row: NodeRow, *, amount: int, limit: int) -> tuple[NodeRow, Hold] | Shortage:
    """Holds `amount` at one node, or says what is short."""
    left = limit - row.held - row.settled
    if amount > left:
        return Shortage(node=row.node, asked=amount, left=left, limit=limit, resets_at_ms=window_end(row.node.window, row.window_start_ms))
    held = replace(row, held=row.held + amount)
    return held, Hold(node=row.node, window_start_ms=row.window_start_ms, amount=amount, settled=0, state=HoldState.OPEN, left=left - amount, limit=limit)


def settle(row: NodeRow, held: Hold, *, actual: int) -> tuple[NodeRow, Hold]:
    """Ends an open hold with what it cost; `actual` may exceed what was held."""
    assert held.state is HoldState.OPEN, "a hold resolves once"
    moved = replace(row, held=row.held - held.amount, settled=row.settled + actual)
    return moved, replace(held, settled=actual, state=HoldState.SETTLED, left=left_of(moved, held.limit))


def release(row: NodeRow, held: Hold) -> tuple[NodeRow, Hold]:
    """Ends an open hold that cost nothing."""
    assert held.state is HoldState.OPEN, "a hold resolves once"
    moved = replace(row, held=row.held - held.amount)
    return moved, replace(held, state=HoldState.RELEASED, left=left_of(moved, held.limit))
