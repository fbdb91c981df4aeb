"""What two parts of an activation must agree on. Each check yields findings that name the line of boundary.yaml.

1. Every name leads somewhere: actions, and the targets, tools and models of the settings.
2. Every pointer leads to a member of the payload that is always there, of the right type, in a closed payload.
3. Money that nothing limits is refused: a cost or a thinking whose ledger and currency has no limit at any level.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from gateway.adapters.activation import shape
from gateway.adapters.activation.schemas import Lost, Schema, at, is_integer, is_never_negative, is_text, open_places
from gateway.declared.findings import Finding, nearest
from gateway.declared.yaml_marks import Marked, Path
from gateway.domain.boundary import Mode
from gateway.domain.budget import Ledger, Window
from gateway.domain.limits import TOOLS_MAX


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """What the settings declare; None where they are not known, and then not checked."""

    targets: Collection[str] | None
    tools: Collection[str] | None
    prefetchable: Collection[str] | None  # tools whose every slot is filled from the context
    models: Collection[str] | None  # in order of preference
    tenants: Collection[str] | None  # those that listeners serve


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """An activation as written, read but not yet believed."""

    marked: Marked
    boundary: shape.Boundary
    schemas: Mapping[str, Schema]
    names: Names


def findings(draft: Draft) -> list[Finding]:
    found = [*_tenants(draft), *_budgets(draft)]
    for workflow, declared in draft.boundary.workflows.items():
        for step, written in declared.steps.items():
            path: Path = ("workflows", workflow, "steps", step)
            found += [*_step(draft, path, written), *_step_money(draft, path, declared, written)]
            found += [*_commits(draft, path, declared, written), *_earlier(draft, path, declared, written)]
    for name, action in draft.boundary.actions.items():
        found += [*_action(draft, ("actions", name), action), *_binding(draft, name, action)]
    return found


def _tenants(draft: Draft) -> Iterator[Finding]:
    for tenant in sorted(set(draft.names.tenants or ()) - set(draft.boundary.tenants)):
        hint = f"Write {tenant}: {{budgets: […]}} here, or correct the listener. {nearest(tenant, draft.boundary.tenants)}"
        yield draft.marked.finding(("tenants",), f'a listener serves the tenant "{tenant}", which is not declared', hint, at_key=True)


def _budgets(draft: Draft) -> Iterator[Finding]:
    for name, tenant in draft.boundary.tenants.items():
        yield from _twins(draft, ("tenants", name, "budgets"), tenant.budgets)
    for name, workflow in draft.boundary.workflows.items():
        yield from _twins(draft, ("workflows", name, "budgets"), workflow.budgets)
        of_run: Path = ("workflows", name, "run", "budgets")
        yield from _twins(draft, of_run, workflow.run.budgets)
        for place, budget in enumerate(workflow.run.budgets):
            if budget.window is not Window.TOTAL:
                yield draft.marked.finding((*of_run, place, "window"), "the budget of a run has no window: it is for the whole run", "Take window out.")


def _twins(draft: Draft, path: Path, budgets: tuple[shape.Budget, ...]) -> Iterator[Finding]:
    seen = set()
    for place, budget in enumerate(budgets):
        node = (budget.ledger, budget.currency, budget.window)
        if node in seen:
            yield draft.marked.finding(
                (*path, place), f"a second limit of {budget.currency or ''} {budget.ledger} per {budget.window}".replace("  ", " "), "Keep one of them."
            )
        seen.add(node)


def _step(draft: Draft, path: Path, step: shape.Step) -> Iterator[Finding]:
    if step.mode is Mode.DETERMINISTIC:
        return
    known = draft.names
    if len({*step.reads, *step.tools}) > TOOLS_MAX:
        yield draft.marked.finding((*path, "tools"), f"more than {TOOLS_MAX} tools", "Let the step read less.")
    yield from _known(draft, (*path, "reads"), step.reads, known.tools, "tool", "under tools in the settings")
    yield from _known(draft, (*path, "tools"), step.tools, known.tools, "tool", "under tools in the settings")
    yield from _known(draft, (*path, "models"), step.models, known.models, "model", "under models in the settings")
    if known.tools is not None and known.prefetchable is not None:
        for place, tool in enumerate(step.reads):
            if tool in known.tools and tool not in known.prefetchable:
                message = f'the tool "{tool}" is fetched before the model is asked, and has a slot that the model fills'
                yield draft.marked.finding((*path, "reads", place), message, "Write it under tools, or give its slots from: context.")
    if known.models is not None and not known.models:
        yield draft.marked.finding(path, "an agentic step, and the settings have no model", "Declare one under models in the settings.", at_key=True)


def _earlier(draft: Draft, path: Path, workflow: shape.Workflow, step: shape.Step) -> Iterator[Finding]:
    """A step is told of other steps that decide."""
    deciding = {name for name, one in workflow.steps.items() if one.mode is Mode.AGENTIC} - {str(path[-1])}
    for place, name in enumerate(step.earlier):
        if name not in deciding:
            message = f'"{name[:64]}" is no other agentic step of this workflow'
            yield draft.marked.finding((*path, "earlier", place), message, f"Name one that decides before this. {nearest(name, deciding)}")


def _commits(draft: Draft, path: Path, workflow: shape.Workflow, step: shape.Step) -> Iterator[Finding]:
    yield from _known(draft, (*path, "commits"), step.commits, draft.boundary.actions, "action", "under actions in this file")
    for place, name in enumerate(step.commits):
        value = draft.boundary.actions[name].cost.value if name in draft.boundary.actions else None
        if value is not None and not _limited(draft, workflow, Ledger.VALUE, value.currency):
            message = f'"{name}" costs value in {value.currency}, and no level limits that for this workflow'
            yield draft.marked.finding((*path, "commits", place), message, _limit_advice(Ledger.VALUE, value.currency))


def _step_money(draft: Draft, path: Path, workflow: shape.Workflow, step: shape.Step) -> Iterator[Finding]:
    limits = step.limits
    if limits is not None and limits.spend_micros_max and not _limited(draft, workflow, Ledger.SPEND, limits.spend_currency):
        message = f"the step spends {limits.spend_currency}, and no level limits that for this workflow"
        yield draft.marked.finding((*path, "limits", "spend_micros_max"), message, _limit_advice(Ledger.SPEND, limits.spend_currency))


def _limited(draft: Draft, workflow: shape.Workflow, ledger: Ledger, currency: str) -> bool:
    """By the run, by the workflow, or by each tenant that could run it."""

    def limits(budgets: tuple[shape.Budget, ...]) -> bool:
        return any(budget.ledger is ledger and budget.currency == currency for budget in budgets)

    return limits(workflow.run.budgets) or limits(workflow.budgets) or all(limits(tenant.budgets) for tenant in draft.boundary.tenants.values())


def _limit_advice(ledger: Ledger, currency: str) -> str:
    written = f"{{ledger: {ledger}, currency: {currency}, limit_micros: …}}"
    return f"Write {written} under budgets of the run, of the workflow, or of every tenant."


def _known(draft: Draft, path: Path, written: tuple[str, ...], known: Collection[str] | None, what: str, where: str) -> Iterator[Finding]:
    for place, name in enumerate(written):
        if known is not None and name not in known:
            yield draft.marked.finding((*path, place), f'the {what} "{name[:64]}" is not declared', f"Declare it {where}. {nearest(name, known)}")


def _action(draft: Draft, path: Path, action: shape.Action) -> Iterator[Finding]:
    known = draft.names.targets
    if known is not None and action.target not in known:
        hint = f"Declare it under targets in the settings. {nearest(action.target, known)}"
        yield draft.marked.finding((*path, "target"), f'the target "{action.target[:64]}" is not declared', hint)
    value = action.cost.value
    reads = bool(action.request.slots or action.bind or (value is not None and value.pointer))
    schema = draft.schemas.get(action.payload_schema or "")
    if schema is None:
        if reads and action.payload_schema is None:
            message = "the payload fills a path, is bound or costs, and has no schema"
            yield draft.marked.finding(path, message, "Write payload_schema: schemas/….json, with closed objects.", at_key=True)
        return
    if reads:
        yield from open_places(schema)
    for name, slot in action.request.slots.items():
        right = is_integer if slot.type == "integer" else is_text
        yield from _led(draft, (*path, "request", "slots", name), schema, slot.pointer, right, f"a slot of type {slot.type}")
    for pointer in action.bind:
        yield from _led(draft, (*path, "bind", pointer), schema, pointer, is_text, "a bound option")
    if value is not None and value.pointer is not None:
        yield from _led(draft, (*path, "cost", "value", "pointer"), schema, value.pointer, _is_amount, "a cost")


def _is_amount(said: Mapping[str, Any]) -> bool:
    return is_integer(said) and is_never_negative(said)


def _led(draft: Draft, path: Path, schema: Schema, pointer: str, right: Callable[[Mapping[str, Any]], bool], what: str) -> Iterator[Finding]:
    """Where the pointer leads, in every payload the schema lets pass."""
    said = at(schema, pointer)
    if isinstance(said, Lost):
        yield draft.marked.finding(path, f"{pointer}: {said.message}", said.write)
    elif not right(said):
        wanted = '"type": "integer" with "minimum": 0' if right is _is_amount else '"type": "integer"' if right is is_integer else '"type": "string"'
        yield draft.marked.finding(path, f"{pointer}: {what} needs another type than the schema gives", f"Write {wanted} in {schema.marked.file}.")


def _binding(draft: Draft, name: str, action: shape.Action) -> Iterator[Finding]:
    if not action.bind:
        return
    steps = [step for workflow in draft.boundary.workflows.values() for step in workflow.steps.values()]
    if not any(step.mode is Mode.AGENTIC and name in step.commits for step in steps):
        message = "bound to a decided option, and no agentic step commits it"
        yield draft.marked.finding(("actions", name, "bind"), message, f"Write {name} under commits of the step that decides, or take bind out.", at_key=True)
