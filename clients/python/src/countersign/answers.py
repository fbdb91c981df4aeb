"""What the gateway says, as values.

1. Frozen; codes are enums, money is integer micros, instants are aware datetimes (UTC), spans are timedeltas, ids are opaque strings.
2. A denial, a failure and an unknown are answers, not exceptions: branch on `outcome` and `status`.
3. Nothing of protobuf shows, but under `raw`: the message itself, for what a newer gateway added.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from countersign.codes import CallOutcome, DecideStop, DecisionSource, DecisionStatus, EntryKind, Outcome, Reason, Retry, RunStop
from countersign.v1 import gateway_pb2, types_pb2


@dataclass(frozen=True, slots=True, kw_only=True)
class ReasonDetail:
    """One cause, with the facts a caller can branch on."""

    reason: Reason
    facts: Mapping[str, str]  # level, asked, left, limit, pointer, expected, seen, halt_id, stop, ...
    policy_code: str  # declared by the policy bundle; empty unless POLICY_DENIED
    retry: Retry  # about sending the same content again
    retry_after: timedelta | None  # with AFTER, where the moment is known
    message: str  # for a person


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetMovement:
    """One budgeted quantity at one level, as the call left it. Integers: micros of `currency`, or a count where it is empty."""

    level: str  # run, workflow or tenant
    scope: str  # id of that level
    ledger: str  # steps, tokens, spend, value or writes
    currency: str
    window: str  # total, minute, hour, day or month
    held: int
    settled: int
    left: int  # negative after an overage
    limit: int
    tenant: str = ""  # of a budget as it stands, as are the two below
    window_start_time: datetime | None = None  # None for a total
    reset_time: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    """One governed write: the generation of a key that the answer is about."""

    commit_id: str
    generation: int  # 1 for the first request of a key, +1 for each that supersedes
    outcome: Outcome
    reasons: tuple[ReasonDetail, ...]  # empty when SUCCEEDED
    replayed: bool  # the key had already been answered
    host_status: int  # HTTP status or gRPC code number; 0 when there was none
    host_response: bytes  # at most 64 KiB
    response_truncated: bool
    verdict_id: str
    activation_revision: str
    activation_number: int
    budgets: tuple[BudgetMovement, ...]
    entry_hash: bytes  # the latest audit leaf
    create_time: datetime | None
    end_time: datetime | None  # None while in progress
    expire_time: datetime | None
    idempotency_key: str
    run_id: str
    workflow: str
    step: str
    action: str
    target: str
    decision_id: str  # empty where none was needed
    fingerprint: bytes
    raw: types_pb2.Commit = field(repr=False, compare=False)

    @property
    def succeeded(self) -> bool:
        """The host applied the write. The only answer that says so."""
        return self.outcome is Outcome.SUCCEEDED

    @property
    def ended(self) -> bool:
        """Settled for good: SUCCEEDED, FAILED or DENIED. UNKNOWN is not an end."""
        return self.outcome in {Outcome.SUCCEEDED, Outcome.FAILED, Outcome.DENIED}


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """What Commit would say now. Nothing was held or recorded."""

    admitted: bool
    reasons: tuple[ReasonDetail, ...]
    budgets: tuple[BudgetMovement, ...]  # what would be held
    activation_revision: str
    raw: gateway_pb2.PreviewCommitResponse = field(repr=False, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """One tool call of the agent, by name and digest."""

    tool: str
    result_sha256: bytes
    result_bytes: int
    ok: bool
    prefetched: bool
    cached: bool  # from memory: the same read was made before, in this decision or this run
    note: str  # what is wrong with it, in the gateway's words


@dataclass(frozen=True, slots=True, kw_only=True)
class DecideUsage:
    """What thinking used."""

    steps: int
    tool_calls: int
    tokens_in: int
    tokens_out: int
    spend_micros: int
    wall: timedelta
    model: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCall:
    """One model call of a decision, whatever came of it."""

    ballot: int  # from 1
    model: str
    outcome: CallOutcome
    option: str  # with DECIDED, where it is one of the step's
    position: int  # of that option in the order shown, from 1
    detail: str  # untrusted text
    tokens_in: int
    tokens_out: int
    spend_micros: int
    wall: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """What several ballots on one question came to; each was shown the options in another order."""

    votes: int
    agreeing: int  # for the leading option, or for each of those that tie
    abstained: int
    agreement_min: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What an agent concluded, or why it did not. Never an action."""

    decision_id: str
    generation: int  # 1 for the first request of a key, +1 for each that supersedes
    status: DecisionStatus
    option: str | None  # None unless DECIDED
    source: DecisionSource
    rationale: str  # the agent's words: untrusted text
    evidence: tuple[Evidence, ...]
    stop: DecideStop
    reasons: tuple[ReasonDetail, ...]
    replayed: bool  # the key had already been answered
    usage: DecideUsage
    contract_version: int
    activation_revision: str
    activation_number: int
    expire_time: datetime | None  # after this a Commit cannot use it
    create_time: datetime | None
    end_time: datetime | None
    run_id: str
    workflow: str
    step: str
    entry_hash: bytes
    verdict_id: str
    budgets: tuple[BudgetMovement, ...]
    agent_version: str
    consumed_by: str  # the commit that used it, if any
    calls: tuple[ModelCall, ...]  # every model call, in order
    agreement: Agreement | None  # None where the step has one ballot
    transcript_sha256: bytes  # salted with the decision's id
    raw: types_pb2.Decision = field(repr=False, compare=False)

    @property
    def decided(self) -> bool:
        """One allowed option was chosen."""
        return self.status is DecisionStatus.DECIDED

    @property
    def ended(self) -> bool:
        """DECIDED, ABSTAINED or STOPPED."""
        return self.status in {DecisionStatus.DECIDED, DecisionStatus.ABSTAINED, DecisionStatus.STOPPED}


@dataclass(frozen=True, slots=True, kw_only=True)
class StepRecorded:
    """A deterministic step in the record, or (with reasons) why it was not counted."""

    entry_hash: bytes
    steps_left: int
    replayed: bool
    reasons: tuple[ReasonDetail, ...]  # the run has stopped or is out of steps
    raw: gateway_pb2.RecordStepResponse = field(repr=False, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One execution of a workflow."""

    run_id: str
    workflow: str
    stop: RunStop | None  # None while it is open
    create_time: datetime | None
    end_time: datetime | None
    steps: int
    steps_max: int
    deadline: datetime | None  # when its wall clock ends
    budgets: tuple[BudgetMovement, ...]
    raw: types_pb2.Run = field(repr=False, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceEntry:
    """One line of a run's trace."""

    kind: EntryKind
    time: datetime | None
    entry_hash: bytes
    leaf: bytes
    step: str
    mode: str  # deterministic or agentic
    decision: Decision | None  # with DECISION
    commit: Commit | None  # with INTENT, OUTCOME, DENIAL, RESOLUTION, LATE_OUTCOME and RESENT
    result: bytes  # with STEP_RECORDED: the JSON the workflow recorded
    stop: RunStop | None  # with RUN_STOPPED
    note: str
    raw: types_pb2.TraceEntry = field(repr=False, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunTrace:
    """A run and everything that happened in it, oldest first."""

    run: Run
    entries: tuple[TraceEntry, ...]
