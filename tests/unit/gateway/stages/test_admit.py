"""Admit: what is refused, what is denied without asking policy, and what goes on with its path, its costs and its decision."""

from dataclasses import replace

import pytest

from gateway.domain.boundary import Mode
from gateway.domain.budget import Cost, Ledger
from gateway.domain.commands import CommitCommand, Tighter
from gateway.domain.handoffs import Admissible, Admitted, Denial
from gateway.domain.lifecycle import Thinking
from gateway.domain.limits import JSON_DEPTH_MAX
from gateway.domain.reasons import Reason
from gateway.domain.records import DecisionRow
from gateway.domain.refusal import Refusal
from gateway.stages.admit import admit_commit, admit_step
from tests.fakes.activation import OPTIONS, activation
from tests.fakes.commands import CREDIT, NO_TIGHTER, NOW_MS, PLAN, commit_command, decide_command, encoded
from tests.fakes.rows import decision_row, facts

DECIDED = decision_row("dec-1", option="basic")


def refused(found: object) -> Refusal:
    assert isinstance(found, Refusal)
    return found


def denied(found: object) -> Denial:
    assert isinstance(found, Denial)
    return found


@pytest.mark.parametrize(
    ("command", "what"),
    [
        (commit_command(tenant="nobody"), "tenant"),
        (commit_command(workflow="unknown"), "workflow"),
        (commit_command(step="unknown"), "step"),
        (commit_command(action="unknown"), "action"),
        (commit_command(step="read_account"), "action"),  # declared, but this step commits nothing
    ],
)
def test_what_the_boundary_does_not_name_is_refused(command: CommitCommand, what: str) -> None:
    """The refusal names the thing and what is declared instead."""
    found = refused(admit_commit(command, facts(), activation()))

    assert found.reason is Reason.UNDECLARED
    assert [*found.facts] == [what]
    assert "is not in the boundary; declared:" in found.message


def test_an_action_of_an_agentic_step_needs_its_decision() -> None:
    """Whichever step commits it."""
    found = refused(admit_commit(commit_command(action="activate_plan", payload=PLAN), facts(), activation()))

    assert found.reason is Reason.DECISION_REQUIRED
    assert found.facts == {"action": "activate_plan", "steps": "select"}


@pytest.mark.parametrize(
    ("payload", "said"),
    [
        (b"", "not strict JSON"),
        (b"{", "not strict JSON"),
        (b'{"account":"a","slot":1,"amount":1}x', "not strict JSON"),
        (b'{"account":"a","Account":"b"}', "duplicate key (Account)"),
        (b'{"account":"\\ud800"}', "lone surrogate"),
        (b"[" * (JSON_DEPTH_MAX + 1) + b"]" * (JSON_DEPTH_MAX + 1), "nested too deep"),
        (b'{"amount":9007199254740993}', "integer beyond"),
        (b'{"amount":NaN}', "not a JSON number (NaN)"),
        (b"\xff", "not UTF-8"),
    ],
)
def test_a_payload_that_two_parsers_could_read_differently_is_refused(payload: bytes, said: str) -> None:
    """Before its schema is asked, and whatever the action."""
    found = refused(admit_commit(commit_command(action="notify", payload=payload), facts(), activation()))

    assert found.reason is Reason.MALFORMED
    assert found.violations[0].path == "payload"
    assert said in found.message


@pytest.mark.parametrize(
    ("payload", "path"),
    [
        ({**CREDIT, "extra": 1}, "payload/extra"),
        ({**CREDIT, "account": 5}, "payload/account"),
        ([], "payload"),
    ],
)
def test_a_payload_against_its_schema_is_refused_by_pointer(payload: dict[str, object], path: str) -> None:
    """The field is the message's, with the place inside the document behind it."""
    found = refused(admit_commit(commit_command(payload=encoded(payload)), facts(), activation()))

    assert (found.reason, found.violations[0].path) == (Reason.MALFORMED, path)


@pytest.mark.parametrize("account", ["", ".", "..", "a\x7fb", "x" * 256])
def test_a_path_slot_that_could_lead_elsewhere_is_refused(account: str) -> None:
    """A slot is one segment, never a dot segment."""
    found = refused(admit_commit(commit_command(payload={**CREDIT, "account": account}), facts(), activation()))

    assert (found.reason, found.violations[0].path) == (Reason.MALFORMED, "payload/account")


def test_an_admitted_write_carries_its_final_path_and_its_costs() -> None:
    """Percent-encoded whole; amounts read where the boundary says."""
    found = admit_commit(commit_command(payload={**CREDIT, "account": "a/b c"}), facts(), activation())

    assert isinstance(found, Admitted)
    assert found.path == "/accounts/a%2Fb%20c/credits/7"
    assert found.costs == (Cost(ledger=Ledger.VALUE, currency="USD", amount=1_000), Cost(ledger=Ledger.WRITES, currency="", amount=1))
    assert found.decision is None


def test_an_admitted_write_carries_the_decision_it_names() -> None:
    """So that policy judges a real option."""
    command = commit_command(action="activate_plan", payload=PLAN, decision_id="dec-1")

    found = admit_commit(command, facts(decision=DECIDED), activation())

    assert isinstance(found, Admitted)
    assert found.decision == DECIDED


def test_a_decision_that_the_request_does_not_name_is_not_carried() -> None:
    """What was recalled by chance judges nothing."""
    found = admit_commit(commit_command(), facts(decision=DECIDED), activation())

    assert isinstance(found, Admitted)
    assert found.decision is None


@pytest.mark.parametrize("amount", [-1, 10**15 + 1, 1.5, "1000", True, None, [1]])
def test_an_amount_that_is_no_amount_is_a_denial(amount: object) -> None:
    """Unreadable costs are recorded, not guessed; policy is not asked."""
    found = denied(admit_commit(commit_command(payload={**CREDIT, "amount": amount}), facts(), activation()))

    assert found.notes[0].reason is Reason.COST_UNREADABLE
    assert found.notes[0].facts["pointer"] == "/amount"
    assert (found.judged_input, found.verdict_id, found.verdict_at_ms) == (b"", "", 0)


def test_a_missing_amount_is_a_denial() -> None:
    """There is no default cost."""
    found = denied(admit_commit(commit_command(payload={"account": "a", "slot": 1}), facts(), activation()))

    assert (found.notes[0].reason, found.notes[0].facts["seen"]) == (Reason.COST_UNREADABLE, "nothing")


@pytest.mark.parametrize(("plan", "seen"), [("pro", "pro"), (None, "null"), (1, "integer 1")])
def test_a_payload_that_does_not_say_what_was_decided_is_a_denial(plan: object, seen: str) -> None:
    """The bound pointer must equal the decided option."""
    lax = activation()
    command = commit_command(action="activate_plan", payload={**PLAN, "plan": plan}, decision_id="dec-1")
    action = replace(lax.boundary.actions["activate_plan"], payload_schema=None)
    lax = replace(lax, boundary=replace(lax.boundary, actions={"activate_plan": action}))

    found = denied(admit_commit(command, facts(decision=DECIDED), lax))

    assert found.notes[0].reason is Reason.PAYLOAD_DRIFT
    assert found.notes[0].facts == {"pointer": "/plan", "expected": "basic", "seen": seen}


@pytest.mark.parametrize(
    ("decision", "why"),
    [
        (None, "not_found"),
        (replace(DECIDED, tenant="zeta"), "not_found"),
        (replace(DECIDED, run_id="run-2"), "other_run"),
        (replace(DECIDED, workflow="other"), "other_run"),
        (replace(DECIDED, step="elsewhere"), "other_step"),
        (replace(DECIDED, step_digest=b"before the edit"), "withdrawn"),
        (replace(DECIDED, state=Thinking.THINKING), "not_decided"),
        (replace(DECIDED, state=Thinking.ABSTAINED), "not_decided"),
        (replace(DECIDED, expire_at_ms=NOW_MS), "expired"),
        (replace(DECIDED, consumed_by="c-9"), "used"),
    ],
)
def test_a_decision_that_cannot_carry_the_write_is_a_denial(decision: DecisionRow | None, why: str) -> None:
    """Looked at before policy is asked; the lock looks again."""
    command = commit_command(action="activate_plan", payload=PLAN, decision_id="dec-1")

    found = denied(admit_commit(command, facts(decision=decision), activation()))

    assert (found.notes[0].reason, found.notes[0].facts) == (Reason.DECISION_UNUSABLE, {"why": why})


def test_a_decision_named_for_a_write_that_no_step_decides_is_a_denial() -> None:
    """Naming one anyway does not lend the write its authority."""
    found = denied(admit_commit(commit_command(decision_id="dec-1"), facts(decision=DECIDED), activation()))

    assert found.notes[0].facts == {"why": "other_step"}


def test_a_deterministic_step_does_not_think() -> None:
    """It is taken in the workflow and told of with RecordStep."""
    found = refused(admit_step(decide_command(step="read_account"), facts(), activation()))

    assert (found.reason, found.facts["mode"]) == (Reason.UNDECLARED, Mode.DETERMINISTIC)


def test_options_are_narrowed_never_widened() -> None:
    """In the step's order, with its meanings."""
    narrowed = admit_step(decide_command(allowed_options=("enterprise", "basic")), facts(), activation())
    widened = refused(admit_step(decide_command(allowed_options=("basic", "free")), facts(), activation()))

    assert isinstance(narrowed, Admissible)
    assert [*narrowed.options.items()] == [("basic", OPTIONS["basic"]), ("enterprise", OPTIONS["enterprise"])]
    assert (widened.reason, widened.facts) == (Reason.UNDECLARED, {"option": "free"})


def test_without_narrowing_every_option_is_allowed() -> None:
    """Empty means the step's own."""
    found = admit_step(decide_command(), facts(), activation())

    assert isinstance(found, Admissible)
    assert found.options == OPTIONS


@pytest.mark.parametrize(
    ("context", "path"),
    [(b"[1]", "context"), (b"{", "context"), (b'{"team_size":"x"}', "context/team_size"), (b'{"a":1,"A":2}', "context")],
)
def test_a_context_that_is_not_what_the_step_declares_is_refused(context: bytes, path: str) -> None:
    """Strict, an object, and valid against the step's schema."""
    found = refused(admit_step(decide_command(context=context), facts(), activation()))

    assert (found.reason, found.violations[0].path) == (Reason.MALFORMED, path)


def test_no_context_is_an_empty_one() -> None:
    """The schema says whether that is enough."""
    found = admit_step(decide_command(context=b""), facts(), activation())

    assert isinstance(found, Admissible)
    assert found.context == {}


def test_limits_are_tightened_never_widened() -> None:
    """Zero leaves the step's own."""
    asked = replace(NO_TIGHTER, steps_max=2, tokens_max=10**9, spend_micros_max=500, wall_ms_max=1_000)

    found = admit_step(decide_command(limits=asked), facts(), activation())

    assert isinstance(found, Admissible)
    assert Tighter(
        steps_max=found.steps_max, tool_calls_max=found.tool_calls_max, tokens_max=found.tokens_max, spend_micros_max=found.spend_micros_max,
        wall_ms_max=found.wall_ms_max,
    ) == Tighter(steps_max=2, tool_calls_max=4, tokens_max=4_000, spend_micros_max=500, wall_ms_max=1_000)  # fmt: skip


def test_a_step_holds_all_that_it_may_use() -> None:
    """Tokens and money as tightened, before a model is called."""
    found = admit_step(decide_command(limits=replace(NO_TIGHTER, spend_micros_max=500)), facts(), activation())

    assert isinstance(found, Admissible)
    assert found.costs == (Cost(ledger=Ledger.TOKENS, currency="", amount=4_000), Cost(ledger=Ledger.SPEND, currency="USD", amount=500))
