"""From a checked draft to the boundary the stages read.

1. A step's digest covers what was parsed of the step and of the actions it commits, their schemas too: comments and layout withdraw no decision.
2. Costs are in the boundary's order; each write counts in the writes ledger.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Final

from gateway.adapters.activation import shape
from gateway.adapters.activation.crosschecks import Draft
from gateway.domain.boundary import Action, Boundary, CostRule, RunTerms, Slot, Standing, Step, StepLimits, Workflow
from gateway.domain.budget import BudgetLimit, Ledger

_DIGEST_VERSION: Final = 1


def boundary_of(draft: Draft) -> Boundary:
    written = draft.boundary
    return Boundary(
        tenants={name: _budgets(tenant.budgets) for name, tenant in written.tenants.items()},
        workflows={name: _workflow(draft, name, workflow) for name, workflow in written.workflows.items()},
        actions={name: _action(draft, name, action) for name, action in written.actions.items()},
    )


def standing_of(boundary: Boundary) -> Standing:
    """The limits above run level, as the store keeps them with the activation's row."""
    return Standing(tenants=dict(boundary.tenants), workflows={name: workflow.budgets for name, workflow in boundary.workflows.items()})


def _budgets(budgets: tuple[shape.Budget, ...]) -> tuple[BudgetLimit, ...]:
    return tuple(BudgetLimit(ledger=one.ledger, currency=one.currency or "", window=one.window, limit=one.amount) for one in budgets)


def _workflow(draft: Draft, name: str, workflow: shape.Workflow) -> Workflow:
    run = workflow.run
    terms = RunTerms(steps_max=run.steps_max, wall_ms_max=run.wall_ms_max, stops_run=frozenset(run.stops_run), budgets=_budgets(run.budgets))
    steps = {step: _step(draft, name, step, written) for step, written in workflow.steps.items()}
    return Workflow(name=name, run=terms, budgets=_budgets(workflow.budgets), steps=steps)


def _step(draft: Draft, workflow: str, name: str, step: shape.Step) -> Step:
    schema = draft.schemas.get(step.context_schema or "")
    limits = step.limits
    return Step(
        name=name,
        mode=step.mode,
        goal=step.goal,
        options=dict(step.options),
        reads=step.reads,
        tools=step.tools,
        models=(step.models or tuple(draft.names.models or ())) if limits else (),
        rationale=step.rationale,
        limits=StepLimits(
            steps_max=limits.steps_max,
            tool_calls_max=limits.tool_calls_max,
            tokens_max=limits.tokens_max,
            spend_micros_max=limits.spend_micros_max,
            spend_currency=limits.spend_currency,
            wall_ms_max=limits.wall_ms_max,
        )
        if limits
        else None,
        commits=frozenset(step.commits),
        fallback=step.fallback,
        decision_ttl_ms=step.decision_ttl_ms,
        context_schema=schema.validator if schema else None,
        digest=_digest(draft, workflow, name, step),
        votes=step.votes,
        agreement_min=step.agreeing_min,
        earlier=step.earlier,
        transcript_kept=step.transcript == "text",
        redact=step.redact,
    )


def _action(draft: Draft, name: str, action: shape.Action) -> Action:
    schema = draft.schemas.get(action.payload_schema or "")
    return Action(
        name=name,
        target=action.target,
        method=action.request.method,
        path=action.request.path,
        slots={slot: Slot(pointer=written.pointer, type=written.type) for slot, written in action.request.slots.items()},
        risk=action.risk,
        bind=tuple(action.bind),
        costs=_costs(action.cost),
        payload_schema=schema.validator if schema else None,
    )


def _costs(cost: shape.Cost) -> tuple[CostRule, ...]:
    writes = CostRule(ledger=Ledger.WRITES, currency="", pointer="", amount=cost.writes)
    if cost.value is None:
        return (writes,)
    value = CostRule(ledger=Ledger.VALUE, currency=cost.value.currency, pointer=cost.value.pointer or "", amount=cost.value.amount_micros or 0)
    return value, writes


def _digest(draft: Draft, workflow: str, name: str, step: shape.Step) -> bytes:
    """SHA-256 of canonical JSON. Options keep their order: it is shown to the agent."""
    covered = {
        "version": _DIGEST_VERSION,
        "workflow": workflow,
        "step": name,
        "declared": {**step.model_dump(mode="json"), "options": list(step.options.items())},
        "context_schema": _schema(draft, step.context_schema),
        "actions": {action: _declared_action(draft, draft.boundary.actions[action]) for action in sorted(step.commits)},
    }
    return hashlib.sha256(json.dumps(covered, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()).digest()


def _declared_action(draft: Draft, action: shape.Action) -> Mapping[str, object]:
    return {**action.model_dump(mode="json"), "payload_schema": _schema(draft, action.payload_schema)}


def _schema(draft: Draft, file: str | None) -> object:
    return draft.schemas[file].document if file else None
