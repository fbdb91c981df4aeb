"""The boundary: what is deterministic, agentic, free or policy-gated. Undeclared means refused.

1. Everything here is a value made once, when an activation is loaded; a call takes one `Activation` and carries it through.
2. A validator is the one thing we are handed: compiled from a schema by the loader, pure to call.
3. A step's `digest` covers the step and the actions it may commit, nothing else: a comment withdraws no decision.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from gateway.domain.budget import BudgetLimit, Ledger


@dataclass(frozen=True, slots=True)
class SchemaViolation:
    """The first place where a document breaks its schema: JSON Pointer and a bounded sentence without the value."""

    pointer: str
    message: str


class Validator(Protocol):
    def __call__(self, document: object) -> SchemaViolation | None: ...


class Mode(StrEnum):
    DETERMINISTIC = "deterministic"
    AGENTIC = "agentic"


class Risk(StrEnum):
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


class Rationale(StrEnum):
    BEFORE = "before"
    AFTER = "after"
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunTerms:
    """What a run may use; fixed for a run when its first call opens it."""

    steps_max: int
    wall_ms_max: int
    stops_run: frozenset[str]  # names of RunStop: POLICY_DENIAL, BUDGET_LIMIT, MAX_STEPS, TIMEOUT
    budgets: tuple[BudgetLimit, ...]  # unwindowed


@dataclass(frozen=True, slots=True, kw_only=True)
class StepLimits:
    steps_max: int
    tool_calls_max: int
    tokens_max: int
    spend_micros_max: int
    spend_currency: str
    wall_ms_max: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    name: str
    mode: Mode
    goal: str
    options: Mapping[str, str]
    reads: tuple[str, ...]
    tools: tuple[str, ...]
    models: tuple[str, ...]
    rationale: Rationale
    limits: StepLimits | None  # None for a deterministic step
    commits: frozenset[str]
    fallback: str  # "" unless declared; one of the options
    decision_ttl_ms: int
    context_schema: Validator | None
    digest: bytes
    votes: int = 1
    agreement_min: int = 1  # ballots that one option needs
    earlier: tuple[str, ...] = ()  # steps of the workflow whose decisions in the same run the agent is told
    transcript_kept: bool = False  # word for word, redacted, apart from the ledger
    redact: tuple[str, ...] = ()  # pointers into the context whose values a kept transcript hides


@dataclass(frozen=True, slots=True, kw_only=True)
class Workflow:
    name: str
    run: RunTerms
    budgets: tuple[BudgetLimit, ...]
    steps: Mapping[str, Step]

    def deciders(self, action: str) -> frozenset[str]:
        """The agentic steps that list the action: it needs the decision of one of them, whichever step commits it."""
        return frozenset(step.name for step in self.steps.values() if step.mode is Mode.AGENTIC and action in step.commits)

    def decider_digests(self, action: str) -> Mapping[str, bytes]:
        """The steps whose decision may carry the action, with their digests in this activation."""
        return {name: self.steps[name].digest for name in self.deciders(action)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """One hole of a path, filled from the payload."""

    pointer: str
    type: str  # "string" | "integer"


@dataclass(frozen=True, slots=True, kw_only=True)
class CostRule:
    """An amount read at `pointer`, or the constant `amount` when there is none."""

    ledger: Ledger
    currency: str
    pointer: str
    amount: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    name: str
    target: str
    method: str
    path: str  # template: /accounts/{account}/subscriptions
    slots: Mapping[str, Slot]
    risk: Risk
    bind: tuple[str, ...]  # pointers that must equal the decided option
    costs: tuple[CostRule, ...]
    payload_schema: Validator | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Boundary:
    tenants: Mapping[str, tuple[BudgetLimit, ...]]
    workflows: Mapping[str, Workflow]
    actions: Mapping[str, Action]


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """The limits above run level, as the store keeps them with an activation row: replicas agree by reading them there."""

    tenants: Mapping[str, tuple[BudgetLimit, ...]]
    workflows: Mapping[str, tuple[BudgetLimit, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Activation:
    """Boundary, policies, limits and prices under one revision."""

    number: int  # 0 until the store has given it one
    revision: str
    digest: bytes  # SHA-256 over all its files
    boundary: Boundary
    policy_codes: frozenset[str]
    boundary_yaml: bytes
