"""The closed lists of the contract, as Python enums.

1. Every list mirrors its enum in `countersign/v1/*.proto` without the prefix; a test holds the two together.
2. `UNSPECIFIED` also stands for a code newer than this client: never a success, never an end, never a reason to send again.
"""

from enum import StrEnum
from typing import TypeVar

from google.protobuf.descriptor import EnumDescriptor

Code = TypeVar("Code", bound=StrEnum)


class Outcome(StrEnum):
    """What came of a commit."""

    UNSPECIFIED = "UNSPECIFIED"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    DENIED = "DENIED"
    UNKNOWN = "UNKNOWN"
    IN_PROGRESS = "IN_PROGRESS"
    AWAITING_APPROVAL = "AWAITING_APPROVAL"


class Retry(StrEnum):
    """Whether sending the same content again can help."""

    UNSPECIFIED = "UNSPECIFIED"
    NEVER = "NEVER"
    AFTER = "AFTER"
    WHEN_CHANGED = "WHEN_CHANGED"


class DecisionStatus(StrEnum):
    """Where a decision stands."""

    UNSPECIFIED = "UNSPECIFIED"
    DECIDED = "DECIDED"
    ABSTAINED = "ABSTAINED"
    STOPPED = "STOPPED"
    IN_PROGRESS = "IN_PROGRESS"


class DecisionSource(StrEnum):
    """Who chose the option."""

    UNSPECIFIED = "UNSPECIFIED"
    AGENT = "AGENT"
    FALLBACK = "FALLBACK"


class CallOutcome(StrEnum):
    """What one model call came to."""

    UNSPECIFIED = "UNSPECIFIED"
    DECIDED = "DECIDED"
    ABSTAINED = "ABSTAINED"
    TOOL_CALLED = "TOOL_CALLED"
    MALFORMED = "MALFORMED"
    TRUNCATED = "TRUNCATED"
    REFUSED = "REFUSED"
    FAULTED = "FAULTED"


class DecideStop(StrEnum):
    """Why thinking ended; `UNSPECIFIED` while it goes on."""

    UNSPECIFIED = "UNSPECIFIED"
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
    """Why a run ended; `UNSPECIFIED` while it is open."""

    UNSPECIFIED = "UNSPECIFIED"
    FINAL_RESULT = "FINAL_RESULT"
    MAX_STEPS = "MAX_STEPS"
    BUDGET_LIMIT = "BUDGET_LIMIT"
    TIMEOUT = "TIMEOUT"
    POLICY_DENIAL = "POLICY_DENIAL"
    HALTED = "HALTED"
    FAILED = "FAILED"


class EntryKind(StrEnum):
    """What an audit entry is about."""

    UNSPECIFIED = "UNSPECIFIED"
    DECISION = "DECISION"
    INTENT = "INTENT"
    OUTCOME = "OUTCOME"
    DENIAL = "DENIAL"
    RESOLUTION = "RESOLUTION"
    LATE_OUTCOME = "LATE_OUTCOME"
    RESENT = "RESENT"
    STEP_RECORDED = "STEP_RECORDED"
    RUN_STOPPED = "RUN_STOPPED"
    HALT = "HALT"
    RESUME = "RESUME"
    ACTIVATED = "ACTIVATED"
    ROLLED_BACK = "ROLLED_BACK"
    KEY_ROTATED = "KEY_ROTATED"
    ERASED = "ERASED"
    SHADOW_FLIP = "SHADOW_FLIP"


class Reason(StrEnum):
    """Why an answer is what it is."""

    UNSPECIFIED = "UNSPECIFIED"
    # refusals: not taken; nothing forwarded, nothing recorded against the key
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
    # denials: recorded, final for this generation of the key
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
    # failures: the host definitely did not write
    HOST_REFUSED = "HOST_REFUSED"
    HOST_NOT_REACHED = "HOST_NOT_REACHED"
    NOT_SENT_IN_TIME = "NOT_SENT_IN_TIME"
    # unknowns: the write may have happened
    HOST_SILENT = "HOST_SILENT"
    HOST_AMBIGUOUS = "HOST_AMBIGUOUS"
    INTERRUPTED = "INTERRUPTED"
    OUTCOME_NOT_RECORDED = "OUTCOME_NOT_RECORDED"
    NEEDS_OPERATOR = "NEEDS_OPERATOR"
    # alerts
    OUTCOME_CONFLICT = "OUTCOME_CONFLICT"


def wire_prefix(kind: EnumDescriptor) -> str:
    """`OUTCOME_` of `countersign.v1.Outcome`: its zero value is always `<PREFIX>UNSPECIFIED`."""
    return kind.values_by_number[0].name.removesuffix("UNSPECIFIED")


def code_of(codes: type[Code], kind: EnumDescriptor, number: int) -> Code:
    """The code a wire number stands for; `UNSPECIFIED` for a number this client does not know."""
    value = kind.values_by_number.get(number)
    return codes["UNSPECIFIED"] if value is None else code_named(codes, value.name.removeprefix(wire_prefix(kind)))


def code_named(codes: type[Code], name: str) -> Code:
    """The code of that name, without prefix; `UNSPECIFIED` for one this client does not know."""
    return codes.__members__.get(name, codes["UNSPECIFIED"])
