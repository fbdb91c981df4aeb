"""Budgets: windows, holds, and that whatever is held ends once and to the last unit."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.budget import (
    BudgetLimit,
    Cost,
    Hold,
    HoldState,
    Ledger,
    Level,
    Node,
    NodeRow,
    Shortage,
    Window,
    current,
    hold,
    left_of,
    limits_for,
    release,
    settle,
    window_end,
    window_start,
)

NODE = Node(Level.TENANT, "acme", "", "", Ledger.VALUE, "EUR", Window.DAY)
EMPTY = NodeRow(node=NODE, window_start_ms=0, held=0, settled=0)


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


@pytest.mark.parametrize(
    ("window", "now", "start", "end"),
    [
        (Window.MINUTE, "2026-11-22T10:59:59.999", "2026-11-22T10:59:00", "2026-11-22T11:00:00"),
        (Window.HOUR, "2026-11-22T10:59:59.999", "2026-11-22T10:00:00", "2026-11-22T11:00:00"),
        (Window.DAY, "2026-11-22T23:59:59.999", "2026-11-22T00:00:00", "2026-11-23T00:00:00"),
        (Window.MONTH, "2026-11-30T23:59:59.999", "2026-11-01T00:00:00", "2026-12-01T00:00:00"),
        (Window.MONTH, "2026-12-31T00:00:00", "2026-12-01T00:00:00", "2027-01-01T00:00:00"),
        (Window.MONTH, "2028-02-29T12:00:00", "2028-02-01T00:00:00", "2028-03-01T00:00:00"),
        (Window.DAY, "2026-11-22T00:00:00", "2026-11-22T00:00:00", "2026-11-23T00:00:00"),
    ],
)
def test_a_window_is_a_piece_of_utc(window: Window, now: str, start: str, end: str) -> None:
    """It begins where the calendar says and ends where the next one begins."""
    began = window_start(window, at(now))

    assert (began, window_end(window, began)) == (at(start), at(end))


def test_a_total_has_no_window() -> None:
    """It never resets."""
    assert (window_start(Window.TOTAL, 1), window_end(Window.TOTAL, 0)) == (0, 0)


@given(window=st.sampled_from(Window), now_ms=st.integers(0, 4_102_444_800_000))
def test_every_moment_lies_in_its_window(window: Window, now_ms: int) -> None:
    """Start ≤ now < end, and both ends of a window agree on it."""
    start = window_start(window, now_ms)
    end = window_end(window, start)

    assert window is Window.TOTAL or start <= now_ms < end
    assert window_start(window, start) == start
    assert window is Window.TOTAL or window_start(window, end - 1) == start


def test_the_newest_window_is_never_left_behind() -> None:
    """A clock that went back stays in the stored window; one that went on opens the next."""
    day = 86_400_000
    stored = replace(EMPTY, window_start_ms=3 * day, held=5, settled=6)

    assert current(stored, NODE, 2 * day) == stored
    assert current(stored, NODE, 4 * day - 1) == stored
    assert current(stored, NODE, 4 * day) == replace(EMPTY, window_start_ms=4 * day)
    assert current(None, NODE, 7) == EMPTY


@pytest.mark.parametrize(
    ("held", "settled", "asked", "fits"), [(0, 0, 10, True), (0, 0, 11, False), (4, 5, 1, True), (4, 5, 2, False), (0, 12, 0, False), (5, 5, 0, True)]
)
def test_what_is_held_and_settled_and_asked_stays_within_the_limit(held: int, settled: int, asked: int, fits: bool) -> None:  # noqa: FBT001 - a case
    """settled + held + asked ≤ limit, else what is short is said."""
    row = replace(EMPTY, held=held, settled=settled)

    taken = hold(row, amount=asked, limit=10)

    if fits:
        assert taken == (
            replace(row, held=held + asked),
            Hold(node=NODE, window_start_ms=0, amount=asked, settled=0, state=HoldState.OPEN, left=10 - held - settled - asked, limit=10),
        )
    else:
        assert taken == Shortage(node=NODE, asked=asked, left=10 - held - settled, limit=10, resets_at_ms=86_400_000)


def test_a_hold_ends_once() -> None:
    """Settled or released, never both, never twice."""
    row, held = _held(EMPTY, 5)
    _, settled = settle(row, held, actual=3)
    _, released = release(row, held)

    for ended in (settled, released):
        with pytest.raises(AssertionError):
            settle(row, ended, actual=1)
        with pytest.raises(AssertionError):
            release(row, ended)


def test_what_was_not_used_comes_back_and_what_was_used_above_it_is_kept() -> None:
    """An overage is recorded as it is and blocks; nothing is clamped."""
    row, held = _held(EMPTY, 5)

    less, ended_less = settle(row, held, actual=2)
    more, ended_more = settle(row, held, actual=14)
    none, ended_none = release(row, held)

    assert [(one.held, one.settled) for one in (less, more, none)] == [(0, 2), (0, 14), (0, 0)]
    assert [one.left for one in (ended_less, ended_more, ended_none)] == [8, -4, 10]
    assert isinstance(hold(more, amount=0, limit=10), Shortage)


@given(steps=st.lists(st.tuples(st.integers(0, 12), st.sampled_from(["settle", "release", "keep", "overrun"])), max_size=40))
def test_nothing_is_lost_and_nothing_exceeds_the_limit(steps: list[tuple[int, str]]) -> None:
    """Whatever the order: held is the sum of the open holds, settled of the settled ones; holding never breaks the limit."""
    row, kept = EMPTY, list[Hold]()
    for amount, then in steps:
        before = row
        taken = hold(row, amount=amount, limit=30)
        if isinstance(taken, Shortage):
            assert left_of(row, 30) < amount
            continue
        row, held = taken
        assert row.held + row.settled <= 30
        match then:
            case "settle":
                row, held = settle(row, held, actual=amount // 2)
            case "overrun":
                row, held = settle(row, held, actual=amount + 1)
            case "release":
                row, held = release(row, held)
                assert row == before
            case _:
                pass
        kept.append(held)

    assert row.held == sum(one.amount for one in kept if one.state is HoldState.OPEN)
    assert row.settled == sum(one.settled for one in kept)


def test_a_cost_meets_the_limits_of_its_own_ledger_and_currency() -> None:
    """In every window that is declared for it."""
    limits = [
        BudgetLimit(ledger=ledger, currency=currency, window=window, limit=1)
        for ledger, currency in ((Ledger.VALUE, "EUR"), (Ledger.VALUE, "USD"), (Ledger.SPEND, "EUR"))
        for window in (Window.DAY, Window.TOTAL)
    ]

    assert limits_for(Cost(ledger=Ledger.VALUE, currency="EUR", amount=1), limits) == limits[:2]
    assert limits_for(Cost(ledger=Ledger.WRITES, currency="", amount=1), limits) == []


def test_a_node_is_named_by_all_it_is() -> None:
    """No two nodes share a key, and its scope is the level's own name."""
    nodes = [
        NODE, replace(NODE, tenant="other"), replace(NODE, currency="USD"), replace(NODE, window=Window.HOUR), replace(NODE, ledger=Ledger.SPEND),
        Node(Level.WORKFLOW, "acme", "onboarding", "", Ledger.VALUE, "EUR", Window.DAY),
        Node(Level.RUN, "acme", "onboarding", "r", Ledger.VALUE, "EUR", Window.DAY),
    ]  # fmt: skip

    assert len({node.key for node in nodes}) == len(nodes)
    assert [node.scope for node in (nodes[0], nodes[5], nodes[6])] == ["acme", "onboarding", "r"]
    assert NODE.key == "tenant\x1facme\x1f\x1f\x1fvalue\x1fEUR\x1fday"


def _held(row: NodeRow, amount: int) -> tuple[NodeRow, Hold]:
    taken = hold(row, amount=amount, limit=10)
    assert not isinstance(taken, Shortage)
    return taken
