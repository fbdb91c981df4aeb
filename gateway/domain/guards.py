"""T1 is one ordered list of guards over locked rows. The first that is not Admit decides; nothing is held unless all admit.

1. key → expiry → activation and verdict age → halts → run and steps → the denial found earlier → decision → budgets.
2. Refuse, Rejudge and Twin leave no trace of the key; Deny is recorded, and where it may not be, it is a Refuse.
3. This one list serves T1, PreviewCommit, the reference model and the docs.
4. A denial stops a run only where it is the run's own: its wall clock, steps or unwindowed budget, a halt on it, or POLICY_DENIAL when listed.
"""

from collections.abc import Callable, Mapping
from typing import Final, Protocol

from gateway.domain.asks import Admit, Ask, DecisionNeed, Deny, Finding, Refuse, Rejudge, Twin
from gateway.domain.boundary import Standing
from gateway.domain.budget import BudgetLimit, Hold, Level, Node, NodeRow, Shortage, Window, current, hold, meets, node_at
from gateway.domain.change import replace
from gateway.domain.fingerprint import Fingerprints
from gateway.domain.halts import denies, not_halted_models, says
from gateway.domain.lifecycle import DECISION_SUPERSEDABLE, SUPERSEDABLE, Thinking
from gateway.domain.limits import DENIALS_PER_S_MAX, VERDICT_AGE_MS_MAX
from gateway.domain.reasons import Reason, RunStop
from gateway.domain.records import CommitRow, DecisionRow, KeyRow, KeySpace, Note, RunName
from gateway.domain.refusal import Refusal
from gateway.domain.rows import Rows
from gateway.domain.runs import has_room, open_run, too_many_open, why_closed


def check(ask: Ask, rows: Rows) -> Finding:
    """Walks the list. Changes nothing."""
    for guard in GUARDS:
        found = guard(ask, rows)
        if found is not None:
            break
    else:
        found = hold_budgets(ask, rows)
    return recordable(ask, rows, found) if isinstance(found, Deny) else found


def recordable(ask: Ask, rows: Rows, deny: Deny) -> Deny | Refuse:
    """A denial opens its run where that is new, and costs a row: without room for an open run, or beyond the rate of the tenant, it is a refusal."""
    tenant = ask.run.tenant
    stays_open = ask.run not in rows.runs and deny.stops_run is None
    if stays_open and not has_room(rows.open_runs.get(tenant, 0)):
        return Refuse(too_many_open())
    return deny if rows.may_record_denial(tenant) else Refuse(too_many_denials())


def key_is_free(ask: Ask, rows: Rows) -> Finding | None:
    row = rows.keys.get(ask.key)
    held: CommitRow | DecisionRow | None = None
    if row is not None and row.generations:
        table = rows.commits if ask.key.space is KeySpace.COMMIT else rows.decisions
        held = table.get(row.latest.id)
    return resolve_key(ask, row, held)


class Claims(Protocol):
    """What a request says of its key; an `Ask` says it, and so does a command."""

    @property
    def supersedes(self) -> str: ...
    @property
    def fingerprints(self) -> Fingerprints: ...
    @property
    def same_as(self) -> Mapping[str, str]: ...


def resolve_key(ask: Claims, row: KeyRow | None, latest: CommitRow | DecisionRow | None) -> Refuse | Twin | None:
    """What the key says; `latest` is the row of its latest generation. None: this request may claim it."""
    if row is None:
        return _not_current("the key has never been used") if ask.supersedes else None
    if not row.generations:
        return Refuse(retired())
    if row.is_newer_than(ask.fingerprints):
        return Refuse(bound_by_a_newer())
    if not ask.supersedes:
        return Twin(row.latest.id) if row.bound_to(ask.fingerprints) else _reused()
    successor = row.successor_of(ask.supersedes)
    if successor is not None:
        return Twin(successor.id) if successor.is_of(ask.fingerprints) else _reused()
    if row.latest.id != ask.supersedes:
        return _not_current("it names nothing of this key")
    assert latest is not None, "a key's latest generation has a row"
    return _may_supersede(ask, latest)


def _may_supersede(ask: Claims, latest: CommitRow | DecisionRow) -> Refuse | None:
    open_to_it = SUPERSEDABLE if isinstance(latest, CommitRow) else DECISION_SUPERSEDABLE
    if latest.state not in open_to_it:
        return _not_current(f"it is {latest.state}; only {' or '.join(sorted(open_to_it))} can be superseded")
    changed = [name for name, value in ask.same_as.items() if getattr(latest, name) != value]
    return _not_current(f"{', '.join(changed)} differ from the superseded request") if changed else None


def retired() -> Refusal:
    return Refusal(reason=Reason.KEY_RETIRED, message="this key was used, ended and collected; it never executes again. A new write needs a new key.")


def bound_by_a_newer() -> Refusal:
    message = "this key was bound by a newer version of the gateway, which alone can tell whether this is the same request; nothing was forwarded. Ask again."
    return Refusal(reason=Reason.NOT_READY, message=message, retry_after_ms=1_000)


def _reused() -> Refuse:
    return Refuse(Refusal(
        reason=Reason.IDEMPOTENCY_KEY_REUSED,
        message="this key is bound to other content. Send the same content, or name the ended request in `supersedes`, or use another key.",
    ))  # fmt: skip


def _not_current(why: str) -> Refuse:
    return Refuse(Refusal(reason=Reason.SUPERSEDES_NOT_CURRENT, message=f"`supersedes` cannot be honoured: {why}.", facts={"why": why}))


def not_expired(ask: Ask, rows: Rows) -> Finding | None:
    if ask.expire_at_ms and rows.now_ms >= ask.expire_at_ms:
        return Refuse(Refusal(reason=Reason.REQUEST_EXPIRED, message="the request's expire_time has passed; nothing was forwarded."))
    return None


def judged_under_law(ask: Ask, rows: Rows) -> Finding | None:
    if ask.activation_number < rows.gate.minimum_number:
        return Rejudge(f"activation {ask.activation_number} is below the minimum {rows.gate.minimum_number}")
    if ask.verdict_at_ms and rows.now_ms - ask.verdict_at_ms > VERDICT_AGE_MS_MAX:
        return Rejudge(f"the verdict is {rows.now_ms - ask.verdict_at_ms} ms old")
    return None


def not_halted(ask: Ask, rows: Rows) -> Finding | None:
    models_left = not_halted_models(ask.reach, rows.gate.halts)
    denying = [halt for halt in rows.gate.halts if denies(halt, ask.reach, models_left)]
    halt = min(denying, key=lambda one: not one.scope.run_id, default=None)  # the run's own first: it stops the run, whenever it was thrown
    if halt:
        note = Note(reason=Reason.HALTED, facts={"halt_id": halt.halt_id, "scope": says(halt.scope)}, detail=halt.reason)
        return Deny(notes=(note,), stops_run=RunStop.HALTED if halt.scope.run_id else None)
    return None


def run_is_open(ask: Ask, rows: Rows) -> Finding | None:
    run = rows.runs.get(ask.run)
    if run is None:
        if not has_room(rows.open_runs.get(ask.run.tenant, 0)):
            return Refuse(too_many_open())
        run = open_run(ask.run, ask.terms, rows.now_ms)
    closed = why_closed(run, rows.now_ms)
    return Deny(notes=(closed[0],), stops_run=closed[1]) if closed else None


def not_denied_before(ask: Ask, rows: Rows) -> Finding | None:
    del rows
    if not ask.denial:
        return None
    by_policy = ask.denial[0].reason in _POLICY
    stops = RunStop.POLICY_DENIAL if by_policy and RunStop.POLICY_DENIAL in ask.terms.stops_run else None
    return Deny(notes=ask.denial, stops_run=stops)


def decision_is_usable(ask: Ask, rows: Rows) -> Finding | None:
    if ask.decision is None:
        return None
    why = why_unusable(ask.decision, ask.run, rows.decisions.get(ask.decision.decision_id), rows.now_ms)
    return Deny(notes=(Note(reason=Reason.DECISION_UNUSABLE, facts={"why": why}),)) if why else None


def why_unusable(need: DecisionNeed, run: RunName, decision: DecisionRow | None, now_ms: int) -> str:
    """Why a decision cannot carry a write of this run, or ""."""
    if decision is None or decision.tenant != run.tenant:
        return "not_found"
    checks = (
        ("other_run", (decision.workflow, decision.run_id) != (run.workflow, run.run_id)),
        ("other_step", decision.step not in need.steps),
        ("withdrawn", need.steps.get(decision.step) != decision.step_digest),
        ("not_decided", decision.state is not Thinking.DECIDED),
        ("expired", now_ms >= decision.expire_at_ms),
        ("used", bool(decision.consumed_by)),
    )
    return next((why for why, holds in checks if holds), "")


def hold_budgets(ask: Ask, rows: Rows) -> Admit | Deny:
    """Holds every cost at every level, run first; the first shortage denies and nothing is held."""
    run = rows.runs.get(ask.run) or open_run(ask.run, ask.terms, rows.now_ms)
    nodes: dict[str, NodeRow] = {}
    holds: list[Hold] = []
    for cost, limit, node in asked_nodes(ask, run.budgets, rows.gate.activation.standing if rows.gate.activation else _NO_STANDING):
        row = nodes.get(node.key) or current(rows.newest_node(node), node, rows.now_ms)
        taken = hold(row, amount=cost, limit=limit.limit)
        if isinstance(taken, Shortage):
            return _short(ask, taken, rows.now_ms)
        nodes[node.key], made = taken
        holds.append(made)
    return Admit(run=replace(run, steps=run.steps + 1), nodes=tuple(nodes.values()), holds=tuple(holds))


def asked_nodes(ask: Ask, of_run: tuple[BudgetLimit, ...], standing: Standing) -> list[tuple[int, BudgetLimit, Node]]:
    """(amount, limit, node) for every declared limit that a cost meets: run, then workflow, then tenant."""
    tenant, workflow, run_id = ask.run.tenant, ask.run.workflow, ask.run.run_id
    levels = (
        (Level.RUN, workflow, run_id, of_run),
        (Level.WORKFLOW, workflow, "", standing.workflows.get(workflow, ())),
        (Level.TENANT, "", "", standing.tenants.get(tenant, ())),
    )
    return [
        (cost.amount, limit, node_at(level, tenant, named, run, limit.ledger, limit.currency, limit.window))
        for level, named, run, limits in levels for cost in ask.costs for limit in limits if meets(cost, limit)
    ]  # fmt: skip


def too_many_denials() -> Refusal:
    message = f"more than {DENIALS_PER_S_MAX} denials a second in this tenant; not recorded, not forwarded. Send less, or mend what is denied."
    return Refusal(reason=Reason.TOO_MANY_DENIALS, message=message, retry_after_ms=1_000)


def _short(ask: Ask, short: Shortage, now_ms: int) -> Deny:
    node = short.node
    facts = {
        "level": str(node.level), "node": node.scope, "ledger": str(node.ledger), "currency": node.currency, "window": str(node.window),
        "asked": str(short.asked), "left": str(short.left), "limit": str(short.limit), "resets_at_ms": str(short.resets_at_ms),
    }  # fmt: skip
    wait_ms = max(1, short.resets_at_ms - now_ms) if short.resets_at_ms else 0
    own = node.level is Level.RUN and node.window is Window.TOTAL and RunStop.BUDGET_LIMIT in ask.terms.stops_run
    return Deny(notes=(Note(reason=Reason.BUDGET_EXHAUSTED, facts=facts, retry_after_ms=wait_ms),), stops_run=RunStop.BUDGET_LIMIT if own else None)


_POLICY: Final = frozenset({Reason.POLICY_DENIED, Reason.POLICY_UNDEFINED, Reason.POLICY_VERDICT_MALFORMED, Reason.POLICY_ERROR})
_NO_STANDING: Final = Standing(tenants={}, workflows={})

GUARDS: Final[tuple[Callable[[Ask, Rows], Finding | None], ...]] = (
    key_is_free, not_expired, judged_under_law, not_halted, run_is_open, not_denied_before, decision_is_usable,
)  # fmt: skip
