"""The law of a run: opened by its first call with the limits of that moment, closed by its own wall clock, its own steps, or once by a stop."""

from gateway.domain.boundary import RunTerms
from gateway.domain.budget import Level
from gateway.domain.limits import OPEN_RUNS_MAX
from gateway.domain.reasons import Reason, RunStop
from gateway.domain.records import Note, RunName, RunRow
from gateway.domain.refusal import Refusal


def open_run(name: RunName, terms: RunTerms, now_ms: int) -> RunRow:
    return RunRow(
        name=name, opened_at_ms=now_ms, deadline_at_ms=now_ms + terms.wall_ms_max, steps=0, steps_max=terms.steps_max,
        budgets=terms.budgets, stop=None, stopped_at_ms=0, note="",
    )  # fmt: skip


def why_closed(run: RunRow, now_ms: int) -> tuple[Note, RunStop | None] | None:
    """Why no step can be taken, and the stop to write for it (None where one is written). None: it can."""
    if run.stop is not None:
        return Note(reason=Reason.RUN_STOPPED, facts={"stop": run.stop}), None
    if now_ms >= run.deadline_at_ms:
        return Note(reason=Reason.RUN_STOPPED, facts={"stop": RunStop.TIMEOUT}), RunStop.TIMEOUT
    if run.steps >= run.steps_max:
        facts = {"level": str(Level.RUN), "node": run.name.run_id, "ledger": "steps", "asked": "1", "left": "0", "limit": str(run.steps_max)}
        return Note(reason=Reason.BUDGET_EXHAUSTED, facts=facts), RunStop.MAX_STEPS
    return None


def has_room(open_runs: int) -> bool:
    """True when a tenant with so many open runs may open one more."""
    return open_runs < OPEN_RUNS_MAX


def too_many_open() -> Refusal:
    return Refusal(reason=Reason.OVERLOADED, message=f"{OPEN_RUNS_MAX} runs are open in this tenant; finish some.", retry_after_ms=1_000)
