"""A small activation built by hand: one agentic step, one write that needs its decision, two that do not.

1. `select` picks a plan; `activate_plan` needs that decision, binds it, costs value. `top_up` costs value and needs none; `notify` goes to another target.
2. Everything a test wants otherwise is an argument; money is in micros.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from gateway.domain.boundary import (
    Action,
    Activation,
    Boundary,
    CostRule,
    Mode,
    Rationale,
    Risk,
    RunTerms,
    SchemaViolation,
    Slot,
    Standing,
    Step,
    StepLimits,
    Workflow,
)
from gateway.domain.budget import BudgetLimit, Ledger, Window
from gateway.domain.limits import DECISION_TTL_MS_DEFAULT

TENANT, OTHER_TENANT = "acme", "zeta"
WORKFLOW = "subscribe"
OPTIONS: Final = {"basic": "up to 5 seats", "pro": "up to 25 seats", "enterprise": "up to 500 seats"}
CODES: Final = frozenset({"NOT_IN_HOURS", "TOO_RISKY"})
PLENTY: Final = 10**12


class Closed:
    """A `Validator`: an object with these keys and no others, each of one of its types."""

    def __init__(self, **keys: type | tuple[type, ...]) -> None:
        self._keys = keys

    def __call__(self, document: object) -> SchemaViolation | None:
        if not isinstance(document, dict):
            return SchemaViolation("", "expected an object")
        for key in document:
            if key not in self._keys:
                return SchemaViolation(f"/{key}", "is not expected")
        for key, kind in self._keys.items():
            if key in document and not isinstance(document[key], kind):
                return SchemaViolation(f"/{key}", "is of another type")
        return None


def usd(ledger: Ledger, limit_micros: int, window: Window = Window.TOTAL) -> BudgetLimit:
    return BudgetLimit(ledger=ledger, currency="USD", window=window, limit=limit_micros)


def counted(ledger: Ledger, limit: int, window: Window = Window.TOTAL) -> BudgetLimit:
    return BudgetLimit(ledger=ledger, currency="", window=window, limit=limit)


def activation(
    *, number: int = 1, steps_max: int = 12, wall_ms_max: int = 600_000, stops_run: Sequence[str] = (), run_budgets: Sequence[BudgetLimit] = (),
    workflow_budgets: Sequence[BudgetLimit] = (), tenant_budgets: Sequence[BudgetLimit] = (usd(Ledger.VALUE, PLENTY), usd(Ledger.SPEND, PLENTY)),
    fallback: str = "", goal: str = "Pick the cheapest plan that fits.", models: Sequence[str] = ("small",), decision_ttl_ms: int = DECISION_TTL_MS_DEFAULT,
    limits: StepLimits | None = None,
) -> Activation:  # fmt: skip
    """The same arguments make the same activation; another goal makes another digest of the step."""
    workflow = Workflow(
        name=WORKFLOW,
        run=RunTerms(steps_max=steps_max, wall_ms_max=wall_ms_max, stops_run=frozenset(stops_run), budgets=tuple(run_budgets)),
        budgets=tuple(workflow_budgets),
        steps={
            "read_account": deterministic("read_account"),
            "write": deterministic("write", "activate_plan", "top_up", "notify"),
            "select": replace(
                select_step(fallback=fallback, goal=goal, models=tuple(models), limits=limits or LIMITS), decision_ttl_ms=decision_ttl_ms
            ),
        },
    )  # fmt: skip
    boundary = Boundary(tenants={TENANT: tuple(tenant_budgets), OTHER_TENANT: tuple(tenant_budgets)}, workflows={WORKFLOW: workflow}, actions=dict(ACTIONS))
    return Activation(
        number=number, revision=f"rev-{number}", digest=bytes([number]) * 32, boundary=boundary, policy_codes=CODES, boundary_yaml=b"version: 1\n"
    )


LIMITS: Final = StepLimits(steps_max=4, tool_calls_max=4, tokens_max=4_000, spend_micros_max=2_000, spend_currency="USD", wall_ms_max=20_000)


def deterministic(name: str, *commits: str) -> Step:
    return Step(
        name=name, mode=Mode.DETERMINISTIC, goal="", options={}, reads=(), tools=(), models=(), rationale=Rationale.NONE, limits=None,
        commits=frozenset(commits), fallback="", decision_ttl_ms=DECISION_TTL_MS_DEFAULT, context_schema=None, digest=name.encode(),
    )  # fmt: skip


def select_step(*, fallback: str, goal: str, models: tuple[str, ...], limits: StepLimits) -> Step:
    return Step(
        name="select", mode=Mode.AGENTIC, goal=goal, options=OPTIONS, reads=("list_plans",), tools=("seat_usage",), models=models,
        rationale=Rationale.AFTER, limits=limits, commits=frozenset({"activate_plan"}), fallback=fallback, decision_ttl_ms=DECISION_TTL_MS_DEFAULT,
        context_schema=Closed(team_size=int), digest=f"select {goal}".encode(),
    )  # fmt: skip


ACTIONS: Final = {
    "activate_plan": Action(
        name="activate_plan", target="billing", method="POST", path="/accounts/{account}/subscriptions",
        slots={"account": Slot(pointer="/account", type="string")}, risk=Risk.MEDIUM, bind=("/plan",),
        costs=(
            CostRule(ledger=Ledger.VALUE, currency="USD", pointer="/amount", amount=0), CostRule(ledger=Ledger.WRITES, currency="", pointer="", amount=1),
        ),
        payload_schema=Closed(account=str, plan=str, amount=object),
    ),
    "top_up": Action(
        name="top_up", target="billing", method="PUT", path="/accounts/{account}/credits/{slot}",
        slots={"account": Slot(pointer="/account", type="string"), "slot": Slot(pointer="/slot", type="integer")}, risk=Risk.LOW, bind=(),
        costs=(
            CostRule(ledger=Ledger.VALUE, currency="USD", pointer="/amount", amount=0), CostRule(ledger=Ledger.WRITES, currency="", pointer="", amount=1),
        ),
        payload_schema=Closed(account=str, slot=object, amount=object),
    ),
    "notify": Action(
        name="notify", target="mail", method="POST", path="/notices", slots={}, risk=Risk.LOW, bind=(),
        costs=(CostRule(ledger=Ledger.WRITES, currency="", pointer="", amount=1),), payload_schema=None,
    ),
}  # fmt: skip


def standing(of: Activation) -> Standing:
    """What the store keeps of an activation."""
    return Standing(tenants=of.boundary.tenants, workflows={name: workflow.budgets for name, workflow in of.boundary.workflows.items()})
