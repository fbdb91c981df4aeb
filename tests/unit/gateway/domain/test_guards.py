"""T1's guards: each alone, and their order, by a request that breaks every law at once and is mended one by one."""

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

import pytest

from gateway.domain.asks import Admit, Ask, DecisionNeed, Deny, Twin
from gateway.domain.boundary import Standing
from gateway.domain.budget import Cost, Ledger, NodeRow, Window
from gateway.domain.change import replace
from gateway.domain.guards import GUARDS, asked_nodes, check
from gateway.domain.lifecycle import State
from gateway.domain.limits import OPEN_RUNS_MAX, VERDICT_AGE_MS_MAX
from gateway.domain.reasons import Reason, RunStop
from gateway.domain.records import Generation, KeyRow, Note, RunRow
from gateway.domain.rows import Gate, Rows
from gateway.domain.runs import open_run
from tests.fakes.asks import ASK, FIVE_WRITES, HALT, KEY, NOW_MS, RUN, rows_with, said, terms
from tests.fakes.rows import commit_row, decision_row

Row = TypeVar("Row", Ask, RunRow)


def changed(row: Row, changes: Mapping[str, Any]) -> Row:
    return replace(row, **changes)


def free_the_key(rows: Rows) -> None:
    rows.keys.clear()


def lower_the_minimum(rows: Rows) -> None:
    rows.gate = Gate(activation=None, minimum_number=4, halts=rows.gate.halts)


def lift_the_halt(rows: Rows) -> None:
    rows.gate = Gate(activation=None, minimum_number=4, halts=())


def open_the_run(rows: Rows) -> None:
    rows.runs[RUN] = open_run(RUN, terms(), NOW_MS)


def leave(rows: Rows) -> None:
    """Nothing in the rows is wrong."""


# Each wrong thing, in the order in which it is found out, and how it is mended: in the rows, in the request.
WRONGS: Final[tuple[tuple[str, Callable[[Rows], None], Mapping[str, object]], ...]] = (
    ("Refuse IDEMPOTENCY_KEY_REUSED", free_the_key, {}),
    ("Refuse REQUEST_EXPIRED", leave, {"expire_at_ms": NOW_MS + 1}),
    ("Rejudge", lower_the_minimum, {"verdict_at_ms": NOW_MS}),
    ("Deny HALTED", lift_the_halt, {}),
    ("Deny RUN_STOPPED", open_the_run, {}),
    ("Deny POLICY_DENIED", leave, {"denial": ()}),
    ("Deny DECISION_UNUSABLE", leave, {"decision": None}),
    ("Deny BUDGET_EXHAUSTED", leave, {"costs": ()}),
    ("Admit", leave, {}),
)


def test_the_first_law_that_is_broken_decides() -> None:
    """A request that breaks all of them hears of each in turn as the ones before are mended."""
    ask = replace(
        ASK, expire_at_ms=NOW_MS, verdict_at_ms=NOW_MS - VERDICT_AGE_MS_MAX - 1, denial=(Note(reason=Reason.POLICY_DENIED),),
        decision=DecisionNeed(decision_id="d-1", steps={}), costs=(Cost(ledger=Ledger.WRITES, currency="", amount=6),),
    )  # fmt: skip
    rows = rows_with(
        key=KeyRow(name=KEY, generations=(Generation("c-1", b"other", 1),)), run=replace(open_run(RUN, terms(), NOW_MS), stop=RunStop.FAILED),
        halts=(HALT,), minimum_number=5,
    )  # fmt: skip

    heard = []
    for _, mend, changes in WRONGS:
        heard.append(said(check(ask, rows)))
        mend(rows)
        ask = changed(ask, changes)

    assert heard == [wrong for wrong, _, _ in WRONGS]
    assert [guard.__name__ for guard in GUARDS] == [
        "key_is_free", "not_expired", "judged_under_law", "not_halted", "run_is_open", "not_denied_before", "decision_is_usable",
    ]  # fmt: skip


def test_checking_changes_nothing() -> None:
    """The same list serves previews."""
    rows = rows_with()

    assert isinstance(check(ASK, rows), Admit)
    assert (rows.runs, rows.nodes, rows.keys, rows.dirty.entries) == ({}, {}, {}, [])


@pytest.mark.parametrize(
    ("age_ms", "number", "minimum", "found"),
    [(VERDICT_AGE_MS_MAX, 4, 4, "Admit"), (VERDICT_AGE_MS_MAX + 1, 4, 4, "Rejudge"), (0, 3, 4, "Rejudge"), (-5_000, 5, 4, "Admit")],
)
def test_a_verdict_is_young_and_of_an_activation_that_still_counts(age_ms: int, number: int, minimum: int, found: str) -> None:
    """Younger than a second by the store's clock, not below the store's minimum."""
    ask = replace(ASK, verdict_at_ms=NOW_MS - age_ms, activation_number=number)

    assert said(check(ask, rows_with(minimum_number=minimum))) == found


def test_a_denial_that_was_never_judged_needs_no_verdict() -> None:
    """Admit found it; there is nothing to ask again."""
    ask = replace(ASK, verdict_at_ms=0, denial=(Note(reason=Reason.PAYLOAD_DRIFT),))

    assert said(check(ask, rows_with())) == "Deny PAYLOAD_DRIFT"


@pytest.mark.parametrize(
    ("reason", "listed", "stops"),
    [
        (Reason.POLICY_DENIED, True, RunStop.POLICY_DENIAL), (Reason.POLICY_UNDEFINED, True, RunStop.POLICY_DENIAL), (Reason.POLICY_DENIED, False, None),
        (Reason.PAYLOAD_DRIFT, True, None), (Reason.COST_UNREADABLE, True, None),
    ],
)  # fmt: skip
def test_a_policy_denial_stops_a_run_only_where_it_says_so(reason: Reason, listed: bool, stops: RunStop | None) -> None:  # noqa: FBT001 - a case
    """And nothing but a policy's denial does."""
    ask = replace(ASK, denial=(Note(reason=reason),), terms=terms(stops_run=frozenset({"POLICY_DENIAL"} if listed else ())))

    found = check(ask, rows_with())

    assert isinstance(found, Deny)
    assert found.stops_run is stops


@pytest.mark.parametrize(
    ("run", "found", "stops"),
    [
        ({"steps": 3}, "Deny BUDGET_EXHAUSTED", RunStop.MAX_STEPS), ({"steps": 2}, "Admit", None),
        ({"deadline_at_ms": NOW_MS}, "Deny RUN_STOPPED", RunStop.TIMEOUT), ({"deadline_at_ms": NOW_MS + 1}, "Admit", None),
        ({"stop": RunStop.FAILED, "steps": 3}, "Deny RUN_STOPPED", None),
    ],
)  # fmt: skip
def test_a_run_closes_by_its_steps_its_clock_or_its_stop(run: Mapping[str, object], found: str, stops: RunStop | None) -> None:
    """A stop that is written already is not written again."""
    finding = check(ASK, rows_with(run=changed(open_run(RUN, terms(), NOW_MS), run)))

    assert said(finding) == found
    assert getattr(finding, "stops_run", None) is stops


def test_a_tenant_with_too_many_open_runs_opens_no_more() -> None:
    """Refused, so that the key stays free; runs that are open go on."""
    assert said(check(ASK, rows_with(open_runs=OPEN_RUNS_MAX))) == "Refuse OVERLOADED"
    assert said(check(ASK, rows_with(open_runs=OPEN_RUNS_MAX - 1))) == "Admit"
    assert said(check(ASK, rows_with(open_runs=OPEN_RUNS_MAX, run=open_run(RUN, terms(), NOW_MS)))) == "Admit"


def test_a_retired_key_never_executes_again() -> None:
    """It has a row and no generations left."""
    assert said(check(ASK, rows_with(key=KeyRow(name=KEY, generations=())))) == "Refuse KEY_RETIRED"


def test_a_key_bound_to_this_content_is_a_twin_whatever_else_is_wrong() -> None:
    """A replay consults nothing of today."""
    rows = rows_with(key=KeyRow(name=KEY, generations=(Generation("c-1", b"f", 1),)), halts=(HALT,), minimum_number=9)

    assert check(replace(ASK, expire_at_ms=1), rows) == Twin("c-1")


@pytest.mark.parametrize(
    ("state", "supersedes", "run_id", "found"),
    [
        (State.FAILED, "c-1", "run-1", "Admit"), (State.DENIED, "c-1", "run-1", "Admit"), (State.UNKNOWN, "c-1", "run-1", "Refuse SUPERSEDES_NOT_CURRENT"),
        (State.FORWARDING, "c-1", "run-1", "Refuse SUPERSEDES_NOT_CURRENT"), (State.SUCCEEDED, "c-1", "run-1", "Refuse SUPERSEDES_NOT_CURRENT"),
        (State.FAILED, "c-0", "run-1", "Refuse SUPERSEDES_NOT_CURRENT"), (State.FAILED, "c-1", "run-2", "Refuse SUPERSEDES_NOT_CURRENT"),
    ],
)  # fmt: skip
def test_what_may_be_superseded(state: State, supersedes: str, run_id: str, found: str) -> None:
    """The key's latest, definitely without effect, by the same kind of request."""
    rows = rows_with(key=KeyRow(name=KEY, generations=(Generation("c-1", b"old", 1),)))
    rows.commits["c-1"] = commit_row("c-1", state=state)

    assert said(check(replace(ASK, supersedes=supersedes, same_as={"run_id": run_id}), rows)) == found


def test_a_node_that_was_never_looked_for_is_not_taken_for_absent() -> None:
    """A store that loads too little is found out before it writes over what is there."""
    rows = rows_with()
    rows.sought.clear()

    with pytest.raises(AssertionError, match="looked for"):
        check(ASK, rows)


def test_every_cost_is_held_at_every_level_run_first() -> None:
    """One node, two costs: the second sees what the first held."""
    ask = replace(ASK, costs=(*ASK.costs, *ASK.costs))
    standing = Standing(tenants={"acme": (replace(FIVE_WRITES, limit=9),), "other": (FIVE_WRITES,)}, workflows={"onboarding": (replace(FIVE_WRITES, limit=7),)})
    rows = rows_with(standing=standing, ask=ask)

    found = check(ask, rows)

    assert isinstance(found, Admit)
    assert [(str(hold.node.level), hold.amount, hold.left) for hold in found.holds] == [
        ("run", 2, 3), ("run", 2, 1), ("workflow", 2, 5), ("workflow", 2, 3), ("tenant", 2, 7), ("tenant", 2, 5),
    ]  # fmt: skip
    assert {str(row.node.level): row.held for row in found.nodes} == {"run": 4, "workflow": 4, "tenant": 4}
    assert found.run.steps == 1


@pytest.mark.parametrize(
    ("window", "level", "listed", "stops"),
    [
        (Window.TOTAL, "run", True, RunStop.BUDGET_LIMIT), (Window.TOTAL, "run", False, None), (Window.TOTAL, "tenant", True, None),
        (Window.MINUTE, "tenant", True, None),
    ],
)  # fmt: skip
def test_a_shortage_stops_a_run_only_when_it_is_the_runs_own(window: Window, level: str, listed: bool, stops: RunStop | None) -> None:  # noqa: FBT001 - a case
    """And says when to come back where the window turns."""
    one = replace(FIVE_WRITES, limit=1, window=window)
    ask = replace(ASK, terms=terms(stops_run=frozenset({"BUDGET_LIMIT"} if listed else ()), budgets=(one,) if level == "run" else ()))
    rows = rows_with(standing=Standing(tenants={} if level == "run" else {"acme": (one,)}, workflows={}), ask=ask)

    found = check(ask, rows)

    assert isinstance(found, Deny)
    assert (found.stops_run, found.notes[0].facts["level"]) == (stops, level)
    assert found.notes[0].retry_after_ms == (60_000 - NOW_MS % 60_000 if window is Window.MINUTE else 0)


def test_what_is_stored_of_a_node_counts() -> None:
    """Held by others, settled before: both."""
    rows = rows_with()
    [(_, _, node)] = asked_nodes(ASK, (FIVE_WRITES,), Standing(tenants={}, workflows={}))
    rows.nodes[node.key, 0] = NodeRow(node=node, window_start_ms=0, held=3, settled=1)
    rows.newest[node.key] = 0

    found = check(ASK, rows)

    assert isinstance(found, Deny)
    assert (found.notes[0].facts["left"], found.notes[0].facts["asked"]) == ("1", "2")


def test_a_decision_is_looked_at_in_a_fixed_order() -> None:
    """Another tenant's is not found, whatever else may be said of it."""
    decision = replace(decision_row("d-1"), tenant="other", workflow="onboarding")
    rows = rows_with()
    rows.decisions["d-1"] = decision
    ask = replace(ASK, decision=DecisionNeed(decision_id="d-1", steps={"select": decision.step_digest}))

    others = check(ask, rows)
    rows.decisions["d-1"] = replace(decision, tenant="acme", run_id="run-1")
    own = check(ask, rows)

    assert isinstance(others, Deny)
    assert others.notes[0].facts == {"why": "not_found"}
    assert isinstance(own, Admit)
