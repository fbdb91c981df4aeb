"""Wire to domain and back for operators: scopes, halts, budgets, listings."""

from collections.abc import Sequence

from countersign.v1 import operator_pb2, types_pb2
from gateway.domain.boundary import Activation
from gateway.domain.budget import BudgetLimit, Cost, Hold, Level, NodeRow, limits_for
from gateway.domain.halts import Halt, HaltScope
from gateway.domain.identity import EVERY_TENANT
from gateway.domain.limits import EVIDENCE_CHARS_MAX, NOTE_CHARS_MAX, PAGE_SIZE_DEFAULT, PAGE_SIZE_MAX
from gateway.domain.records import KeyName, KeySpace, RunName
from gateway.domain.refusal import Refusal
from gateway.domain.rows import ActivationRow
from gateway.domain.writes.halts import Thrown
from gateway.transport.call import Call
from gateway.transport.codec.form import Form, timestamp

_STATES = {
    types_pb2.OUTCOME_UNSPECIFIED: "",
    types_pb2.OUTCOME_SUCCEEDED: "SUCCEEDED",
    types_pb2.OUTCOME_FAILED: "FAILED",
    types_pb2.OUTCOME_DENIED: "DENIED",
    types_pb2.OUTCOME_UNKNOWN: "UNKNOWN",
    types_pb2.OUTCOME_IN_PROGRESS: "FORWARDING",
}


def tenant_asked(form: Form, call: Call, asked: str, *, required: bool) -> str:
    """The tenant a request is about: the listener's own, or the one named on a listener that serves every tenant."""
    if call.caller.tenant != EVERY_TENANT:
        if asked and asked != call.caller.tenant:
            form.wrong("tenant", "this listener serves one tenant; leave it empty")
        return call.caller.tenant
    if required and not asked:
        form.wrong("tenant", "missing; this listener serves every tenant, so name one")
    return form.optional_id("tenant", asked) or EVERY_TENANT


def scope(form: Form, asked: operator_pb2.HaltScope, call: Call) -> HaltScope:
    """On a listener of one tenant a halt covers that tenant at most."""
    read = HaltScope(
        tenant=form.optional_id("scope.tenant", asked.tenant), workflow=form.optional_id("scope.workflow", asked.workflow),
        step=form.optional_id("scope.step", asked.step), action=form.optional_id("scope.action", asked.action),
        target=form.optional_id("scope.target", asked.target), model=form.optional_id("scope.model", asked.model),
        run_id=form.run_id("scope.run_id", asked.run_id) if asked.run_id else "",
    )  # fmt: skip
    if call.caller.tenant != EVERY_TENANT and read.tenant != call.caller.tenant:
        form.wrong("scope.tenant", f"this listener can halt only its tenant: write {call.caller.tenant}")
    if read.run_id and not (read.workflow and read.tenant):
        form.wrong("scope.workflow", "a run is named with its tenant and workflow")
    return read


def why(form: Form, text: str) -> str:
    return form.text("reason", text, chars_max=NOTE_CHARS_MAX, required=True)


def evidence(form: Form, text: str) -> str:
    return form.text("evidence", text, chars_max=EVIDENCE_CHARS_MAX, required=True)


def page(form: Form, size: int, token: str) -> tuple[int, int]:
    """(place to go on from, rows)."""
    return form.page_token("page_token", token), form.page_size("page_size", size, default=PAGE_SIZE_DEFAULT, ceiling=PAGE_SIZE_MAX)


def created_before_ms(form: Form, request: operator_pb2.ListCommitsRequest) -> int:
    """Unix milliseconds; 0 for any age."""
    if not request.HasField("created_before"):
        return 0
    return max(1, form.time_ms("created_before", request.created_before))


def state_named(form: Form, outcome: types_pb2.Outcome.ValueType) -> str:
    if outcome not in _STATES:
        form.wrong("outcome", "expected SUCCEEDED, FAILED, DENIED, UNKNOWN, IN_PROGRESS or none")
    return _STATES.get(outcome, "")


def commit_name(request: operator_pb2.InspectCommitRequest, call: Call) -> tuple[KeyName | str, str] | Refusal:
    """(id or key, tenant that may see it)."""
    form = Form()
    by_key = request.WhichOneof("name") == "idempotency_key"
    tenant = tenant_asked(form, call, request.tenant, required=by_key)
    if by_key:
        key = form.key("idempotency_key", request.idempotency_key)
        return form.refusal() or (KeyName(KeySpace.COMMIT, tenant, key), tenant)
    commit_id = form.name("commit_id", request.commit_id)
    return form.refusal() or (commit_id, tenant)


def run_page(request: operator_pb2.InspectRunRequest, call: Call) -> tuple[RunName, int, int] | Refusal:
    form = Form()
    tenant = tenant_asked(form, call, request.tenant, required=True)
    run = RunName(tenant, form.optional_id("workflow", request.workflow), form.run_id("run_id", request.run_id))
    after, size = page(form, request.page_size, request.page_token)
    return form.refusal() or (run, after, size)


def halt(record: Halt) -> operator_pb2.HaltRecord:
    of = record.scope
    made = operator_pb2.HaltRecord(
        halt_id=record.halt_id, reason=record.reason, principal=record.principal, create_time=timestamp(record.thrown_at_ms),
        lifted_by=record.lifted_by,
        scope=operator_pb2.HaltScope(
            tenant=of.tenant, workflow=of.workflow, step=of.step, action=of.action, target=of.target, model=of.model, run_id=of.run_id
        ),
    )  # fmt: skip
    if record.lifted_at_ms:
        made.lift_time.CopyFrom(timestamp(record.lifted_at_ms))
    return made


def inventory(thrown: Thrown) -> operator_pb2.Inventory:
    return operator_pb2.Inventory(in_flight=thrown.in_flight, unknown=thrown.unknown, thinking=len(thrown.thinking), held=_sums(thrown.held))


def _sums(holds: Sequence[Hold]) -> list[types_pb2.BudgetMovement]:
    """What is held in scope, per ledger, counted once at the widest level that holds it."""
    totals: dict[tuple[str, str, str, str], int] = {}
    for held in holds:
        place = (held.node.level, held.node.ledger, held.node.currency, held.node.window)
        totals[place] = totals.get(place, 0) + held.amount
    return [
        types_pb2.BudgetMovement(level=level, ledger=ledger, currency=currency, window=window, held=amount)
        for (level, ledger, currency, window), amount in sorted(totals.items())
    ]


def limit_of(row: NodeRow, boundary: Activation, of_run: tuple[BudgetLimit, ...]) -> int:
    """The limit in force at a node; 0 when none is declared any more."""
    node, declared = row.node, boundary.boundary
    limits: tuple[BudgetLimit, ...]
    match node.level:
        case Level.RUN:
            limits = of_run
        case Level.WORKFLOW:
            limits = declared.workflows[node.workflow].budgets if node.workflow in declared.workflows else ()
        case Level.TENANT:
            limits = declared.tenants.get(node.tenant, ())
    asked = Cost(ledger=node.ledger, currency=node.currency, amount=0)
    return next((one.limit for one in limits_for(asked, limits) if one.window == node.window), 0)


def activation(row: ActivationRow, yaml: bytes) -> operator_pb2.GetActivationResponse:
    return operator_pb2.GetActivationResponse(
        number=row.number, revision=row.revision, digest=row.digest, create_time=timestamp(row.activated_at_ms), boundary_yaml=yaml
    )
