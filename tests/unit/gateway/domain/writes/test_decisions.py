"""T1 and T2 of a decision: what the leaf says, and which stop a no at T1 becomes."""

import pytest

from gateway.domain.asks import Ask
from gateway.domain.audit import text_digest
from gateway.domain.budget import Cost, Ledger
from gateway.domain.change import replace
from gateway.domain.halts import HaltScope
from gateway.domain.reasons import DecideStop, Reason, RunStop
from gateway.domain.records import Note
from gateway.domain.writes.decisions import ThinkingDenied, lost
from gateway.domain.writes.halts import ThrowHalt
from tests.contract.store_desk import RUN, limit, run_named, terms
from tests.unit.gateway.domain.writes.conftest import OpenDesk

TOKENS = [Cost(ledger=Ledger.TOKENS, currency="", amount=100)]


async def test_a_decision_says_what_was_chosen_on_what_evidence_at_what_price(desk: OpenDesk) -> None:
    """Context and rationale by salted digest; one leaf, at the end of thinking."""
    decided = await desk.decided("D-1")

    [leaf] = desk.leaves()
    assert leaf == {
        "v": 1, "kind": "DECISION", "time_ms": desk.clock.now_ms(), "boot": desk.memory.boot_id, "n": 1, "tenant": "acme", "workflow": "onboarding",
        "run": "run-1", "decision": decided.decision_id, "generation": 1, "caller": "signup", "step": "select_plan", "mode": "agentic",
        "fingerprint": decided.fingerprint.hex(), "state": "DECIDED", "stop": "FINAL_RESULT", "option": "team_pro", "source": "AGENT", "verdict": "v-1",
        "activation": 1, "revision": "r-1", "steps": 2, "tool_calls": 1, "tokens_in": 300, "tokens_out": 50, "spend_micros": 120, "model": "small",
        "agent_version": "agent-1", "transcript_digest": (b"t" * 32).hex(), "context_digest": text_digest(b"salt", b'{"team_size":12}'),
        "rationale_digest": text_digest(b"salt", b"it seats 12"),
        "evidence": [{"tool": "prices", "sha256": (b"e" * 32).hex(), "ok": True, "cached": False, "note": ""}],
    }  # fmt: skip


async def test_thinking_that_was_lost_says_so(desk: OpenDesk) -> None:
    """No option, no source, the stop LOST."""
    begun = await desk.begun(desk.thinking_ask("D-1"))

    await desk.write(lost(begun.decision_id))

    [leaf] = desk.leaves()
    assert (leaf["state"], leaf["stop"], "option" in leaf, "source" in leaf) == ("STOPPED", "LOST", False, False)


async def denied(desk: OpenDesk, ask: Ask) -> DecideStop | None:
    reply = await desk.write(desk.thought(ask))
    assert isinstance(reply, ThinkingDenied)
    return reply.row.stop


async def test_a_no_at_t1_becomes_the_stop_that_says_why(desk: OpenDesk) -> None:
    """Policy, budget, steps, halt: each its own."""
    by_policy = await denied(desk, replace(desk.thinking_ask("D-1"), denial=(Note(reason=Reason.POLICY_DENIED),)))
    poor, tired = run_named("run-poor"), run_named("run-tired")
    by_budget = await denied(desk, replace(desk.thinking_ask("D-2", run=poor, costs=TOKENS), terms=terms(budgets=[limit(1, ledger=Ledger.TOKENS)])))
    by_steps = await denied(desk, replace(desk.thinking_ask("D-3", run=tired), terms=terms(steps_max=0)))
    await desk.write(ThrowHalt(halt_id="h-1", scope=HaltScope(), reason="", principal="dora", salt=b""))
    by_halt = await denied(desk, desk.thinking_ask("D-4"))

    assert [by_policy, by_budget, by_steps, by_halt] == [DecideStop.POLICY_DENIAL, DecideStop.BUDGET_LIMIT, DecideStop.MAX_STEPS, DecideStop.HALTED]


@pytest.mark.parametrize(
    ("of_run", "of_decision"),
    [
        (RunStop.FINAL_RESULT, DecideStop.CANCELLED), (RunStop.FAILED, DecideStop.CANCELLED), (RunStop.MAX_STEPS, DecideStop.MAX_STEPS),
        (RunStop.BUDGET_LIMIT, DecideStop.BUDGET_LIMIT), (RunStop.TIMEOUT, DecideStop.TIMEOUT), (RunStop.POLICY_DENIAL, DecideStop.POLICY_DENIAL),
        (RunStop.HALTED, DecideStop.HALTED),
    ],
)  # fmt: skip
async def test_a_stopped_run_stops_deciding_for_its_own_reason(desk: OpenDesk, of_run: RunStop, of_decision: DecideStop) -> None:
    """Every way a run can end has its word for a decision."""
    await desk.authorised(desk.ask("K-1"))
    desk.memory.open_and_ended[RUN] = replace(desk.memory.open_and_ended[RUN], stop=of_run)

    assert await denied(desk, desk.thinking_ask("D-1")) is of_decision
