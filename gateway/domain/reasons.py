"""The closed vocabulary of answers: one row per reason, from which the wire enum, the status map, the docs and the tests are drawn.

1. A refusal was not taken: nothing forwarded, nothing recorded against the key.
2. A denial is recorded and final for its generation of the key.
3. A failure or an unknown is what came of a write that T1 had admitted.
4. `retry` is advice about sending the same content again, nothing else.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Kind(StrEnum):
    REFUSAL = "refusal"
    DENIAL = "denial"
    FAILURE = "failure"
    UNKNOWN = "unknown"
    ALERT = "alert"


class Retry(StrEnum):
    NEVER = "NEVER"
    AFTER = "AFTER"
    WHEN_CHANGED = "WHEN_CHANGED"


class Reason(StrEnum):
    # refusals
    MALFORMED = "MALFORMED"
    UNDECLARED = "UNDECLARED"
    DECISION_REQUIRED = "DECISION_REQUIRED"
    NOT_AUTHENTICATED = "NOT_AUTHENTICATED"
    NOT_ALLOWED = "NOT_ALLOWED"
    IDEMPOTENCY_KEY_REUSED = "IDEMPOTENCY_KEY_REUSED"
    SUPERSEDES_NOT_CURRENT = "SUPERSEDES_NOT_CURRENT"
    KEY_RETIRED = "KEY_RETIRED"
    REQUEST_EXPIRED = "REQUEST_EXPIRED"
    NOT_FOUND = "NOT_FOUND"
    OVERLOADED = "OVERLOADED"
    TOO_MANY_DENIALS = "TOO_MANY_DENIALS"
    POLICY_UNAVAILABLE = "POLICY_UNAVAILABLE"
    STORE_UNAVAILABLE = "STORE_UNAVAILABLE"
    STORAGE_LOW = "STORAGE_LOW"
    NOT_READY = "NOT_READY"
    NOT_BUILT = "NOT_BUILT"
    BUG = "BUG"
    # denials
    POLICY_DENIED = "POLICY_DENIED"
    POLICY_UNDEFINED = "POLICY_UNDEFINED"
    POLICY_VERDICT_MALFORMED = "POLICY_VERDICT_MALFORMED"
    POLICY_ERROR = "POLICY_ERROR"
    BUDGET_EXHAUSTED = "BUDGET_EXHAUSTED"
    HALTED = "HALTED"
    RUN_STOPPED = "RUN_STOPPED"
    DECISION_UNUSABLE = "DECISION_UNUSABLE"
    PAYLOAD_DRIFT = "PAYLOAD_DRIFT"
    COST_UNREADABLE = "COST_UNREADABLE"
    APPROVAL_REJECTED = "APPROVAL_REJECTED"
    APPROVAL_EXPIRED = "APPROVAL_EXPIRED"
    # failures
    HOST_REFUSED = "HOST_REFUSED"
    HOST_NOT_REACHED = "HOST_NOT_REACHED"
    NOT_SENT_IN_TIME = "NOT_SENT_IN_TIME"
    # unknowns
    HOST_SILENT = "HOST_SILENT"
    HOST_AMBIGUOUS = "HOST_AMBIGUOUS"
    INTERRUPTED = "INTERRUPTED"
    OUTCOME_NOT_RECORDED = "OUTCOME_NOT_RECORDED"
    NEEDS_OPERATOR = "NEEDS_OPERATOR"
    # alerts
    OUTCOME_CONFLICT = "OUTCOME_CONFLICT"


@dataclass(frozen=True, slots=True)
class Row:
    kind: Kind
    status: str  # the gRPC status a refusal travels as; "OK" for everything that is data
    retry: Retry
    who: str  # who can do something about it
    meaning: str


_R, _D, _F, _U, _A = Kind.REFUSAL, Kind.DENIAL, Kind.FAILURE, Kind.UNKNOWN, Kind.ALERT
_NEVER, _AFTER, _CHANGED = Retry.NEVER, Retry.AFTER, Retry.WHEN_CHANGED

TABLE: Final[dict[Reason, Row]] = {
    Reason.MALFORMED: Row(_R, "INVALID_ARGUMENT", _NEVER, "caller", "A field is missing, too large, or not what it must be; the field violations say which."),
    Reason.UNDECLARED: Row(_R, "INVALID_ARGUMENT", _NEVER, "caller", "The workflow, step, action, option or tool is not in the boundary."),
    Reason.DECISION_REQUIRED: Row(_R, "INVALID_ARGUMENT", _NEVER, "caller", "An agentic step lists this action, so its decision must be named."),
    Reason.NOT_AUTHENTICATED: Row(_R, "UNAUTHENTICATED", _NEVER, "platform", "The listener asks for a token or a certificate and got none that it knows."),
    Reason.NOT_ALLOWED: Row(_R, "PERMISSION_DENIED", _NEVER, "platform", "This listener's role may not call this method."),
    Reason.IDEMPOTENCY_KEY_REUSED: Row(_R, "FAILED_PRECONDITION", _NEVER, "caller", "The key is bound to other content."),
    Reason.SUPERSEDES_NOT_CURRENT: Row(_R, "FAILED_PRECONDITION", _NEVER, "caller", "Only a key's latest generation, FAILED or DENIED, can be superseded."),
    Reason.KEY_RETIRED: Row(_R, "FAILED_PRECONDITION", _NEVER, "caller", "The key was used, ended and collected; it never executes again."),
    Reason.REQUEST_EXPIRED: Row(_R, "FAILED_PRECONDITION", _NEVER, "caller", "The request's expire time has passed."),
    Reason.NOT_FOUND: Row(_R, "NOT_FOUND", _NEVER, "caller", "There is no such thing in this tenant."),
    Reason.OVERLOADED: Row(_R, "RESOURCE_EXHAUSTED", _AFTER, "caller", "Too much is in flight here."),
    Reason.TOO_MANY_DENIALS: Row(_R, "RESOURCE_EXHAUSTED", _AFTER, "caller", "This tenant's denials arrive faster than they are recorded."),
    Reason.POLICY_UNAVAILABLE: Row(_R, "UNAVAILABLE", _AFTER, "operator", "No verdict could be had; nothing was forwarded."),
    Reason.STORE_UNAVAILABLE: Row(_R, "UNAVAILABLE", _AFTER, "operator", "The store did not take the request; nothing was forwarded."),
    Reason.STORAGE_LOW: Row(_R, "UNAVAILABLE", _AFTER, "operator", "Free disk is below the reserve that finishing started writes needs."),
    Reason.NOT_READY: Row(_R, "UNAVAILABLE", _AFTER, "operator", "The gateway is starting or stopping."),
    Reason.NOT_BUILT: Row(_R, "UNIMPLEMENTED", _NEVER, "us", "This method is part of the contract and not served by this version."),
    Reason.BUG: Row(_R, "INTERNAL", _NEVER, "us", "Impossible by our own laws; nothing was forwarded."),
    Reason.POLICY_DENIED: Row(_D, "OK", _CHANGED, "security", "The policy says no; its codes say why."),
    Reason.POLICY_UNDEFINED: Row(_D, "OK", _CHANGED, "security", "The policy has no verdict for this question."),
    Reason.POLICY_VERDICT_MALFORMED: Row(_D, "OK", _CHANGED, "security", "What the policy answered is not a verdict."),
    Reason.POLICY_ERROR: Row(_D, "OK", _CHANGED, "security", "This question alone makes the policy err."),
    Reason.BUDGET_EXHAUSTED: Row(_D, "OK", _CHANGED, "finance", "A budget at the named level has less left than was asked."),
    Reason.HALTED: Row(_D, "OK", _CHANGED, "operator", "A halt covers this request."),
    Reason.RUN_STOPPED: Row(_D, "OK", _NEVER, "caller", "The run has ended."),
    Reason.DECISION_UNUSABLE: Row(_D, "OK", _NEVER, "caller", "The decision named cannot carry this write."),
    Reason.PAYLOAD_DRIFT: Row(_D, "OK", _NEVER, "caller", "The payload does not say what was decided."),
    Reason.COST_UNREADABLE: Row(_D, "OK", _NEVER, "caller", "The payload does not carry a readable amount where the boundary says it is."),
    Reason.APPROVAL_REJECTED: Row(_D, "OK", _NEVER, "caller", "Reserved."),
    Reason.APPROVAL_EXPIRED: Row(_D, "OK", _NEVER, "caller", "Reserved."),
    Reason.HOST_REFUSED: Row(_F, "OK", _NEVER, "caller", "The host definitely refused; nothing was written."),
    Reason.HOST_NOT_REACHED: Row(_F, "OK", _AFTER, "platform", "No connection to the host could be made; nothing left."),
    Reason.NOT_SENT_IN_TIME: Row(_F, "OK", _AFTER, "platform", "The time to send had passed before the first byte; nothing left."),
    Reason.HOST_SILENT: Row(_U, "OK", _AFTER, "operator", "The request may have left and no complete answer came."),
    Reason.HOST_AMBIGUOUS: Row(_U, "OK", _AFTER, "operator", "The host's answer does not say whether the write happened."),
    Reason.INTERRUPTED: Row(_U, "OK", _AFTER, "operator", "The gateway stopped between admitting the write and recording what came of it."),
    Reason.OUTCOME_NOT_RECORDED: Row(_U, "OK", _AFTER, "operator", "The outcome could not be recorded yet; the keeper goes on."),
    Reason.NEEDS_OPERATOR: Row(_U, "OK", _AFTER, "operator", "Nothing automatic can settle this; an operator resolves it."),
    Reason.OUTCOME_CONFLICT: Row(_A, "OK", _NEVER, "operator", "A late answer of the host contradicts how this commit was resolved."),
}  # fmt: skip


class DecideStop(StrEnum):
    """Why thinking ended."""

    FINAL_RESULT = "FINAL_RESULT"
    MAX_STEPS = "MAX_STEPS"
    BUDGET_LIMIT = "BUDGET_LIMIT"
    TIMEOUT = "TIMEOUT"
    POLICY_DENIAL = "POLICY_DENIAL"
    INVALID_OPTION = "INVALID_OPTION"
    ABSTAINED = "ABSTAINED"
    MODEL_FAULT = "MODEL_FAULT"
    HALTED = "HALTED"
    CANCELLED = "CANCELLED"
    LOST = "LOST"


class RunStop(StrEnum):
    """Why a run ended."""

    FINAL_RESULT = "FINAL_RESULT"
    MAX_STEPS = "MAX_STEPS"
    BUDGET_LIMIT = "BUDGET_LIMIT"
    TIMEOUT = "TIMEOUT"
    POLICY_DENIAL = "POLICY_DENIAL"
    HALTED = "HALTED"
    FAILED = "FAILED"
