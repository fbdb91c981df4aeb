"""The law of a run: opened with the limits of that moment, closed by its own clock, its own steps, or a stop."""

from dataclasses import replace

import pytest

from gateway.domain.boundary import RunTerms
from gateway.domain.budget import Ledger
from gateway.domain.reasons import Reason, RunStop
from gateway.domain.records import RunRow
from gateway.domain.runs import open_run, too_many_open, why_closed
from tests.fakes.activation import counted
from tests.fakes.commands import NOW_MS
from tests.fakes.rows import RUN, run_row

TERMS = RunTerms(steps_max=3, wall_ms_max=5_000, stops_run=frozenset(), budgets=(counted(Ledger.WRITES, 1),))


def test_a_run_opens_with_the_limits_of_that_moment() -> None:
    """Fixed from then on."""
    run = open_run(RUN, TERMS, NOW_MS)

    assert (run.opened_at_ms, run.deadline_at_ms, run.steps, run.steps_max, run.budgets, run.stop) == (
        NOW_MS, NOW_MS + 5_000, 0, 3, TERMS.budgets, None,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("run", "after_ms", "reason", "stop_said", "stop_written"),
    [
        (replace(run_row(), stop=RunStop.FAILED), 0, Reason.RUN_STOPPED, "FAILED", None),
        (run_row(wall_ms_max=1_000), 1_000, Reason.RUN_STOPPED, "TIMEOUT", RunStop.TIMEOUT),
        (run_row(steps=12), 0, Reason.BUDGET_EXHAUSTED, None, RunStop.MAX_STEPS),
        (run_row(steps=13), 0, Reason.BUDGET_EXHAUSTED, None, RunStop.MAX_STEPS),
        (replace(run_row(steps=12), stop=RunStop.HALTED), 10**9, Reason.RUN_STOPPED, "HALTED", None),
        (run_row(wall_ms_max=1_000, steps=12), 1_000, Reason.RUN_STOPPED, "TIMEOUT", RunStop.TIMEOUT),
    ],
)
def test_why_no_step_can_be_taken(run: RunRow, after_ms: int, reason: Reason, stop_said: str | None, stop_written: RunStop | None) -> None:
    """The stop it has, else the clock, else the steps; a stop is written once."""
    closed = why_closed(run, NOW_MS + after_ms)

    assert closed is not None
    note, stop = closed
    assert (note.reason, note.facts.get("stop"), stop) == (reason, stop_said, stop_written)


@pytest.mark.parametrize(("run", "after_ms"), [(run_row(), 0), (run_row(steps=11), 0), (run_row(wall_ms_max=1_000), 999)])
def test_an_open_run_takes_a_step(run: RunRow, after_ms: int) -> None:
    """To its last step and its last millisecond."""
    assert why_closed(run, NOW_MS + after_ms) is None


def test_too_many_open_runs_is_an_overload() -> None:
    """With when to come back."""
    assert (too_many_open().reason, too_many_open().retry_after_ms > 0) == (Reason.OVERLOADED, True)
