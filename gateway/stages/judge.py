"""Judge: build the policy input, ask, check the verdict's shape. No transaction is open, and nothing is ended here.

1. Undefined, misspelt, mistyped or erring means denied, with its own reason; nobody could answer means `PolicyFault`.
2. The judged bytes and the activation travel together from here to T1's record.
"""

from typing import assert_never

from gateway.domain.boundary import Activation
from gateway.domain.budget import BudgetLimit, Cost, Level, NodeRow, Window, current, left_of
from gateway.domain.facts import Facts
from gateway.domain.handoffs import Admissible, Admitted, Denial, Judged, Permitted
from gateway.domain.policy_input import BudgetInput, CommitInput, CostInput, DecideInput, DecisionInput, RunInput, encode
from gateway.domain.reasons import Reason
from gateway.domain.records import DecisionRow, Note, RunName
from gateway.domain.verdict import Verdict, VerdictMalformed, read_verdict
from gateway.ports.policy import Document, Entrypoint, Erred, PolicyAnswer, PolicyEngine, Question, Undefined
from gateway.ports.system import Clock, Ids


async def judge_commit(admitted: Admitted, policy: PolicyEngine, clock: Clock, ids: Ids) -> Judged | Denial:
    command, activation = admitted.command, admitted.activation
    asked_at_ms, verdict_id = clock.now_ms(), ids.fresh()
    judged_input = encode(_commit_input(admitted, asked_at_ms), spliced=command.payload)
    answer = await policy.ask(Question(
        entrypoint=Entrypoint.COMMIT, activation_number=activation.number, tenant=command.run.tenant, input_json=judged_input,
        deadline_s=command.patience.hand_over_by_s, traceparent=command.traceparent,
    ))  # fmt: skip
    notes = read_answer(answer, Entrypoint.COMMIT, activation)
    if not notes:
        return Judged(admitted=admitted, judged_input=judged_input, verdict_id=verdict_id, verdict_at_ms=asked_at_ms)
    return Denial(
        command=command, activation=activation, workflow=admitted.workflow, step=admitted.step, action=admitted.action, path=admitted.path,
        notes=notes, judged_input=judged_input, verdict_id=verdict_id, verdict_at_ms=asked_at_ms,
    )  # fmt: skip


async def judge_step(admissible: Admissible, policy: PolicyEngine, clock: Clock, ids: Ids) -> Permitted:
    command, activation = admissible.command, admissible.activation
    asked_at_ms, verdict_id = clock.now_ms(), ids.fresh()
    answer = await policy.ask(Question(
        entrypoint=Entrypoint.DECIDE, activation_number=activation.number, tenant=command.run.tenant,
        input_json=encode(_decide_input(admissible, asked_at_ms), spliced=command.context or b"{}"),
        deadline_s=command.patience.hand_over_by_s, traceparent=command.traceparent,
    ))  # fmt: skip
    notes = read_answer(answer, Entrypoint.DECIDE, activation)
    return Permitted(admissible=admissible, notes=notes, verdict_id=verdict_id, verdict_at_ms=asked_at_ms)


def read_answer(answer: PolicyAnswer, entrypoint: Entrypoint, activation: Activation) -> tuple[Note, ...]:
    """Why it is denied; empty only for a well-formed allow."""
    path = f"data.{entrypoint.replace('/', '.')}"
    match answer:
        case Undefined():
            return (Note(reason=Reason.POLICY_UNDEFINED, facts={"path": path}),)
        case Erred(message):
            return (Note(reason=Reason.POLICY_ERROR, facts={"path": path}, detail=message),)
        case Document(value):
            verdict = read_verdict(value, declared=activation.policy_codes)
        case _:
            assert_never(answer)
    match verdict:
        case VerdictMalformed():
            facts = {"path": f"{path}.{verdict.path}" if verdict.path else path, "seen": verdict.seen}
            return (Note(reason=Reason.POLICY_VERDICT_MALFORMED, facts=facts),)
        case Verdict():
            return tuple(Note(reason=Reason.POLICY_DENIED, policy_code=one.code, detail=one.detail) for one in verdict.codes)


def _commit_input(admitted: Admitted, now_ms: int) -> CommitInput:
    command, action, decision = admitted.command, admitted.action, admitted.decision
    return CommitInput(
        tenant=command.run.tenant, caller=command.caller.name, workflow=command.run.workflow, step=command.step, mode=admitted.step.mode,
        action=action.name, risk=action.risk, target=action.target, method=action.method, path=admitted.path,
        option=decision.option if decision else "", decision=_decision_input(decision), costs=_cost_inputs(admitted.costs),
        run=_run_input(admitted.facts, command.run.run_id), time_ms=now_ms,
        budgets=_budget_inputs(admitted.facts, command.run, admitted.workflow.run.budgets, admitted.activation),
        activation_number=admitted.activation.number, revision=admitted.activation.revision,
    )  # fmt: skip


def _decide_input(admissible: Admissible, now_ms: int) -> DecideInput:
    command, step = admissible.command, admissible.step
    return DecideInput(
        tenant=command.run.tenant, caller=command.caller.name, workflow=command.run.workflow, step=command.step, mode=step.mode,
        options=[*admissible.options], models=[*step.models], tools=[*step.reads, *step.tools], costs=_cost_inputs(admissible.costs),
        run=_run_input(admissible.facts, command.run.run_id), time_ms=now_ms,
        budgets=_budget_inputs(admissible.facts, command.run, admissible.workflow.run.budgets, admissible.activation),
        activation_number=admissible.activation.number, revision=admissible.activation.revision,
    )  # fmt: skip


def _decision_input(decision: DecisionRow | None) -> DecisionInput | None:
    if decision is None:
        return None
    return DecisionInput(
        id=decision.decision_id, step=decision.step, option=decision.option, source=decision.source, made_at_ms=decision.ended_at_ms,
        model=decision.usage.model,
    )  # fmt: skip


def _cost_inputs(costs: tuple[Cost, ...]) -> list[CostInput]:
    return [CostInput(ledger=cost.ledger, currency=cost.currency, amount=cost.amount) for cost in costs]


def _run_input(facts: Facts, run_id: str) -> RunInput:
    run = facts.run
    return RunInput(id=run_id, steps=run.steps, elapsed_ms=max(0, facts.now_ms - run.opened_at_ms)) if run else RunInput(id=run_id, steps=0, elapsed_ms=0)


def _budget_inputs(facts: Facts, run: RunName, terms: tuple[BudgetLimit, ...], activation: Activation) -> list[BudgetInput]:
    """What every declared budget in scope has left, as recalled."""
    boundary, newest = activation.boundary, {_place(row): row for row in facts.nodes}
    levels = (
        (Level.RUN, facts.run.budgets if facts.run else terms),
        (Level.WORKFLOW, boundary.workflows[run.workflow].budgets),
        (Level.TENANT, boundary.tenants[run.tenant]),
    )
    return [
        BudgetInput(
            level=level, ledger=limit.ledger, currency=limit.currency, window=limit.window, limit=limit.limit,
            left=_left(newest.get((level, limit.ledger, limit.currency, limit.window)), limit, facts.now_ms),
        )
        for level, limits in levels for limit in limits
    ]  # fmt: skip


def _place(row: NodeRow) -> tuple[str, str, str, Window]:
    return row.node.level, row.node.ledger, row.node.currency, row.node.window


def _left(row: NodeRow | None, limit: BudgetLimit, now_ms: int) -> int:
    return left_of(current(row, row.node, now_ms), limit.limit) if row else limit.limit
