"""Admit: pure, over command, facts and one activation. Declared? Strict? Readable? Then it is worth a policy question.

1. Undeclared means refused: tenant, workflow, step, action, option. Nothing is recorded for a refusal.
2. A payload that does not say what was decided, or whose cost cannot be read, is a denial: recorded by T1, without asking policy.
3. The decision is looked at here so that policy judges a real option; T1 looks again under the lock.
"""

from gateway.domain.asks import DecisionNeed
from gateway.domain.boundary import Action, Activation, Boundary, Mode, Step, Workflow
from gateway.domain.budget import Cost, Ledger
from gateway.domain.commands import CommitCommand, DecideCommand
from gateway.domain.facts import Facts
from gateway.domain.guards import why_unusable
from gateway.domain.handoffs import Admissible, Admitted, Denial
from gateway.domain.payload import costs_of, drift, path_of
from gateway.domain.reasons import Reason
from gateway.domain.records import Note, RunName
from gateway.domain.refusal import Refusal, malformed, undeclared
from gateway.domain.strict_json import NotStrict, scan


def admit_commit(command: CommitCommand, facts: Facts, activation: Activation) -> Admitted | Denial | Refusal:
    declared = _declared_step(command.run, command.step, activation.boundary)
    if isinstance(declared, Refusal):
        return declared
    workflow, step = declared
    action = _declared_action(command, step, workflow, activation.boundary)
    if isinstance(action, Refusal):
        return action
    document = _document(command.payload, action)
    if isinstance(document, Refusal):
        return document
    path = path_of(action, document)
    if isinstance(path, Refusal):
        return path
    found = _carried(command, facts, workflow, action, document)
    if isinstance(found, Note):
        return Denial(
            command=command, activation=activation, workflow=workflow, step=step, action=action, path=path, notes=(found,),
            judged_input=b"", verdict_id="", verdict_at_ms=0,
        )  # fmt: skip
    return Admitted(
        command=command, facts=facts, activation=activation, workflow=workflow, step=step, action=action, path=path, costs=found,
        decision=facts.decision if command.decision_id else None,
    )  # fmt: skip


def _carried(command: CommitCommand, facts: Facts, workflow: Workflow, action: Action, document: object) -> tuple[Cost, ...] | Note:
    """The costs, once the payload is known to carry the decision it names."""
    if command.decision_id:
        need = DecisionNeed(decision_id=command.decision_id, steps=workflow.decider_digests(action.name))
        why = why_unusable(need, command.run, facts.decision, facts.now_ms)
        if why:
            return Note(reason=Reason.DECISION_UNUSABLE, facts={"why": why})
        assert facts.decision is not None
        drifted = drift(action, document, facts.decision.option)
        if drifted:
            return drifted
    return costs_of(action, document)


def _declared_step(run: RunName, step: str, boundary: Boundary) -> tuple[Workflow, Step] | Refusal:
    if run.tenant not in boundary.tenants:
        return undeclared("tenant", run.tenant, [*boundary.tenants])
    workflow = boundary.workflows.get(run.workflow)
    if workflow is None:
        return undeclared("workflow", run.workflow, [*boundary.workflows])
    declared = workflow.steps.get(step)
    return (workflow, declared) if declared else undeclared("step", step, [*workflow.steps])


def _declared_action(command: CommitCommand, step: Step, workflow: Workflow, boundary: Boundary) -> Action | Refusal:
    action = boundary.actions.get(command.action)
    if action is None or command.action not in step.commits:
        return undeclared("action", command.action, [*step.commits])
    if workflow.deciders(action.name) and not command.decision_id:
        steps = ", ".join(sorted(workflow.deciders(action.name)))
        message = f'action "{action.name}" is listed by the agentic step {steps}: name its decision in decision_id (call Decide first).'
        return Refusal(reason=Reason.DECISION_REQUIRED, message=message, facts={"action": action.name, "steps": steps})
    return action


def _document(payload: bytes, action: Action) -> object | Refusal:
    document = scan(payload)
    if isinstance(document, NotStrict):
        return malformed("payload", f"not strict JSON: {document.why} ({document.where})" if document.where else f"not strict JSON: {document.why}")
    violation = action.payload_schema(document) if action.payload_schema else None
    return malformed(f"payload{violation.pointer}", violation.message) if violation else document


def admit_step(command: DecideCommand, facts: Facts, activation: Activation) -> Admissible | Refusal:
    declared = _declared_step(command.run, command.step, activation.boundary)
    if isinstance(declared, Refusal):
        return declared
    workflow, step = declared
    if step.mode is not Mode.AGENTIC or step.limits is None:
        message = f'step "{step.name}" is deterministic: take it in the workflow and tell of it with RecordStep.'
        return Refusal(reason=Reason.UNDECLARED, message=message, facts={"step": step.name, "mode": step.mode})
    options = _options(command, step)
    if isinstance(options, Refusal):
        return options
    context = _context(command, step)
    if isinstance(context, Refusal):
        return context
    limits, asked = step.limits, command.limits
    tokens_max, spend_max = _tighter(limits.tokens_max, asked.tokens_max), _tighter(limits.spend_micros_max, asked.spend_micros_max)
    return Admissible(
        command=command, facts=facts, activation=activation, workflow=workflow, step=step, context=context, options=options,
        costs=(
            Cost(ledger=Ledger.TOKENS, currency="", amount=tokens_max),
            Cost(ledger=Ledger.SPEND, currency=limits.spend_currency, amount=spend_max),
        ),
        steps_max=_tighter(limits.steps_max, asked.steps_max), tool_calls_max=_tighter(limits.tool_calls_max, asked.tool_calls_max),
        tokens_max=tokens_max, spend_micros_max=spend_max, wall_ms_max=_tighter(limits.wall_ms_max, asked.wall_ms_max),
    )  # fmt: skip


def _options(command: DecideCommand, step: Step) -> dict[str, str] | Refusal:
    """The step's options, in its order, narrowed by the caller."""
    for option in command.allowed_options:
        if option not in step.options:
            return undeclared("option", option, [*step.options])
    wanted = frozenset(command.allowed_options or step.options)
    return {name: meaning for name, meaning in step.options.items() if name in wanted}


def _context(command: DecideCommand, step: Step) -> dict[str, object] | Refusal:
    document = scan(command.context or b"{}")
    if isinstance(document, NotStrict):
        return malformed("context", f"not strict JSON: {document.why} ({document.where})" if document.where else f"not strict JSON: {document.why}")
    if not isinstance(document, dict):
        return malformed("context", "expected a JSON object")
    violation = step.context_schema(document) if step.context_schema else None
    return malformed(f"context{violation.pointer}", violation.message) if violation else document


def _tighter(declared: int, asked: int) -> int:
    return min(declared, asked) if asked else declared
