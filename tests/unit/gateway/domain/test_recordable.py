"""What a denial needs to be recorded: a place among those of its second, and one for the run that it opens."""

from collections.abc import Mapping
from typing import Any

import pytest

from gateway.domain.asks import DecisionNeed, Refuse
from gateway.domain.budget import Cost, Ledger
from gateway.domain.change import replace
from gateway.domain.guards import check
from gateway.domain.halts import Halt, HaltScope
from gateway.domain.limits import DENIALS_PER_S_MAX, OPEN_RUNS_MAX
from gateway.domain.reasons import Reason
from gateway.domain.records import Note
from gateway.domain.runs import open_run
from tests.fakes.asks import ASK, HALT, NOW_MS, RUN, rows_with, said, terms


def test_a_denial_opens_no_run_where_there_is_no_room() -> None:
    """Refused without a trace; a denial that ends its run at once, and one in a run that is open, leave no run open that was not."""
    of_the_run = replace(HALT, scope=HaltScope(run_id="run-1"))

    assert said(check(ASK, rows_with(open_runs=OPEN_RUNS_MAX, halts=(HALT,)))) == "Refuse OVERLOADED"
    assert said(check(ASK, rows_with(open_runs=OPEN_RUNS_MAX - 1, halts=(HALT,)))) == "Deny HALTED"
    assert said(check(ASK, rows_with(open_runs=OPEN_RUNS_MAX, halts=(of_the_run,)))) == "Deny HALTED"
    assert said(check(ASK, rows_with(open_runs=OPEN_RUNS_MAX, halts=(HALT,), run=open_run(RUN, terms(), NOW_MS)))) == "Deny HALTED"


@pytest.mark.parametrize(
    ("halts", "changes", "found"),
    [
        ((HALT,), {}, "Deny HALTED"), ((), {"denial": (Note(reason=Reason.POLICY_DENIED),)}, "Deny POLICY_DENIED"),
        ((), {"decision": DecisionNeed(decision_id="d-1", steps={})}, "Deny DECISION_UNUSABLE"),
        ((), {"costs": (Cost(ledger=Ledger.WRITES, currency="", amount=6),)}, "Deny BUDGET_EXHAUSTED"),
    ],
)  # fmt: skip
def test_whatever_denies_is_refused_beyond_the_rate(halts: tuple[Halt, ...], changes: Mapping[str, Any], found: str) -> None:
    """Every recorded denial counts, whoever found it; what is admitted costs none."""
    ask, rows = replace(ASK, **changes), rows_with(halts=halts)
    heard = said(check(ask, rows))
    for _ in range(DENIALS_PER_S_MAX):
        rows.count_denial("acme")

    finding = check(ask, rows)

    assert (heard, said(finding)) == (found, "Refuse TOO_MANY_DENIALS")
    assert isinstance(finding, Refuse)
    assert finding.refusal.retry_after_ms == 1_000
    rows.gate = rows_with().gate
    assert said(check(ASK, rows)) == "Admit"
